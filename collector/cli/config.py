"""Reading the configuration: its mistakes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from collector import daemon
from collector.cli import output
from collector.cli.where import CONFIG_FILE, EXPAND, OUTPUT, Where
from collector.drafts import template_of
from collector.errors import InvalidSettings
from collector.settings import EVERY


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@CONFIG_FILE
@EXPAND
@OUTPUT
def check(file: Path | None, config_file: Path | None, expand: bool, form: str) -> None:
    """Read the configuration and report every mistake in it.

    Exits with 1 if there is one. Secrets that only the daemon can read are
    named and not checked; as root, `CREDENTIALS_DIRECTORY=FOLDER timelined
    check` checks them too. Of a log in a file it also says how many events
    grouping could not take and set aside. FILE is the same as --config.file.
    """
    mistakes: tuple[str, ...] = ()
    unread: list[str] = []
    aside = 0
    try:
        settings = Where(config_file=file or config_file, expand=expand).settings(secrets=EVERY, unread=unread)
        template_of(settings.drafts.template)
        aside = asyncio.run(daemon.set_aside(settings))
    except InvalidSettings as error:
        mistakes = error.mistakes
    if form == "json":
        output.as_json({"mistakes": mistakes, "not_checked": unread, "set_aside": aside})
    else:
        named = file or config_file or "the defaults"
        output.result("\n".join(output.harmless(each) for each in mistakes) or f"{named}: no mistakes")
        for each in unread:
            output.say(f"Not checked here: {each}")
        if aside:
            output.say(
                f"Grouping could not take {aside} events, and goes on without them; the daemon's log names them."
            )
    if mistakes:
        raise click.exceptions.Exit(output.FAILED)
