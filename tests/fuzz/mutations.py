"""Bodies that are like those of real senders, and not quite: other versions, missing fields, nulls, numbers as texts.

Made out of a recorded body and a chance, so that one can be made again. What
mutates single bytes mostly breaks the syntax, and is told at once; these stay
JSON more often than not, and so reach what stands behind it.
"""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import parse_qsl, urlencode

TELLING: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**53, 2**63, 10**40, 1e308, "", " ", "null", "true", "0", "[]", "\u0000", "\ud800",
    "\u202e", "x" * 5000, "a\nb", "<script>", "${{x}}", "{{ x }}", "*UNKNOWN*", [], {}, [[]], [None], {"": None},
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-03-04T14:02:10.123456789+05:30", "2026-03-04 14:02:10",
    "2026-03-04 14:02:10 UTC", "3/22/2019 1:36:31 PM", "1772632930", "1772632930123", 1772632930, 1772632930123,
    1772632930123456789, "1477958240.864741", "2026-02-30T00:00:00Z", "http://[::1", "javascript:alert(1)",
    "https://user:password@host.example/x", "incident.triggered", "resolved", "firing", "none",
)  # fmt: skip
"""Values that senders put where another one was expected, and those that break readers."""
_MOST = 60_000
"""Bytes of the longest body that is made; a real one is bounded as well."""


def mutated(body: bytes, chance: random.Random) -> bytes:
    """The body after up to four changes of its fields; of what is no JSON, and at times of what is, of its bytes."""
    if chance.random() < 0.15:
        return _bytes(body, chance)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _other(body, chance)
    for _ in range(chance.choice((1, 1, 2, 4))):
        value = _changed(value, chance)
    try:
        encoded = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return body
    return encoded if len(encoded) <= _MOST else body


def _other(body: bytes, chance: random.Random) -> bytes:
    """A form with other pairs, or lines of JSON with one of them changed; anything else by its bytes."""
    if b"=" in body and not body.lstrip().startswith((b"{", b"[")):
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        if pairs:
            index = chance.randrange(len(pairs))
            told = str(chance.choice(TELLING)).encode("utf-8", "replace").decode()
            pairs[index] = (pairs[index][0], told)
            return urlencode(pairs).encode()
    lines = body.split(b"\n")
    if len(lines) > 2:
        index = chance.randrange(len(lines))
        lines[index] = mutated(lines[index], chance) if lines[index] else b"{}"
        return b"\n".join(lines)
    return _bytes(body, chance)


def _bytes(body: bytes, chance: random.Random) -> bytes:
    data = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        data[start : start + chance.randrange(12)] = chance.choice(
            (b"", b"null", b"{}", b'"', b"\\", b"\xff", b"\\u0000", b"\\ud800", b"1e999", b"9" * 40, b'{"a":' * 70)
        )
    return bytes(data[: chance.randrange(len(data) + 1)] if chance.random() < 0.2 else data)


def _changed(value: Any, chance: random.Random) -> Any:
    """The value with one thing in it changed, the deeper the less often."""
    if isinstance(value, dict) and value:
        key = chance.choice(list(value))
        if chance.random() < 0.75:
            return {**value, key: _changed(value[key], chance)}
        return _another_object(value, key, chance)
    if isinstance(value, list) and value:
        index = chance.randrange(len(value))
        if chance.random() < 0.75:
            return [*value[:index], _changed(value[index], chance), *value[index + 1 :]]
        return chance.choice(
            (value[:index] + value[index + 1 :], value * chance.choice((2, 30)), value[::-1], value[0])
        )
    return _another(value, chance)


def _another_object(value: dict[str, Any], key: str, chance: random.Random) -> Any:
    without = {name: each for name, each in value.items() if name != key}
    return chance.choice((
        without, {**value, key: None}, {**value, key: [value[key]]}, {**value, f"new_{key}": value[key]},
        {**without, key.upper(): value[key]}, [value], list(value.values()), {**value, key: chance.choice(TELLING)},
    ))  # fmt: skip


def _another(value: Any, chance: random.Random) -> Any:
    """Another value in its place: the same as another kind, a telling one, or nothing."""
    if isinstance(value, bool | None):
        return chance.choice((str(value), 1, *TELLING))
    if isinstance(value, int | float):
        return chance.choice((str(value), float(value) if abs(value) < 2**53 else value, -value, *TELLING))
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return chance.choice((int(value), value + ".5", *TELLING))
    return chance.choice((value.upper(), value * 3, [value], {"name": value}, value[:1], *TELLING)) if isinstance(
        value, str
    ) else chance.choice(TELLING)  # fmt: skip
