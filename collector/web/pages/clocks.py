"""Times as a page shows them: in the zone that was asked for, with its name beside them, exact to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from collector.people import moments
from collector.times import parse, rfc3339
from collector.web.problems import InvalidParameter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_214_400_000_000
"""9999-12-31 UTC in µs: nothing later can be shown in every zone."""
_LONGEST = 64
"""Characters of the longest text that is taken for a time."""


class Clock:
    """The wall clock of a zone."""

    def __init__(self, zone: str = "UTC") -> None:
        """Raises :class:`InvalidParameter` for a zone that there is not."""
        self.zone = zone
        self._rules = _rules(zone)

    def day(self, at: int) -> str:
        """``2026-03-04``."""
        return _date_time_zone(self._rules, at)[0]

    def time(self, at: int) -> str:
        """``14:02:10``."""
        return _date_time_zone(self._rules, at)[1]

    def name(self, at: int) -> str:
        """What people call the zone's time at that instant: ``UTC``, ``CEST``, ``+03``."""
        return _date_time_zone(self._rules, at)[2] or self.zone

    def exact(self, at: int) -> str:
        """For a hint: in UTC and in the zone, with both names."""
        utc = f"{_UTC.day(at)} {_UTC.time(at)} UTC" if self.zone != "UTC" else ""
        here = f"{self.day(at)} {self.time(at)} {self.name(at)}"
        return f"{here} = {utc}" if utc else here

    def iso(self, at: int) -> str:
        """For machines: RFC 3339 in UTC."""
        return rfc3339(at)

    def read(self, text: str) -> int:
        """A time of ours, as drafts for machines write it, in µs."""
        return parse(text) or 0

    def moment(self, text: str | None, name: str, now: int) -> int | None:
        """A time that a person wrote, µs, in any form that a command takes; None where absent.

        Without an offset it is one of this clock. ``now`` is when it was written, µs.
        """
        if not text:
            return None
        reason = f"is not a time; write {moments.FORMS}"
        try:
            typed = text.strip() if len(text) <= _LONGEST else ""
            at = parse(moments.read(typed, self._rules, _EPOCH + timedelta(microseconds=now)))
        except moments.UnreadableMoment as error:
            at, reason = None, error.reason
        if at is None or at < 0:
            raise InvalidParameter(f"cannot read the request: {name} is {text[:_LONGEST]!r}, which {reason}", name)
        return at


# A page shows each of its moments in several places.
@lru_cache(maxsize=4096)
def _date_time_zone(rules: ZoneInfo, at: int) -> tuple[str, str, str]:
    within = min(max(at, 0), _LAST)
    moment = (_EPOCH + timedelta(microseconds=within)).astimezone(rules).replace(microsecond=0)
    return moment.date().isoformat(), moment.time().isoformat(), moment.tzname() or ""


@lru_cache(maxsize=64)
def _rules(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    # Names that look like paths are ValueErrors, and folders of zones such as "Europe" are OSErrors.
    except (KeyError, ValueError, OSError):
        raise InvalidParameter(
            f"cannot read the request: zone is {zone[:64]!r}, which is no time zone; write it like Europe/Madrid",
            "zone",
        ) from None


_UTC = Clock()
