"""Bringing in afterwards what was missed: what senders give out, and what people wrote down."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import msgspec

from collector import times
from collector.cli import output
from collector.cli.access import CONFIG_FILE, OUTPUT, STORAGE_URL, LogAccess, asking
from collector.cli.inputs import rereadable
from collector.cli.logs import LOG
from collector.cli.moments import MOMENT, ZONE, Zone
from collector.cli.naming import INCIDENT
from collector.cli.people import login
from collector.errors import InvalidInput, NotFound
from collector.sources import SOURCES

if TYPE_CHECKING:
    from collector.cli import timelines
    from collector.cli.client import ApiClient

CONTENT = click.Path(path_type=Path, allow_dash=True)


class Imported(msgspec.Struct, kw_only=True):
    """What an import came to."""

    records: int = 0
    new: int = 0
    """Events that the log did not have."""
    known: int = 0
    merged: int = 0
    """Those of the known ones that a delivery told without an identity in common."""
    withdrawn: int = 0
    """Events of an earlier import that a delivery told since."""
    not_understood: dict[str, int] = {}
    """Lists of records in which some could not be read, by the reason."""

    def take(self, count: int, answer: Any) -> None:
        """Add one answer."""
        self.records += count
        self.new += len(answer["new"])
        self.known += answer["known"]
        self.merged += answer["merged"]
        self.withdrawn += answer["withdrawn"]
        for reason in answer["not_understood"]:
            self.not_understood[reason] = self.not_understood.get(reason, 0) + 1


@click.group("import")
def import_() -> None:
    """Bring in records of a sender's API, a timeline that people wrote, or a whole log.

    What is recorded already adds nothing, whichever way it came. So you may stop an import and begin it again. Imported
    events and drafts say when the events were fetched.
    """


@import_.command("file")
@click.argument("source")
@click.argument("records_form", metavar="FORM")
@click.argument("content", metavar="FILE", type=CONTENT)
@OUTPUT
@asking
def file_(access: LogAccess, source: str, records_form: str, content: Path, form: str) -> None:
    """Bring in the records in a FILE; - is standard input.

    SOURCE is the name of a configured source. FORM says what the records are; docs/catching-up.md lists the forms, and
    how to get the records. FILE has a list, several lists after each other, or one record on each line. It exits with 1
    if some records were not understood. They are kept all the same.
    """
    from collector.cli.records import counted, records

    name, key = str(content), within(records_form)
    with rereadable(content) as file:
        count = counted(file, name, key)
        # What a program that still writes the file has added since is left to the next import.
        found = islice(records(file, name, key), count)
        asked = access if access.server else access.of_source(source)
        show(brought_in(asked, source, records_form, found, count), form)


def within(form: str) -> str:
    """Under which key pages of a form have their records, of whatever kind of sender that is."""
    return next((kind.imports[form].within for kind in SOURCES.values() if form in kind.imports), "")


def brought_in(access: LogAccess, source: str, form: str, raw_records: Iterable[bytes], count: int) -> Imported:
    """Bring in ``count`` records, some at a time."""
    from collector.cli.progress import bar
    from collector.cli.records import batches

    async def walked(api: ApiClient) -> Imported:
        total = Imported()
        with bar("importing") as progress:
            for some, body in batches(raw_records):
                total.take(some, await sent(api, source, form, body))
                progress(total.records, count)
        return total

    return access.ask(walked, writing=True)


async def sent(api: ApiClient, source: str, form: str, body: bytes) -> Any:
    """What some records came to."""
    from collector.cli.client import LONG

    path = f"/api/v1/imports/{quote(source, safe='')}?form={quote(form, safe='')}"
    answer = await api.send(path, body, {"content-type": "application/json"}, patience=LONG)
    return answer.json()


def show(total: Imported, form: str) -> None:
    """What an import came to; ends with 1 where something of it was not understood."""
    if form == "json":
        output.as_json(msgspec.to_builtins(total))
    else:
        output.facts([
            ("Records", str(total.records)), ("New events", str(total.new)), ("Known", str(total.known)),
            ("Merged", f"{total.merged} that a delivery had told" if total.merged else ""),
            ("Withdrawn", f"{total.withdrawn} that a delivery told since" if total.withdrawn else ""),
        ])  # fmt: skip
    for reason in total.not_understood:
        output.say(f"Not understood, and kept: {reason}.")
    if total.not_understood:
        raise click.exceptions.Exit(output.FAILED)


@import_.command()
@click.argument("source")
@click.argument("records_form", metavar="FORM")
@click.option(
    "--since", type=MOMENT, metavar="TIME", default="7d", show_default=True, help="Only what happened then or later."
)
@ZONE
@click.option(
    "--until", type=MOMENT, metavar="TIME", default="now", show_default=True, help="Only what happened before then."
)
@OUTPUT
@asking
def fetch(access: LogAccess, source: str, records_form: str, since: str, until: str, form: str) -> None:
    """Ask the sender's API for records, and bring them in.

    The configuration has the API's address and token, under sources.SOURCE.fetch. No other host is called. FORM is
    alerts or silences of an alertmanager, log_entries of a pagerduty, deployments or workflow_runs of a github,
    deployments or pipelines of a gitlab, annotations or history of a grafana.
    """
    from collector.cli.progress import bar
    from collector.cli.records import batches
    from collector.fetching.client import fetched

    access = access.of_source(source)
    settings = access.settings().sources
    if source not in settings:
        raise NotFound(f"cannot fetch from {source!r}: no source has this name; timelined sources lists them")
    fetch_settings, kind = settings[source].fetch, settings[source].kind
    if fetch_settings is None:
        raise InvalidInput(f"cannot fetch from {source}: it does not say where; set sources.{source}.fetch.url")
    span = [micros for text in (since, until) if (micros := times.parse(text)) is not None]

    async def walked(api: ApiClient) -> Imported:
        total = Imported()
        with bar("fetching") as progress:
            async for page in fetched(SOURCES[kind], records_form, fetch_settings, *span):
                for count, body in batches([msgspec.json.encode(record) for record in page]):
                    total.take(count, await sent(api, source, records_form, body))
                progress(total.records, 0)
        return total

    show(access.ask(walked, writing=True), form)


@import_.command("csv")
@click.argument("content", metavar="FILE", type=CONTENT)
@click.option("--incident", type=INCIDENT, metavar="N", help="The incident of rows that name none.")
@click.option(
    "--by",
    default=login,
    show_default="your login name",
    envvar="TIMELINED_BY",
    help="Who wrote rows without an author.",
)
@click.option("--zone", type=Zone(), metavar="NAME", help="The zone of times without an offset, such as Europe/Berlin.")
@OUTPUT
@asking
def csv_(access: LogAccess, content: Path, incident: int | None, by: str, zone: str | None, form: str) -> None:
    """Bring in a timeline that people wrote, a table with a line for each thing that happened.

    Its first line names the columns, in any order. time and text are needed; by, kind (note, action, or a moment such
    as mitigated), incident, owner and due may be added; other columns are refused. A time has a date, and an offset or
    --zone. Every row is checked before the first one is recorded. A row that is recorded already adds nothing.
    """
    from collector.cli import timelines

    with rereadable(content) as file:
        table = timelines.TimelineTable(file, str(content), incident=incident, by=by, zone=zone)
        count = table.checked()
        new = access.ask(partial(stated, table.rows(), count), writing=True)
    if form == "json":
        return output.as_json({"rows": count, "new": new, "known": count - new})
    return output.facts([("Rows", str(count)), ("New", str(new)), ("Known", str(count - new))])


async def stated(rows: Iterable[timelines.TimelineRow], count: int, api: ApiClient) -> int:
    """State ``count`` rows; how many of them were new."""
    from collector.cli.progress import bar

    new = 0
    with bar("importing") as progress:
        for done, row in enumerate(islice(rows, count), 1):
            new += (await api.post(row.path, row.body, row.key)).created
            progress(done, count)
    return new


@import_.command("log")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def log_(source: Path, config_file: Path | None, storage_url: str | None, form: str) -> None:
    """Bring the whole log in the SQLite FILE into an empty PostgreSQL database.

    Run it as the owner of the database, while no daemon uses the file or the database. One transaction brings in all of
    it, verified, or nothing. It is the same log afterwards, with the same positions and roots. `timelined export` is
    the way back.
    """
    from collector.cli import moving

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    moving.show(moving.brought_in(settings.storage.url, source), form)
