"""Events as they come, on the command line: one line each, and on after a connection was lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from collector.cli import logs, output, telling
from collector.cli.access import LogAccess
from collector.cli.output import Json
from collector.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collector.cli.client import ApiClient

STREAM = "/api/v1/events/stream"
ALL = "/api/v1/logs/stream"
"""The same of all logs."""
AGAIN = 2.0
"""How long to wait before a lost connection is tried again, in seconds."""
TAKEN = ("source", "type", "incident", "after")
"""The filters that what comes can be held against."""

Say = Callable[[str], None]


async def events(
    api: ApiClient,
    filters: Mapping[str, object],
    say: Say,
    retry_after: float = AGAIN,
    last: list[object] | None = None,
) -> AsyncGenerator[Json]:
    """Each event that passes, once, in the order of positions; a connection that is lost is made again.

    ``last`` is told what the next one comes after. Of all logs, where the command is about all.

    Raises what the daemon refuses, and :class:`Unavailable` where it was never reached.
    """
    after, disconnected = filters.get("after"), False
    reached = False
    query = {name: filters.get(name) for name in ("source", "type")}
    path, on = (ALL, "cursor") if logs.of_all() else (STREAM, "after")
    while True:
        try:
            async with aclosing(api.stream(path, **{on: after}, **query)) as stream:
                async for position, event in stream:
                    if disconnected:
                        say("The connection is back.")
                    after, reached, disconnected = position, True, False
                    if last is not None:
                        last[:] = [position]
                    if event is not None and filters.get("incident") in (None, event["incident"]):
                        yield event
        except Unavailable as error:
            if not reached:
                raise
            if not disconnected:
                say(f"{error}; trying again after position {after}.")
            disconnected = True
        await asyncio.sleep(retry_after)


def follow(access: LogAccess, form: str, filters: Mapping[str, object]) -> None:
    """Write events as they come until somebody stops it, and say then how to go on."""
    for name, value in filters.items():
        if name not in TAKEN and value is not None and name not in ("limit", "order"):
            raise InvalidInput(f"cannot follow by {name}: use --source, --type, --incident and --after", name)
    last: list[object] = [filters.get("after")]

    async def print_events(api: ApiClient) -> None:
        async with aclosing(events(api, filters, output.say, last=last)) as stream:
            async for event in stream:
                click.echo(_line(event, form))

    try:
        access.ask_daemon(print_events)
    except KeyboardInterrupt:
        if last[0] is not None:
            output.say(f"Go on with --after {last[0]}.")
        raise click.exceptions.Exit(130) from None


def _line(event: Json, form: str) -> str:
    if form == "json":
        return json.dumps(event)
    [title] = telling.titles([event])
    cells = (
        event.get("log", ""),
        output.time(event["occurred_at"]),
        output.short(event["id"]),
        event["type"],
        event["service"] or "",
        title,
    )
    return "  ".join(output.harmless(each) for each in cells if each)
