"""Publishing postmortems where a team keeps them."""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli import logs, output
from collector.cli.access import OUTPUT, LogAccess, asking
from collector.cli.naming import INCIDENT
from collector.cli.people import NUMBER, stating
from collector.errors import InvalidInput, Unavailable

_LARGEST = 1_500_000
"""Bytes of a draft's file that is taken in."""


@click.command()
@NUMBER
@click.option("--target", metavar="NAME", required=True, help="Where, by its name under publishing.targets.")
@click.option("--issue", metavar="N", help="For a comment: the issue. Needed the first time only.")
@click.option("--dry-run", is_flag=True, help="Only show what would change there.")
@click.option(
    "--private", is_flag=True, help="Publish a private postmortem. Everybody who reads the target can then read it."
)
@click.option(
    "--replace", is_flag=True, help="Overwrite somebody's edit: in a wiki, which keeps it, or after an erasure."
)
@stating
def publish(access: LogAccess, number: int, key: str | None, form: str, **fields: object) -> None:
    """Publish a postmortem: to Git, as a comment on an issue, or as a page of Confluence.

    The same postmortem is published once; a later version takes its place. An edit that somebody made there is never
    overwritten. If the target cannot be reached now, it is tried again for a day.
    """
    if not fields["by"]:
        raise click.UsageError("nobody is logged in here; say who publishes it with --by")
    receipt = access.post(f"/api/v1/incidents/{number}/publish", fields, key).json()
    if form == "json":
        output.as_json(receipt)
    elif receipt["outcome"] == "would publish":
        output.result(f"{receipt['diff'] or ''}\n")
    elif receipt["outcome"] != "failed":
        output.result(_done(number, receipt))
    if receipt["outcome"] == "failed":
        raise Unavailable(f"{receipt['reason']}; it is tried again for a day")


def _done(number: int, receipt: output.Json) -> str:
    address = receipt["url"] or receipt["request"] or receipt["revision"]
    cut = f"; {receipt['cut']:,} characters did not fit, which it says" if receipt["cut"] else ""
    if receipt["outcome"] == "unchanged":
        return f"The postmortem of incident {logs.called(number)} is there already: {address}{cut}\n"
    return f"Published the postmortem of incident {logs.called(number)}: {address}{cut}\n"


@click.command()
@NUMBER
@click.option("--target", metavar="NAME", help="From where, by its name under publishing.targets.")
@click.option(
    "--from", "file", type=click.Path(path_type=Path), metavar="FILE", help="From this file, which draft --to wrote."
)
@click.option("--dry-run", is_flag=True, help="Only show what people edited there.")
@stating
def pull(access: LogAccess, number: int, key: str | None, form: str, file: Path | None, **fields: object) -> None:
    """Take in what people edited where a postmortem is published, or in a file.

    From then on Markdown drafts and published copies have these words, and later evidence is written around them. If
    somebody edited the same lines elsewhere, both texts stand, and the draft says so.
    """
    if not fields["by"]:
        raise click.UsageError("nobody is logged in here; say who takes it in with --by")
    if (file is None) == (fields["target"] is None):
        raise click.UsageError("say from where: --target NAME, or --from FILE")
    origin = f"in {file}" if file is not None else f"at {fields['target']}"
    if file is not None:
        del fields["target"]
        fields |= {"text": _edited(number, file), "file": file.name}
    receipt = access.post(f"/api/v1/incidents/{number}/pull", fields, key).json()
    if form == "json":
        return output.as_json(receipt)
    if receipt["outcome"] == "would take in":
        return output.result(f"{receipt['diff'] or ''}\n")
    if receipt["outcome"] == "unchanged":
        return output.say(f"Nobody edited the postmortem of incident {logs.called(number)} {origin}.")
    return output.result(f"Took in what people edited of incident {logs.called(number)} {origin}\n")


def _edited(number: int, path: Path) -> str:
    """The text of a draft's file."""
    from collector.publishing.values import decoded

    refusal = f"cannot take in {path} of incident {logs.called(number)}"
    do = f"name the file that timelined draft {logs.called(number)} --to wrote"
    try:
        if path.is_dir():
            raise InvalidInput(f"{refusal}: it is a folder; {do}")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{refusal}: {error.strerror}; {do}") from error
    if len(content) > _LARGEST:
        raise InvalidInput(f"{refusal}: it is larger than {_LARGEST:,} bytes; {do}")
    text = decoded(content)
    if "\0" in text:
        raise InvalidInput(f"{refusal}: it is not text; {do}")
    if not text.strip():
        raise InvalidInput(f"{refusal}: it is empty; {do}")
    return text


@click.command()
@click.argument("number", type=INCIDENT)
@OUTPUT
@asking
def publications(access: LogAccess, number: int, form: str) -> None:
    """List where and when a postmortem was published, and what failed."""
    answer = access.get(f"/api/v1/incidents/{number}/publications").json()
    if form == "json":
        return output.as_json(answer)
    rows = [
        (output.time(each["at"]), each["target"] or "", each["status"] or "", each["by"] or "",
         each["url"] or (each["revision"] or "")[:12] or each["reason"] or "")
        for each in answer["publications"]
    ]  # fmt: skip
    if rows:
        output.table(("AT (UTC)", "TARGET", "STATUS", "BY", "WHERE, OR WHY NOT"), rows)
    else:
        output.say(f"The postmortem of incident {logs.called(number)} was published nowhere.")
    return None
