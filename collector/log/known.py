"""What is known of facts while more is told of them, on an open connection."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from collector.log import statements
from collector.log.contract import Submission
from collector.proof.merkle import NO_DELIVERY
from collector.storage.sql import Execute, chunked


class Submitted:
    """One submission while its events are being numbered."""

    __slots__ = ("_digest", "commitment", "number", "submission")

    def __init__(self, submission: Submission, number: int = 0, commitment: bytes = NO_DELIVERY) -> None:
        self.submission = submission
        self.number = number
        self.commitment = commitment
        self._digest: bytes | None = None

    @property
    def digest(self) -> bytes:
        """Of the body. Seldom asked for: only where two deliveries were received in the same microsecond."""
        if self._digest is None:
            self._digest = sha256(self.submission.body).digest()
        return self._digest


class KnownEvent(msgspec.Struct, gc=False):
    """What is known of one id: enough to judge the next telling of it."""

    position: int
    revision: int = -1
    received_at: int = 0
    last_received_at: int = 0
    """Of all deliveries that ever spoke for it."""
    delivery: int = 0
    last_delivery: int = 0
    """That told it last in this batch; 0: none yet."""
    authority: Submitted | None = None
    amended: bool = False
    erased: bool = False

    def tell(self, amendment: str, received_at: int, delivery: int, authority: Submitted | None = None) -> None:
        """Take in the next revision. Once people or a parser amended a fact, no delivery speaks for it again; what the
        log itself derived and took back may be said again."""
        self.revision += 1
        if amendment in ("", "earlier_delivery"):
            self.amended = False
            self.received_at, self.delivery, self.authority = received_at, delivery, authority
            self.last_received_at = max(received_at, self.last_received_at)
        else:
            self.amended = True
            self.erased = self.erased or amendment == "erasure"


def known_events(execute: Execute, identities: set[bytes]) -> dict[bytes, KnownEvent]:
    """Those of the ids that the log holds. Ids begin with their time, so most new ones are beyond all that it holds."""
    facts: dict[bytes, KnownEvent] = {}
    newest = execute(statements.NEWEST).fetchone()
    if newest is None:
        return facts
    last = bytes(newest[0])
    for row in chunked(execute, statements.FACTS, [one for one in identities if one <= last]):
        identity, position, amendment, received_at, delivery = row
        fact = facts.get(identity)
        if fact is None:
            fact = facts[identity] = KnownEvent(position)
        fact.tell(amendment, received_at, delivery)
    return facts
