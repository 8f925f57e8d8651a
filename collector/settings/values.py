"""Single values as people write them: durations, sizes, addresses, zones.

Each function takes a text and gives a value, or raises ``ValueError`` with the
end of a sentence that says what was found and what to write instead.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from collector.event import HOUR, MINUTE, SECOND

_DURATION_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": 24 * HOUR}
_SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_DURATION = re.compile(r"(?:[0-9]+(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]+) ?(B|KiB|MiB|GiB)")
_LONGEST = 36_500 * _DURATION_UNITS["d"]
_LARGEST = 1 << 50
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]*)):(?P<port>\d{1,5})")


def duration(text: str) -> int:
    """A duration such as ``90s``, ``15m`` or ``1h30m``, in µs. A bare number is refused: its unit would be a guess."""
    if not _DURATION.fullmatch(text):
        hint = f"write {text}s, {text}m or {text}h" if text.isdecimal() else "write it like 90s, 15m, 24h or 1h30m"
        raise ValueError(f"is {text!r}, which is not a duration; {hint}")
    return _bounded(text, _DURATION_PART.findall(text), _DURATION_UNITS, _LONGEST, "longer than 36500d")


def timeout(text: str) -> int:
    """How long a call to another machine may take, from a second to ten minutes, in µs."""
    micros = duration(text)
    if not SECOND <= micros <= 600 * SECOND:
        raise ValueError(f"is {text!r}; write something from 1s to 10m")
    return micros


def size(text: str) -> int:
    """A size such as ``512KiB`` or ``4MiB``, in bytes."""
    match = _SIZE.fullmatch(text)
    if match is None:
        hint = f"write {text}B or {text}MiB" if text.isdecimal() else "write it like 512KiB, 4MiB or 1GiB"
        raise ValueError(f"is {text!r}, which is not a size; {hint}")
    return _bounded(text, [(match[1], match[2])], _SIZE_UNITS, _LARGEST, "larger than 1048576GiB")


def _bounded(text: str, terms: Sequence[tuple[str, str]], units: Mapping[str, int], most: int, limit: str) -> int:
    """The sum of numbers in their units. Python itself refuses to read very long ones."""
    digits = max(len(count.lstrip("0")) for count, _ in terms)
    total = sum(int(count) * units[unit] for count, unit in terms) if digits <= len(str(most)) else most + 1
    if total > most:
        raise ValueError(f"is {text!r}, which is {limit}; write less")
    return total


def address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` as a pair; an empty host is every interface, port 0 any free port."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"is {text!r}, which is not HOST:PORT; write it like 127.0.0.1:9720, [::1]:9720 or :9720")
    return match["v6"] or match["host"] or "", int(match["port"])


def zone(text: str) -> str:
    """The name of a time zone that this machine knows."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"is {text!r}, which is not a time zone; write it like UTC or Europe/Madrid") from None
    return text


def loopback(host: str) -> bool:
    """Whether only this machine reaches a host name or address. A name other than ``localhost`` counts as reachable."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_HASH = re.compile(r"\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")


def password_hash(text: str) -> bytes:
    """A password's hash as bcrypt writes it. It is not repeated where it is wrong: it may be the password itself."""
    if not _HASH.fullmatch(text):
        raise ValueError("is no bcrypt hash; make one with htpasswd -nBC 10 NAME, and keep what follows the colon")
    return text.encode()


def word(meanings: Mapping[str, str]) -> Callable[[str], str]:
    """One of a few words, and what each means."""

    def read(text: str) -> str:
        if text not in meanings:
            raise ValueError(f"is {text!r}; use one of {', '.join(meanings)}")
        return meanings[text]

    return read
