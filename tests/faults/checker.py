"""The checker: what clients were told, against what the store holds. Pure; knows no daemon, no file and no clock.

A finding is one broken promise, and names what it is about. Whoever trusts a
checker that has never failed trusts nothing: ``tests/test_checker.py`` breaks
stores on purpose, and each of them must be found out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from tests.faults import tree
from tests.faults.history import MACHINE, Attempt, Fact, History, Outcome
from tests.faults.stored import DELIVERIES, EVENTS, StoredDelivery, StoredEvent, StoredLog

KINDS = {
    "lost": "acknowledged or shown to a reader, and not there",
    "doubled": "there more than once",
    "moved": "not at the position or under the id of its receipt",
    "rejected": "there, although it was refused for certain",
    "unanswered": "there, although the sender got no answer from a daemon that stopped in an orderly way",
    "stranger": "there, and nobody sent it",
    "gap": "a number that is missing, or a head row that says another",
    "order": "numbered before what was acknowledged earlier",
    "receipt": "a receipt that does not fit what it is for, or another receipt",
    "body": "bytes that are not those that were sent",
    "content": "content that its commitment does not fit",
    "leaf": "a leaf that does not fit its row",
    "root": "a tree that is not a continuation of an earlier one",
    "tail": "a reader that was shown a position twice, out of order, or not at all",
    "projection": "a list that differs from the same list made afresh",
    "answer": "an answer that the table of answers does not have",
}


class Finding(NamedTuple):
    """One broken promise."""

    kind: str
    what: str


class Observation(NamedTuple):
    """What a tailing reader was shown."""

    position: int
    event: str
    revision: int


class Checkpoint(NamedTuple):
    """A tree head that somebody kept: the root over the first ``size`` leaves of a tree."""

    size: int
    root: bytes
    tree: str = EVENTS


class Verdict(NamedTuple):
    """What was compared, and what was found."""

    acked: int
    rejected: int
    unknown: int
    unknown_stored: int
    """Facts of unknown outcome that are there."""
    events: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every promise held."""
        return not self.findings

    def count(self, kind: str) -> int:
        """How many findings of a kind there are."""
        return sum(finding.kind == kind for finding in self.findings)


def check(
    history: History,
    log: StoredLog,
    *,
    tails: Mapping[str, Sequence[Observation]] | None = None,
    checkpoints: Iterable[Checkpoint] = (),
    projections: Mapping[str, tuple[Any, Any]] | None = None,
    orderly: bool = False,
) -> Verdict:
    """Judge a log.

    ``tails`` are what readers were shown, by their names; each must have been shown a beginning of the log.
    ``projections`` holds each list as it is and as it is when made afresh from the events it has taken in. ``orderly``
    says that the daemon was asked to stop each time: then what was not answered must not have been taken.
    """
    case = _Case(history, log)
    findings = [
        *_numbers(case), *_acknowledged(case), *_refused(case, orderly), *_facts(case), *_deliveries(case),
        *_contents(case), *_order(case), *_answers(history), *_checkpoints(log, tuple(checkpoints)),
        *_tails(log, tails or {}), *_projections(projections or {}),
    ]  # fmt: skip
    stored_unknown = sum(1 for fact in case.unknown if fact in case.by_fact)
    counts = history.counts
    return Verdict(
        counts[Outcome.ACKED], counts[Outcome.REJECTED], counts[Outcome.UNKNOWN], stored_unknown, len(log.events),
        tuple(findings),
    )  # fmt: skip


class _Case:
    """A history and a log, each looked up by what the other names."""

    def __init__(self, history: History, log: StoredLog) -> None:
        self.history, self.log = history, log
        self.by_id: dict[str, list[StoredEvent]] = defaultdict(list)
        self.by_fact: dict[Fact, list[StoredEvent]] = defaultdict(list)
        self.entities = {event.position: entity_of(event) for event in log.events}
        for event in log.events:
            self.by_id[event.id].append(event)
            if event.revision == 0 and event.source != MACHINE and not fires_again(event):
                self.by_fact[Fact(self.entities[event.position], event.type)].append(event)
        self.by_number = {delivery.number: delivery for delivery in log.deliveries}
        self.told: dict[Fact, set[Outcome]] = defaultdict(set)
        for attempt in history:
            for fact in attempt.facts:
                self.told[fact].add(attempt.outcome)

    @property
    def unknown(self) -> list[Fact]:
        """Facts that were never acknowledged, and not always refused."""
        return [f for f, told in self.told.items() if Outcome.ACKED not in told and Outcome.UNKNOWN in told]

    @property
    def rejected(self) -> list[Fact]:
        """Facts that were refused for certain, every time."""
        return [fact for fact, told in self.told.items() if told == {Outcome.REJECTED}]


def entity_of(event: StoredEvent) -> str:
    """What an event is about, found in its content; a text that no sender's entity is where it has none."""
    before, mark, rest = (event.content or b"").partition(b'"entity":"')
    del before
    return rest.partition(b'"')[0].decode("utf-8", "replace") if mark else "(no content)"


def fires_again(event: StoredEvent) -> bool:
    """Whether the log derived a firing of its own: an alert told as firing long after its end, as a step of the clock
    makes any repeat look. Nobody sent it as that.
    """
    return event.type == "alert.firing" and b'"again_after":"' in (event.content or b"")


def _numbers(case: _Case) -> Iterator[Finding]:
    """Positions and delivery numbers run from 1 without a gap, up to what the head row says."""
    pairs = (
        ("position", [event.position for event in case.log.events], case.log.head[0]),
        ("delivery", [delivery.number for delivery in case.log.deliveries], case.log.head[1]),
    )
    for name, numbers, last in pairs:
        missing = sorted(set(range(1, max([*numbers, last]) + 1)) - set(numbers))
        if missing:
            yield Finding("gap", f"{name} {missing[0]} is missing, and {len(missing) - 1} others")
        if numbers and numbers[-1] > last:
            yield Finding("gap", f"the head row says {name} {last}, and there is {numbers[-1]}")


def _acknowledged(case: _Case) -> Iterator[Finding]:
    """Every acknowledged fact stands once, under the id and at the position of its receipt."""
    receipts: dict[str, int] = {}
    for attempt in case.history:
        if attempt.outcome is not Outcome.ACKED or attempt.status == 400:
            continue
        if len(attempt.placed) != len(attempt.facts):
            said = f"delivery {attempt.delivery} told {len(attempt.facts)} facts, its receipt has {len(attempt.placed)}"
            yield Finding("receipt", said)
        for fact, placed in zip(attempt.facts, attempt.placed, strict=False):
            if receipts.setdefault(placed.event, placed.position) != placed.position:
                yield Finding("receipt", f"event {placed.event} was said to be at two positions")
            yield from _stands(case, fact, placed.event, placed.position)


def _stands(case: _Case, fact: Fact, event: str, position: int) -> Iterator[Finding]:
    first = [each for each in case.by_id.get(event, ()) if each.revision == 0]
    if not first:
        elsewhere = case.by_fact.get(fact)
        if elsewhere:
            yield Finding("moved", f"event {event} of {fact.entity} is {elsewhere[0].id} now")
        else:
            yield Finding("lost", f"event {event} of {fact.entity}, acknowledged at position {position}")
    elif all(each.position != position for each in first):
        yield Finding("moved", f"event {event} was acknowledged at position {position} and is at {first[0].position}")
    elif Fact(case.entities[first[0].position], first[0].type) != fact:
        yield Finding("content", f"event {event} at position {position} is not about {fact.entity}")


def _refused(case: _Case, orderly: bool) -> Iterator[Finding]:
    """What was refused for certain is not there."""
    for fact in case.rejected:
        for event in case.by_fact.get(fact, ()):
            yield Finding("rejected", f"event {event.id} of {fact.entity} at position {event.position}")
    for fact in case.unknown if orderly else ():
        for event in case.by_fact.get(fact, ()):
            yield Finding("unanswered", f"event {event.id} of {fact.entity} at position {event.position}")


def _facts(case: _Case) -> Iterator[Finding]:
    """Nothing is there twice, nothing that nobody sent, and no revision without the one before it."""
    for identity, events in case.by_id.items():
        revisions = [event.revision for event in events]
        if sorted(revisions) != list(range(len(revisions))):
            at = ", ".join(str(event.position) for event in events)
            kind = "doubled" if len(set(revisions)) < len(revisions) else "gap"
            yield Finding(kind, f"event {identity} has revisions {revisions}, at positions {at}")
    for fact, events in case.by_fact.items():
        if len({event.id for event in events}) > 1:
            at = ", ".join(str(event.position) for event in events)
            yield Finding("doubled", f"{fact.type} of {fact.entity} is at positions {at}")
        if fact not in case.told:
            yield Finding("stranger", f"event {events[0].id} of {fact.entity} at position {events[0].position}")


def _deliveries(case: _Case) -> Iterator[Finding]:
    """A body is kept once for each acknowledgement, at most once more for each unknown outcome, byte for byte."""
    least: Counter[bytes] = Counter()
    most: Counter[bytes] = Counter()
    for attempt in case.history:
        digest = sha256(attempt.body).digest()
        least[digest] += attempt.outcome is Outcome.ACKED
        most[digest] += attempt.outcome is not Outcome.REJECTED
        if attempt.delivery:
            yield from _received(attempt, case.by_number.get(int(attempt.delivery.removeprefix("d"))))
    digests: Counter[bytes] = Counter()
    for delivery in case.log.deliveries:
        digest = sha256(delivery.body or b"").digest()
        digests[digest] += 1
        if digest not in most:
            yield Finding("body", f"delivery d{delivery.number} holds bytes that nobody sent")
        yield from _whole(case, delivery)
    for digest, count in digests.items():
        if digest in most and count > most[digest]:
            kind = "doubled" if most[digest] else "rejected"
            kept = f"the body {digest.hex()[:16]} is kept {count} times, and came {most[digest]} times"
            yield Finding(kind, f"{kept}; it was answered {_told(case.history, digest)}")
    for digest, count in least.items():
        if digests[digest] < count:
            said = f"the body {digest.hex()[:16]} was acknowledged {count} times and is kept {digests[digest]} times"
            yield Finding("lost", said)


def _told(history: Iterable[Attempt], digest: bytes) -> str:
    """What each sender of a body was told, in turn."""
    attempts = (each for each in history if sha256(each.body).digest() == digest)
    return ", then ".join(f"{each.status or 'not at all'} ({each.said or each.delivery})" for each in attempts)


def _received(attempt: Attempt, delivery: StoredDelivery | None) -> Iterator[Finding]:
    """The delivery of a receipt is there, with the bytes that were sent and with what the receipt says."""
    if delivery is None:
        yield Finding("lost", f"delivery {attempt.delivery}, which was acknowledged")
        return
    if delivery.body != attempt.body:
        yield Finding("body", f"delivery {attempt.delivery} does not hold what was sent")
    if delivery.told != attempt.placed:
        yield Finding("receipt", f"delivery {attempt.delivery} tells other events than its receipt")


def _whole(case: _Case, delivery: StoredDelivery) -> Iterator[Finding]:
    """A transaction is kept whole: what a delivery tells is there."""
    for placed in delivery.told:
        if all(event.position != placed.position for event in case.by_id.get(placed.event, ())):
            said = f"event {placed.event} at position {placed.position}, which delivery d{delivery.number} tells"
            yield Finding("lost", said)


def _contents(case: _Case) -> Iterator[Finding]:
    """Commitments fit what they commit to, and leaves fit their rows."""
    for delivery in case.log.deliveries:
        if tree.delivery_commitment(delivery) != delivery.commitment:
            yield Finding("content", f"delivery d{delivery.number}: its commitment does not fit its body")
        if tree.delivery_leaf(delivery) != delivery.leaf:
            yield Finding("leaf", f"delivery d{delivery.number}: its leaf does not fit its row")
    for event in case.log.events:
        told_by = case.by_number.get(event.delivery)
        if event.delivery and told_by is None:
            yield Finding("lost", f"delivery d{event.delivery}, which told the event at position {event.position}")
            continue
        commitment = bytes(32) if told_by is None else told_by.commitment
        if tree.content_commitment(event, commitment) != event.content_commitment:
            yield Finding("content", f"event {event.id} at position {event.position}: its commitment does not fit")
        if tree.event_commitment(event) != event.commitment:
            yield Finding("leaf", f"event {event.id} at position {event.position}: its commitment does not fit its row")
        if tree.leaf(event) != event.leaf:
            yield Finding("leaf", f"event {event.id} at position {event.position}: its leaf does not fit its row")


def _order(case: _Case) -> Iterator[Finding]:
    """What was sent after an acknowledgement was heard is numbered after what was acknowledged."""
    new = [
        (attempt, [placed.position for placed in attempt.placed if not placed.known])
        for attempt in case.history
        if attempt.outcome is Outcome.ACKED
    ]
    numbered = [(attempt, positions) for attempt, positions in new if positions]
    answered = sorted((attempt.heard_at, max(positions)) for attempt, positions in numbered)
    highest = at = 0
    for attempt, positions in sorted(numbered, key=lambda pair: pair[0].sent_at):
        while at < len(answered) and answered[at][0] < attempt.sent_at:
            highest = max(highest, answered[at][1])
            at += 1
        if min(positions) < highest:
            said = f"delivery {attempt.delivery} got position {min(positions)}, after {highest} had been acknowledged"
            yield Finding("order", said)


def _answers(history: History) -> Iterator[Finding]:
    """Only what the table of answers has was answered, and a refusal says when to come again."""
    for attempt in history:
        if attempt.status not in (0, 200, 202, 400, 401, 405, 413, 415, 503):
            yield Finding("answer", f"status {attempt.status}: {attempt.said}")
        if attempt.status == 503 and not attempt.retry_after.isdigit():
            yield Finding("answer", f"503 without Retry-After: {attempt.said}")


def _checkpoints(log: StoredLog, checkpoints: Iterable[Checkpoint]) -> Iterator[Finding]:
    """Both trees are continuations of each tree there was, and of those that the daemon sealed."""
    sealed = [Checkpoint(each.size, each.root, each.tree) for each in log.sealed]
    for name, rows in ((EVENTS, "events"), (DELIVERIES, "deliveries")):
        of_tree = [each for each in (*checkpoints, *sealed) if each.tree == name]
        leaves = log.leaves(name)
        roots = tree.roots(leaves, {each.size for each in of_tree})
        for size, root in sorted({(each.size, each.root) for each in of_tree}):
            if size not in roots:
                yield Finding("lost", f"there were {size} {rows}, and there are {len(leaves)}")
            elif roots[size] != root:
                yield Finding("root", f"the root over the first {size} {rows} is not what it was")


def _tails(log: StoredLog, tails: Mapping[str, Sequence[Observation]]) -> Iterator[Finding]:
    """Each reader was shown every position once, in order, and what stands there."""
    stored = {event.position: (event.id, event.revision) for event in log.events}
    for name, rows in tails.items():
        for expected, row in enumerate(rows, 1):
            if row.position != expected:
                said = f"{name} was shown position {row.position} where {expected} was due"
                yield Finding("tail", said)
                break
        for row in rows:
            if stored.get(row.position) != (row.event, row.revision):
                kind = "tail" if row.position in stored else "lost"
                yield Finding(kind, f"{name} was shown event {row.event} at position {row.position}")


def _projections(projections: Mapping[str, tuple[Any, Any]]) -> Iterator[Finding]:
    """Each list is what the events give."""
    for name, (stored, made_anew) in projections.items():
        if stored == made_anew:
            continue
        first = next((key for key in [*made_anew, *stored] if stored.get(key) != made_anew.get(key)), None)
        yield Finding(
            "projection", f"{name}, at {first}: {stored.get(first)!r} is listed, {made_anew.get(first)!r} is true"
        )
