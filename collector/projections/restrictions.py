"""Who may read of what, by what was said so far: pure, statements in, groups out.

People say it of incidents. What comes out of a private one, because somebody
took it out or split it off or because grouping no longer puts it there, stays
as private as that one is until somebody says otherwise: of the incident that
it is in then, or by putting it into another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from collector.event import MACHINE, RESTRICTED, RecordedEvent, is_erased, is_retracted

ERASED = "(erased)"
"""Stands for a group whose name was erased: nobody has it, so only who may read everything reads on."""

OPENED, JOINED, LEFT, SPLIT = "incident.opened", "incident.joined", "incident.left", "incident.split"

Groups = frozenset[str]
NOBODY = Groups()


def number_name(number: object) -> str:
    """The name of an incident by its number; events are named by their ids."""
    return f"#{number}"


class Restricted(msgspec.Struct, frozen=True, kw_only=True):
    """What is private, by the names of events and incidents."""

    stated: Mapping[str, Groups]
    """What makes the incident private that it is in: what people said it of, and what opened one that was split off."""
    left: Mapping[str, Groups]
    """Events that came out of a private incident by themselves."""


class _StatedPrivacy:
    """What was said, followed in the order in which it was said."""

    def __init__(self, numbers: Mapping[str, int], signals: Mapping[str, str]) -> None:
        self._signals = signals
        self._inside: dict[str, tuple[str, ...]] = {}
        self._own: dict[str, str] = {}
        self._from: dict[str, tuple[str, ...]] = {}
        self.lone: set[str] = set()
        self._keys: dict[str, list[str]] = {}
        for key, number in numbers.items():
            self._keys.setdefault(number_name(number), []).append(key)

    def follow(self, fact: RecordedEvent) -> None:
        """Take in the next statement."""
        incident = _incident(fact)
        if fact.type == RESTRICTED and (kept := moved(fact)):
            self._come_out(kept, incident, alone=True)
        elif fact.type == RESTRICTED:
            group = fact.data.get("group")
            for name in incident:
                self._own[name] = ERASED if is_erased(fact) or not isinstance(group, str) else group
        elif fact.source == MACHINE and fact.type == SPLIT:
            self._come_out((number_name(fact.data.get("number")),), (number_name(fact.data.get("from")),))
        elif fact.source == MACHINE and fact.type == JOINED:
            for name in moved(fact):
                self._come_out((name,), self._inside.get(name, ()), alone=True)
                self._inside[name] = incident
        elif fact.type == JOINED:
            names = self._with_signals(fact)
            self._from |= {name: incident for name in names if name in self._from}
            self._inside |= dict.fromkeys(names, incident)
        else:
            for name in self._with_signals(fact):
                self._inside.pop(name, None)
            self._come_out(moved(fact), incident, alone=fact.type == LEFT)

    def end(self, event: str, numbers: Iterable[int]) -> None:
        """An event is in these incidents now, whatever was said of it last."""
        last = self._inside.get(event, ())
        if not {number_name(each) for each in numbers}.intersection(last):
            self._come_out((event,), last, alone=True)

    def _with_signals(self, fact: RecordedEvent) -> set[str]:
        """The events that a statement moves, and the signals that they are of."""
        names = moved(fact)
        return {*names, *(self._signals[name] for name in names if name in self._signals)}

    def _come_out(self, names: Iterable[str], incident: tuple[str, ...], *, alone: bool = False) -> None:
        origin = tuple(each for each in incident if self.groups(each))
        for name in names if origin else ():
            if self._own.get(name) or name in incident:
                continue
            self._own.pop(name, None)
            self._from[name] = origin
            if alone:
                self.lone.add(name)

    def groups(self, name: str) -> Groups:
        """The groups of which a reader needs every one: of all that it came out of, each looked at once."""
        groups: set[str] = set()
        visited, waiting = {name}, [name]
        while waiting:
            visiting = waiting.pop()
            if visiting in self._own:
                groups |= {self._own[visiting]} - {""}
                continue
            origins = {*self._from.get(visiting, ()), *self._keys.get(visiting, ())} - visited
            visited |= origins
            waiting += origins
        return Groups(groups)

    def names(self) -> list[str]:
        """Everything of which something was said."""
        return sorted({*self._own, *self._from})


def restricted(
    facts: Iterable[RecordedEvent],
    numbers: Mapping[str, int],
    signals: Mapping[str, str] | None = None,
    departures: Mapping[str, Iterable[int]] | None = None,
) -> Restricted:
    """What is private after these statements; ``numbers`` are those of the incidents of events that they name.

    ``signals``: those of events that people moved; ``departures``: what is not where grouping put it, and where it
    is.
    """
    words = _StatedPrivacy(numbers, signals or {})
    for fact in sorted((each for each in facts if not is_retracted(each)), key=_said_at):
        words.follow(fact)
    for event, now in (departures or {}).items():
        words.end(event, now)
    groups_by_name = {name: groups for name in words.names() if (groups := words.groups(name))}
    return Restricted(
        stated={name: groups for name, groups in groups_by_name.items() if name not in words.lone},
        left={name: groups for name, groups in groups_by_name.items() if name in words.lone},
    )


def incident_ids(facts: Iterable[RecordedEvent]) -> list[str]:
    """The ids of the events that these statements name as incidents."""
    return sorted({name for fact in facts for name in _incident(fact) if not name.startswith("#")})


def has_number(fact: RecordedEvent) -> bool:
    """Whether a statement names its incident by a number, too."""
    return any(name.startswith("#") for name in _incident(fact))


def _said_at(fact: RecordedEvent) -> tuple[int, str]:
    at = fact.data.get("stated_at")
    return (at if isinstance(at, int) else fact.received_at, fact.id)


def _incident(fact: RecordedEvent) -> tuple[str, ...]:
    """The names of the incident that a statement is about."""
    told, listed = fact.data.get("number"), fact.data.get("numbers")
    numbers = [told, *(listed if isinstance(listed, list | tuple) else ())]
    refs = fact.refs if fact.source != MACHINE else ()
    keys = [ref.removeprefix("incident:") for ref in refs if ref.startswith("incident:")]
    return (*keys, *(number_name(each) for each in numbers if isinstance(each, int)))


def moved(fact: RecordedEvent) -> list[str]:
    """The events that a statement puts in or takes out."""
    listed = fact.data.get("events")
    names = [fact.data.get("event"), *(listed if isinstance(listed, list | tuple) else ())]
    return [name for name in names if isinstance(name, str) and name]
