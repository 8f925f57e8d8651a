"""Templates of a team's own: checked, and shown to begin from."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from collector.cli import output
from collector.cli.access import OUTPUT
from collector.errors import NotFound
from renderers.choices import TEMPLATES


@click.group()
def template() -> None:
    """The headings of drafts: check a template, or show one to begin from."""


@template.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@OUTPUT
def check(file: Path, strict: bool, form: str) -> None:
    """Say what is wrong with a template.

    It reads the template, and tries it on a draft that has everything and on one that has nothing. It exits with 1 if
    the template cannot be used. A section that the template leaves out is a warning.
    """
    from renderers import sandbox

    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise NotFound(f"cannot read the template {file}: {getattr(error, 'strerror', None) or error}") from error
    flaws = sandbox.check(text)
    if form == "json":
        output.as_json({"flaws": [msgspec.to_builtins(each) for each in flaws]})
    elif flaws:
        output.table(
            ("LINE", "SEVERITY", "TITLE"), [(str(each.line or "-"), each.severity, each.text) for each in flaws]
        )
    else:
        output.say(f"{file}: nothing is wrong with it")
    if any(strict or each.severity == "error" for each in flaws):
        raise click.exceptions.Exit(output.FAILED)


@template.command()
@click.argument("name", type=click.Choice(TEMPLATES))
def show(name: str) -> None:
    """Print one of the templates that timelined has."""
    from renderers import shipped

    output.result(shipped.source(name).rstrip("\n"))
