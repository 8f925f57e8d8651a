"""Whether the log is what it was, and proofs of it for others.

These read the database itself, read-only, whether a daemon runs or not. They show whether the log is right,
and take nobody's word for it.
"""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli import output
from collector.cli.access import CONFIG_FILE, OUTPUT, STORAGE_URL, LogAccess
from collector.cli.logs import LOG
from collector.cli.naming import IN_LOG, INCIDENT

KEY = click.option("--key", metavar="KEY", help="The log's verifier key; by default that of the configured key.")


@click.command()
@click.option("--from", "first", type=click.IntRange(1), metavar="POSITION", help="Only the rows from here on.")
@click.option("--to", "last", type=click.IntRange(1), metavar="POSITION", help="Only the rows up to here.")
@click.option("--incident", type=INCIDENT, metavar="N", help="Only the rows of this incident's events.")
@click.option("--proof", "file", type=click.Path(path_type=Path), metavar="FILE", help="Check an exported proof.")
@KEY
@click.option("--checkpoint", type=click.Path(path_type=Path), metavar="FILE", help="A checkpoint you keep.")
@click.option("--lists", is_flag=True, help="Group the whole log again, and compare the lists with that.")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="How many processes to use; by default one for each processor."
)
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def verify(
    first: int | None, last: int | None, incident: int | None, file: Path | None, key: str | None,
    checkpoint: Path | None, lists: bool, jobs: int | None, config_file: Path | None, storage_url: str | None,
    form: str,
) -> None:  # fmt: skip
    """Verify that nothing in the log was altered, lost or added.

    It computes every commitment, leaf and tree again, and compares them with the checkpoints in the database and beside
    it. It exits with 6 if something differs, and names it. With --proof it needs no database. One process verifies a
    small log, and a larger one from the first difference on. With --lists it also compares the lists: incidents, their
    members and why, placements, and why the rest joined nothing.
    """
    from collector.cli import verdicts

    if lists and (first or last or incident or file):
        raise click.UsageError("--lists compares all of the lists; leave --from, --to, --incident and --proof out")
    if file is not None:
        return verdicts.check(file, key, checkpoint)
    where = LogAccess(config_file=config_file, storage_url=storage_url)
    return verdicts.give(
        where, (first, last, incident), key=key, checkpoint=checkpoint, lists=lists, jobs=jobs, form=form
    )


@click.command()
@click.argument("target", type=IN_LOG, required=False, metavar="EVENT|INCIDENT")
@click.option("--consistency", nargs=2, type=click.IntRange(1), metavar="OLD NEW",
              help="Prove that the checkpoint at NEW grew out of the one at OLD.")  # fmt: skip
@click.option("--position", type=click.IntRange(1), metavar="POSITION", help="Prove the event at this position.")
@click.option("--incident", type=INCIDENT, metavar="N", help="Prove what the draft of this incident cites.")
@click.option("--content", is_flag=True, help="Include what the events say. It cannot be erased from the file later.")
@click.option(
    "--at", "size", type=click.IntRange(1), metavar="SIZE", help="Prove it at this checkpoint instead of the last."
)
@click.option("--verifier-key", is_flag=True, help="Print the key that others check signatures with.")
@click.option("--to", type=output.TARGET, metavar="FILE", help="Write it to this file.")
@CONFIG_FILE
@STORAGE_URL
@LOG
def proof(
    target: str | None, consistency: tuple[int, int] | None, position: int | None, incident: int | None, content: bool,
    size: int | None, verifier_key: bool, to: Path | None, config_file: Path | None, storage_url: str | None,
) -> None:  # fmt: skip
    """Prove to others that events are in the log.

    EVENT is an event's id, or the end of it as a draft cites it. INCIDENT is an incident's number (eu/12 in a log with
    a name); the proof covers the events that its draft cites, and stands in a file beside the draft. A number of five
    digits or more is tried as a citation first; --incident always names an incident.
    Check a proof with `timelined verify --proof FILE`, or without timelined:
    `python3 proofcheck.py FILE`.
    """
    where = LogAccess(config_file=config_file, storage_url=storage_url)
    if (
        sum((target is not None, consistency is not None, position is not None, incident is not None, verifier_key))
        != 1
    ):
        raise click.UsageError(
            "name one thing: an event, an incident, --incident, --position, --consistency or --verifier-key"
        )
    from collector.cli import proofs

    if verifier_key:
        return proofs.print_key(where)
    if consistency is not None:
        return proofs.consistent(where, consistency, to)
    return proofs.included(where, target, position, incident, size=size, content=content, to=to)
