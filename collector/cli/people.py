"""What a person states: each command records one fact, and the lists show it when the command returns."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Any, TypeVar

import click

from collector.cli import output
from collector.cli.moments import MOMENT, ZONE
from collector.cli.naming import INCIDENT
from collector.cli.where import OUTPUT, Where, asking
from collector.people import FIELDS, MARKS, STATES

Command = TypeVar("Command", bound=Callable[..., Any])


def _login() -> str:
    """Who is asking, as this machine knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


NUMBER = click.argument("number", type=INCIDENT)
_AT = click.option("--at", type=MOMENT, metavar="TIME", help="When it happened; by default now.")
FUTURE = click.option("--future", is_flag=True, help="A moment in the future is meant.")


def at(command: Command) -> Command:
    """Give a command the moment that it states, and the zone that is written in."""
    return _AT(ZONE(command))


def stating(command: Command) -> Command:
    """Give a command the options every statement has: who says it, and its idempotency key."""
    by = click.option(
        "--by", default=_login, show_default="your login name", envvar="TIMELINED_BY", help="Who states this."
    )
    key = click.option("--key", metavar="KEY", help="Names this statement: said twice, it is recorded once.")
    return by(key(OUTPUT(asking(command))))


@click.command()
@NUMBER
@click.argument("text")
@at
@stating
def note(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """Write a note about an incident."""
    state(where, f"/api/v1/incidents/{number}/notes", said, key, form)


@click.command()
@NUMBER
@click.argument("text")
@click.option("--owner", metavar="NAME", help="Who will do it.")
@click.option("--due", metavar="YYYY-MM-DD", help="Until when.")
@click.option("--state", type=click.Choice(STATES), help="How it stands; by default open.")
@stating
def action(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """Record a follow-up action, or how it stands now.

    The same TEXT again replaces what was said of it before.
    """
    state(where, f"/api/v1/incidents/{number}/actions", said, key, form)


@click.command()
@NUMBER
@click.argument("mark", type=click.Choice(MARKS), metavar="MOMENT")
@click.option("--at", type=MOMENT, metavar="TIME", default="now", show_default=True, help="The moment.")
@ZONE
@click.option("--text", metavar="TEXT", help="What is known about it.")
@click.option("--detected-by", metavar="WHO", help="With 'detected': who or what noticed.")
@FUTURE
@stating
def mark(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """State a moment: when impact started, what mitigated it.

    MOMENT is impact_started, impact_ended, detected, mitigated or cause_identified.
    """
    state(where, f"/api/v1/incidents/{number}/marks", said, key, form)


@click.command(name="open")
@click.argument("title")
@click.option("--service", metavar="NAME", help="What is affected.")
@click.option("--environment", metavar="NAME", help="Where.")
@click.option("--severity", metavar="NAME", help="How bad.")
@click.option("--reported-by", metavar="WHO", help="Who noticed, if not you.")
@at
@FUTURE
@stating
def open_incident(where: Where, key: str | None, form: str, **said: object) -> None:
    """Report that something is wrong, which opens an incident."""
    state(where, "/api/v1/incidents", said, key, form)


@click.command()
@NUMBER
@click.argument("event")
@stating
def join(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """Put an event into an incident."""
    state(where, f"/api/v1/incidents/{number}/join", said, key, form)


@click.command()
@NUMBER
@click.argument("event")
@stating
def leave(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """Take an event out of an incident."""
    state(where, f"/api/v1/incidents/{number}/leave", said, key, form)


@click.command()
@NUMBER
@click.argument("other", type=INCIDENT)
@stating
def merge(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """Say that two incidents are one, NUMBER and OTHER.

    It keeps the number of the one that began first; the other number leads there.
    """
    state(where, f"/api/v1/incidents/{number}/merge", said, key, form)


@click.command()
@NUMBER
@at
@FUTURE
@stating
def resolve(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """Declare an incident over."""
    state(where, f"/api/v1/incidents/{number}/resolve", said, key, form)


@click.command()
@NUMBER
@at
@FUTURE
@stating
def reopen(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """Declare an incident not over after all."""
    state(where, f"/api/v1/incidents/{number}/reopen", said, key, form)


@click.command()
@NUMBER
@click.argument("field", type=click.Choice(FIELDS))
@click.argument("value")
@stating
def edit(where: Where, number: int, key: str | None, form: str, **said: object) -> None:
    """Set an incident's title, lead, severity or impact."""
    state(where, f"/api/v1/incidents/{number}/edit", said, key, form)


def state(where: Where, path: str, said: dict[str, object], key: str | None, form: str) -> None:
    """State it, and say how it was taken."""
    if not said["by"]:
        raise click.UsageError("nobody is logged in here; say who states this with --by")
    answer = where.post(path, said, key)
    told = answer.json()
    if form == "json":
        return output.as_json(told)
    number = told["incident"]
    output.facts(
        [
            ("Recorded" if answer.created else "Known already", told["event"]),
            ("Incident", str(number) if number else "not grouped yet"),
        ]
    )
    return None
