"""What a command would make of incidents and drafts: done over a copy of the log, and compared."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import click
import msgspec

from collector import daemon
from collector.cli import client, output
from collector.cli.access import LogAccess
from collector.cli.client import ApiClient
from collector.cli.output import Json

_AROUND = timedelta(hours=3)
"""How far from an incident an event may have happened that its draft names: what is looked back to, and more."""
_LOOK = 0.05
"""Seconds between two looks at how far lists are."""
_ROW = ("status", "title", "started_at", "ended_at", "services", "environments", "severity", "lead", "merged_into")


class RehearsalDifference(msgspec.Struct, kw_only=True):
    """What differs."""

    incidents: list[dict[str, Any]] = []
    """Each with its ``number``, and its row ``before`` and ``after``; null where there is none."""
    drafts: list[dict[str, Any]] = []
    """Each with its incident's ``number`` and the ``diff`` of its draft, in unified form."""


def compare(
    access: LogAccess, change: Callable[[ApiClient], Awaitable[object]], times: Sequence[str]
) -> RehearsalDifference:
    """Change a copy of the log, and say what became of incidents and drafts; ``times`` are those of changed events."""

    async def compared() -> RehearsalDifference:
        settings = access.settings()
        reading = daemon.read_only(settings, say=output.say)
        copied = daemon.rehearsal(settings)
        async with (
            reading as app, client.in_process(app) as before, copied as copy, client.in_process(copy) as after,
        ):  # fmt: skip
            await change(after)
            await _followed(after)
            return await _differing(before, after, [datetime.fromisoformat(each) for each in times])

    return asyncio.run(compared())


async def _followed(api: ApiClient) -> None:
    """Wait until the lists of the copy hold what was changed."""
    while (await api.get("/-/ready")).json()["lag"]:  # noqa: ASYNC110 - it is another process's, or as good as that
        await asyncio.sleep(_LOOK)


async def _differing(before: ApiClient, after: ApiClient, times: Sequence[datetime]) -> RehearsalDifference:
    old, new = await _incidents(before), await _incidents(after)
    difference = RehearsalDifference()
    touched = []
    for number in sorted({*old, *new}):
        earlier, other = old.get(number), new.get(number)
        differs = earlier is None or other is None or any(earlier[name] != other[name] for name in _ROW)
        if differs:
            difference.incidents.append({"number": number, "before": earlier, "after": other})
        if differs or _near(other or earlier or {}, times):
            touched.append(number)
    for number in touched:
        diff = "\n".join(_diff(number, await _draft(before, old, number), await _draft(after, new, number)))
        if diff:
            difference.drafts.append({"number": number, "diff": diff})
    return difference


async def _incidents(api: ApiClient) -> dict[int, Json]:
    """All of them, by number."""
    by_number: dict[int, Json] = {}
    before: object = None
    while True:
        page = (await api.get("/api/v1/incidents", before=before, limit=1000)).json()
        by_number |= {row["number"]: row for row in page["incidents"]}
        before = page["next"]
        if before is None:
            return by_number


def _near(row: Json, times: Iterable[datetime]) -> bool:
    """Whether something happened in the time that an incident's draft may tell of."""
    since = datetime.fromisoformat(row["started_at"]) - _AROUND
    until = datetime.fromisoformat(row["ended_at"] or row["last_at"]) + _AROUND
    return any(since <= at <= until for at in times)


async def _draft(api: ApiClient, rows: dict[int, Json], number: int) -> list[str]:
    if number not in rows or rows[number]["merged_into"]:
        return []
    path = f"/api/v1/incidents/{number}/postmortem.md"
    return (await api.get(path)).text().splitlines()


def _diff(number: int, before: list[str], after: list[str]) -> Iterator[str]:
    name = f"incident-{number}.md"
    return difflib.unified_diff(before, after, f"{name} (now)", f"{name} (then)", n=1, lineterm="")


def show(compared: RehearsalDifference) -> None:
    """What differs, as a person reads it."""
    for change in compared.incidents:
        number, before, after = change["number"], change["before"], change["after"]
        if before is None:
            click.echo(f"+ incident {number}: {output.harmless(after['title'])}")
        elif after is None:
            click.echo(f"- incident {number}: {output.harmless(before['title'])}")
        else:
            changes = [f"{n} {_text(before[n])} -> {_text(after[n])}" for n in _ROW if before[n] != after[n]]
            click.echo(f"~ incident {number}: {'; '.join(changes)}")
    for change in compared.drafts:
        click.echo()
        click.echo(output.harmless_lines(change["diff"]))


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(output.harmless, value)) or "none"
    return "none" if value is None else output.harmless(value)
