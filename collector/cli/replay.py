"""Deriving events again from stored deliveries: what would change, and changing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

from collector.cli import output, unmatched
from collector.cli.access import OUTPUT, LogAccess, asking
from collector.cli.moments import MOMENT, ZONE
from collector.cli.output import Json
from collector.cli.typing import WordChoice
from collector.errors import InvalidInput
from collector.storage.urls import database_path

if TYPE_CHECKING:
    from collector.cli.client import ApiClient

SHOWN = 20
"""Changed events that are listed one by one."""
_WORDS = {"changed": "~", "new": "+", "withdrawn": "-", "restored": "+"}


class Replayed(msgspec.Struct, kw_only=True):
    """What a pass over the deliveries came to."""

    looked: int = 0
    skipped: dict[str, int] = {}
    changes: list[Json] = []

    def take(self, answer: Json) -> None:
        """Add one answer."""
        self.looked += answer["looked"]
        self.changes += answer["changes"]
        for reason, count in answer["skipped"].items():
            self.skipped[reason] = self.skipped.get(reason, 0) + count


@click.command()
@click.option("--source", metavar="NAME", help="Only deliveries to this source.")
@click.option(
    "--status", type=WordChoice(["read", "unrecognised", "malformed"]), help="Only deliveries with this status."
)
@click.option("--since", type=MOMENT, metavar="TIME", help="Only deliveries received then or later.")
@ZONE
@click.option("--until", type=MOMENT, metavar="TIME", help="Only deliveries received before then.")
@click.option("--dry-run", is_flag=True, help="Write nothing, and show what would become of events, incidents, drafts.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@OUTPUT
@asking
def replay(access: LogAccess, form: str, *, dry_run: bool, yes: bool, **filters: object) -> None:
    """Derive events again from the stored deliveries, with today's parsers and configuration.

    Use it after a parser was fixed, a source was mapped or service labels were changed: it repairs what was recorded
    before. A changed event gets its next revision. What was not understood becomes events. An event that a delivery
    does not tell after all is withdrawn. Nothing is changed in place, and drafts say what was read again. What people
    corrected, retracted or erased stays so. A second run changes nothing.

    Bodies that retention or erasure removed cannot be read again; they are counted. Before it writes, it shows the
    events that would change, and asks. With --dry-run it copies the database into the folder for temporary files, and
    shows what would become of incidents and drafts. For PostgreSQL and a log of another daemon it shows only the
    changed events.
    """
    query = {name: value for name, value in filters.items() if value is not None and name != "zone"}
    planned = _passed(access, query, dry_run=True)
    if dry_run:
        return _rehearse(access, query, planned, form)
    if planned.changes and not yes:
        _events(planned)
        _confirm(planned)
    result = _passed(access, query, dry_run=False) if planned.changes else planned
    if form == "json":
        return output.as_json(msgspec.to_builtins(result))
    return _report(result)


def _passed(access: LogAccess, query: Mapping[str, object], *, dry_run: bool) -> Replayed:
    """One pass over all deliveries that are asked for."""
    from collector.cli.progress import bar

    async def walked(api: ApiClient) -> Replayed:
        with bar("reading again" if dry_run else "writing") as shown:
            return await passed(api, query, dry_run=dry_run, progress=shown)

    return access.ask(walked, writing=not dry_run)


async def passed(
    api: ApiClient, query: Mapping[str, object], *, dry_run: bool, progress: Callable[[int, int], None] | None = None
) -> Replayed:
    """The same at one place; ``progress`` is told how far it is, and of how much."""
    from collector.cli.client import LONG

    total, after = Replayed(), 0
    while True:
        body = {**query, "after": after, "dry_run": dry_run}
        answer = (await api.post("/api/v1/replays", body, patience=LONG)).json()
        total.take(answer)
        if progress is not None:
            progress(answer["after"] or answer["last"], answer["last"])
        if answer["after"] is None:
            return total
        after = answer["after"]


def _confirm(planned: Replayed) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"cannot write {_counted(planned)} without being asked to: say --yes, or look first with --dry-run"
        )
    click.confirm(f"Write {_counted(planned)}? (--dry-run shows incidents and drafts, too)", abort=True, err=True)


def _rehearse(access: LogAccess, query: Mapping[str, object], planned: Replayed, form: str) -> None:
    """What would become of events, incidents and drafts."""
    from collector.cli import rehearsed

    compared = rehearsed.RehearsalDifference()
    copied = bool(planned.changes) and not access.server and database_path(access.settings().storage.url) is not None
    if copied:
        times = [change["occurred_at"] for change in planned.changes]

        async def again(api: ApiClient) -> None:
            # What follows from what is written is known only here.
            planned.changes = (await passed(api, query, dry_run=False)).changes

        compared = rehearsed.compare(access, again, times)
    if form == "json":
        return output.as_json({**msgspec.to_builtins(planned), **msgspec.to_builtins(compared)})
    _events(planned)
    rehearsed.show(compared)
    _about(planned)
    if not planned.looked:
        output.say(f"No delivery matches{unmatched.why(access, 'deliveries', query)}.")
    elif not planned.changes:
        output.say(f"Nothing would change: {_deliveries(planned.looked)} read again say what is stored.")
    elif not copied:
        output.say(
            "What would become of incidents and drafts can be shown only where the database is a file, of which a copy "
            "is made for it."
        )
    return None


def _report(result: Replayed) -> None:
    _about(result)
    if not result.changes:
        return output.say(f"Nothing to change: {_deliveries(result.looked)} read again say what is stored.")
    return output.say(f"{_counted(result)} written; {_deliveries(result.looked)} read again.")


def _about(done: Replayed) -> None:
    """What could not be read again, and why."""
    for reason, count in sorted(done.skipped.items()):
        output.say(f"{_deliveries(count)} left as they are: {reason}.")


def _events(planned: Replayed) -> None:
    """The changed events, one or two lines each."""
    for change in planned.changes[:SHOWN]:
        sign, when = _WORDS[change["change"]], output.time(change["occurred_at"])
        title = output.harmless(change["title"])
        click.echo(f"{sign} {output.short(change['event'])} {when} {change['type']} ({change['delivery']}) {title}")
        for name, (before, after) in _fields(change):
            click.echo(f"    {name}: {before} -> {after}" if (before, after) != (None, None) else f"    {name} differ")
    if len(planned.changes) > SHOWN:
        click.echo(f"  and {len(planned.changes) - SHOWN} more; all of them with --output json")


def _fields(change: Json) -> list[tuple[str, tuple[Any, Any]]]:
    fields = []
    for name, told in change["fields"].items():
        before, after = told["before"], told["after"]
        if (before, after) != (None, None):
            before, after = (output.harmless("nothing" if one is None else one) for one in (before, after))
        fields.append((name, (before, after)))
    return fields


def _counted(result: Replayed) -> str:
    """``3 changed, 1 new event`` …"""
    counts: dict[str, int] = {}
    for change in result.changes:
        counts[change["change"]] = counts.get(change["change"], 0) + 1
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    return f"{said} event{'' if len(result.changes) == 1 else 's'}"


def _deliveries(count: int) -> str:
    return f"{count} deliver{'y' if count == 1 else 'ies'}"
