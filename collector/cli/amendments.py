"""What a person changes about what was recorded: each command is a further revision, and nothing is lost by it."""

from __future__ import annotations

import click

from collector.cli import confirming, logs, naming
from collector.cli.access import LogAccess
from collector.cli.moments import MOMENT, ZONE
from collector.cli.naming import IN_LOG
from collector.cli.people import NUMBER, state, stating
from collector.cli.typing import TEXT, TextParam, WordChoice
from collector.people.amendments import CLEARABLE

REASON = click.option("--reason", type=TEXT, metavar="WHY", required=True, help="Why; it is kept with the event.")
CLEARABLE_TEXT = TextParam("where it is not known after all, say so with --clear")


@click.command()
@click.argument("event", type=IN_LOG)
@click.option("--title", type=CLEARABLE_TEXT, metavar="TEXT", help="What it should have said.")
@click.option("--at", "occurred_at", type=MOMENT, metavar="TIME", help="When it really happened.")
@ZONE
@click.option("--service", type=CLEARABLE_TEXT, metavar="NAME", help="Which service it is of.")
@click.option("--environment", type=CLEARABLE_TEXT, metavar="NAME", help="Which environment it is of.")
@click.option("--severity", type=CLEARABLE_TEXT, metavar="NAME", help="How bad it is.")
@click.option("--actor", type=CLEARABLE_TEXT, metavar="NAME", help="Who did it.")
@click.option("--clear", type=WordChoice(CLEARABLE), multiple=True, help="Say that this field is not known after all.")
@REASON
@stating
def correct(
    access: LogAccess, event: str, key: str | None, form: str, clear: tuple[str, ...], **fields: object
) -> None:
    """Correct an event: what it should have said.

    The event stays in the log as it was. The correction is its next revision: lists and drafts show this one, drafts
    mark it as corrected, and it is grouped anew. A draft as of an earlier moment shows what was known then.
    """
    path, fields["clear"] = f"/api/v1/events/{naming.event(event)}/correct", list(clear)
    state(access, path, fields, key, form, lambda what: f"Corrected [{what.cited}], in {what.where}")


@click.command()
@click.argument("event", type=IN_LOG)
@REASON
@stating
def retract(access: LogAccess, event: str, key: str | None, form: str, **fields: object) -> None:
    """Retract an event: it should not have been recorded.

    Incidents and drafts leave it out from then on. It stays in the log, and lists show it as retracted.
    """
    path = f"/api/v1/events/{naming.event(event)}/retract"
    state(access, path, fields, key, form, lambda what: f"Retracted [{what.cited}]: incidents and drafts leave it out")


@click.command()
@NUMBER
@click.argument("events", type=IN_LOG, metavar="EVENT...", nargs=-1, required=True)
@stating
def split(
    access: LogAccess, number: int, events: tuple[str, ...], key: str | None, form: str, **fields: object
) -> None:
    """Split events off an incident, as one of their own.

    The events stay together and do not come back, whatever the rules of grouping say. A later join or merge overrules
    that.
    """
    count = f"{len(events)} event{'' if len(events) == 1 else 's'}"
    words = confirming.stated(lambda what: f"Split {count} off incident {logs.called(number)}, into {what.where}")
    state(access, f"/api/v1/incidents/{number}/split", fields | {"events": list(events)}, key, form, words)
