"""Reading the configuration: its mistakes, and what it takes from whom."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from collector import daemon
from collector.cli import output
from collector.cli.where import CONFIG_FILE, OUTPUT, Where
from collector.errors import InvalidSettings
from collector.settings import EVERY, Settings, SourceSettings
from collector.sources import SOURCES


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@CONFIG_FILE
@OUTPUT
def check(file: Path | None, config_file: Path | None, form: str) -> None:
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
        settings = Where(config_file=file or config_file).settings(secrets=EVERY, unread=unread)
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


@click.command()
@CONFIG_FILE
@OUTPUT
def sources(config_file: Path | None, form: str) -> None:
    """List the configured sources and what to enter there."""
    settings = Where(config_file=config_file).settings()
    told = [_source(settings, name, source) for name, source in settings.sources.items()]
    if form == "json":
        return output.as_json({"sources": told})
    output.table(("SOURCE", "KIND", "AUTHENTICATED BY"), [(t["name"], t["kind"], t["authentication"]) for t in told])
    click.echo()
    for each in told:
        output.result(f"{each['name']}: {each['paste']}")
    return None


def _source(settings: Settings, name: str, source: SourceSettings) -> dict[str, str]:
    credentials = source.credentials
    address = f"http://{settings.web.listen_address}/webhooks/{name}" + ("/TOKEN" if credentials.path else "")
    known = {
        "signature": credentials.signing,
        "header token": credentials.header,
        "bearer token": credentials.bearer,
        "basic": credentials.basic,
        "secret address": credentials.path,
    }
    ways = [way for way, values in known.items() if values]
    return {
        "name": name,
        "kind": source.kind,
        "authentication": ", ".join(ways) or "nothing: anybody may send",
        "address": address,
        "paste": SOURCES[source.kind].paste.format(address=address),
    }
