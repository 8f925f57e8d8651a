"""Saying in words what was recorded: what, in which incident, when, and by which name the event is cited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from collector.cli import logs, output
from collector.errors import InvalidInput, TimelinedError

if TYPE_CHECKING:
    from collector.cli.client import ApiClient

Json = Mapping[str, Any]

_ENDS = (5, 8, 32)
"""Digits by which an event is named, the fewest that name one alone."""


class RecordedStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement became."""

    new: bool
    """Whether it was recorded now, and not known already."""
    event: Json
    """The event that states it, or that was amended: its last revision."""
    cited: str
    """The end of its id, as few digits as name it alone."""
    incident: Json | None
    """The incident it belongs to now; None where it is in none, or that is not known."""
    reason: str
    """Why it is there."""
    reopened: bool
    """Whether the incident had ended before."""
    former_end: str | None
    """When it had ended before this said that it is over; None where it had not."""

    @property
    def where(self) -> str:
        """The incident in words."""
        return "no incident" if self.incident is None else incident_title(self.incident)

    @property
    def opened(self) -> bool:
        """Whether the event itself opened its incident."""
        return self.incident is not None and self.incident["key"] == self.event["id"]


Words = Callable[[RecordedStatement], str]


async def confirmed(api: ApiClient, path: str, statement: Mapping[str, object], key: str | None, words: Words) -> str:
    """State it, and say in words what became of it."""
    ended = await _ended(api) if path == "/api/v1/incidents" else set()
    answer = await api.post(path, statement, key)
    try:
        recorded = await _looked_up(api, answer.json(), ended, new=answer.created)
    except TimelinedError as error:
        # It is recorded, whatever becomes of looking it up.
        return f"Recorded as event {answer.json()['event']}; what became of it cannot be read now ({error})"
    said_of_it = words(recorded)
    return said_of_it if recorded.new else f"Known already: {said_of_it[0].lower()}{said_of_it[1:]}"


async def _looked_up(api: ApiClient, answer: Json, ended: set[int], *, new: bool) -> RecordedStatement:
    cited, event = await _cited(api, answer["event"])
    number = answer["incident"]
    row = None if number is None else (await api.get(f"/api/v1/incidents/{number}")).json()
    return RecordedStatement(
        new=new, event=event["events"][-1], cited=cited, incident=row, reason=(event["why"] or {}).get("reason") or "",
        reopened=number in ended, former_end=answer.get("former_end"),
    )  # fmt: skip


async def _ended(api: ApiClient) -> set[int]:
    """The newest incidents that are over: a report may make one of them go on."""
    try:
        rows = (await api.get("/api/v1/incidents", status="resolved", limit=100)).json()["incidents"]
    except TimelinedError:
        return set()
    return {row["number"] for row in rows}


async def _cited(api: ApiClient, identifier: str) -> tuple[str, Json]:
    """The shortest end of an id that names its event alone, and the event."""
    for digits in _ENDS[:-1]:
        try:
            event = (await api.get(f"/api/v1/events/{identifier[-digits:]}")).json()
        except InvalidInput:
            continue
        if event["id"] == identifier:
            return identifier[-digits:], event
    return identifier, (await api.get(f"/api/v1/events/{identifier}")).json()


def stated(words: Words) -> Words:
    """The same with the moment that was stated, and how to cite it: ``… at 21:27:56 UTC [b61d0]``."""
    return lambda what: f"{words(what)} at {moment(what.event['occurred_at'])} [{what.cited}]"


def ended(statement: RecordedStatement) -> str:
    """What became of an end: also which one it takes the place of."""
    confirmation = stated(lambda what: f"Declared {what.where} over")(statement)
    return f"{confirmation}; it had ended at {moment(former)}" if (former := statement.former_end) else confirmation


def incident_title(incident: Json) -> str:
    """An incident by number and title."""
    return f'incident {logs.called(incident["number"])} "{output.harmless(incident["title"])}"'


def moment(text: str) -> str:
    """A time in UTC, with its date unless that is today's."""
    at, today = output.time(text), datetime.now(UTC).strftime("%Y-%m-%d")
    return f"{at.removeprefix(today + ' ')} UTC"


def opening(statement: RecordedStatement) -> str:
    """What a report became."""
    if statement.incident is None:
        return "Reported, in no incident yet,"
    if statement.opened:
        return f"Opened {statement.where}"
    again = ", which goes on again" if statement.reopened else ""
    return f"Joined {statement.where}{again} ({output.harmless(statement.reason)}; for one of its own say --new),"
