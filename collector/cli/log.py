"""Reading the log: events, why each is where it is, and the deliveries they came in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from collector.cli import following, logs, naming, output, unmatched
from collector.cli.incidents import show_events
from collector.cli.moments import MOMENT, ZONE
from collector.cli.naming import IN_LOG, INCIDENT
from collector.cli.output import Json
from collector.cli.where import OUTPUT, Where, asking, asking_all


@click.command()
@click.option("--source", metavar="NAME", help="Only those this source told.")
@click.option("--type", metavar="TYPE", help="Only this type, or a family such as 'alert.*'.")
@click.option("--service", metavar="NAME", help="Only those of this service.")
@click.option("--entity", metavar="ID", help="Only those about this alert, page or deployment.")
@click.option("--incident", type=INCIDENT, metavar="N", help="Only those of this incident.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Only those that happened then or later.")
@ZONE
@click.option("--until", type=MOMENT, metavar="TIME", help="Only those that happened before then.")
@click.option("--after", metavar="CURSOR", help="Go on after this one, as the last answer said.")
@click.option("--newest", "order", flag_value="desc", help="Newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@click.option(
    "--follow", "-f", "follows", is_flag=True,
    help="Write events as they come, from now on or after --after, until stopped; -o json writes one a line.",
)  # fmt: skip
@OUTPUT
@asking_all
def events(where: Where, form: str, follows: bool, **filters: object) -> None:
    """List the events of the log, in the order it took them in.

    With `--log all` those of all logs, by when they came in.
    """
    logs.only("events", incident=filters["incident"])
    if follows:
        return following.follow(where, form, filters)
    if logs.of_all():
        filters["cursor"] = filters.pop("after")
    told = where.get(f"/api/v1{'/logs' if logs.of_all() else ''}/events", **filters).json()
    if form == "json":
        return output.as_json(told)
    show_events(told["events"])
    if not told["events"]:
        output.say(f"No event matches{'' if logs.of_all() else unmatched.why(where, 'events', filters)}.")
    for name, reason in told.get("not_listed", {}).items():
        output.say(f"Those of {name} are not listed: {reason}.")
    if told.get("next"):
        output.say(f"There are more; go on with --after {told['next']}.")
    return None


@click.command()
@click.argument("event", type=IN_LOG)
@OUTPUT
@asking
def why(where: Where, event: str, form: str) -> None:
    """Say why an event is in an incident, or in none.

    EVENT is its id, the end of it as a draft cites it, or its position in the log.
    """
    told = where.get(f"/api/v1/why/{naming.event(event)}").json()
    if form == "json":
        return output.as_json(told)
    _show_event(told["event"])
    number = told["incident"]
    output.facts(
        [("Incident", logs.called(number) if number else "none"), ("Rule", told["rule"]), ("Why", told["reason"])]
    )
    return None


@click.command()
@click.option("--source", metavar="NAME", help="Only those to this source.")
@click.option(
    "--status",
    type=click.Choice(["read", "unrecognised", "malformed", "refused", "redacted"]),
    help="Only those that were taken so, or of which something was redacted. Of refused ones the number and the reason "
    "are known, and nothing else.",
)
@click.option("--before", type=IN_LOG, metavar="DELIVERY", help="Go on before this one, as the last answer said.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@OUTPUT
@asking
def deliveries(where: Where, form: str, **filters: object) -> None:
    """List what senders delivered: did my webhook arrive?"""
    told = where.get("/api/v1/deliveries", **filters).json()
    if form == "json":
        return output.as_json(told)
    if told["deliveries"]:
        headings = ("RECEIVED (UTC)", "DELIVERY", "SOURCE", "STATUS", "AUTH", "EVENTS", "WHY")
        output.table(headings, [_delivery_row(each) for each in told["deliveries"]])
    else:
        output.say(f"No delivery matches{unmatched.why(where, 'deliveries', filters)}.")
    if told.get("next"):
        output.say(f"There are more; go on with --before {told['next']}.")
    return None


@click.command()
@click.argument("delivery", type=IN_LOG)
@click.option("--body", is_flag=True, help="Write the body, byte for byte; on a terminal made harmless.")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="Write the body to this file.")
@OUTPUT
@asking
def delivery(where: Where, delivery: str, body: bool, to: Path | None, form: str) -> None:
    """Show one delivery, and the body that came with it."""
    path = f"/api/v1/deliveries/{naming.delivery(delivery)}"
    if body or to:
        return _write_body(where.get(f"{path}/body").body, to)
    told = where.get(path).json()
    if form == "json":
        return output.as_json(told)
    _show_delivery(told)
    return None


def _write_body(body: bytes, to: Path | None) -> None:
    if to:
        output.write(to, body)
        output.say(f"{len(body)} bytes written to {to}")
    elif sys.stdout.isatty():
        output.result(body.decode("utf-8", "replace"))
    else:
        sys.stdout.buffer.write(body)


def _delivery_row(told: Json) -> tuple[str, ...]:
    if told["status"] == "refused":
        first, last = output.time(told["received_at"]), output.time(told["last_at"])
        why = f"{told['reason']}; answered {told['answered']}, the last at {last}"
        return (first, f"{told['count']} refused", told["source"], "refused", "", "", why)
    new = sum(not item["known"] for item in told["items"])
    known = len(told["items"]) - new
    counted = ", ".join(f"{count} {word}" for count, word in ((new, "new"), (known, "known")) if count)
    when, name = output.time(told["received_at"]), told["id"]
    redacted = f"{told['redacted']} value{'' if told['redacted'] == 1 else 's'} redacted" if told["redacted"] else ""
    private = f"private to {told['private']}" if told["private"] else ""
    why = "; ".join(filter(None, (private, told["reason"], redacted)))
    return (when, name, told["source"], told["status"], told["authentication"], counted, why)


def _show_event(event: dict[str, Any]) -> None:
    output.facts(
        [
            ("Event", event["id"]),
            ("Type", event["type"]),
            ("Private", f"to {event['private']}" if event["private"] else ""),
            ("Title", event["title"]),
            ("Happened", f"{output.time(event['occurred_at'])} UTC"),
            ("Source", event["source"]),
            ("Entity", event["entity"]),
            ("Service", event["service"] or ""),
            ("Environment", event["environment"] or ""),
            ("Severity", event["severity"] or ""),
            ("Actor", event["actor"] or ""),
            *((f"Link {output.harmless(link['rel'])}", link["url"]) for link in event["links"]),
        ]
    )


def _show_delivery(told: Json) -> None:
    output.facts(
        [
            ("Delivery", told["id"]),
            ("Private", f"to {told['private']}" if told["private"] else ""),
            ("Source", told["source"]),
            ("Received", f"{output.time(told['received_at'])} UTC"),
            ("Size", f"{told['size']} bytes"),
            ("SHA-256", told["sha256"] or "erased"),
            ("Redacted", f"{told['redacted']} values" if told["redacted"] else ""),
            ("Authentication", told["authentication"]),
            ("Status", told["status"]),
            ("Why", told["reason"]),
        ]
    )
    for header in told["headers"]:
        output.facts([(f"  {header['name']}", header["value"])])
    for item in told["items"]:
        click.echo(f"event {item['event']} at position {item['position']}{' (known)' if item['known'] else ''}")
