"""One batch as the arrays that append() takes, and its receipts out of what that answers.

Everything that does not depend on the log's state is worked out here, before
the head row is locked: ids, salts, content, commitments, and which tellings of
the batch are of one fact. What stays for the database is to find out which
facts are known, and to number the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any

import msgspec

from collector.event import MACHINE, PEOPLE, Event
from collector.log.appending import binary, encoded, salts
from collector.log.contract import Answer, Receipt, ReceiptItem, Submission
from collector.log.postgres.connecting import LASTS
from collector.log.refiring import ended_by, may_fire_again
from collector.log.updating import may_be_updated, text_of, update_id
from collector.proof.merkle import NO_DELIVERY, content_commitment, delivery_commitment

_NEVER = (1 << 63) - 1
"""No delivery tells the fact, so none can speak before what is known."""
_U16, _U16_U16, _LENGTHS = Struct(">H"), Struct(">HH"), Struct(">HHHI")
"""Lengths as leaves say them; ``struct.error`` is raised for what is longer than they can say."""

_encode = msgspec.json.Encoder().encode

ARGUMENTS = (12, 19, 4)
"""How many arrays append() takes of deliveries, of facts and of tellings."""
CALL = f"SELECT *, {LASTS} FROM append({', '.join(f'${n}' for n in range(1, sum(ARGUMENTS) + 1))})"  # noqa: S608 - numbers


class NeedsSlowPath(Exception):
    """A batch of the rare kind that has to be judged fact by fact, by ``appending.append``."""


class ArrayBatch:
    """Submissions on their way into the log.

    Raises :class:`NeedsSlowPath` for amendments, for headers that are content and name it by its number, and where a
    later submission may speak before an earlier one; and whatever a value raises that cannot be stored.
    """

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self._submissions = submissions
        self._salts = salts(len(submissions) + sum(len(told.events) for told in submissions))
        self._firing_spans: dict[bytes, tuple[int, int]] = {}
        """Of each firing when it and its resolves were told here: first and last."""
        self._index: dict[bytes, int] = {}
        self._deliveries: list[tuple[Any, ...]] = []
        self._facts: list[list[Any]] = []
        self._tellings: list[tuple[Any, ...]] = []
        self._items: list[list[tuple[int, bool]]] = [self._take(told) for told in submissions]
        """For each submission and event of it: which fact, and whether it is the first telling of it here."""

    def arguments(self) -> list[Sequence[Any]]:
        """The arrays, in the order of append()'s parameters."""
        tables: tuple[Sequence[Sequence[Any]], ...] = (self._deliveries, self._facts, self._tellings)
        return [[row[n] for row in rows] for rows, count in zip(tables, ARGUMENTS, strict=True) for n in range(count)]

    def receipts(self, before: int, first_delivery: int, positions: Sequence[int]) -> list[Answer]:
        """What append() answered, for each submission."""
        receipts: list[Answer] = []
        number = first_delivery
        for submission, items in zip(self._submissions, self._items, strict=True):
            items_of_receipt = tuple([
                ReceiptItem(event_id=e.id, position=at, stored_before=not first or at <= before)
                for e, (fact, first) in zip(submission.events, items, strict=True)
                for at in (positions[fact],)
            ])  # fmt: skip
            if _stated(submission):
                receipts.append(Receipt(delivery="", items=items_of_receipt))
                continue
            number += 1
            receipts.append(
                Receipt(
                    delivery=f"d{number}", items=items_of_receipt, status=submission.status, reason=submission.reason
                )
            )
        return receipts

    def _take(self, submission: Submission) -> list[tuple[int, bool]]:
        if _stated(submission):
            return [self._tell(submission, item, event, 0, NO_DELIVERY) for item, event in enumerate(submission.events)]
        if any(name.startswith("ce-") for name, _ in submission.headers):
            raise NeedsSlowPath
        salt = next(self._salts)
        commitment = delivery_commitment(salt, submission.body)
        self._deliveries.append((
            submission.source, submission.received_at, len(submission.body), submission.authentication,
            submission.status, submission.reason,
            _encode(submission.headers), salt, submission.body, commitment, *_leaf_texts(submission),
        ))  # fmt: skip
        number = len(self._deliveries)
        if not submission.events:
            self._tellings.append((number, None, None, None))
        return [self._tell(submission, item, event, number, commitment) for item, event in enumerate(submission.events)]

    def _tell(
        self, submission: Submission, item: int, event: Event, number: int, commitment: bytes
    ) -> tuple[int, bool]:
        if event.amendment:
            raise NeedsSlowPath
        identity = binary(event.id)
        fact = self._index.get(identity)
        first = fact is None
        if fact is None:
            fact = self._index[identity] = len(self._facts)
            self._facts.append(self._row(submission, item, event, identity, number, commitment))
        else:
            _again(self._facts[fact], submission.received_at, number)
            if self._facts[fact][_SAID] is not None and self._facts[fact][_SAID] != text_of(event):
                raise NeedsSlowPath
        if number:
            self._hear(submission, event, identity)
            self._tellings.append((number, fact + 1, identity, first))
            self._facts[fact][_TOLD_BY] = number
        return fact, first

    def _hear(self, submission: Submission, event: Event, identity: bytes) -> None:
        """Leave it to others where an alert may fire again within this batch."""
        firing = ended_by(event) or (identity if may_fire_again(event) else None)
        if firing is not None:
            first, last = self._firing_spans.get(firing, (submission.received_at, submission.received_at))
            self._firing_spans[firing] = (min(first, submission.received_at), max(last, submission.received_at))
            if self._firing_spans[firing][1] - self._firing_spans[firing][0] > submission.refire_after:
                raise NeedsSlowPath

    def _row(
        self, submission: Submission, item: int, event: Event, identity: bytes, number: int, commitment: bytes
    ) -> list[Any]:  # fmt: skip
        salt, content, kind, teller = next(self._salts), encoded(event), event.type.encode(), event.source.encode()
        earliest = submission.received_at if number else _NEVER
        ends = ended_by(event) if number else None
        after = submission.refire_after if ends is not None or (number and may_fire_again(event)) else None
        text, update = (text_of(event), binary(update_id(event))) if number and may_be_updated(event) else (None, None)
        return [
            identity, event.type, event.source, submission.received_at, event.occurred_at, number, item, salt, content,
            content_commitment(salt, commitment, content), _U16.pack(len(kind)) + kind,
            _U16_U16.pack(len(teller), 0) + teller, earliest, 0, 0, ends, after, text, update, number,
        ]  # fmt: skip


def _leaf_texts(told: Submission) -> tuple[bytes, bytes]:
    """The texts of a delivery's leaf, and their lengths before them; see ``merkle.delivery_leaf``."""
    texts = (told.source.encode(), told.authentication.encode(), told.status.encode(), told.reason.encode())
    return _LENGTHS.pack(*map(len, texts)), b"".join(texts)


# Columns of a fact beyond those of its first telling; the last of them is for us alone.
_RECEIVED, _EARLIEST, _AGAIN, _LAST, _SAID, _TOLD_BY = 3, 12, 13, 14, 17, 19


def _again(fact: list[Any], received_at: int, number: int) -> None:
    """Count another delivery's telling of a fact of this batch."""
    if number in (0, fact[_TOLD_BY]):
        return
    if received_at <= fact[_RECEIVED]:
        raise NeedsSlowPath
    fact[_EARLIEST] = min(fact[_EARLIEST], received_at)
    fact[_AGAIN] += 1
    fact[_LAST] = max(fact[_LAST], received_at)


def _stated(told: Submission) -> bool:
    """Whether a person or the daemon said it, which is no delivery."""
    return told.source in (PEOPLE, MACHINE)
