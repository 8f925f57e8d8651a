"""Appending, on an open connection, inside the caller's transaction.

Numbers come from the head row and go back to it in the same transaction, which
one writer at a time holds. A position is therefore visible only together with
every position before it: a reader that follows positions cannot skip an event
that commits late. A sequence or AUTOINCREMENT gives numbers out before the
commit and keeps no such promise.

Everything here is synchronous and knows neither threads nor files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection

from collector import normalise
from collector.errors import LogDamaged, Unavailable
from collector.event import DERIVED, MACHINE, PEOPLE, Event
from collector.log import statements
from collector.log.contract import Answer, Receipt, ReceiptItem, Refused, Submission
from collector.log.known import KnownEvent, Submitted, known_events
from collector.log.refiring import Refires, ToldFiring, Turn, ended_by, may_fire_again
from collector.log.updating import Updates, may_be_updated
from collector.proof.acknowledged import Last
from collector.proof.merkle import (
    NO_DELIVERY,
    SALT_SIZE,
    content_commitment,
    delivery_commitment,
    delivery_leaf,
    event_commitment,
    leaf,
)
from collector.storage.outage import is_outage, may_be_of_a_value
from collector.storage.sql import chunked, driver_of, executing
from collector.telemetry.crashes import Crashes
from collector.webhook import Webhook

ITEMS = Struct(">16sQ?")
"""How a delivery's row keeps each event it told: id, position, known."""

_MAYBE_NUL = re.compile(rb"\\u0000").search
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000").search
"""A NUL as JSON writes it, and not a backslash before other text. That takes long to look for; the first, which may be
either, less than ``in`` takes."""
HEADERS_IN_CONTENT = "timelined-content"
"""In a delivery's row, what names the content that holds the headers which are content, and the commitment to it: the
number, a colon, SHA-256(salt ‖ headers as JSON). No sender's header is kept under this name."""

T = TypeVar("T")

_SALT = Struct(f"{SALT_SIZE}s")
_encode = msgspec.json.Encoder().encode


class Appended(NamedTuple):
    """What came of an append."""

    answers: list[Answer]
    """One for each submission."""
    last: Last | None
    """The last event that was added; None where none was."""


def append(connection: Connection, submissions: Sequence[Submission]) -> Appended:
    """Number and insert everything. A value the database cannot hold raises, and nothing may be committed then."""
    batch = _Batch(connection, submissions)
    pairs = zip(submissions, batch.identities, strict=True)
    answers: list[Answer] = [batch.take(submission, identities) for submission, identities in pairs]
    return Appended(answers, batch.write())


def append_reread(connection: Connection, revisions: Sequence[RereadFact], retold: Sequence[Retold]) -> int:
    """Append what today's parsers make of stored deliveries; how many events that added.

    A revision of a fact that changed since it was looked at is left out. Raises as :func:`append` does.
    """
    first = _Batch(connection, [])
    first.expect(revisions)
    added = sum([first.revise(each) for each in revisions])
    first.write()
    # What is told anew is held to what the revisions say.
    batch = _Batch(connection, [each.submission for each in retold])
    pairs = zip(retold, batch.identities, strict=True)
    added += sum([batch.tell_again(each, identities) for each, identities in pairs])
    batch.write()
    return added


def append_singly(connection: Connection, submissions: Sequence[Submission], crashes: Crashes) -> Appended:
    """The same after something broke the batch: each within its own savepoint.

    A webhook that breaks again is stored as ``source.unrecognised``; a person's command is answered with
    :class:`collector.errors.InvalidInput`. Where no value did it but a mistake of ours, ``crashes`` says where, and
    the command is refused as :class:`collector.errors.Unavailable`.
    """
    answers: list[Answer] = []
    last: Last | None = None
    for submission in submissions:
        try:
            added = _within_savepoint(connection, submission)
        except Exception as error:
            if _is_outage(error):
                raise
            added = _culprit(connection, submission, error, crashes)
        answers += added.answers
        last = added.last or last
    return Appended(answers, last)


def appended_by(work: Callable[[Connection], T], connection: Connection) -> tuple[T, Last | None]:
    """What ``work`` gives, and the last event that it added, if it added any."""
    execute = connection.exec_driver_sql
    before = execute(statements.LAST_POSITION).scalar_one()
    answer = work(connection)
    row = execute(statements.LAST_EVENT, (before,)).one_or_none()
    return answer, None if row is None else Last(*row)


def _within_savepoint(connection: Connection, submission: Submission) -> Appended:
    with connection.begin_nested():
        return append(connection, [submission])


def _is_outage(error: Exception) -> bool:
    """Whether nothing can be stored now, whoever said what."""
    return isinstance(error, (Unavailable, LogDamaged)) or is_outage(error)


def _culprit(connection: Connection, submission: Submission, error: Exception, crashes: Crashes) -> Appended:
    name = type(getattr(error, "orig", None) or error).__name__
    own_mistake = not may_be_of_a_value(error)
    if own_mistake:
        crashes.note("cannot store what was read: a mistake of ours", submission.source, error)
    why = f"storing it failed: {name}" if own_mistake else f"a value that cannot be stored: {name}"
    if submission.source in (PEOPLE, MACHINE):
        return _refused(f"cannot store what {submission.source} said: {why}", again=own_mistake)
    try:
        return _within_savepoint(connection, unrecognised(submission, why))
    except Exception as again:
        if _is_outage(again):
            raise
        crashes.note("cannot store a delivery: it is refused, and has to come again", submission.source, again)
        # Not its value after all: everything in it was replaced. The sender must come again.
        return _refused(
            f"cannot store a delivery of {submission.source}: the log refused it twice ({name})", again=True
        )


def _refused(reason: str, *, again: bool = False) -> Appended:
    return Appended([Refused(reason, again)], None)


def unrecognised(submission: Submission, reason: str) -> Submission:
    """The same delivery with one ``source.unrecognised`` in place of its events; its body is kept, its headers are
    not: they, too, may hold what broke."""
    webhook = Webhook(source=submission.source, headers={}, body=submission.body, received_at=submission.received_at)
    event = normalise.unrecognised(webhook, reason)
    return msgspec.structs.replace(submission, status="unrecognised", reason=reason, headers=(), events=(event,))


class RereadFact(NamedTuple):
    """A revision that a later parser makes of a fact, or a fact that the daemon records of that."""

    event: Event
    received_at: int
    delivery: int = 0
    """The number of the delivery that was read again; 0 where none tells it."""
    commitment: bytes = NO_DELIVERY
    """Of that delivery."""


class Retold(NamedTuple):
    """What a stored delivery tells, by a later parser, that its row does not name."""

    submission: Submission
    """The events, and when the delivery was received."""
    delivery: int
    commitment: bytes
    first: bool = True
    """Whether it is the first time that this is found out: else it counts as no repeat."""


class _Batch:
    """One append: rows are gathered, then written with one statement for each table."""

    def __init__(self, connection: Connection, submissions: Sequence[Submission]) -> None:
        self.connection = connection
        self.execute = executing(connection)
        position, delivery, content = self.execute(statements.LOCK_HEAD[connection.dialect.name]).fetchone()
        self.position: int = position
        self.delivery: int = delivery
        self.content: int = content
        self.identities = [[binary(event.id) for event in submission.events] for submission in submissions]
        events = [event for submission in submissions for event in submission.events]
        identities = [identity for each in self.identities for identity in each]
        self.refires = Refires(self.execute, self._select, events, identities)
        self.facts = known_events(self.execute, {*identities, *self.refires.ended})
        firings = {one for event, one in zip(events, identities, strict=True) if may_be_updated(event)}
        self.updates = Updates(self.execute, self._select, [one for one in firings if one in self.facts])
        self.erased = {identity for identity, fact in self.facts.items() if fact.erased}
        self.salts = salts(2 * len(submissions) + sum(map(len, self.identities)))
        self.event_rows: list[tuple[Any, ...]] = []
        self.delivery_rows: list[tuple[Any, ...]] = []
        self.content_rows: list[tuple[Any, ...]] = []
        self.repeat_rows: list[tuple[Any, ...]] = []

    def take(self, submission: Submission, identities: list[bytes]) -> Receipt:
        """Number one submission and what it told."""
        if submission.source in (PEOPLE, MACHINE):
            return Receipt(delivery="", items=self._events(Submitted(submission), identities))
        self.delivery += 1
        salt = next(self.salts)
        submitted = Submitted(submission, self.delivery, delivery_commitment(salt, submission.body))
        # A body that tells an erased fact again is not kept.
        with_body = not self.erased or self.erased.isdisjoint(identities)
        # Before the body, whose number follows: so that the last content is always one that a row names itself.
        headers = self._headers(submission.headers, with_body=with_body)
        content = self._keep(salt, submission.body) if with_body else 0
        items = self._events(submitted, identities)
        pairs = zip(identities, items, strict=True)
        packed = b"".join([ITEMS.pack(identity, item.position, item.stored_before) for identity, item in pairs])
        self._deliver(submitted, headers, packed, content)
        return Receipt(delivery=f"d{submitted.number}", items=items, status=submission.status, reason=submission.reason)

    def tell_again(self, retold: Retold, identities: list[bytes]) -> int:
        """Take what a stored delivery tells beyond its row; how many facts of it are new."""
        submitted, before = Submitted(retold.submission, retold.delivery, retold.commitment), self.position
        for event, identity in zip(retold.submission.events, identities, strict=True):
            if retold.first or identity not in self.facts:
                self._event(submitted, DERIVED, event, identity)
            self._follow(submitted, event, identity)
        return self.position - before

    def expect(self, revisions: Sequence[RereadFact]) -> None:
        """Look up what is known of facts that are about to be revised, all of them at once."""
        self.facts.update(known_events(self.execute, {binary(each.event.id) for each in revisions}))
        self.salts = salts(len(revisions))

    def revise(self, revision: RereadFact) -> bool:
        """Store the next revision of a fact, or a fact that is new; false where it changed since it was looked at."""
        event, identity = revision.event, binary(revision.event.id)
        fact = self._fact(identity)
        if (-1 if fact is None else fact.revision) != event.revision - 1 or (fact is not None and fact.erased):
            return False
        if fact is None:
            fact = self.facts[identity] = KnownEvent(self.position + 1)
        submission = Submission(source=event.source, received_at=revision.received_at)
        item = DERIVED if revision.delivery else 0
        self._insert(Submitted(submission, revision.delivery, revision.commitment), item, event, identity, fact)
        return True

    def write(self) -> Last | None:
        """Insert all rows and move the head past them; the last event of them."""
        self.refires.write()
        self.updates.write()
        rows = (self.content_rows, self.delivery_rows, self.event_rows, self.repeat_rows)
        if self.connection.dialect.name == "sqlite":
            self._insert_rows(rows)
        else:
            self._call(rows)
        return Last(self.position, self.event_rows[-1][-1]) if self.event_rows else None

    def _select(self, statement: str, ids: Sequence[bytes]) -> Iterator[Any]:
        return chunked(self.execute, statement, ids)

    def _insert_rows(self, rows: Sequence[Sequence[tuple[Any, ...]]]) -> None:
        driver = driver_of(self.connection)
        for statement, some in zip(statements.INSERTS, rows, strict=True):
            if some:
                _check_stored(driver.executemany(statement, some).rowcount, len(some))
        last = (self.position, self.delivery, self.content)
        _check_stored(driver.execute(statements.MOVE_HEAD, last).rowcount, 1)

    def _call(self, rows: Sequence[Sequence[tuple[Any, ...]]]) -> None:
        """There only a function may write: its arrays are the columns of the rows."""
        counted = zip(statements.COLUMNS, rows, strict=True)
        columns = tuple([[row[n] for row in some] for count, some in counted for n in range(count)])
        self.connection.exec_driver_sql(statements.CALL, columns)

    def _keep(self, salt: bytes, content: bytes) -> int:
        self.content += 1
        self.content_rows.append((self.content, salt, content))
        return self.content

    def _headers(self, headers: Sequence[tuple[str, str]], *, with_body: bool) -> bytes:
        """The row of headers; those that are content go with the body, and are not kept where it is not."""
        attributes = [pair for pair in headers if pair[0].startswith("ce-")]
        if not attributes:
            return _encode(headers)
        plain = [pair for pair in headers if pair not in attributes]
        salt, content = next(self.salts), _encode(attributes)
        number = self._keep(salt, content) if with_body else 0
        return _encode([*plain, (HEADERS_IN_CONTENT, f"{number}:{delivery_commitment(salt, content).hex()}")])

    def _deliver(self, submitted: Submitted, headers: bytes, packed: bytes, content: int) -> None:
        submission, size = submitted.submission, len(submitted.submission.body)
        self.delivery_rows.append((
            submitted.number, submission.source, submission.received_at, size, submission.authentication,
            submission.status, submission.reason, headers, packed, content, submitted.commitment,
            delivery_leaf(submitted.number, submission.received_at, size, content, submission.source,
                          submission.authentication, submission.status, submission.reason, headers, packed,
                          submitted.commitment),
        ))  # fmt: skip

    def _events(self, submitted: Submitted, identities: list[bytes]) -> tuple[ReceiptItem, ...]:
        events = submitted.submission.events
        items = tuple([self._event(submitted, i, event, identities[i]) for i, event in enumerate(events)])
        if submitted.number:
            for event, identity in zip(events, identities, strict=True):
                self._follow(submitted, event, identity)
        return items

    def _follow(self, submitted: Submitted, event: Event, identity: bytes) -> None:
        """Say what follows from the telling of an event."""
        if not event.type.startswith("alert."):
            return
        teller = ToldFiring(submitted.submission.received_at, submitted.number, submitted.commitment)
        for turn in self._refires(submitted, teller, event, identity):
            self._turn(turn)
        if may_be_updated(event):
            self._update(submitted, teller, event, identity)

    def _refires(self, submitted: Submitted, teller: ToldFiring, event: Event, identity: bytes) -> Iterable[Turn]:
        """What is to be said of an alert that fires again, or that does not after all."""
        after = submitted.submission.refire_after
        if may_fire_again(event):
            return self.refires.fired(event, identity, teller, after)
        if (firing := ended_by(event)) is None:
            return ()
        fact = self.facts.get(firing)
        return self.refires.resolved(
            event, firing, identity, teller, after, 0 if fact is None else fact.last_received_at
        )

    def _update(self, submitted: Submitted, teller: ToldFiring, event: Event, identity: bytes) -> None:
        """Say what an alert says anew, unless that is known; or that it is what its firing says."""
        speaks = self.facts[identity].authority is submitted
        for turn in self.updates.turns(event, identity, teller, speaks=speaks):
            fact = self._fact(binary(turn.event.id))
            if turn.withdrawn:
                due = fact is not None and not fact.amended
            elif turn.teller.number != teller.number:
                due = fact is None or fact.amended
            else:
                due = fact is None or self._takes_precedence(submitted, fact)
            if due:
                self._turn(turn)

    def _fact(self, identity: bytes) -> KnownEvent | None:
        """What is known of an event that no submission names."""
        if identity not in self.facts:
            self.facts.update(known_events(self.execute, {identity}))
        return self.facts.get(identity)

    def _turn(self, turn: Turn) -> None:
        """Store an event that follows from deliveries, under the one that it follows from."""
        identity, teller = binary(turn.event.id), turn.teller
        fact = self._fact(identity)
        if fact is None:
            fact = self.facts[identity] = KnownEvent(self.position + 1)
        elif fact.erased:
            return
        amendment = "retraction" if turn.withdrawn else "earlier_delivery" if fact.revision >= 0 else ""
        event = msgspec.structs.replace(turn.event, revision=fact.revision + 1, amendment=amendment)
        submission = Submission(source=event.source, received_at=teller.received_at)
        self.salts = chain(self.salts, salts(1))
        # What a delivery tells is fixed when it is stored, so no delivery lists what is derived later.
        self._insert(Submitted(submission, teller.number, teller.commitment), DERIVED, event, identity, fact)

    def _event(self, submitted: Submitted, item: int, event: Event, identity: bytes) -> ReceiptItem:
        """Store an event that is new, or that speaks before what is known; else count a repeat."""
        fact = self.facts.get(identity)
        if event.amendment:
            return self._amend(submitted, item, event, identity, fact)
        if fact is None:
            fact = self.facts[identity] = KnownEvent(self.position + 1)
            self._insert(submitted, item, event, identity, fact)
            return ReceiptItem(event_id=event.id, position=self.position, stored_before=False)
        if submitted.number not in (0, fact.last_delivery):
            fact.last_delivery = submitted.number
            self.repeat_rows.append((identity, submitted.submission.received_at))
            if self._takes_precedence(submitted, fact):
                event = msgspec.structs.replace(event, revision=fact.revision + 1, amendment="earlier_delivery")
                self._insert(submitted, item, event, identity, fact)
        return ReceiptItem(event_id=event.id, position=fact.position, stored_before=True)

    def _amend(
        self, submitted: Submitted, item: int, event: Event, identity: bytes, fact: KnownEvent | None
    ) -> ReceiptItem:  # fmt: skip
        """Store the next revision of a known fact; the same revision again is known."""
        if fact is None or not 1 <= event.revision <= fact.revision + 1:
            raise ValueError("an amendment is the next revision of a known event")
        if event.revision <= fact.revision:
            return ReceiptItem(event_id=event.id, position=fact.position, stored_before=True)
        self._insert(submitted, item, event, identity, fact)
        return ReceiptItem(event_id=event.id, position=self.position, stored_before=False)

    def _takes_precedence(self, submitted: Submitted, fact: KnownEvent) -> bool:
        """Whether a delivery speaks for an event in place of the one that does; decided here alone.

        The one received first speaks, and of two in one microsecond the one whose body has the smaller digest. Once
        people or a parser amended the event, none speaks for it again.
        """
        if fact.amended:
            return False
        received_at = submitted.submission.received_at
        if received_at != fact.received_at:
            return received_at < fact.received_at
        stored = fact.authority.digest if fact.authority else self._stored_digest(fact.delivery)
        return stored is not None and submitted.digest < stored

    def _stored_digest(self, delivery: int) -> bytes | None:
        """None where the body was erased: what speaks then goes on speaking."""
        row = self.execute(statements.BODY, (delivery,)).fetchone()
        return None if row is None else sha256(row[0]).digest()

    def _insert(self, submitted: Submitted, item: int, event: Event, identity: bytes, fact: KnownEvent) -> None:
        self.position += 1
        received_at = submitted.submission.received_at
        salt, content = next(self.salts), encoded(event)
        committed, number = content_commitment(salt, submitted.commitment, content), self._keep(salt, content)
        commitment = event_commitment(
            event.occurred_at, submitted.number, item, number, event.source, event.amendment, committed
        )
        self.event_rows.append((
            self.position, identity, event.revision, event.amendment, event.type, event.source, received_at,
            event.occurred_at, submitted.number, item, number, committed, commitment,
            leaf(self.position, identity, event.revision, received_at, event.type, commitment),
        ))  # fmt: skip
        fact.last_delivery = submitted.number
        fact.tell(event.amendment, received_at, submitted.number, submitted)


def _check_stored(stored: int, expected: int) -> None:
    """Acknowledge nothing that the database left out without an error, as a trigger with RAISE(IGNORE) has it do."""
    if stored != expected:
        raise Unavailable(
            f"cannot store anything: of {expected} rows the database stored {stored}; a trigger that is not "
            "timelined's may be in it; run timelined verify"
        )


def binary(text: str) -> bytes:
    """An event's id as it is stored; raises ValueError for anything else."""
    identity = bytes.fromhex(text)
    if len(identity) != 16:
        raise ValueError("an event id is 32 hexadecimal digits")
    return identity


def encoded(event: Event) -> bytes:
    """An event's canonical content. Raises ValueError for text with a NUL, which not every database can list."""
    content = _encode(event)
    if _MAYBE_NUL(content) and _NUL(content):
        raise ValueError("text with a NUL character")
    return content


def salts(count: int) -> Iterator[bytes]:
    """So many salts, by one call for a whole batch: the system call is what randomness costs."""
    return map(itemgetter(0), _SALT.iter_unpack(os.urandom(SALT_SIZE * count)))
