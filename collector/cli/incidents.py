"""Reading incidents and what is firing now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from collector.cli import logs, output, telling, unmatched
from collector.cli.access import OUTPUT, LogAccess, asking, asking_all
from collector.cli.moments import MOMENT, ZONE
from collector.cli.naming import INCIDENT
from collector.cli.output import Json
from collector.cli.typing import WordChoice
from collector.event import rank

if TYPE_CHECKING:
    from collector.cli.client import ApiClient

_IN_OTHER_WORDS = {
    *("number", "title", "status", "merged_into", "started_at", "ended_at", "private"),
    *("key", "last_at"),
}
"""Fields of an incident that are not shown under their own names: in words of their own, and not at all."""


@click.command()
@click.option("--status", type=WordChoice(["open", "resolved", "merged"]), help="Only those in this state.")
@click.option("--service", metavar="NAME", help="Only those that touched this service.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Only those that began then or later.")
@ZONE
@click.option("--until", type=MOMENT, metavar="TIME", help="Only those that began before then.")
@click.option("--as-of", type=MOMENT, metavar="TIME", help="As they stood then.")
@click.option("--before", type=INCIDENT, metavar="N", help="Only numbers below this one.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@OUTPUT
@asking_all
def incidents(access: LogAccess, form: str, **filters: object) -> None:
    """List the incidents, newest first; with `--log all` those of all logs, each with its log."""
    logs.only("incidents", as_of=filters["as_of"], before=filters["before"])
    answer = access.get(f"/api/v1{'/logs' if logs.of_all() else ''}/incidents", **filters).json()
    if form == "json":
        return output.as_json(answer)
    if answer["incidents"]:
        _list(answer["incidents"])
    elif any(filters[name] is not None for name in filters if name != "limit"):
        why = "" if logs.of_all() else unmatched.why(access, "incidents", filters)
        output.say(f"No incident matches{why}.")
    elif answer.get("unjoined"):
        _say_unjoined(answer["unjoined"])
    for name, reason in answer.get("not_listed", {}).items():
        output.say(f"Those of {name} are not listed: {reason}.")
    if answer.get("next"):
        on = (
            "raise --limit, or narrow --since and --until" if logs.of_all() else f"go on with --before {answer['next']}"
        )
        output.say(f"There are more; {on}.")
    return None


@click.command()
@click.argument("number", type=INCIDENT)
@click.option("--as-of", type=MOMENT, metavar="TIME", help="As it stood then.")
@ZONE
@OUTPUT
@asking
def incident(access: LogAccess, number: int, as_of: str | None, form: str) -> None:
    """Show one incident and its events, in the order they happened."""

    async def both(api: ApiClient) -> tuple[Json, list[Json]]:
        path = f"/api/v1/incidents/{number}"
        return (await api.get(path, as_of=as_of)).json(), await every_event(api, f"{path}/events", as_of)

    row, events = access.ask(both)
    if form == "json":
        return output.as_json({"incident": row, "events": events})
    show_facts(row)
    click.echo()
    show_events(events)
    return None


async def every_event(api: ApiClient, path: str, as_of: str | None = None) -> list[Json]:
    """All pages of a list of events, in reading order: when it happened, cause before effect."""
    events: list[Json] = []
    after: object = None
    while True:
        page = (await api.get(path, as_of=as_of, after=after, limit=1000)).json()
        events += page["events"]
        after = page["next"]
        if after is None:
            return sorted(events, key=_reading_order)


def _reading_order(event: Json) -> tuple[datetime, int, str]:
    # Times as texts do not sort: a second has a fraction only where it needs one.
    return (datetime.fromisoformat(event["occurred_at"]), rank(event["type"]), event["id"])


@click.command()
@OUTPUT
@asking
def signals(access: LogAccess, form: str) -> None:
    """Show what is firing and which pages are open now.

    TOLD is how often its sender told of it, LAST when it did so last.
    """
    rows: list[Json] = []
    after = None
    while True:
        page = access.get("/api/v1/signals", limit=1000, after=after).json()
        rows += page["signals"]
        after = page["next"]
        if after is None:
            break
    if form == "json":
        return output.as_json({"signals": rows})
    if not rows:
        output.say("Nothing is firing, and no page is open.")
        return None
    _signals(rows)
    return None


def show_events(events: list[Json]) -> None:
    """Events as a table; nothing where there are none."""
    rows = [
        (
            output.time(event["occurred_at"]),
            output.short(event["id"]),
            event["type"],
            event["service"] or "",
            _marked(event, title),
        )
        for event, title in zip(events, telling.titles(events), strict=True)
    ]
    headings: tuple[str, ...] = ("TIME (UTC)", "EVENT", "TYPE", "SERVICE", "TITLE")
    if rows and "log" in events[0]:
        return output.table(("LOG", *headings), [(event["log"], *row) for event, row in zip(events, rows, strict=True)])
    if rows:
        output.table(headings, rows)
    return None


def _marked(row: Json, title: str) -> str:
    """A title with the groups that alone may read of it."""
    return f"[private to {row['private']}] {title}" if row["private"] else title


def _list(rows: list[Json]) -> None:
    headings = ("NO", "STATUS", "STARTED (UTC)", "LASTED", "SERVICES", "TITLE")
    output.table(
        headings,
        [
            (
                logs.called(row["number"], row.get("log", "")),
                f"merged into {logs.called(row['merged_into'], row.get('log', ''))}"
                if row["merged_into"]
                else row["status"],
                output.time(row["started_at"])[:16],
                "" if row["merged_into"] else output.lasted(row["started_at"], row["ended_at"]),
                ", ".join(row["services"]),
                _marked(row, row["title"]),
            )
            for row in rows
        ],
    )


def show_facts(row: Json) -> None:
    """What is known of an incident, a line each."""
    merged = row["merged_into"]
    ended = output.time(row["ended_at"])
    output.facts(
        [
            ("Incident", logs.called(row["number"])),
            ("Title", row["title"]),
            ("Status", f"merged into {logs.called(merged)}" if merged else row["status"]),
            ("Started", output.time(row["started_at"]) + " UTC"),
            ("Ended", f"{ended} UTC, after {output.lasted(row['started_at'], row['ended_at'])}" if ended else ""),
            *((name.capitalize().replace("_", " "), _text(row[name])) for name in row if name not in _IN_OTHER_WORDS),
            ("Private", f"to {row['private']}" if row["private"] else ""),
        ]
    )


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


def _signals(rows: list[Json]) -> None:
    headings = ("STATE", "SINCE (UTC)", "TOLD", "LAST", "NO", "SERVICE", "TITLE")
    output.table(
        headings,
        [
            (
                row["state"],
                output.time(row["since"])[:16],
                str(row["notifications"]),
                output.time(row["last_at"])[11:16],
                logs.called(row["incident"]) if row["incident"] else "",
                row["service"] or "",
                _marked(row, row["title"]),
            )
            for row in rows
        ],
    )


def _say_unjoined(unjoined: Json) -> None:
    count, reasons = unjoined["count"], unjoined["reasons"]
    if not count:
        return output.say("No incident yet, and no event that could be one.")
    output.say(f"No incident yet. {count} {'event has' if count == 1 else 'events have'} joined none, because:")
    for reason, number in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        output.say(f"  {number:>5}  {reason}")
    return None
