"""Times as people type them in a command: without a zone they are of ``--zone``, else of UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from collector.people.moments import UnreadableMoment, read, similar_zone

_ZONE = "timelined.zone"
"""Where the zone of a command's times is kept while its other options are read."""


class Zone(click.ParamType[str]):
    """The name of a time zone; the command's times are read in it."""

    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, as it was given."""
        try:
            zone = ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is not a time zone; write it like {similar_zone(value)}", param, ctx)
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
        except UnreadableMoment as error:
            self.fail(str(error), param, ctx)


MOMENT = TypedTime()
ZONE = click.option(
    "--zone", type=Zone(), is_eager=True, expose_value=False, metavar="NAME", envvar="TIMELINED_ZONE",
    help="The zone of the times you write, such as Europe/Berlin; by default UTC.",
)  # fmt: skip
