"""What every back end of the log promises, and the values it takes and gives.

No code of any back end stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection

from collector.errors import InvalidInput, Unavailable
from collector.event import MINUTE, Event, RecordedEvent

T = TypeVar("T")


REDACTED = "timelined-redacted"
"""Among a delivery's headers, how many values were redacted before it was stored. No sender's header of this name is
kept."""


Lease = Literal["following", "jobs"]
"""What one daemon of several does. A daemon's follower, a process of its own, holds the first, and its intake, which
seals and removes what expired, the second."""
FOLLOWING: Lease = "following"
JOBS: Lease = "jobs"


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery and the events read out of it, to be stored in one transaction or not at all.

    For a person's command or the daemon's own facts ``body`` is empty and ``source`` is ``people`` or ``timelined``.
    """

    source: str
    received_at: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    """The headers worth keeping, by an allow-list; never Authorization, Cookie or a signature's secret."""
    authentication: str = "none"
    """``signature``, ``bearer``, ``basic``, ``path``, ``import`` or ``none``."""
    status: str = "read"
    """``read``, ``unrecognised`` (authentic, not understood) or ``malformed`` (not even the source's syntax)."""
    reason: str = ""
    """Why, where ``status`` is not ``read``. Never contains the body."""
    events: tuple[Event, ...] = ()
    refire_after: int = 6 * MINUTE
    """A firing that is told again more than this after its resolve says that the alert fires again, µs."""


class ReceiptItem(msgspec.Struct, frozen=True, kw_only=True):
    event_id: str
    position: int
    stored_before: bool
    """Whether the log held this fact already."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised to the sender after the commit."""

    delivery: str
    items: tuple[ReceiptItem, ...] = ()
    status: str = "read"
    reason: str = ""
    answer: str = ""
    """What the sender asked to be answered with, where it tries an address so; it is no fact and not stored."""

    @property
    def nothing_new(self) -> bool:
        """Whether the delivery told nothing new (and told something)."""
        return bool(self.items) and all(item.stored_before for item in self.items)


class Refused(msgspec.Struct, frozen=True):
    """Why one submission of a batch was not stored, while the others were."""

    reason: str
    again: bool
    """Whether it may be stored when it comes again; else it holds a value that cannot be stored."""

    def error(self) -> InvalidInput | Unavailable:
        """The same for whoever waits for it."""
        return Unavailable(self.reason) if self.again else InvalidInput(self.reason)


Answer = Receipt | Refused
"""What became of one submission."""


def receipt_of(answer: Answer) -> Receipt:
    """The receipt; raises what a refusal says."""
    if isinstance(answer, Refused):
        raise answer.error()
    return answer


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A stored delivery, without its body."""

    id: str
    source: str
    received_at: int
    size: int
    digest: str
    """SHA-256 of the body, hexadecimal; empty where the content was erased."""
    authentication: str
    status: str
    reason: str
    headers: tuple[tuple[str, str], ...]
    items: tuple[ReceiptItem, ...]
    redacted: int = 0
    """How many values were redacted before it was stored."""


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """How often a fact was told again: every body of an Alertmanager group repeats what is known."""

    event_id: str
    count: int
    """Deliveries beyond the first."""
    last_at: int
    """When the latest of them was received, µs UTC."""


class EventLog(Protocol):
    """What every back end promises; ``tests/test_log.py`` holds each of them to it."""

    async def append(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Store all submissions in one transaction and answer after the commit, one answer for each.

        If a value breaks the batch, the submissions are taken singly and the culprit is stored as
        ``source.unrecognised``; its neighbours are not refused. Raises :class:`collector.errors.Unavailable` when
        nothing can be stored now; an append of nothing finds out whether that is so.
        """

    def shortage(self) -> str:
        """That next to nothing more fits where the log is, in words; empty where there is room, or nobody can tell.

        What is large is refused first, and a small delivery may be stored after it: that one was stored says little.
        """

    async def head(self) -> int:
        """The last position, 0 for an empty log."""

    async def read(self, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        """Events after a position in the order of positions, at most ``limit``."""

    async def read_ids(self, ids: Sequence[str], as_of: int | None = None) -> list[RecordedEvent]:
        """Every revision of these events, in the order of positions; those received by ``as_of`` (µs) if given."""

    async def deliveries(
        self, *, source: str | None = None, status: str | None = None, before: str | None = None, limit: int = 50
    ) -> list[Delivery]:
        """Stored deliveries, newest first; ``before`` is the id of the last one seen."""

    async def delivery(self, delivery_id: str) -> Delivery | None: ...

    async def body(self, delivery_id: str) -> bytes | None:
        """The raw bytes of a delivery; None where it is unknown or its content was erased."""

    async def repeats(self, ids: Sequence[str]) -> dict[str, Repeats]: ...

    async def lead(self) -> bool:
        """Try to become, or to remain, the one process that follows this log; whether it is.

        Of several daemons over one log, one holds this lease. It is lost with the connection that holds it, and can be
        had again by whoever asks first; so the holder asks every second, and stops following where the answer is no.
        """

    async def others(self) -> int:
        """How many other daemons announced themselves over this log and are there now."""

    async def transact(self, work: Callable[[Connection], T], *, durable: bool = True, leading: bool = False) -> T:
        """Run ``work`` in one write transaction on the connection that writes, between appends.

        On PostgreSQL also for the lists, which live in the same database. ``work`` is synchronous and short, and
        touches nothing of the event loop's: on SQLite it runs on the writer's thread. It commits when ``work``
        returns, and rolls back when it raises. With ``durable=False`` a power cut may take the commit back (whole, and
        never an event): right for what can be rebuilt. With ``leading=True`` it happens only while this process holds
        the lease, on the very connection that holds it: nobody else can have it before the transaction is over. Raises
        :class:`collector.errors.Unavailable` when nothing can be written now, or not by us.
        """

    async def query(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on a reading connection, over one consistent view of the whole database.

        On SQLite it runs in a thread, on PostgreSQL on the event loop, which turns where it waits for the server.
        """

    async def scrub(self) -> str:
        """Leave nothing in the back end's files of what was removed; empty once that is so, else why it is not.

        Erasing and retention remove rows; their bytes may live on in free pages and write-ahead logs. Nothing else is
        written meanwhile. Raises :class:`collector.errors.Unavailable` where this log may not be written.
        """

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called on the event loop after each commit that added events; the answer unsubscribes.

        A hint only: the position is the truth. Where other processes may append, their commits wake as well, late at
        times.
        """

    def acknowledge(self, record: Callable[[int, bytes], None]) -> None:
        """Have ``record`` called with the position and the leaf of the last event after each commit that added one.

        It is called on the event loop, before anybody is answered, and has to be quick.
        """

    async def broken(self) -> str:
        """Wait until this process can no longer know what is stored; why. Most never come to an end of waiting.

        From then on every write raises :class:`collector.errors.DiskFailed`, and the process has to end.
        """

    def announce(self, address: str) -> None:
        """Say that a daemon is there, which takes webhooks: where its API listens, once that is known.

        Whoever finds a log held that has one writer sends what is to be written there.
        """

    async def close(self) -> None:
        """Finish what was begun and let go of the file; a later call raises ``Unavailable``."""
