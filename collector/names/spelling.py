"""One spelling for each service, environment and person of an incident, so that a draft shows one and compares by it.

The log keeps what each sender wrote; this rewrites the events that are about
to be told. The catalog's spelling is shown where it has one, else the one that
the first alert used, else the first; of a person the name, not the login.
Refuses to guess: what folding and the catalog do not know to be one stays two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from collector.event import RecordedEvent, reading_order
from collector.names.environments import environment_key, in_production
from collector.names.people import fold_person
from collector.names.services import service_name
from collector.names.stages import PRODUCTION


class Whereabouts(msgspec.Struct, frozen=True):
    """Which service and environment an event is of."""

    service: str
    """The key by which it is compared; empty where none is named."""
    environment: str
    """Likewise."""
    listed: str = ""
    """How the catalog writes the service."""
    environment_text: str = ""
    """The environment as the event writes it, or its service's name."""


def placed(event: RecordedEvent) -> Whereabouts:
    """The place of an event for whom has no catalog."""
    service = service_name(event.service or "")
    corrected = event.data.get("corrected", ())
    within = "" if "environment" in corrected else service.environment or ""
    environment = event.environment if environment_key(event.environment or "") else within
    key = environment_key(environment or "")
    if event.data.get("production") is True and "environment" not in corrected:
        key = in_production(key)
    return Whereabouts(service.key, key, "", environment or "")


class People(msgspec.Struct, frozen=True):
    """Who is one person, for whom has no catalog."""

    key: Callable[[str], str] = fold_person
    """What stands for a person, from a name, a login or an address; empty for no name."""
    listed: Mapping[str, str] = {}
    """How the catalog writes a person, by that key."""


_ASKED = ("page.responder_added", "page.responder_replied", "page.reassigned", "page.delegated", "page.escalated",
          "page.role_assigned")  # fmt: skip
"""Types whose ``to`` names people."""
_MENTION = re.compile(r"(?<![\w@.])@([UW][A-Z0-9]{5,})(?!\w)")
"""A person whom a message calls by the chat's own id, as Slack has it; nobody writes a name so."""
_BRACKETED = re.compile(r"[(\[{<]([^)\]}>]*)")


class _Names:
    """The name that is shown of each person whom some events name.

    Folding drops what stands in brackets and behind an ``@``. Where two spellings differ in that, they may be two
    people, ``Ana (card)`` and ``Ana (bank)``, and each stays as it is, unless the catalog says that they are one.
    """

    def __init__(self, events: Sequence[RecordedEvent], people: People) -> None:
        self._people = people
        spellings: dict[str, dict[str, None]] = {}
        for event in events:
            for name in _named(event):
                if key := people.key(name):
                    spellings.setdefault(key, {}).setdefault(name)
        self._shown = {
            key: shown
            for key, found in spellings.items()
            if (shown := people.listed.get(key) or _one_of(list(found))) and (len(found) > 1 or shown not in found)
        }

    def respelled(self, event: RecordedEvent) -> RecordedEvent:
        """The event with the names that are shown."""
        event = self._mentioning(event) if self._people.listed and event.type == "chat.message" else event
        if not self._shown:
            return event
        actor = self._name(event.actor) if event.actor else event.actor
        data = {key: new for key, value in _people_in(event) if (new := self._value(value)) not in (value, [*value])}
        if actor == event.actor and not data:
            return event
        return msgspec.structs.replace(event, actor=actor, data={**event.data, **data} if data else event.data)

    def _mentioning(self, event: RecordedEvent) -> RecordedEvent:
        """A message with the names of those whom it calls by an id, where the catalog has them."""
        title, text = _MENTION.sub(self._called, event.title), event.data.get("text")
        data = event.data
        if isinstance(text, str) and (told := _MENTION.sub(self._called, text)) != text:
            data = {**data, "text": told}
        return event if title == event.title and data is event.data else msgspec.structs.replace(
            event, title=title, data=data)  # fmt: skip

    def _called(self, mention: re.Match[str]) -> str:
        name = self._people.listed.get(self._people.key(mention[1]))
        return name or mention[0]

    def _name(self, name: str) -> str:
        return self._shown.get(self._people.key(name), name)

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return ", ".join(map(self._name, value.split(", ")))
        return [self._name(each) if isinstance(each, str) else each for each in value]


def _people_in(event: RecordedEvent) -> Iterator[tuple[str, Any]]:
    """The keys of an event's data under which people stand, and what stands there."""
    data = event.data
    if isinstance(data.get("by"), str) and event.type in ("report.received", "incident.opened", "mark.set"):
        yield "by", data["by"]
    if event.type == "incident.edited" and data.get("field") == "lead" and isinstance(data.get("value"), str):
        yield "value", data["value"]
    if event.type in _ASKED and isinstance(data.get("to"), str):
        yield "to", data["to"]
    if event.type.startswith("page.") and isinstance(data.get("assignees"), list | tuple):
        yield "assignees", data["assignees"]


def _named(event: RecordedEvent) -> Iterator[str]:
    if event.actor:
        yield event.actor
    for _, value in _people_in(event):
        yield from value.split(", ") if isinstance(value, str) else (each for each in value if isinstance(each, str))


def _one_of(spellings: Sequence[str]) -> str:
    """The spelling that reads most like a name, the first of several; empty where they may be of two people."""
    for told in (_within_brackets, _domain):
        if len({found for name in spellings if (found := told(name))}) > 1:
            return ""
    return min(spellings, key=_unlike_a_name)


def _within_brackets(name: str) -> str:
    return " ".join(_BRACKETED.findall(name.casefold()))


def _domain(name: str) -> str:
    """What stands behind the ``@`` of an address; nothing of ``@ana``."""
    return name.strip()[1:].casefold().partition("@")[2]


def _unlike_a_name(name: str) -> tuple[bool, bool, bool, bool]:
    return ("@" in name, "," in name, " " not in name.strip(), name in (name.casefold(), name.upper()))


class Spelling:
    """The spellings of some events."""

    def __init__(
        self, events: Iterable[RecordedEvent], locate: Callable[[RecordedEvent], Whereabouts] = placed,
        people: People | None = None,
    ) -> None:  # fmt: skip
        self._place = locate
        self._services: dict[str, str] = {}
        self._environments: dict[str, str] = {}
        self._implied: dict[str, str] = {}
        """Environments that stand in the name of a service alone: what somebody wrote as an environment goes first."""
        ordered = sorted(events, key=reading_order)
        for alerts in (True, False):
            for event in ordered:
                if event.type.startswith("alert.") is alerts and (event.service or event.environment):
                    self._learn(event)
        self._people = _Names(ordered, people or People())

    def _learn(self, event: RecordedEvent) -> None:
        whereabouts = self._place(event)
        if whereabouts.service:
            self._services.setdefault(whereabouts.service, whereabouts.listed or event.service or whereabouts.service)
        if whereabouts.environment:
            stated = bool(environment_key(event.environment or ""))
            (self._environments if stated else self._implied).setdefault(whereabouts.environment, _shown(whereabouts))

    def respelled(self, event: RecordedEvent) -> RecordedEvent:
        """The event with the spellings that are shown; without a service or an environment that is no name."""
        event = self._people.respelled(event)
        found = self._place(event)
        service = (found.listed or self._services.get(found.service, event.service)) if found.service else None
        environment = self._environment(found) if found.environment else None
        if service == event.service and environment == event.environment:
            return event
        return msgspec.structs.replace(event, service=service, environment=environment)

    def _environment(self, found: Whereabouts) -> str:
        key = found.environment
        return self._environments.get(key) or self._implied.get(key) or _shown(found)

    def all(self, events: Sequence[RecordedEvent]) -> Sequence[RecordedEvent]:
        """The same of several."""
        return [self.respelled(event) for event in events]


def _shown(whereabouts: Whereabouts) -> str:
    """As it was written; what its sender alone calls production says so."""
    if environment_key(whereabouts.environment_text) == whereabouts.environment or "/" not in whereabouts.environment:
        return whereabouts.environment_text or whereabouts.environment
    return (
        f"{whereabouts.environment_text} ({PRODUCTION})"
        if whereabouts.environment.startswith(PRODUCTION)
        else whereabouts.environment_text
    )
