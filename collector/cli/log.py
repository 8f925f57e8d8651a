"""Reading the log: events, why each is where it is, and the deliveries they came in."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from collector.cli import following, logs, naming, output, unmatched
from collector.cli.access import OUTPUT, LogAccess, asking, asking_all
from collector.cli.incidents import show_events
from collector.cli.moments import MOMENT, ZONE
from collector.cli.naming import IN_LOG, INCIDENT
from collector.cli.output import Json
from collector.cli.telling import AMENDED
from collector.cli.typing import WordChoice


@click.command()
@click.option("--source", metavar="NAME", help="Only those this source told.")
@click.option("--type", metavar="TYPE", help="Only this type, or a family such as 'alert.*'.")
@click.option("--service", metavar="NAME", help="Only those of this service.")
@click.option("--entity", metavar="ID", help="Only those about this alert, page or deployment.")
@click.option("--incident", type=INCIDENT, metavar="N", help="Only those of this incident.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Only those that happened then or later.")
@ZONE
@click.option("--until", type=MOMENT, metavar="TIME", help="Only those that happened before then.")
@click.option("--after", metavar="CURSOR", help="Continue after this one, as the last answer said.")
@click.option("--newest", "order", flag_value="desc", help="Newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@click.option(
    "--follow", "-f", "follows", is_flag=True,
    help="Write events as they come, from now on or after --after, until you stop it. -o json writes one on each line.",
)  # fmt: skip
@OUTPUT
@asking_all
def events(access: LogAccess, form: str, follows: bool, **filters: object) -> None:
    """List the events of the log, in the order it took them in.

    With `--log all` those of all logs, by when they came in.
    """
    logs.only("events", incident=filters["incident"])
    if follows:
        return following.follow(access, form, filters)
    if logs.of_all():
        filters["cursor"] = filters.pop("after")
    answer = access.get(f"/api/v1{'/logs' if logs.of_all() else ''}/events", **filters).json()
    if form == "json":
        return output.as_json(answer)
    show_events(answer["events"])
    if not answer["events"]:
        output.say(f"No event matches{'' if logs.of_all() else unmatched.why(access, 'events', filters)}.")
    for name, reason in answer.get("not_listed", {}).items():
        output.say(f"Those of {name} are not listed: {reason}.")
    if answer.get("next"):
        output.say(f"There are more; go on with --after {answer['next']}.")
    return None


@click.command()
@click.argument("event", type=IN_LOG)
@OUTPUT
@asking
def why(access: LogAccess, event: str, form: str) -> None:
    """Say why an event is in an incident, or in none.

    EVENT is its id, the end of it as a draft cites it, or its position in the log.
    """
    answer = access.get(f"/api/v1/why/{naming.event(event)}").json()
    if form == "json":
        return output.as_json(answer)
    number = answer["incident"]
    rule = f" (rule {answer['rule']})" if answer["rule"] else ""
    decided = [("Incident", logs.called(number) if number else "none"), ("Why", f"{answer['reason']}{rule}")]
    output.facts([*_facts_of(answer["event"]), *decided])
    return None


@click.command()
@click.option("--source", metavar="NAME", help="Only those to this source.")
@click.option(
    "--status",
    type=WordChoice(["read", "unrecognised", "malformed", "refused", "redacted"]),
    help="Only those with this status, or with something redacted. Of refused ones only their number and the reason "
    "are known.",
)
@click.option("--before", type=IN_LOG, metavar="DELIVERY", help="Continue before this one, as the last answer said.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@OUTPUT
@asking
def deliveries(access: LogAccess, form: str, **filters: object) -> None:
    """List what senders delivered: did my webhook arrive?"""
    if filters["before"] is not None:
        filters["before"] = naming.delivery(str(filters["before"]))
    answer = access.get("/api/v1/deliveries", **filters).json()
    if form == "json":
        return output.as_json(answer)
    if answer["deliveries"]:
        headings = ("RECEIVED (UTC)", "DELIVERY", "SOURCE", "STATUS", "AUTH", "EVENTS", "WHY")
        output.table(headings, [_delivery_row(each) for each in answer["deliveries"]])
    else:
        output.say(f"No delivery matches{unmatched.why(access, 'deliveries', filters)}.")
    if answer.get("next"):
        output.say(f"There are more; go on with --before {answer['next']}.")
    return None


@click.command()
@click.argument("delivery", type=IN_LOG)
@click.option("--body", is_flag=True, help="Write the body, byte for byte; on a terminal made harmless.")
@click.option("--to", type=output.TARGET, metavar="FILE", help="Write the body to this file.")
@OUTPUT
@asking
def delivery(access: LogAccess, delivery: str, body: bool, to: Path | None, form: str) -> None:
    """Show one delivery, and the body that came with it."""
    path = f"/api/v1/deliveries/{naming.delivery(delivery)}"
    if body or to:
        return _write_body(access.get(f"{path}/body").body, None if to == output.STDOUT else to)
    answer = access.get(path).json()
    if form == "json":
        return output.as_json(answer)
    _show_delivery(answer)
    return None


def _write_body(body: bytes, to: Path | None) -> None:
    if to:
        output.write(to, body)
        output.say(f"{len(body)} bytes written to {to}")
    elif sys.stdout.isatty():
        output.result(body.decode("utf-8", "replace"))
    else:
        sys.stdout.buffer.write(body)


def _delivery_row(row: Json) -> tuple[str, ...]:
    if row["status"] == "refused":
        first, last = output.time(row["received_at"]), output.time(row["last_at"])
        why = f"{row['reason']}; answered {row['answered']}, the last at {last}"
        return (first, f"{row['count']} refused", row["source"], "refused", "", "", why)
    new = sum(not item["known"] for item in row["items"])
    known = len(row["items"]) - new
    counts = ", ".join(f"{count} {word}" for count, word in ((new, "new"), (known, "known")) if count)
    when, name = output.time(row["received_at"]), row["id"]
    redacted = f"{row['redacted']} value{'' if row['redacted'] == 1 else 's'} redacted" if row["redacted"] else ""
    private = f"private to {row['private']}" if row["private"] else ""
    why = "; ".join(filter(None, (private, row["reason"], redacted)))
    return (when, name, row["source"], row["status"], row["authentication"], counts, why)


def _facts_of(event: Json) -> list[tuple[str, str]]:
    """What an event says, without what stands in another field already."""
    labels = [f"{name}={value}" for name, value in event["labels"].items()]
    return [
        ("Event", event["id"]),
        ("Type", f"{event['type']}{AMENDED.get(event['amendment'], '')}"),
        ("Private", f"to {event['private']}" if event["private"] else ""),
        ("Title", event["title"]),
        ("Summary", str(event["data"].get("summary", ""))),
        ("Happened", f"{output.time(event['occurred_at'])} UTC"),
        ("Source", event["source"]),
        ("Delivery", event["delivery"] or ""),
        ("Entity", event["entity"]),
        ("Service", event["service"] or ""),
        ("Environment", event["environment"] or ""),
        ("Severity", event["severity"] or ""),
        ("Actor", event["actor"] or ""),
        ("Labels", ", ".join(labels)),
        *((f"Link {output.harmless(link['rel'])}", link["url"]) for link in event["links"]),
    ]


def _show_delivery(record: Json) -> None:
    output.facts(
        [
            ("Delivery", record["id"]),
            ("Private", f"to {record['private']}" if record["private"] else ""),
            ("Source", record["source"]),
            ("Received", f"{output.time(record['received_at'])} UTC"),
            ("Size", f"{record['size']} bytes"),
            ("SHA-256", record["sha256"] or "erased"),
            ("Redacted", f"{record['redacted']} values" if record["redacted"] else ""),
            ("Authentication", record["authentication"]),
            ("Status", record["status"]),
            ("Why", record["reason"]),
        ]
    )
    if record["headers"]:
        click.echo("\nHeaders")
        output.facts([(f"  {header['name']}", header["value"]) for header in record["headers"]])
    if record["items"]:
        click.echo("\nEvents")
        for item in record["items"]:
            known = ", known before" if item["known"] else ""
            click.echo(f"  {output.short(item['event'])} at position {item['position']}{known}")
