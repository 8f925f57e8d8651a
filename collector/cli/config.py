"""Reading the configuration: its mistakes, and what is in force."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import click

from collector.cli import output
from collector.cli.access import CONFIG_FILE, EXPAND, OUTPUT, LogAccess
from collector.cli.running import options_of_serve
from collector.errors import InvalidSettings
from collector.settings import EVERY, log_names, of_log, show


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@CONFIG_FILE
@EXPAND
@OUTPUT
def check(file: Path | None, config_file: Path | None, expand: bool, form: str) -> None:
    """Read the configuration and report every mistake in it.

    It exits with 1 if there is one. It names the secrets that only the daemon can read, and does not check them; as
    root, `CREDENTIALS_DIRECTORY=FOLDER timelined check` checks them too. For each log in a file it also says how many
    events grouping could not read and left out. FILE is the same as --config.file.
    """
    from collector import daemon
    from collector.drafting.rendering import template_of

    mistakes: tuple[str, ...] = ()
    unread: list[str] = []
    aside = 0
    try:
        settings = LogAccess(config_file=file or config_file, expand=expand).settings(secrets=EVERY, unread=unread)
        template_of(settings.drafts.template)
        aside = sum(asyncio.run(daemon.set_aside(of_log(settings, name))) for name in log_names(settings))
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


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command("show")
@options_of_serve(variables=False)
@click.option("--origin", is_flag=True, help="Say of each value where it came from.")
@OUTPUT
def show_config(access: LogAccess, options: Mapping[str, str | None], origin: bool, form: str) -> None:
    """Show every setting in force, as a line of the file.

    With the same flags and variables as `serve` these are the settings that a daemon would run with. An origin is
    `default`, a file with its line, a variable, or a flag. Secrets are masked. It exits with 1 if the configuration has
    a mistake, and names it.
    """
    overrides = access.overrides(**options)
    # A storage.url of the environment is the flag's, as click hands it on.
    if "TIMELINED_STORAGE_URL" in os.environ and overrides.get("storage.url") == os.environ["TIMELINED_STORAGE_URL"]:
        del overrides["storage.url"]
    access.settings(secrets=(), unread=None, files=None, **options)
    chosen = str(access.config_file or "")
    values = show(chosen, os.environ, overrides, expand=access.expands)
    if form == "json":
        output.as_json({each.path: {"value": each.value, "origin": each.origin} for each in values})
        return
    lines = [(f"{each.path}: {each.value}", each.origin) for each in values]
    widest = min(60, max((len(text) for text, _ in lines), default=0))
    for text, source in lines:
        output.result(output.harmless(f"{text:<{widest}}  # {source}" if origin else text))
