"""A moment as people write it: in a command, or in a form of a page.

A time without a zone is one of the zone that it is read in. What that zone's clocks showed twice or never is refused
and never guessed. Pure: it is told what time it is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from datetime import date as calendar_day
from datetime import time as clock_time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from collector import times

_SPAN = r"(\d{1,6}(?:\.\d{1,3})?) ?(w(?:eeks?)?|d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)"
_AGO = re.compile(rf"-?{_SPAN}(?: ?{_SPAN})*(?: ago)?", re.ASCII)
_DAYS = {"today": 0, "yesterday": 1}
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DATE = r"(\d{4})-(\d\d)-(\d\d)"
_CLOCK = r"(\d\d?):(\d\d)(?::(\d\d)(\.\d{1,6})?)?"
_DAY = re.compile(f"{_DATE}(?:[Tt ]{_CLOCK})?", re.ASCII)
_HOUR = re.compile(_CLOCK, re.ASCII)
_OFFSET = re.compile(r".*\d\d:\d\d.* ?([Zz]|UTC|[+-]\d\d:?\d\d)", re.ASCII)
_EPOCH = re.compile(r"@?(1\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d{1,9})?)", re.ASCII)
"""As programs write a time: seconds since 1970, or thousandths and so on of them."""
_ZONED = re.compile(rf"((?:{_DATE}[Tt ])?{_CLOCK}) ?(?P<zone>[Zz]|[+-]\d\d:?\d\d|[A-Za-z][A-Za-z0-9_+/-]+)", re.ASCII)
"""A clock's time with its zone: an offset, a name, or a clock's own short word for it."""
_SHORT = re.compile(r"(?!UTC$|GMT$)[A-Z]{2,5}", re.ASCII)
FORMS = "2026-03-04 14:02, 14:02, 2026-03-04, yesterday, 15m (ago), now, or 2026-03-04T14:02:10Z"
"""What can be written, for who wrote something else."""


class UnreadableMoment(ValueError):
    """A text that names no time, or more than one."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text!r} {reason}")
        self.reason = reason
        """Why, as a sentence goes on behind the text: ``is not a time; write …``."""


def read(text: str, zone: tzinfo, now: datetime) -> str:
    """The time a text names, in RFC 3339. Raises :class:`UnreadableMoment` where it names none."""
    try:
        return _read(text, zone, now)
    except UnreadableMoment:
        raise
    except (ValueError, OverflowError):
        raise UnreadableMoment(text, f"is not a time; write {FORMS}") from None


def _read(text: str, zone: tzinfo, now: datetime) -> str:
    if text in _DAYS:
        midnight = datetime.combine(now.astimezone(zone).date() - timedelta(days=_DAYS[text]), clock_time())
        return _rfc3339(_exactly(text, midnight, zone))
    if text == "now":
        return _rfc3339(now)
    if _AGO.fullmatch(text):
        return _rfc3339(now - sum((_span(*each) for each in re.findall(_SPAN, text, re.ASCII)), timedelta()))
    if day := _DAY.fullmatch(text):
        year, month, date, *clock = day.groups()
        wall = datetime.combine(_day(text, int(year), int(month), int(date)), clock_time(*_clock(*clock)))
        return _rfc3339(_exactly(text, wall, zone))
    if hour := _HOUR.fullmatch(text):
        return _rfc3339(_last(text, _clock(*hour.groups()), zone, now))
    epoch = _EPOCH.fullmatch(text)
    if epoch or _OFFSET.fullmatch(text):
        at = times.parse(epoch[1] if epoch else text)
        if at is not None:
            return times.rfc3339(at)
    if zoned := _ZONED.fullmatch(text):
        return _in_zone(text, zoned[1], zoned["zone"], zone, now)
    raise ValueError(text)


def _in_zone(text: str, clock: str, name: str, zone: tzinfo, now: datetime) -> str:
    """A time that names its zone. A clock's short word for it is what ``zone``, or the zone called so, shows then."""
    if _SHORT.fullmatch(name):
        for each in (zone, _zone_of(name, text) if name in available_timezones() else zone):
            moment = _read(clock, each, now)
            if datetime.fromisoformat(moment).astimezone(each).tzname() == name:
                return moment
        raise UnreadableMoment(
            text, f"is not a time: {name} may be several zones; write the name of one, such as Europe/Madrid"
        )
    return _read(clock, _zone_of(name, text), now)


def _span(count: str, unit: str) -> timedelta:
    return timedelta(**{_UNITS[unit[0]]: float(count)})


def _day(text: str, year: int, month: int, date: int) -> calendar_day:
    try:
        return calendar_day(year, month, date)
    except ValueError:
        raise UnreadableMoment(text, f"is not a time: there is no such day; write {FORMS}") from None


def _zone_of(name: str, text: str) -> tzinfo:
    """The zone that a time names itself: an offset, or a name."""
    if name in ("Z", "z", "UTC", "GMT"):
        return UTC
    if name[0] in "+-":
        sign = -1 if name[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(name[1:3]), minutes=int(name[-2:])))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnreadableMoment(
            text, f"is not a time: {name} is no zone; write its offset, or it like {similar_zone(name)}"
        ) from None


def similar_zone(name: str) -> str:
    """The zone that somebody meant, or another one to show how they are written."""
    asked = name.strip().replace(" ", "_").casefold()
    names = sorted(available_timezones())
    return next((each for each in names if asked in (each.casefold(), each.casefold().split("/")[-1])), "Europe/Madrid")


def _clock(hour: str | None, minute: str | None, second: str | None, fraction: str | None) -> tuple[int, int, int, int]:
    return int(hour or 0), int(minute or 0), int(second or 0), int((fraction or ".0")[1:].ljust(6, "0"))


def _last(text: str, clock: tuple[int, int, int, int], zone: tzinfo, now: datetime) -> datetime:
    """The last time the zone's clocks showed this, today or yesterday."""
    today = now.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):
        at = _exactly(text, datetime.combine(day, clock_time(*clock)), zone)
        if at <= now:
            return at
    raise ValueError(text)


def _exactly(text: str, wall: datetime, zone: tzinfo) -> datetime:
    """The one moment at which the zone's clocks show this."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        raise UnreadableMoment(
            text, f"never was in {zone}: its clocks were put forward; write the time with its offset"
        )
    raise UnreadableMoment(text, f"was twice in {zone}; write the time with its offset, such as {first.isoformat()}")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
