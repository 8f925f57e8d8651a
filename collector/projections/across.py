"""What lists say of many incidents together: alerts by their exact identity, what opened incidents, late senders.

Everything is counted from what is on record, and what is not known is counted
as that. Nothing is estimated, and no mean is made of lengths: they have no
typical value that a mean would be near.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

import msgspec
from sqlalchemy import Connection, bindparam, func, or_, select

from collector.correlation.signals import SEPARATOR, Signal
from collector.event import MACHINE, PEOPLE
from collector.projections.tables import event_index, event_unit, incident, incident_number, member
from collector.projections.tables import signal as signal_table
from collector.storage.sql import AMONG, select_among

MOST = 20_000
"""The most episodes and the most events that are looked at; the newest ones."""

_decode = msgspec.msgpack.Decoder(Signal).decode
_ANSWERS = ("note", "status", "chat", "mark", "action")
"""Families of what people say in an incident; beside them, a page that somebody acknowledged."""

_newest = (
    select(signal_table.c.uid, signal_table.c.body, signal_table.c.start)
    .where(
        signal_table.c.start >= bindparam("since"),
        signal_table.c.start < bindparam("until"),
        signal_table.c.kind == "alert",
    )
    .order_by(signal_table.c.start.desc())
    .limit(MOST + 1)
    .subquery("newest")
)
_EPISODES = (
    select(_newest.c.body, member.c.number)
    .join_from(_newest, member, member.c.uid == _newest.c.uid, isouter=True)
    .order_by(_newest.c.start.desc())
)
_ANSWERED = (
    select(member.c.number)
    .distinct()
    .select_from(
        member.join(event_unit, event_unit.c.unit == member.c.uid).join(
            event_index, event_index.c.id == event_unit.c.event
        )
    )
    .where(
        member.c.number.in_(AMONG),
        or_(
            event_index.c.source == PEOPLE,
            event_index.c.family.in_(_ANSWERS),
            event_index.c.type == "page.acknowledged",
        ),
    )
)
_family = (
    select(event_index.c.family)
    .where(event_index.c.id == incident.c.key, event_index.c.revision == 0)
    .correlate(incident)
    .scalar_subquery()
)
_OPENED = (
    select(incident.c.number, incident.c.started_at, _family.label("family"))
    .join_from(incident, incident_number, incident_number.c.number == incident.c.number)
    .where(
        incident_number.c.goes_by == incident.c.number,
        incident.c.started_at >= bindparam("since"),
        incident.c.started_at < bindparam("until"),
    )
    .order_by(incident.c.started_at)
)
_LAST = select(func.coalesce(func.max(event_index.c.position), 0))
_LATE = (
    select(
        event_index.c.source, (event_index.c.received_at - event_index.c.occurred_at).label("length"), event_index.c.id
    )
    .where(
        event_index.c.position > bindparam("after"),
        event_index.c.revision == 0,
        event_index.c.source != MACHINE,
        event_index.c.source != PEOPLE,
    )
    .order_by(event_index.c.position)
)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of one source, by its fingerprint, and what became of it."""

    event: str
    """The event that began its newest episode."""
    title: str
    service: str
    source: str
    episodes: int
    lengths: Sequence[int]
    """How long each of those took whose end was told, µs."""
    alone: int
    """How many of its episodes are in no incident."""
    incidents: Sequence[int]
    """Those that its episodes are in, by number."""
    answered: Sequence[int]
    """Those of them in which a person acknowledged a page or said anything."""

    @property
    def usual(self) -> int | None:
        """The median of the lengths, µs; None where no end was told."""
        return int(median(self.lengths)) if self.lengths else None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An incident, and what its first opening event was."""

    number: int
    started_at: int
    family: str
    """``alert``, ``page``, ``incident`` for a report, or what else it was; empty where that is not known."""


class Lateness(msgspec.Struct, frozen=True, kw_only=True):
    """How long after it happened a source told what it told, µs."""

    source: str
    events: int
    median: int
    most: int
    latest: str
    """The event that came latest."""
    ninety_ninth: int | None
    """What 99 of 100 were not above; None of fewer than 100."""


class Across(msgspec.Struct, frozen=True, kw_only=True):
    """Many incidents."""

    identities: Sequence[Identity]
    """Those that fired most often first."""
    episodes: int
    """How many episodes were looked at."""
    whole: bool
    """Whether those are all of the period."""
    opened: Sequence[Opened]
    late: Sequence[Lateness]
    """The slowest first; of the newest events, whenever they happened."""


def read(connection: Connection, since: int, until: int) -> Across:
    """Of what began from ``since`` until before ``until``, µs."""
    found = connection.execute(_EPISODES, {"since": since, "until": until})
    rows = [(_decode(row.body), row.number) for row in found]
    episodes = len({signal.id for signal, _ in rows})
    return Across(
        identities=_identities(connection, rows),
        episodes=min(episodes, MOST),
        whole=episodes <= MOST,
        opened=_opened(connection, since, until),
        late=_late(connection),
    )


def _identities(connection: Connection, rows: Sequence[tuple[Signal, int | None]]) -> list[Identity]:
    numbers_by_signal: dict[str, set[int]] = defaultdict(set)
    signals: dict[str, Signal] = {}
    for signal, number in rows:
        signals.setdefault(signal.id, signal)
        if number is not None:
            numbers_by_signal[signal.id].add(number)
    answered = _answered(connection, sorted({number for numbers in numbers_by_signal.values() for number in numbers}))
    by_entity: dict[str, list[Signal]] = defaultdict(list)
    for signal in signals.values():
        by_entity[signal.entity_key].append(signal)
    found = [_identity(each, numbers_by_signal, answered) for each in by_entity.values()]
    return sorted(found, key=lambda one: (-one.episodes, one.title, one.event))


def _identity(signals: Sequence[Signal], numbers_by_signal: Mapping[str, set[int]], answered: set[int]) -> Identity:
    numbers = sorted({number for signal in signals for number in numbers_by_signal.get(signal.id, ())})
    newest = signals[0]
    return Identity(
        event=newest.id, title=newest.title, service=newest.service_name, source=newest.entity_key.split(SEPARATOR)[1],
        episodes=len(signals), lengths=[signal.end - signal.start for signal in signals if signal.end is not None],
        alone=sum(1 for signal in signals if not numbers_by_signal.get(signal.id)), incidents=numbers,
        answered=[number for number in numbers if number in answered],
    )  # fmt: skip


def _answered(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """The incidents in which a person acknowledged a page or said anything."""
    return {int(row.number) for row in select_among(connection, _ANSWERED, numbers)}


def _opened(connection: Connection, since: int, until: int) -> list[Opened]:
    rows = connection.execute(_OPENED, {"since": since, "until": until})
    return [Opened(number=row.number, started_at=row.started_at, family=row.family or "") for row in rows]


def _late(connection: Connection) -> list[Lateness]:
    last = int(connection.execute(_LAST).scalar_one())
    behind: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in connection.execute(_LATE, {"after": last - MOST}):
        behind[row.source].append((int(row.length), row.id))
    found = [_lateness(source, sorted(each)) for source, each in behind.items()]
    return sorted(found, key=lambda one: (-one.median, one.source))


def _lateness(source: str, behind: Sequence[tuple[int, str]]) -> Lateness:
    lengths = [length for length, _ in behind]
    rank = -(-len(lengths) * 99 // 100) - 1
    return Lateness(
        source=source, events=len(lengths), median=int(median(lengths)), most=lengths[-1], latest=behind[-1][1],
        ninety_ninth=lengths[rank] if len(lengths) >= 100 else None,
    )  # fmt: skip
