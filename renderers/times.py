"""Instants as a reader sees them: the wall clock of a chosen zone, and its offset wherever that matters.

Only what is shown is turned into a date; all reckoning stays in µs UTC. The
rules of the zones come from zoneinfo and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = -62_135_510_400_000_000
"""0001-01-02 UTC in µs; nothing earlier can be shown in every zone."""
_LAST = 253_402_214_400_000_000
"""9999-12-31 UTC in µs."""


@lru_cache(maxsize=64)
def zone_info(zone: str) -> ZoneInfo:
    """The rules of an IANA zone. Raises ValueError, saying what to do, for a name that is none."""
    try:
        return ZoneInfo(zone)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"cannot show times in {zone!r}: there is no such zone; use an IANA name like Europe/Berlin"
        ) from error


@lru_cache(maxsize=16_384)
def local(at: int, zone: str = "UTC") -> datetime:
    """The instant in the zone, to the second; what no calendar can show becomes the nearest day that can be."""
    within = min(max(at, _FIRST), _LAST)
    return (_EPOCH + timedelta(microseconds=within)).astimezone(zone_info(zone)).replace(microsecond=0)


def clock(at: int, zone: str = "UTC") -> tuple[str, str]:
    """The day and the time of day: ``("2026-03-04", "14:02:10")``."""
    if zone == "UTC" and _FIRST <= at <= _LAST:
        days, seconds = divmod(at // 1_000_000, 86_400)
        return _day_of(days), f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    shown = local(at, zone).isoformat()
    return shown[:10], shown[11:19]


@lru_cache(maxsize=1_024)
def _day_of(days: int) -> str:
    """So many days after 1970-01-01, UTC."""
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def day(at: int, zone: str = "UTC") -> str:
    """``2026-03-04``."""
    return clock(at, zone)[0]


def minute(at: int, zone: str = "UTC") -> str:
    """``2026-03-04 14:02``, as the timeline shows it; seconds are cut, not rounded."""
    shown, time = clock(at, zone)
    return f"{shown} {time[:5]}"


def second(at: int, zone: str = "UTC") -> str:
    """``14:02:10``."""
    return clock(at, zone)[1]


@lru_cache(maxsize=16_384)
def offset(at: int, zone: str = "UTC") -> str:
    """How far the zone's clocks are from UTC at that instant: ``+01:00``."""
    behind = local(at, zone).utcoffset() or timedelta()
    minutes, seconds = divmod(abs(behind) // timedelta(seconds=1), 60)
    sign = "-" if behind < timedelta() else "+"
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")


@lru_cache(maxsize=16_384)
def repeated(at: int, zone: str = "UTC") -> bool:
    """Whether the wall clock shows this time twice, as in the hour in which the clocks go back."""
    if zone == "UTC":
        return False
    shown = local(at, zone)
    return shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()


def called(at: int, zone: str = "UTC") -> str:
    """What people call the zone's time at that instant: ``UTC``, ``CEST``, ``UTC+03`` where it has no name."""
    name = local(at, zone).tzname() or zone
    return f"UTC{name}" if name[:1] in ("+", "-") else name


def offsets(instants: Iterable[int], zone: str = "UTC") -> tuple[str, ...]:
    """The offsets in force at these instants, in the order they come into force."""
    return tuple(dict.fromkeys(offset(at, zone) for at in sorted(instants)))


def utc(at: int) -> str:
    """RFC 3339 in UTC with microseconds, for machines: ``2026-03-04T14:02:10.000000Z``."""
    shown = _EPOCH + timedelta(microseconds=min(max(at, _FIRST), _LAST))
    return f"{shown.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"
