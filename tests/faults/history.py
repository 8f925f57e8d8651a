"""What the clients did and what they were told: kept outside the store, in the process that is never the one killed.

Three sets, after Jepsen: **acked** (the sender holds a receipt), **rejected**
(a definite refusal, so nothing of it may ever be found) and **unknown** (it may
be found once, or not at all). What 503 promises is only that coming again is
safe. It is a definite refusal where the sentence names a reason that stands
before the store; from within the store it is not: a commit whose fsync failed
was refused, and may still be found after a crash.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from collector.event import MACHINE

__all__ = ["MACHINE", "Attempt", "Fact", "History", "Outcome", "Placed", "outcome_of"]


class Outcome(enum.Enum):
    """What a sender knows after an attempt."""

    ACKED = "acked"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Fact(NamedTuple):
    """What one item of a delivery states, in the sender's own terms: unique over a whole run."""

    entity: str
    type: str


class Placed(NamedTuple):
    """Where a receipt says that a fact stands."""

    event: str
    position: int
    known: bool


class Attempt(NamedTuple):
    """One request and how it ended."""

    body: bytes
    facts: tuple[Fact, ...]
    """What it states if it is authentic and can be read."""
    outcome: Outcome
    status: int = 0
    """0 where no answer was heard."""
    said: str = ""
    """The answer's ``detail``, or what went wrong on the way."""
    delivery: str = ""
    placed: tuple[Placed, ...] = ()
    retry_after: str = ""
    sent_at: float = 0.0
    """Seconds on the monotonic clock of the recording process."""
    heard_at: float = 0.0


BEFORE_THE_STORE = (
    "cannot take the delivery",
    "cannot store the delivery now: the queue is full",
    "cannot store the delivery now: the daemon is stopping",
)
"""How a 503 begins that was decided before anything was handed to the store."""
REFUSALS = (401, 405, 413, 415)


def outcome_of(status: int, detail: str) -> Outcome:
    """What an answer promises; a status that no table has promises nothing."""
    if status in (200, 202, 400):
        return Outcome.ACKED
    definite = detail.startswith(BEFORE_THE_STORE) or detail.endswith("database is locked")
    if status in REFUSALS or (status == 503 and definite):
        return Outcome.REJECTED
    return Outcome.UNKNOWN


class History:
    """Every attempt, in the order in which it ended."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.counts = dict.fromkeys(Outcome, 0)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self.attempts)

    def add(self, attempt: Attempt) -> None:
        """Record an attempt that has ended."""
        self.attempts.append(attempt)
        self.counts[attempt.outcome] += 1

    @property
    def acked(self) -> int:
        """How many attempts were acknowledged."""
        return self.counts[Outcome.ACKED]

    def since(self, moment: float) -> list[Attempt]:
        """Attempts that were sent at or after a moment of the monotonic clock."""
        return [attempt for attempt in self.attempts if attempt.sent_at >= moment]

    def write(self, path: Path) -> None:
        """Keep it for whoever looks into a failure: one attempt a line."""
        with path.open("wb") as file:
            file.writelines(msgspec.json.encode(_line(attempt)) + b"\n" for attempt in self.attempts)


def now() -> float:
    """The clock of attempts."""
    return time.monotonic()


def _line(attempt: Attempt) -> dict[str, Any]:
    return attempt._asdict() | {"body": attempt.body.decode("utf-8", "replace"), "outcome": attempt.outcome.value}
