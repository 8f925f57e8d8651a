"""Who may send: the configured sources, and what a body from one of them would become."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from collector import daemon
from collector.cli import output
from collector.cli.where import CONFIG_FILE, OUTPUT, Where
from collector.errors import InvalidInput, MalformedWebhook, NotFound
from collector.event import Event
from collector.intake import Endpoint, derive
from collector.settings import Settings, SourceSettings
from collector.sources import LEFT_OUT, SOURCES
from collector.sources.mapping import Found, explain
from collector.times import rfc3339
from collector.webhook import Webhook


@click.group(invoke_without_command=True)
@CONFIG_FILE
@OUTPUT
@click.pass_context
def sources(context: click.Context, config_file: Path | None, form: str) -> None:
    """List the configured sources and what to enter there; try one with a body."""
    if context.invoked_subcommand is not None:
        return None
    settings = Where(config_file=config_file).settings()
    for kind, reason in LEFT_OUT.items():
        output.say(f"The kind {kind} of an installed package cannot be used: {reason}.")
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
        "certificate": credentials.certificates,
    }
    ways = [way for way, values in known.items() if values]
    return {
        "name": name,
        "kind": source.kind,
        "authentication": ", ".join(ways) or "nothing: anybody may send",
        "address": address,
        "paste": SOURCES[source.kind].paste.format(address=address),
    }


HEADERS = click.option(
    "--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header that comes with it; may be repeated."
)


@sources.command("try")
@click.argument("name")
@click.argument("body", type=click.Path(path_type=Path, allow_dash=True))
@HEADERS
@CONFIG_FILE
@OUTPUT
def try_(name: str, body: Path, headers: tuple[str, ...], config_file: Path | None, form: str) -> None:
    """Show what a body from a source becomes, and store nothing.

    BODY is a file, or - for what comes in on standard input. The sender is not asked for a proof. Of a source with a
    mapping it also shows what each expression found. Exits with 1 where something of the body was not understood.
    """
    endpoint = endpoint_of(Where(config_file=config_file).settings(), name)
    webhook = Webhook(
        source=name, headers=headers_of(headers), body=content_of(body), received_at=time.time_ns() // 1000
    )  # fmt: skip
    told = derive(webhook, endpoint)
    found = _explained(webhook, endpoint)
    if form == "json":
        output.as_json(
            {
                "status": told.status,
                "reason": told.reason,
                "events": [_json(event) for event in told.events],
                "found": [dict(each.texts) for each in found],
            }
        )
    else:
        _show(told.status, told.reason, told.events, found, endpoint)
    if told.status != "read":
        raise click.exceptions.Exit(output.FAILED)


def endpoint_of(settings: Settings, name: str) -> Endpoint:
    """The source of that name. Raises :class:`collector.errors.NotFound`."""
    known = daemon.endpoints(settings)
    if name not in known:
        raise NotFound(f"cannot find the source {name!r}; there is {', '.join(known)}")
    return known[name]


def headers_of(written: tuple[str, ...]) -> Mapping[str, str]:
    """Headers as they were named on the command line."""
    pairs = [each.partition(":") for each in written]
    if wrong := next((name for name, colon, _ in pairs if not (name.strip() and colon)), None):
        raise InvalidInput(f"cannot read the header {wrong!r}; write it like 'X-Event: push'")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def content_of(body: Path) -> bytes:
    """The bytes of a file, or of standard input."""
    if str(body) == "-":
        return sys.stdin.buffer.read()
    try:
        return body.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {body}: {error.strerror}") from error


def _explained(webhook: Webhook, endpoint: Endpoint) -> tuple[Found, ...]:
    mapping = endpoint.reading.mapping or endpoint.source.mapping
    if mapping is None:
        return ()
    try:
        return explain(webhook, endpoint.reading, mapping, endpoint.source.kind, endpoint.source.kind)
    except MalformedWebhook:
        return ()


def _json(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(event)
    return told | {"occurred_at": rfc3339(event.occurred_at)}


def _show(
    status: str, reason: str, events: tuple[Event, ...], found: tuple[Found, ...], endpoint: Endpoint
) -> None:  # fmt: skip
    """Each event with its fields, what each expression found, and a word about the whole."""
    for event in events:
        output.facts(_facts(event))
        click.echo()
    for place, each in enumerate(found, 1):
        if len(found) > 1 or each.event is None:
            click.echo(f"Item {place}{' (set aside)' if each.event is None else ''}:")
        rows = [
            (path, _expression(endpoint, path), ", ".join(values) or "nothing") for path, values in each.texts.items()
        ]
        if rows:
            output.table(("FIELD", "EXPRESSION", "FOUND"), rows)
            click.echo()
    if status == "malformed":
        output.say(reason)
    elif not events:
        output.say("Set aside: it becomes no event.")
    else:
        output.say(f"{len(events)} event{'' if len(events) == 1 else 's'}; nothing was stored.")


def _expression(endpoint: Endpoint, path: str) -> str:
    group, _, name = path.partition(".")
    written = getattr(endpoint.reading.mapping or endpoint.source.mapping, group)
    return str(written[name] if name else written)


def _facts(event: Event) -> list[tuple[str, str]]:
    """An event as its names and values; of ids and times what a person checks a mapping by."""
    when = f"{output.time(rfc3339(event.occurred_at))} UTC"
    return [
        ("Event", event.id),
        ("Type", event.type),
        ("Title", event.title),
        ("Happened", when if event.time_quality == "exact" else f"{when} ({event.time_quality})"),
        ("Entity", event.entity),
        ("Service", event.service or ""),
        ("Environment", event.environment or ""),
        ("Severity", event.severity or ""),
        ("Actor", event.actor or ""),
        *((f"Link {link.rel}", link.url) for link in event.links),
        *(("Ref", ref) for ref in event.refs),
        *((f"Label {output.harmless(name)}", value) for name, value in event.labels.items()),
        *((f"Data {output.harmless(name)}", str(value)) for name, value in event.data.items()),
    ]
