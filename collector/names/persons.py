"""Which people some events name, in which fields, and which spellings are of one person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from collector.event import RecordedEvent, reading_order
from collector.names.people import fold_person


class People(msgspec.Struct, frozen=True):
    """Who is one person, for whom has no catalog."""

    key: Callable[[str], str] = fold_person
    """What stands for a person, from a name, a login or an address; empty for no name."""
    listed: Mapping[str, str] = {}
    """How the catalog writes a person, by that key."""
    spellings: tuple[str, ...] = ()
    """Every name, login and address that the catalog has of anybody."""


_ASKED = ("page.responder_added", "page.responder_replied", "page.reassigned", "page.delegated", "page.escalated",
          "page.role_assigned")  # fmt: skip
"""Types whose ``to`` names people."""
_MENTION = re.compile(r"(?<![\w@.])@([UW][A-Z0-9]{5,})(?!\w)")
"""A person whom a message calls by the chat's own id, as Slack has it; nobody writes a name so."""
_BRACKETED = re.compile(r"[(\[{<]([^)\]}>]*)")


class PersonNames:
    """The name that is shown of each person whom some events name.

    Folding drops what stands in brackets and behind an ``@``. Where two spellings differ in that, they may be two
    people, ``Ana (card)`` and ``Ana (bank)``, and each stays as it is, unless the catalog says that they are one.
    """

    def __init__(self, events: Sequence[RecordedEvent], people: People) -> None:
        self._people = people
        spellings: dict[str, dict[str, None]] = {}
        for event in events:
            for name in _names_in(event):
                if key := people.key(name):
                    spellings.setdefault(key, {}).setdefault(name)
        self._spelling_by_key = {
            key: shown
            for key, found in spellings.items()
            if (shown := people.listed.get(key) or _one_of(list(found))) and (len(found) > 1 or shown not in found)
        }

    def respelled(self, event: RecordedEvent) -> RecordedEvent:
        """The event with the names that are shown."""
        event = self._mentioning(event) if self._people.listed and event.type == "chat.message" else event
        if not self._spelling_by_key and not self._people.listed:
            return event
        actor = self._name(event.actor) if event.actor else event.actor
        data = {key: new for key, value in people_in(event) if (new := self._value(value)) not in (value, [*value])}
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
        key = self._people.key(name)
        # Of what only stands beside the incident, its own events know no spelling.
        return self._spelling_by_key.get(key) or self._people.listed.get(key) or name

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return ", ".join(map(self._name, value.split(", ")))
        return [self._name(each) if isinstance(each, str) else each for each in value]


def people_in(event: RecordedEvent) -> Iterator[tuple[str, Any]]:
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


def _names_in(event: RecordedEvent) -> Iterator[str]:
    if event.actor:
        yield event.actor
    for _, value in people_in(event):
        yield from value.split(", ") if isinstance(value, str) else (each for each in value if isinstance(each, str))


def _one_of(spellings: Sequence[str]) -> str:
    """The spelling that reads most like a name, the first of several; empty where they may be of two people."""
    for told in (_within_brackets, _domain):
        if len({found for name in spellings if (found := told(name))}) > 1:
            return ""
    return min(spellings, key=_unlike_a_name)


def spellings_of(events: Iterable[RecordedEvent], people: People | None = None) -> dict[str, str]:
    """Every name, login and address under which people stand in some events or in the catalog → the one that stands
    for that person. Of two who may be one and may be two, each stands for itself."""
    people = people or People()
    alike: dict[str, dict[str, None]] = {}
    # Most events of a large incident are of alerts, and few of those name anybody.
    telling = [each for each in events if each.actor or not each.type.startswith("alert.") or "amended_by" in each.data]
    names = (name for event in sorted(telling, key=reading_order) for name in persons_in(event))
    for name in chain(names, people.spellings):
        if key := people.key(name):
            alike.setdefault(key, {}).setdefault(name)
    shown = {key: people.listed.get(key) or _one_of(list(spellings)) for key, spellings in alike.items()}
    return {name: shown[key] or name for key, spellings in alike.items() for name in spellings}


def persons_in(event: RecordedEvent) -> Iterator[str]:
    """Everybody whom an event names in a field of its own, as it writes them."""
    if event.actor:
        yield event.actor
    for key, value in (*people_in(event), *named_beside(event).items()):
        if isinstance(value, str):
            yield from value.split(", ") if key in ("to", "from") else (value,)
        else:
            yield from (each for each in value if isinstance(each, str))


def named_beside(event: RecordedEvent) -> dict[str, str]:
    """The keys of an event's data under which people stand whose spelling nobody chooses, and what stands there."""
    keys = _BESIDE.get(event.type, _BESIDE.get(event.type.partition(".")[0], ()))
    keys = (*keys, "amended_by")
    return {key: value for key in keys if isinstance(value := event.data.get(key), str)}


_BESIDE = {
    "page.reassigned": ("lead", "from"), "page.role_assigned": ("lead", "from"), "page": ("lead",),
    "note": ("owner",), "action": ("owner",),
}  # fmt: skip


def _within_brackets(name: str) -> str:
    return " ".join(_BRACKETED.findall(name.casefold()))


def _domain(name: str) -> str:
    """What stands behind the ``@`` of an address; nothing of ``@ana``."""
    return name.strip()[1:].casefold().partition("@")[2]


def _unlike_a_name(name: str) -> tuple[bool, bool, bool, bool]:
    return ("@" in name, "," in name, " " not in name.strip(), name in (name.casefold(), name.upper()))
