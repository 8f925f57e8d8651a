"""Times as people type them, and as lists and drafts print them.

A time without a zone is one of ``--zone``, else of UTC. What that zone's clocks showed twice or never is refused and
never guessed.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import date as calendar_day
from datetime import time as clock_time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from collector import times

_AGO = re.compile(r"-?(?=\d)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_DATE = r"(\d{4})-(\d\d)-(\d\d)"
_CLOCK = r"(\d\d?):(\d\d)(?::(\d\d)(\.\d{1,6})?)?"
_DAY = re.compile(f"{_DATE}(?:[Tt ]{_CLOCK})?", re.ASCII)
_HOUR = re.compile(_CLOCK, re.ASCII)
_OFFSET = re.compile(r".*\d\d:\d\d.* ?([Zz]|UTC|[+-]\d\d:?\d\d)", re.ASCII)
_ZONE = "timelined.zone"
"""Where the zone of a command's times is kept while its other options are read."""
FORMS = "2026-03-04 14:02, 14:02, 2026-03-04, 15m (ago), now, or 2026-03-04T14:02:10Z"


class Zone(click.ParamType[str]):
    """The name of a time zone; the command's times are read in it."""

    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, as it was given."""
        try:
            zone = ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is not a time zone; write it like Europe/Madrid", param, ctx)
        if ctx is not None:
            ctx.meta[_ZONE] = zone
        return value


class TypedTime(click.ParamType[str]):
    """A time as lists print it, a clock's time, a date, so long ago (``15m``, ``1h30m``, ``2d``), ``now`` or RFC 3339.

    A clock's time is the last one that was; a date is its beginning.
    """

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time in RFC 3339, as the API takes it."""
        zone = ctx.meta.get(_ZONE, UTC) if ctx is not None else UTC
        try:
            return read(value.strip(), zone, datetime.fromtimestamp(time.time(), UTC))
        except (ValueError, OverflowError) as error:
            said = str(error) if isinstance(error, _Unreadable) else f"{value!r} is not a time; write {FORMS}"
            self.fail(said, param, ctx)


class _Unreadable(ValueError):
    """A time that is none for a reason of its own."""


def read(text: str, zone: tzinfo, now: datetime) -> str:
    """The time a text names, in RFC 3339. Raises ValueError or OverflowError where it names none."""
    if text == "now":
        return _rfc3339(now)
    ago = _AGO.fullmatch(text)
    if ago:
        days, hours, minutes, seconds = (int(part or 0) for part in ago.groups())
        return _rfc3339(now - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
    if day := _DAY.fullmatch(text):
        year, month, date, *clock = day.groups()
        wall = datetime.combine(calendar_day(int(year), int(month), int(date)), clock_time(*_clock(*clock)))
        return _rfc3339(_exactly(text, wall, zone))
    if hour := _HOUR.fullmatch(text):
        return _rfc3339(_last(text, _clock(*hour.groups()), zone, now))
    at = times.parse(text) if _OFFSET.fullmatch(text) else None
    if at is None:
        raise ValueError(text)
    return times.rfc3339(at)


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
        raise _Unreadable(f"{text!r} never was in {zone}: its clocks were put forward; write the time with its offset")
    raise _Unreadable(f"{text!r} was twice in {zone}; write the time with its offset, such as {first.isoformat()}")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


MOMENT = TypedTime()
ZONE = click.option(
    "--zone", type=Zone(), is_eager=True, expose_value=False, metavar="NAME", envvar="TIMELINED_ZONE",
    help="The zone of the times you write, such as Europe/Berlin; by default UTC.",
)  # fmt: skip
