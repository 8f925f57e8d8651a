"""Drafts: rendered on asking, and checked."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from collector.cli import output
from collector.cli.moments import MOMENT, Zone
from collector.cli.naming import INCIDENT
from collector.cli.where import OUTPUT, Where, asking
from collector.drafts import FORMATS, NARROWEST, WIDEST
from collector.errors import InvalidInput, NotFound
from renderers.lint import lint_text


@click.command()
@click.argument("number", type=INCIDENT)
@click.option("--as-of", type=MOMENT, metavar="TIME", help="Render what was known then.")
@click.option(
    "--zone", type=Zone(), is_eager=True, metavar="NAME",
    help="The zone of the times shown, and of --as-of, such as Europe/Berlin.",
)  # fmt: skip
@click.option("--detail", type=click.Choice(["key", "normal", "all"]), help="How much of the timeline to show.")
@click.option(
    "--profile",
    type=click.Choice(["timelined", "pagerduty", "datadog", "rootly"]),
    help="Whose terms the durations are stated in.",
)
@click.option("--citations", type=click.Choice(["inline", "end", "none"]), help="Where the evidence is shown.")
@click.option("--seconds/--no-seconds", default=None, help="Whether the timeline's times have seconds.")
@click.option("--width", type=click.IntRange(NARROWEST, WIDEST), metavar="UNITS", help="How wide a picture is.")
@click.option("-o", "--output", "--format", "form", type=click.Choice(FORMATS), default="md", show_default=True,
              help="How the draft is written.")  # fmt: skip
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
@click.option("--overwrite", is_flag=True, help="Also where that file is there and says something else.")
@asking
def draft(where: Where, number: int, form: str, to: Path | None, overwrite: bool, **options: object) -> None:
    """Render the draft postmortem of an incident."""
    if options["seconds"] is not None:
        options["seconds"] = str(options["seconds"]).lower()
    answer = where.get(f"/api/v1/incidents/{number}/postmortem.{form}", **options)
    if to is None:
        return output.result(answer.text())
    if not overwrite and to.is_file() and to.read_bytes() != answer.body:
        raise InvalidInput(
            f"cannot write {to}: it is there and says something else, which a person may have written; "
            "name another file, or say --overwrite"
        )
    output.write(to, answer.body)
    output.say(f"Draft of incident {number} written to {to}")
    return None


@click.command()
@click.argument("what", metavar="DRAFT")
@OUTPUT
@asking
def lint(where: Where, what: str, form: str) -> None:
    """List the sentences of a draft that cite nothing.

    DRAFT is an incident's number or a file. Exits with 1 if there is one. In a
    file that a person edited, their own sentences are listed too.
    """
    found = lint_text(_draft_text(where, what))
    if form == "json":
        output.as_json({"findings": [msgspec.to_builtins(each) for each in found]})
    elif found:
        output.table(("PLACE", "KIND", "TITLE"), [(each.place, each.kind, each.text) for each in found])
    else:
        output.say("Every sentence of the draft is cited.")
    if found:
        raise click.exceptions.Exit(output.FAILED)


def _draft_text(where: Where, what: str) -> str:
    if what.isascii() and what.isdigit():
        return where.get(f"/api/v1/incidents/{what}/postmortem.md").text()
    try:
        return Path(what).read_text("utf-8", "replace")
    except OSError as error:
        raise NotFound(
            f"cannot read the draft {what}: {error.strerror}; name an incident's number or a file"
        ) from error
