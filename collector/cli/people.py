"""What a person states: each command records one fact, and the lists show it when the command returns."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Any, TypeVar

import click

from collector.cli import confirming, logs, naming, output, typing
from collector.cli.access import OUTPUT, LogAccess, asking
from collector.cli.moments import MOMENT, ZONE
from collector.cli.naming import IN_LOG, INCIDENT
from collector.cli.typing import TEXT, WordChoice
from collector.people import FIELDS, MARKS, REVIEWS, STATES

Command = TypeVar("Command", bound=Callable[..., Any])


def login() -> str:
    """Who is asking, as this machine knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


NUMBER = click.argument("number", type=INCIDENT)
_AT = click.option("--at", type=MOMENT, metavar="TIME", help="When it happened; by default now.")
FUTURE = click.option("--future", is_flag=True, help="Accept a moment in the future.")


def at(command: Command) -> Command:
    """Give a command the moment that it states, and the zone that is written in."""
    return _AT(ZONE(command))


def stating(command: Command) -> Command:
    """Give a command the options every statement has: who says it, and its idempotency key."""
    by = click.option(
        "--by", default=login, show_default="your login name", envvar="TIMELINED_BY", help="Who states this."
    )
    key = click.option("--key", metavar="KEY", help="Names this statement: said twice, it is recorded once.")
    return by(key(OUTPUT(asking(command))))


@click.command()
@NUMBER
@click.argument("text", type=TEXT, required=False)
@at
@stating
def note(access: LogAccess, number: int, text: str | None, key: str | None, form: str, **fields: object) -> None:
    """Write a note about an incident.

    If TEXT is `-` it is read from standard input. Without TEXT your editor ($VISUAL, $EDITOR) opens.
    """
    fields["text"] = (
        text if text is not None else typing.text_from_editor(f"A note about incident {logs.called(number)}")
    )
    words = confirming.stated(lambda what: f"Noted in {what.where}")
    state(access, f"/api/v1/incidents/{number}/notes", fields, key, form, words)


@click.command()
@NUMBER
@click.argument("text", type=TEXT)
@click.option("--owner", metavar="NAME", help="Who will do it.")
@click.option("--due", metavar="YYYY-MM-DD", help="The day it is due.")
@click.option("--state", type=WordChoice(STATES), help="Its state; by default open.")
@stating
def action(access: LogAccess, number: int, key: str | None, form: str, **fields: object) -> None:
    """Record a follow-up action, or how it stands now.

    The same TEXT again replaces what was recorded of the action before.
    """
    words = confirming.stated(lambda what: f'Recorded the action "{fields["text"]}" in {what.where}')
    state(access, f"/api/v1/incidents/{number}/actions", fields, key, form, words)


@click.command()
@NUMBER
@click.argument("mark", type=WordChoice(MARKS), metavar="MOMENT")
@click.option("--at", type=MOMENT, metavar="TIME", default="now", show_default=True, help="The moment.")
@ZONE
@click.option("--text", metavar="TEXT", help="What is known about this moment.")
@click.option("--detected-by", metavar="WHO", help="With 'detected': who or what noticed.")
@FUTURE
@stating
def mark(access: LogAccess, number: int, key: str | None, form: str, **fields: object) -> None:
    """State a moment: when impact started, what mitigated it.

    MOMENT is impact_started, impact_ended, detected, mitigated or cause_identified.
    """
    words = confirming.stated(lambda what: f"Marked {fields['mark']} in {what.where}")
    state(access, f"/api/v1/incidents/{number}/marks", fields, key, form, words)


@click.command(name="open")
@click.argument("title", type=TEXT)
@click.option("--service", metavar="NAME", help="What is affected.")
@click.option("--environment", metavar="NAME", help="Where.")
@click.option("--severity", metavar="NAME", help="How bad.")
@click.option("--reported-by", metavar="WHO", help="Who noticed, if not you.")
@click.option("--new", is_flag=True, help="Make it an incident of its own, whatever it would join.")
@at
@FUTURE
@stating
def open_incident(access: LogAccess, key: str | None, form: str, **fields: object) -> None:
    """Report that something is wrong: this opens an incident, or joins the one it belongs to.

    The answer says which one. A report joins an incident of the same service if that is open or ended shortly before.
    --new splits it off at once.
    """
    state(access, "/api/v1/incidents", fields, key, form, confirming.stated(confirming.opening))


@click.command()
@NUMBER
@click.argument("event", type=IN_LOG)
@stating
def join(access: LogAccess, number: int, event: str, key: str | None, form: str, **fields: object) -> None:
    """Put an event into an incident."""
    words = confirming.stated(lambda what: f"Put [{naming.digits(event)}] into {what.where}")
    state(access, f"/api/v1/incidents/{number}/join", fields | {"event": event}, key, form, words)


@click.command()
@NUMBER
@click.argument("event", type=IN_LOG)
@stating
def leave(access: LogAccess, number: int, event: str, key: str | None, form: str, **fields: object) -> None:
    """Take an event out of an incident that it is in."""
    words = confirming.stated(lambda what: f"Took [{naming.digits(event)}] out of {what.where}")
    state(access, f"/api/v1/incidents/{number}/leave", fields | {"event": event}, key, form, words)


@click.command()
@NUMBER
@click.argument("other", type=INCIDENT)
@stating
def merge(access: LogAccess, number: int, key: str | None, form: str, **fields: object) -> None:
    """Say that two incidents are one, NUMBER and OTHER.

    The incident keeps the number of the one that began first. The other number leads to it.
    """
    both = f"{logs.called(number)} and {logs.called(int(str(fields['other'])))}"
    words = confirming.stated(lambda what: f"Merged incidents {both} into {what.where}")
    state(access, f"/api/v1/incidents/{number}/merge", fields, key, form, words)


@click.command()
@NUMBER
@at
@FUTURE
@stating
def resolve(access: LogAccess, number: int, key: str | None, form: str, **fields: object) -> None:
    """Declare an incident over."""
    state(access, f"/api/v1/incidents/{number}/resolve", fields, key, form, confirming.ended)


@click.command()
@NUMBER
@at
@FUTURE
@stating
def reopen(access: LogAccess, number: int, key: str | None, form: str, **fields: object) -> None:
    """Declare an incident not over after all."""
    words = confirming.stated(lambda what: f"Declared {what.where} not over after all")
    state(access, f"/api/v1/incidents/{number}/reopen", fields, key, form, words)


@click.command()
@NUMBER
@click.argument("field", type=WordChoice(FIELDS), metavar="FIELD")
@click.argument("value", type=TEXT)
@stating
def edit(access: LogAccess, number: int, key: str | None, form: str, **fields: object) -> None:
    """Set an incident's title, lead or severity, or write in a section of its postmortem.

    The VALUE of a section becomes its text, in place of the section's first question. A blank line begins a paragraph.
    It replaces what was written there before, and every format shows it. If VALUE is `-` it is read from standard
    input.
    """
    words = confirming.stated(lambda what: f'Set the {fields["field"]} of {what.where} to "{fields["value"]}"')
    state(access, f"/api/v1/incidents/{number}/edit", fields, key, form, words)


@click.command()
@NUMBER
@click.argument("status", type=WordChoice(REVIEWS))
@click.option("--text", metavar="TEXT", help="A remark on it.")
@stating
def review(access: LogAccess, number: int, key: str | None, form: str, **fields: object) -> None:
    """Say how far the review of a postmortem is.

    The draft's head shows it, and who said so. If evidence or somebody's words change the draft later, the head says
    that, too.
    """
    status = str(fields["status"]).replace("_", " ")
    words = confirming.stated(lambda what: f"The postmortem of {what.where} is {_STATES[status]}")
    state(access, f"/api/v1/incidents/{number}/review", fields, key, form, words)


@click.command()
@NUMBER
@click.option("--group", metavar="NAME", default="", help="Only tokens of this group may read it.")
@click.option("--public", is_flag=True, help="Everybody may read it again.")
@stating
def private(access: LogAccess, number: int, public: bool, key: str | None, form: str, **fields: object) -> None:
    """Make an incident private to a group of tokens, or public again.

    With any other token nobody finds it: not in lists, counts and searches, and not its events, deliveries, drafts and
    pages. Tokens with the role admin read everything. Its draft says that it is private, and is published only with
    --private.
    """
    if public == bool(fields["group"]):
        raise click.UsageError("name a group with --group, or say --public")
    to = f"private to {fields['group']}" if fields["group"] else "public"
    words = confirming.stated(lambda what: f"Made {what.where} {to}")
    state(access, f"/api/v1/incidents/{number}/private", fields, key, form, words)


_STATES = {"draft": "a draft", "in review": "in review", "reviewed": "reviewed", "published": "published"}


def state(
    access: LogAccess, path: str, fields: dict[str, object], key: str | None, form: str, words: confirming.Words
) -> None:
    """State it, and say how it was taken."""
    if not fields["by"]:
        raise click.UsageError("nobody is logged in here; say who states this with --by")
    if form == "json":
        return output.as_json(access.post(path, fields, key).json())
    sentence = access.ask(lambda api: confirming.confirmed(api, path, fields, key, words), writing=True)
    return output.result(sentence)
