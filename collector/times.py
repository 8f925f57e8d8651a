"""Every time format senders use, read into UTC, with its quality.

Promises: whatever a sender writes, reading it never raises, never asks the
host's locale or zone, and never passes through a float. Nanoseconds stay in
the kept text and are rounded down to the microseconds everything else counts
in. Formats are those met in real bodies: RFC 3339 with any number of digits,
offsets without a colon, blanks and zone names instead of ``T`` and ``Z``, the
US form of Azure, Go's zero time, and epochs in seconds, milli-, micro- or
nanoseconds, as numbers or as text.

Refuses to guess: a text that is none of these is ``absent``, and is kept.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache

import msgspec

EXACT = "exact"
ASSUMED_ZONE = "assumed_zone"
CLAMPED = "clamped"
ABSENT = "absent"

_MICROSECONDS = 1_000_000
_NANOSECONDS = 1_000_000_000
_DAY = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LONGEST = 64
"""Characters of the longest text taken for a time; the longest real one has 35."""

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)?"
    # Go's templates write a time as "2026-03-04 14:02:10.5 +0100 CET m=+0.1": the name says what the offset does.
    r"(?: ?([Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)(?: (?:[A-Z]{2,5}|[+-]\d{4}))?(?: m=[+-]\d{1,12}\.\d{1,9})?)?",
    re.ASCII,
)
_MAIL = re.compile(
    r"(?:[A-Za-z]{3}, )?(\d\d?) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))?(?: (Z|UTC|GMT|[+-]\d{4}))?", re.ASCII
)
"""As mail and HTTP write it."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_US = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}) (\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,30}))?)?(?: ([AaPp])[Mm])?", re.ASCII)
# Below nine digits a number is a date without dashes or a counter, not an epoch after 1973.
_EPOCH = re.compile(r"(-?\d{9,19})(?:\.(\d{1,30}))?", re.ASCII)
_EPOCH_UNITS = ((11, _NANOSECONDS), (14, _MICROSECONDS), (17, 1_000))
"""Digits an epoch has fewer than or exactly as many as, and the nanoseconds in its unit; beyond: nanoseconds."""


class SenderTime(msgspec.Struct, frozen=True):
    """A time as a sender gave it."""

    at: int
    """When it happened, µs UTC: as stated, or the receipt time where that is absent or impossible."""
    text: str
    """The sender's own text; empty where there was none."""
    quality: str
    """``exact``, ``assumed_zone``, ``clamped`` or ``absent``."""
    stated: int | None
    """The time as written, µs UTC, a missing offset read as UTC; None where none is written. For ids: neither a
    setting nor the receipt moves it."""
    identity: str
    """The same for every spelling of the same nanosecond; empty for Go's zero time as for no time at all."""

    @property
    def known(self) -> bool:
        """Whether the sender gave a time at all."""
        return self.quality != ABSENT


class _Read(msgspec.Struct, frozen=True):
    """What a text says: nanoseconds since the epoch (None: nothing), and whether an offset was missing."""

    nanoseconds: int | None
    zoneless: bool = False
    zero: bool = False


_UNREADABLE = _Read(None)
_ZERO = _Read(None, zero=True)


def moment(value: str | float | None, received_at: int, zone: tzinfo = UTC) -> SenderTime:
    """Read a sender's time; ``zone`` stands in where the text gives no offset.

    A time before 1970 or more than 24 h after ``received_at`` is impossible: the
    receipt stands in for it, and the quality says so.
    """
    text = _text_of(value)
    read = _read(text)
    nanoseconds = read.nanoseconds
    if nanoseconds is None:
        return SenderTime(received_at, text, ABSENT, None, "" if read.zero else text)
    stated = at = nanoseconds // 1000
    if read.zoneless and zone is not UTC:
        at -= _offset(at, zone)
    identity = text if read.zoneless else str(nanoseconds)
    if not 0 <= at <= received_at + _DAY * _MICROSECONDS:
        return SenderTime(received_at, text, CLAMPED, stated, identity)
    return SenderTime(at, text, ASSUMED_ZONE if read.zoneless else EXACT, stated, identity)


def parse(value: str | float | None, zone: tzinfo = UTC) -> int | None:
    """The time a text or number states, µs UTC, or None where it states none."""
    read = _read(_text_of(value))
    if read.nanoseconds is None:
        return None
    at = read.nanoseconds // 1000
    return at - _offset(at, zone) if read.zoneless else at


def rfc3339(at: int) -> str:
    """µs UTC as ``2026-03-04T14:02:10Z``, with six digits when the seconds are not whole.

    Years outside 1–9999 cannot be written so; the nearest that can stands in.
    """
    seconds, fraction = divmod(at, _MICROSECONDS)
    days, second = divmod(seconds, _DAY)
    ordinal = days + _EPOCH_DAY
    if ordinal < 1:
        return "0001-01-01T00:00:00Z"
    if ordinal > date.max.toordinal():
        return "9999-12-31T23:59:59.999999Z"
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    tail = f".{fraction:06}Z" if fraction else "Z"
    return f"{date.fromordinal(ordinal).isoformat()}T{clock}{tail}"


def _text_of(value: str | float | None) -> str:
    """The value as text, without characters no time has and no database takes; long ones are cut."""
    if isinstance(value, str):
        text = value if len(value) <= _LONGEST else value[:_LONGEST]
        return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        # The shortest text that gives this float again is what the sender wrote, up to 17 digits.
        return repr(value)
    return str(value) if -(10**_LONGEST) < value < 10**_LONGEST else ""


# Bodies of an alert group repeat the same few texts; a sender's clock never makes this grow beyond its size.
@lru_cache(maxsize=8192)
def _read(text: str) -> _Read:
    if not text or not text.isascii():
        return _ZERO if not text else _UNREADABLE
    if text[-1] == "Z" and text[10:11] == "T" and (read := _read_common(text)):
        return read
    trimmed = text.strip()
    for pattern, reader in _FORMS:
        match = pattern.fullmatch(trimmed)
        if match:
            return reader(match)
    return _UNREADABLE


def _read_common(text: str) -> _Read | None:
    """The form nearly every sender uses, ``2026-03-04T14:02:10.123456789Z``, without a pattern; None if it is not."""
    digits = text[20:-1]
    # Python's own reader takes other forms too (weeks, no dashes); these places leave it only one.
    if text[4:5] != "-" or text[13:14] != ":" or text[16:17] != ":" or text[19] not in ".Z":
        return None
    if (digits and not digits.isdigit()) or len(digits) > 9 or (text[19] == ".") != bool(digits):
        return None
    try:
        wall = datetime.fromisoformat(text[:19])
    except ValueError:
        return None
    if wall.year <= 1:
        return _ZERO
    seconds = (wall.toordinal() - _EPOCH_DAY) * _DAY + wall.hour * 3600 + wall.minute * 60 + wall.second
    return _Read(seconds * _NANOSECONDS + (int(digits.ljust(9, "0")) if digits else 0))


def _read_iso(match: re.Match[str]) -> _Read:
    year, month, day, hour, minute, second, digits, zone = match.groups()
    offset = _seconds_of(zone)
    if offset is None:
        return _UNREADABLE
    clock = (int(hour), int(minute), int(second or 0))
    return _instant((int(year), int(month), int(day)), clock, digits, offset, zoneless=zone is None)


def _seconds_of(zone: str | None) -> int | None:
    """A written offset in seconds; None for one that there is not."""
    if zone is None or zone in "ZzUTCGMT":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        return None
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def _read_mail(match: re.Match[str]) -> _Read:
    day, name, year, hour, minute, second, zone = match.groups()
    offset = _seconds_of(zone)
    if offset is None or name.lower() not in _MONTHS:
        return _UNREADABLE
    days = (int(year), _MONTHS.index(name.lower()) + 1, int(day))
    return _instant(days, (int(hour), int(minute), int(second or 0)), None, offset, zoneless=zone is None)


def _read_us(match: re.Match[str]) -> _Read:
    month, day, year, hour, minute, second, digits, meridiem = match.groups()
    hours = int(hour)
    if meridiem:
        if not 1 <= hours <= 12:
            return _UNREADABLE
        hours = hours % 12 + (12 if meridiem in "Pp" else 0)
    return _instant((int(year), int(month), int(day)), (hours, int(minute), int(second or 0)), digits, 0, zoneless=True)


def _read_epoch(match: re.Match[str]) -> _Read:
    number, digits = match.groups()
    length = len(number.lstrip("-"))
    unit = next((unit for longest, unit in _EPOCH_UNITS if length <= longest), 1)
    fraction = int((digits or "0")[:9].ljust(9, "0")) * unit // _NANOSECONDS
    return _Read(int(number) * unit + (-fraction if number.startswith("-") else fraction))


_FORMS = ((_ISO, _read_iso), (_EPOCH, _read_epoch), (_US, _read_us), (_MAIL, _read_mail))


def _instant(
    day: tuple[int, int, int], clock: tuple[int, int, int], digits: str | None, offset: int, *, zoneless: bool
) -> _Read:
    """Nanoseconds of a calendar day and a clock; second 60 (a leap second) and 24:00 are the next minute's."""
    if day[0] <= 1:
        return _ZERO
    hour, minute, second = clock
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        return _UNREADABLE
    try:
        days = date(*day).toordinal() - _EPOCH_DAY
    except ValueError:
        return _UNREADABLE
    seconds = days * _DAY + hour * 3600 + minute * 60 + second - offset
    nanoseconds = int(digits[:9].ljust(9, "0")) if digits else 0
    return _Read(seconds * _NANOSECONDS + nanoseconds, zoneless)


def _offset(at: int, zone: tzinfo) -> int:
    """How far the zone's clocks are ahead of UTC at that wall time, in µs; of two readings, the earlier."""
    try:
        wall = datetime.fromordinal(at // _MICROSECONDS // _DAY + _EPOCH_DAY)
        wall = wall.replace(hour=at // _MICROSECONDS % _DAY // 3600, minute=at // _MICROSECONDS % 3600 // 60)
        offset = wall.replace(tzinfo=zone).utcoffset()
    except (ValueError, OverflowError):
        return 0
    return int(offset.total_seconds()) * _MICROSECONDS if offset else 0
