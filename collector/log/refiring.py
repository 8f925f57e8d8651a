"""An alert that fires again under a start that its sender had told an end of.

A sender may tell the same firing, start and all, well after the resolve of it:
the alert came back, and nothing in the delivery says when. Its identity is that
of the firing, so it would be known and say nothing new. What it says is derived
here, as an event of its own: identified by the firing and the resolve, at the
time at which the first delivery was received that told the firing more than
``Submission.refire_after`` after the resolve was last told. A telling within
that is a stale one, of another member of the sender's cluster or out of an
import, and so is every one before a resolve that is told again.

All of it follows from the deliveries and from when they were received. Whatever
order they are stored in, the same events stand in the log in the end; on the
way one may move or be taken back, by a further revision.

Only what the alert's identity fixes is said of it: its labels, what follows from
them, and the group it is notified in, which all its tellings by one route share.
All else may differ from one telling to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from collector.event import SENDER, Event, event_id
from collector.log import statements
from collector.semantics.episodes import AGAIN, ENDS, micros
from collector.times import ABSENT

RECIPE = "refire.1"

Select = Callable[[str, Sequence[bytes]], Iterable[Any]]
"""Asks for the rows of a statement with these ids in it, however many."""


class End(msgspec.Struct, gc=False):
    """A resolve of a firing, as far as it matters to what is told after it."""

    received_at: int
    """When the resolve was told last."""
    again_at: int | None
    """When the alert fired again after it; None where it did not."""


class ToldFiring(NamedTuple):
    """A delivery that tells a firing."""

    received_at: int
    number: int
    commitment: bytes


class Turn(NamedTuple):
    """A firing after a resolve is to be said, moved or taken back."""

    event: Event
    """What is to be said, but for its revision."""
    teller: ToldFiring
    withdrawn: bool


_NEVER_ENDED: Mapping[bytes, End] = {}


class Refires:
    """What one append has to say of alerts that fire again."""

    def __init__(
        self, execute: Callable[..., Any], select: Select, events: Sequence[Event], identities: Sequence[bytes]
    ) -> None:
        self._execute = execute
        self._tellers: dict[bytes, list[ToldFiring]] = {}
        """Of each firing what this append tells of it, which no row shows yet."""
        self._ends: dict[bytes, dict[bytes, End]] = {}
        self._changed: set[tuple[bytes, bytes]] = set()
        firings: set[bytes] = set()
        self.ended: set[bytes] = set()
        """The firings that the resolves among these events end."""
        for event, identity in zip(events, identities, strict=True):
            if may_fire_again(event):
                firings.add(identity)
            elif (firing := ended_by(event)) is not None:
                self.ended.add(firing)
        for firing, resolve, received_at, again_at in select(statements.ENDS, list(firings | self.ended)):
            self._ends.setdefault(bytes(firing), {})[bytes(resolve)] = End(received_at, again_at)
        self._latest = {bytes(one): int(last) for one, last in select(statements.REPEATED, list(self.ended))}

    def fired(self, event: Event, identity: bytes, teller: ToldFiring, after: int) -> Sequence[Turn]:
        """What this telling of a firing makes to be said."""
        self._tellers.setdefault(identity, []).append(teller)
        self._latest[identity] = max(teller.received_at, self._latest.get(identity, 0))
        return [
            self._say(event, identity, resolve, end, teller)
            for resolve, end in self._ends.get(identity, _NEVER_ENDED).items()
            if (end.again_at is None or teller.received_at < end.again_at)
            and teller.received_at > end.received_at + after
        ]

    def write(self) -> None:
        """Keep what this append found out."""
        for firing, resolve in sorted(self._changed):
            end = self._ends[firing][resolve]
            self._execute(statements.PUT_END, (firing, resolve, end.received_at, end.again_at))

    def resolved(
        self, event: Event, firing: bytes, resolve: bytes, teller: ToldFiring, after: int, last_told: int
    ) -> Iterable[Turn]:
        """What this telling of a resolve, the first or another one, makes to be said: what was told of the firing after
        it, and what no more. ``last_told`` is when the firing was told last, repeats apart.
        """
        ends = self._ends.setdefault(firing, {})
        end = ends.get(resolve)
        if end is not None and teller.received_at <= end.received_at:
            return
        if end is None:
            end = ends[resolve] = End(teller.received_at, None)
        end.received_at = teller.received_at
        self._changed.add((firing, resolve))
        since = end.received_at + after
        if end.again_at is None and max(last_told, self._latest.get(firing, 0)) <= since:
            return
        if end.again_at is not None and end.again_at > since:
            return
        first = self._first_after(event.source, firing, since)
        if first is not None:
            yield self._say(event, firing, resolve, end, first)
        elif end.again_at is not None:
            yield Turn(_again(event, firing, resolve, end.again_at), teller, withdrawn=True)
            end.again_at = None

    def _say(self, event: Event, firing: bytes, resolve: bytes, end: End, teller: ToldFiring) -> Turn:
        end.again_at = teller.received_at
        self._changed.add((firing, resolve))
        return Turn(_again(event, firing, resolve, teller.received_at), teller, withdrawn=False)

    def _first_after(self, source: str, firing: bytes, moment: int) -> ToldFiring | None:
        """The first delivery after a moment that told the firing. Seldom asked: all deliveries since are looked at."""
        tellers = [teller for teller in self._tellers.get(firing, ()) if teller.received_at > moment]
        for received_at, number, commitment, told in self._execute(statements.TELLINGS, (source, moment)):
            if firing in bytes(told) and firing in _ids(bytes(told)):
                tellers.append(ToldFiring(received_at, number, bytes(commitment)))
                break
        return min(tellers, default=None)


def may_fire_again(event: Event) -> bool:
    """Whether this is a firing with a start, as its sender told it."""
    return event.type == "alert.firing" and AGAIN not in event.data and micros(event.data.get("starts_at")) is not None


def ended_by(event: Event) -> bytes | None:
    """The firing that a resolve names by its identity."""
    named = event.data.get(ENDS) if event.type == "alert.resolved" else None
    return bytes.fromhex(named) if isinstance(named, str) and len(named) == 32 else None


def _ids(told: bytes) -> set[bytes]:
    """The events that a delivery's row says it told: 16 bytes of id, then nine more, for each."""
    return {told[at : at + 16] for at in range(0, len(told), 25)}


def again_id(source: str, firing: bytes, resolve: bytes) -> str:
    """The id of the firing after a resolve."""
    return event_id(RECIPE, source, int.from_bytes(resolve[:6]) * 1000, firing.hex(), resolve.hex())


def _again(event: Event, firing: bytes, resolve: bytes, at: int) -> Event:
    """The firing after a resolve, out of a telling of either: both have the alert's labels."""
    group: dict[str, Any] = {key: event.data[key] for key in ("group_key", "group_labels", SENDER) if key in event.data}
    data = {"status": "firing", "starts_at": event.data["starts_at"], AGAIN: resolve.hex(), **group}
    again = derived(event, again_id(event.source, firing, resolve), "alert.firing", at, data)
    return msgspec.structs.replace(again, refs=event.refs)


def derived(event: Event, identity: str, kind: str, at: int, data: dict[str, Any]) -> Event:
    """An event about the same alert that the log derives from a telling: no sender states its time."""
    return Event(
        id=identity,
        type=kind,
        source=event.source,
        entity=event.entity,
        occurred_at=at,
        time_quality=ABSENT,
        service=event.service,
        environment=event.environment,
        severity=event.severity,
        title=event.title,
        labels=event.labels,
        data=data,
    )
