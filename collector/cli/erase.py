"""Having content removed: the one command that takes something away for good."""

from __future__ import annotations

import click

from collector.cli import output
from collector.cli.access import LogAccess
from collector.cli.amendments import REASON
from collector.cli.naming import IN_LOG
from collector.cli.output import Json
from collector.cli.people import stating


@click.command()
@click.argument("events", type=IN_LOG, metavar="[EVENT]...", nargs=-1)
@click.option(
    "--delivery", "deliveries", type=IN_LOG, metavar="D", multiple=True, help="Remove the stored body of this delivery."
)
@click.option("--with-events", is_flag=True, help="Also erase the events that those deliveries told.")
@click.option(
    "--everything", is_flag=True, help="Also remove what grouping rests on: service, environment, identifiers."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@REASON
@stating
def erase(
    access: LogAccess,
    events: tuple[str, ...],
    deliveries: tuple[str, ...],
    key: str | None,
    form: str,
    **fields: object,
) -> None:
    """Erase what events say, for good.

    It removes the content of every revision of the events, the bodies of all deliveries that told them, and what the
    daemon wrote of it: lists, drafts, its own records, and the remains in the database's files. A body that told other
    events, too, is removed all the same; those events keep their own content.

    It keeps each event's id, type, source and times, and who had it erased and why. So that incidents stay what they
    were, it also keeps the service, environment and severity, an alert's fingerprint and a page's id. --everything
    removes these, too, of all events of the same alert or page, and grouping may change.

    In a draft that a person edited, only timelined's lines are written anew. The answer names this draft and its kept
    versions, so that you can look at them. Copies elsewhere (backups, exports, the sender) are not reached. The
    database is written anew: this needs as much free space again, and deliveries wait meanwhile.
    """
    from collector.cli import client

    if not fields["by"]:
        raise click.UsageError("nobody is logged in here; say who states this with --by")
    if not events and not deliveries:
        raise click.UsageError("name events, or deliveries with --delivery")
    asked = fields | {"events": list(events), "deliveries": list(deliveries)}
    receipt = access.post("/api/v1/erasures", asked, key, client.LONG).json()
    if form == "json":
        return output.as_json(receipt)
    _show(receipt, dry_run=bool(fields["dry_run"]))
    return None


def _show(receipt: Json, *, dry_run: bool) -> None:
    """What went, and what a person still has to do."""
    verb = "Would erase" if dry_run else "Erased"
    output.facts([
        (verb, _counted(receipt["new"], "event")),
        ("Erased before", _counted([e for e in receipt["events"] if e not in receipt["new"]], "event", none="")),
        ("Bodies", ", ".join(receipt["deliveries"])),
        ("Drafts", ", ".join(receipt["drafts"]["written"])),
    ])  # fmt: skip
    if receipt["spared"]:
        output.say(
            f"These bodies also told {_counted(receipt['spared'], 'other event')}, which keep their own content."
        )
    for path in receipt["drafts"]["edited"]:
        output.say(f"A person edited {path}: their words stay, and may still show what was erased. Look it through.")
    for place in receipt["published"]:
        output.say(
            f"It was published to {place}, which may still show what was erased. Publish again, and clean there."
        )
    if receipt["remaining"]:
        output.say(
            f"Not done yet: {receipt['remaining']}. The same command again completes what timelined itself can do."
        )


def _counted(some: list[str], noun: str, none: str = "nothing") -> str:
    names = ", ".join(output.short(one) for one in some[:5]) + (" …" if len(some) > 5 else "")
    return f"{len(some)} {noun}{'' if len(some) == 1 else 's'} ({names})" if some else none
