"""Who may send: the configured sources, and what a body from one of them would become."""

from __future__ import annotations

import asyncio
import base64
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from collector.cli import output
from collector.cli.access import CONFIG_FILE, OUTPUT, SERVER, STORAGE_URL, LogAccess
from collector.errors import InvalidInput, MalformedWebhook, NotFound, Unavailable
from collector.event import SECOND, Event
from collector.settings import DEFAULT_LOG, Settings, SourceSettings, of_log
from collector.sources import LEFT_OUT, SOURCES, mapped
from collector.sources.mapping import Evaluation, explain
from collector.times import rfc3339
from collector.webhook import Webhook

if TYPE_CHECKING:
    from collector.intake import Endpoint


@click.group(invoke_without_command=True)
@CONFIG_FILE
@OUTPUT
@click.pass_context
def sources(context: click.Context, config_file: Path | None, form: str) -> None:
    """List the configured sources and what to enter there; try one with a body."""
    if context.invoked_subcommand is not None:
        return None
    settings = LogAccess(config_file=config_file).settings()
    for kind, reason in LEFT_OUT.items():
        output.say(f"The kind {kind} of an installed package cannot be used: {reason}.")
    rows = [_source(settings, name, source) for name, source in settings.sources.items()]
    if form == "json":
        return output.as_json({"sources": rows})
    columns = {"SOURCE": "name", "KIND": "kind", "AUTHENTICATED BY": "authentication"}
    if settings.storage.logs:
        columns["LOG"] = "log"
    output.table(tuple(columns), [tuple(each[key] for key in columns.values()) for each in rows])
    click.echo()
    for row in rows:
        output.result(f"{row['name']}: {row['paste']}")
    return None


def _base(settings: Settings) -> str:
    """Where senders reach the daemon, as far as the configuration says it."""
    web = settings.web
    return web.external_url or f"{'https' if web.config_file else 'http'}://{web.listen_address[0]}{web.prefix}"


def _source(settings: Settings, name: str, source: SourceSettings) -> dict[str, str]:
    credentials = source.credentials
    address = f"{_base(settings)}/webhooks/{name}" + ("/TOKEN" if credentials.path else "")
    proofs = {
        "signature": credentials.signing,
        "header token": credentials.header,
        "bearer token": credentials.bearer,
        "basic": credentials.basic,
        "secret address": credentials.path,
        "certificate": credentials.certificates,
    }
    configured = [way for way, values in proofs.items() if values]
    return {
        "name": name,
        "kind": source.kind,
        "log": source.log or DEFAULT_LOG,
        "authentication": ", ".join(configured) or "nothing: anybody may send",
        "address": address,
        "paste": SOURCES[source.kind].entry(f"{_base(settings)}/webhooks/{name}", credentials),
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
    from collector.intake import derive

    endpoint = endpoint_of(LogAccess(config_file=config_file).settings(), name)
    webhook = Webhook(
        source=name, headers=headers_of(headers), body=content_of(body), received_at=time.time_ns() // 1000
    )  # fmt: skip
    derived = derive(webhook, endpoint)
    evaluations = _explained(webhook, endpoint)
    if form == "json":
        output.as_json(
            {
                "status": derived.status,
                "reason": derived.reason,
                "events": [_json(event) for event in derived.events],
                "found": [dict(each.texts) for each in evaluations],
            }
        )
    else:
        _show(derived.status, derived.reason, derived.events, evaluations, endpoint)
    if derived.status != "read":
        raise click.exceptions.Exit(output.FAILED)


def endpoint_of(settings: Settings, name: str) -> Endpoint:
    """The source of that name. Raises :class:`collector.errors.NotFound`."""
    from collector import daemon

    endpoints = daemon.endpoints(settings)
    if name not in endpoints:
        raise NotFound(f"cannot find the source {name!r}; there is {', '.join(endpoints)}")
    return endpoints[name]


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


def _explained(webhook: Webhook, endpoint: Endpoint) -> tuple[Evaluation, ...]:
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
    status: str, reason: str, events: tuple[Event, ...], evaluations: tuple[Evaluation, ...], endpoint: Endpoint
) -> None:  # fmt: skip
    """Each event with its fields, what each expression found, and a word about the whole."""
    for event in events:
        output.facts(_facts(event))
        click.echo()
    for place, evaluation in enumerate(evaluations, 1):
        if len(evaluations) > 1 or evaluation.event is None:
            click.echo(f"Item {place}{' (set aside)' if evaluation.event is None else ''}:")
        rows = [
            (path, _expression(endpoint, path), ", ".join(values) or "nothing")
            for path, values in evaluation.texts.items()
        ]
        if rows:
            output.table(("FIELD", "EXPRESSION", "FOUND"), rows)
            click.echo()
    if status == "malformed":
        # Of a delivery it would be kept; here it is not.
        output.say(f"{reason.partition('; it is kept')[0]}; nothing was stored.")
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


# --- a test of the running daemon ------------------------------------------------------------------------------------


@sources.command("send-test")
@click.argument("name")
@click.argument("body", required=False, type=click.Path(path_type=Path, allow_dash=True))
@HEADERS
@SERVER
@STORAGE_URL
@CONFIG_FILE
def send_test(
    name: str, body: Path | None, headers: tuple[str, ...], server: str | None, storage_url: str | None,
    config_file: Path | None,
) -> None:  # fmt: skip
    """Send the running daemon a made-up delivery of a source, and say what became of it.

    The secrets of the configuration prove the delivery, so this command must be able to read them. The delivery is
    stored like any other and opens no incident. With BODY this file is sent instead (- is standard input); it opens an
    incident if it says so. Exits with 1 if the delivery was refused or not understood.
    """
    from collector import daemon
    from collector.cli import client
    from collector.intake import derive

    where = LogAccess(config_file=config_file, storage_url=storage_url)
    settings = where.settings(secrets=(f"sources.{name}.",))
    endpoint, now = endpoint_of(settings, name), time.time_ns() // 1000
    sent = _sample(name, endpoint, now) if body is None else (content_of(body), {"content-type": "application/json"})
    content, all_headers = sent[0], {**sent[1], **headers_of(headers)}
    proof, token = _proof(name, endpoint, content, now)
    # Each log of a daemon says where that listens, and one of them may be away.
    address = server or daemon.holder(of_log(settings, settings.sources[name].log or DEFAULT_LOG))
    if not address:
        raise Unavailable(f"cannot send to {name}: no daemon serves this log; start it, or name one with --server")
    try:
        tls = None if server else where.trust(address)
        answer = asyncio.run(_post(address, tls, f"/webhooks/{name}{token}", content, {**all_headers, **proof}))
    except client.ApiRefusal as error:
        # Why a proof does not hold is said to nobody who sends, and in the daemon's log alone.
        raise client.ApiRefusal(
            f"cannot send to {name}: the daemon refused it ({error}); its log says why. Was it started with this "
            "configuration?"
        ) from error
    derived = derive(Webhook(source=name, headers=all_headers, body=content, received_at=now), endpoint)
    for line in _in_words(answer, derived.events):
        output.result(line)
    if derived.status != "read":
        raise click.exceptions.Exit(output.FAILED)


def _sample(name: str, endpoint: Endpoint, now: int) -> tuple[bytes, dict[str, str]]:
    sample = endpoint.source.sample
    if sample is None:
        raise InvalidInput(f"cannot make up a delivery of {name}: what it sends is yours; name a file with its body")
    body = sample.body.replace("$NOW", rfc3339(now // SECOND * SECOND)).encode()
    return body, {"content-type": "application/json", **sample.headers}


def _proof(name: str, endpoint: Endpoint, body: bytes, now: int) -> tuple[dict[str, str], str]:
    """The headers that prove a delivery, and what its address ends in: as the sender itself would, the best way."""
    credentials, source = endpoint.credentials, endpoint.source
    scheme = mapped.signature_of(credentials.scheme)
    sign = scheme.sign if scheme is not None else source.sign
    if credentials.signing and sign is not None:
        return dict(sign(body, credentials.signing[0], now)), ""
    if credentials.certificates:
        raise InvalidInput(f"cannot prove a delivery of {name}: {source.called} signs with a key that nobody else has")
    if credentials.header:
        return {(credentials.token_header or source.token_header).lower(): credentials.header[0].decode()}, ""
    if credentials.bearer:
        return {"authorization": f"Bearer {credentials.bearer[0].decode()}"}, ""
    if credentials.basic:
        encoded = base64.b64encode(b":".join(credentials.basic[0])).decode()
        return {"authorization": f"Basic {encoded}"}, ""
    return {}, f"/{credentials.path[0].decode()}" if credentials.path else ""


async def _post(address: str, tls: ssl.SSLContext | None, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    from collector.cli import client

    async with client.remote(address, tls=tls) as api:
        return (await api.send(path, body, headers)).body


def _in_words(answer: bytes, events: tuple[Event, ...]) -> Iterator[str]:
    """What became of a delivery, out of the daemon's answer and of what its body says."""
    try:
        stored = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        yield f"The daemon answered {output.harmless(answer.decode('utf-8', 'replace'))!r}, as the sender asks for."
        return
    yield f"Taken and stored as delivery {stored['delivery']}."
    if not stored["items"]:
        yield "It becomes no event: it is set aside."
    for item, event in zip(stored["items"], events, strict=False):
        known = "is known already" if item["known"] else "is new"
        title = output.harmless(event.title)
        yield f"{event.type} {output.short(item['event'])} {known}: {title}"
