"""How people are called in a draft that names nobody: by what the log shows of them, each by one name everywhere.

The events themselves are rewritten before anything is made of them. So no
format has to know of it, and none can forget it: a section, a picture and a
table of events get events in which nobody's name stands. A field that names
people says who they are here; what people wrote stays as it is, but for the
names in it, in whose place the same stands in brackets. Automation keeps its
name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from collector import names
from collector.event import REVISED, Link, RecordedEvent, reading_order
from collector.names.persons import named_beside, people_in, persons_in, spellings_of
from renderers import facts
from renderers.document import Document, Options
from renderers.draft import draft
from renderers.history import Context, Grouped, History, Nearby
from renderers.name_patterns import NamePatterns
from renderers.replay import replay
from renderers.review import evidence

THE_LEAD = "the lead"
RESPONDER, AUTHOR, REPORTER, PERSON = "responder", "author", "reporter", "person"
"""What people are called who did something; who only made changes; who only reported; who did nothing that is known."""

_LONGEST = 80
"""Characters of a name."""
_OWN = ("alert.", "observation.", "source.", "collector.")
"""Families whose texts are written by machines: only whole names are looked for in them."""
_FIXED = frozenset({
    "again_after", "continues", "corrected", "cycle", "datacontenttype", "digest", "due", "ends", "event", "events",
    "evidence", "field", "from_revision", "group_key", "into", "kind", "lines", "mark", "number", "numbers", "of",
    "operation", "place", "priority", "revision", "same_as", "sender", "sha", "shown", "state", "statement", "status",
    "target", "task", "time_of", "type", "urgency", "vendor",
})  # fmt: skip
"""Keys of an event's data whose values are words of timelined or of a sender, and name nobody."""
_ADDRESS = re.compile(r"(?<![\w/.+-])[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}(?![\w:@-])", re.IGNORECASE)
_UNITS = ("device", "local", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer")
"""How names of units end that look like addresses of mail: ``getty@tty1.service``."""
_PERSONAL = re.compile(r"(?:[a-z]+_)*(?:author|committer|assignee|reviewer|approver|requester|username|email|by)")
"""Keys of a sender's own content under which people stand."""
_NAMING = ("name", "login", "username", "display_name", "email")
"""Keys of what stands there, where that is not the name itself."""
_MARKS = re.compile(r"(<!-- tl .*?(?:-->|\Z))", re.DOTALL)
"""Marks and the index in a text that people edited, in which nothing is theirs."""
_CUT = re.compile(r"\s*…(?: \[cut\])?$")


class Roles:
    """What the people of one incident are called, and its events with that in place of their names."""

    def __init__(self, spellings: Mapping[str, str], called: Mapping[str, str], ordinary: Iterable[str] = ()) -> None:
        """``spellings`` maps each spelling of a name to one of that person; ``called`` maps that to what they are
        called. ``ordinary`` are names of something else."""
        self._called = {name: called[one] for name, one in spellings.items() if one in called} | dict(called)
        self.name_by_role = {role: name for name, role in called.items()}
        """What each person is called → the name that is shown of them."""
        self._patterns = NamePatterns(self._called, tuple(ordinary))

    def event(self, event: RecordedEvent) -> RecordedEvent:
        """The event without a name of anybody's."""
        parts = not event.type.startswith(_OWN)
        data = {key: self._value(value, parts) if key not in _FIXED else value for key, value in event.data.items()}
        if event.type == REVISED and isinstance(text := event.data.get("text"), str):
            data["text"] = "".join(each if _MARKS.match(each) else self._replaced(each, parts=True)
                                   for each in _MARKS.split(text))  # fmt: skip
        for key, value in (*people_in(event), *named_beside(event).items()):
            data[key] = self._field(value, parts)
        return msgspec.structs.replace(
            event,
            actor=self._field(event.actor, parts) if event.actor else event.actor,
            title=self._title(event, data.get("text"), parts),
            entity=self._replaced(event.entity),
            service=self._replaced(event.service) if event.service else event.service,
            environment=self._replaced(event.environment) if event.environment else event.environment,
            links=tuple(link for link in event.links if self._harmless(link)),
            refs=tuple(map(self._replaced, event.refs)),
            labels={key: self._field(value, parts=False) for key, value in event.labels.items()},
            data=data,
        )

    def context(self, context: Context, digest: str) -> Context:
        """What is known besides, likewise; ``digest`` is that of the events with names."""
        return msgspec.structs.replace(
            context,
            grouped={
                event: Grouped(rule=why.rule, reason=self._reason(why.reason)) for event, why in context.grouped.items()
            },
            nearby=tuple(map(self._near, context.nearby)),
            followed=tuple(map(self._near, context.followed)),
            lasting=tuple(map(self._near, context.lasting)),
            collector=tuple(map(self.event, context.collector)),
            people={},
            evidence=digest,
        )

    def _near(self, near: Nearby) -> Nearby:
        end = self.event(near.end) if near.end is not None else None
        return Nearby(event=self.event(near.event), reason=self._reason(near.reason), end=end)

    def _reason(self, text: str) -> str:
        """A sentence of ours, in which a role stands as a name does."""
        return self._patterns.replaced(text, "{}")

    def _replaced(self, text: str, *, parts: bool = False) -> str:
        return self._patterns.replaced(text, parts=parts)

    def _field(self, value: Any, parts: bool) -> Any:
        """The value of a field that names people: one, several with commas, or a list."""
        if not isinstance(value, str):
            return [self._field(each, parts) for each in value] if isinstance(value, list | tuple) else value
        if value in self._called:
            return self._called[value]
        return ", ".join(self._called.get(each) or self._replaced(each, parts=parts) for each in value.split(", "))

    def _value(self, value: Any, parts: bool) -> Any:
        if isinstance(value, str):
            return self._called.get(value) or self._replaced(value, parts=parts)
        if isinstance(value, Mapping):
            return {self._replaced(str(key)): self._value(each, parts) for key, each in value.items()}
        return [self._value(each, parts) for each in value] if isinstance(value, list | tuple) else value

    def _title(self, event: RecordedEvent, text: Any, parts: bool) -> str:
        """The title; where it is the beginning of a text that was cut, that of the text as it is now: a cut may go
        through a name."""
        whole = event.data.get("text")
        begins = _CUT.sub("", event.title)
        if begins == event.title or not isinstance(whole, str) or not isinstance(text, str):
            return self._replaced(event.title, parts=parts)
        if not " ".join(whole.split()).startswith(" ".join(begins.split())):
            return self._replaced(event.title, parts=parts)
        return f"{' '.join(text.split())[: len(begins)].rstrip()}{event.title[len(begins) :]}"

    def _harmless(self, link: Link) -> bool:
        """Whether the address of a link names nobody: one that does leads nowhere without the name."""
        return self._replaced(link.url) == link.url


def told_by_roles(events: Sequence[RecordedEvent], as_of: int | None, context: Context, options: Options) -> Document:
    """The draft of an incident in which people stand as roles; the rest as :func:`renderers.replay.replay` has it."""
    revisions = events if as_of is None else [each for each in events if each.received_at <= as_of]
    history = replay(revisions, as_of, context)
    roles = roles_of(history, revisions)
    told = replay(map(roles.event, revisions), as_of, roles.context(history.context, evidence(history)))
    return msgspec.structs.replace(draft(told, options), named_history=history, roles=roles.name_by_role)


def roles_of(history: History, revisions: Sequence[RecordedEvent]) -> Roles:
    """What the people are called whom these events of one incident name, all revisions of them, or what was nearby."""
    context = history.context
    near = (*context.nearby, *context.followed, *context.lasting)
    beside = [event for each in near for event in each.events]
    spellings = spellings_of((*revisions, *beside)) | dict(context.people)
    called = _Called(spellings, _no_people((*revisions, *beside), context))
    called.lead(facts.lead(history))
    inside = [*history.events, *([history.review] if history.review else [])]
    for kind, who in _acts(inside):
        called.take(who, kind)
    for kind, who in _acts(beside):
        called.take(who, AUTHOR if kind == AUTHOR else PERSON)
    for event in sorted((*revisions, *beside), key=reading_order):
        for name in persons_in(event):
            if event.type != "mark.set" or name == event.actor or name != name.casefold():
                called.take(name, PERSON)
    for name in context.people:
        called.take(name, PERSON)
    folded = {names.fold_person(name) for name in spellings}
    addresses = [name for name in told_within((*revisions, *beside)) if names.fold_person(name) not in folded]
    for name in addresses:
        called.take(name, PERSON)
    return Roles(spellings, called.names, (*addresses, *_things((*revisions, *beside), context)))


def told_within(events: Iterable[RecordedEvent]) -> Iterator[str]:
    """Addresses of mail in what events say, and people in a sender's own content, as they are written there."""
    for event in sorted(events, key=reading_order):
        for key, text in _texts("", [event.title, event.labels, event.data]):
            personal = key and text.strip() and len(text) <= _LONGEST and "@" not in text
            yield from (text,) if personal else _addresses(text)


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each text in a value, with the key that says that it names a person; without one else."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            personal = bool(_PERSONAL.fullmatch(str(name).casefold())) or (key and str(name).casefold() in _NAMING)
            yield from _texts(str(name) if personal else "", item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(key, item)


def _addresses(text: str) -> Iterator[str]:
    if "@" in text:
        for match in _ADDRESS.finditer(text):
            if not match[0].casefold().endswith(_UNITS):
                yield match[0]


class _Called:
    """What people are called, each by the first that is said of them."""

    def __init__(self, spellings: Mapping[str, str], others: set[str]) -> None:
        self.names: dict[str, str] = {}
        self._spellings, self._others = spellings, others
        self._count: dict[str, int] = {}

    def lead(self, name: str) -> None:
        """This is the lead."""
        if person := self._person(name):
            self.names[person] = THE_LEAD

    def take(self, name: str, kind: str) -> None:
        """This is the next one of a kind, unless they are called something already."""
        person = self._person(name)
        if person and person not in self.names:
            self._count[kind] = self._count.get(kind, 0) + 1
            self.names[person] = f"{kind} {self._count[kind]}"

    def _person(self, name: str) -> str:
        spelling = self._spellings.get(name, name)
        folded = names.fold_person(spelling)
        return spelling if folded and folded not in self._others and not names.is_automation(spelling) else ""


def _acts(events: Iterable[RecordedEvent]) -> Iterator[tuple[str, str]]:
    """Who did something, in the order of their first act, each with what they are called for all that they did."""
    kinds: dict[str, set[str]] = {}
    for event in sorted(events, key=reading_order):
        if event.actor:
            kinds.setdefault(event.actor, set()).add(_kind(event))
        for key, value in people_in(event):
            if key == "by" and event.type != "mark.set":
                kinds.setdefault(value, set()).add(REPORTER)
    for name, found in kinds.items():
        yield next(kind for kind in (RESPONDER, AUTHOR, REPORTER) if kind in found), name


def _kind(event: RecordedEvent) -> str:
    if event.type.startswith("change."):
        return AUTHOR
    return REPORTER if event.type == "report.received" else RESPONDER


def _no_people(events: Iterable[RecordedEvent], context: Context) -> set[str]:
    """What stands where people do and is nobody, as it is compared: policies of escalation and teams, one or several in
    a row, and the senders' names."""
    policies = [value for event in events if isinstance(value := event.data.get("escalation_policy"), str)]
    policies += [name for value in policies for name in value.split(", ")]
    delegated = {value for event in events if event.type == "page.delegated"
                 and isinstance(value := event.data.get("to"), str)}  # fmt: skip
    own = {name for kind, sender in context.senders.items() for name in (kind, sender.called)}
    return set(map(names.fold_person, (*policies, *delegated, *own)))


def _things(events: Iterable[RecordedEvent], context: Context) -> set[str]:
    """Names of what is no person: services, environments, sources."""
    found = {name for event in events for name in (event.service, event.environment, event.source) if name}
    return found | set(context.senders) | {sender.called for sender in context.senders.values()}
