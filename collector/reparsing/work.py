"""Reading some deliveries again: what differs, and appending it.

:func:`look` only reads, on any connection; :func:`reparse` appends what it
found, within one transaction. Between the two a person may have amended a fact:
such a revision is left out, and the next run finds it again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
from sqlalchemy import Connection

from collector.errors import Unavailable
from collector.event import Event
from collector.log import EventLog, Submission, queries
from collector.log.appending import RereadFact, Retold, append_reread, encoded
from collector.log.updating import compared, may_be_updated, text_of, update_id
from collector.reparsing import matching, reading
from collector.reparsing.reading import LoggedEvent, StoredDelivery
from collector.reparsing.values import CHANGED, NEW, RESTORED, WITHDRAWN, ReparseResult, RereadDifference, Selection
from collector.semantics.episodes import AGAIN
from collector.webhook import IMPORT, Webhook

Derive = Callable[[Webhook, str], Submission | None]
"""What an authentic delivery becomes by today's parsers; the second is how its sender had proved itself. None for a
source that is not configured."""

GONE = "the body was removed"
UNKNOWN_SOURCE = "the source is not configured any more"
WORSE = "today's parser understands less of it than was understood; what is stored stays"
APART = "an import's records are read as another number of events, which cannot be matched"
UNSTORABLE = "what it is read as now holds a value that cannot be stored"


class _Steps(msgspec.Struct):
    """What is to be appended, in this order."""

    revisions: list[RereadFact] = []
    retold: list[Retold] = []


class _DeliveryPage:
    """Some deliveries, what they are read as now, and what the log holds of that."""

    def __init__(self, connection: Connection, derive: Derive, asked: Selection, now: int) -> None:
        self._connection, self._derive, self._now = connection, derive, now
        stored, after = reading.deliveries(connection, asked)
        self.result = ReparseResult(looked=0, after=after, last=reading.last(connection))
        self.steps = _Steps()
        self._new: dict[str, RereadDifference] = {}
        self._speaking: dict[int, dict[str, Event]] = {}
        """By delivery: what one that speaks for a firing is read as, where that was asked for."""
        derived = [(each, submission) for each in stored if (submission := self._read(each)) is not None]
        self._records = reading.records(connection, [each.number for each, _ in derived])
        self._facts = reading.facts(connection, self._event_ids(derived))
        firings = {
            event.id: event.source
            for _, told in derived
            for event in told.events
            if event.type == "alert.firing" and event.id in self._facts
        }
        self._followers = reading.followers(connection, firings)
        ids = [each for some in self._followers.values() for each in some]
        self._facts |= reading.facts(connection, [each for each in ids if each not in self._facts])
        for each, submission in derived:
            self._judge(each, submission)
        self.result.changes += self._new.values()

    def _event_ids(self, derived: list[tuple[StoredDelivery, Submission]]) -> set[str]:
        """Every id that these deliveries tell, or told before."""
        ids = {event.id for _, told in derived for event in told.events}
        ids |= {name for each, _ in derived for name in each.event_ids}
        ids |= {update_id(event) for _, told in derived for event in told.events if may_be_updated(event)}
        return ids | {name for record in self._records.values() for name in record.data.get("events", ())}

    # --- what is read now ----------------------------------------------------------------------------------------

    def _read(self, stored: StoredDelivery) -> Submission | None:
        """What a delivery is read as; None where it cannot be, which is counted."""
        if stored.body is None:
            self.result.skip(GONE)
            return None
        submission = self._derived(stored)
        if submission is None:
            self.result.skip(UNKNOWN_SOURCE)
            return None
        self.result.looked += 1
        if IMPORT in dict(stored.headers) and len(submission.events) != len(stored.event_ids):
            self.result.skip(APART)
            return None
        if stored.status == "read" and submission.status != "read":
            self.result.skip(WORSE)
            return None
        try:
            for event in submission.events:
                encoded(event)
        except ValueError:
            self.result.skip(UNSTORABLE)
            return None
        return submission

    def _derived(self, stored: StoredDelivery) -> Submission | None:
        assert stored.body is not None  # noqa: S101 - asked for before
        webhook = Webhook(
            source=stored.source, headers=dict(stored.headers), body=stored.body, received_at=stored.received_at
        )  # fmt: skip
        submission = self._derive(webhook, stored.authentication)
        if submission is not None and IMPORT in webhook.headers and len(submission.events) == len(stored.event_ids):
            # What a delivery had told without an identity in common goes by the delivery's.
            named = zip(submission.events, stored.event_ids, strict=True)
            submission = msgspec.structs.replace(
                submission, events=tuple([_with_id(event, name) for event, name in named])
            )
        if submission is None or not stored.redacted:
            return submission
        return msgspec.structs.replace(submission, events=self._as_named(stored, submission.events))

    def _as_named(self, stored: StoredDelivery, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """The events of a redacted body under the identities of the delivery as it came, where they can be told."""
        if len(events) != len(stored.event_ids):
            return tuple([matching.redacted_as_before(event, None, event.id, stored.redacted) for event in events])
        known = reading.facts(self._connection, stored.event_ids)
        return tuple([
            matching.redacted_as_before(event, fact.event() if (fact := known.get(name)) else None, name,
                                        stored.redacted)
            for event, name in zip(events, stored.event_ids, strict=True)
        ])  # fmt: skip

    # --- what differs --------------------------------------------------------------------------------------------

    def _judge(self, stored: StoredDelivery, submission: Submission) -> None:
        record = self._records.get(stored.number)
        before = list(stored.event_ids) if record is None else list(record.data.get("events", ()))
        beyond: list[Event] = []
        for event in submission.events:
            fact = self._facts.get(event.id)
            if fact is None or event.id not in before:
                beyond.append(event)
            if fact is not None:
                self._compare(stored, fact, event)
        now = list(dict.fromkeys(event.id for event in submission.events))
        for name in before:
            if name not in now:
                self._not_told(stored, name)
        for event in submission.events:
            if may_be_updated(event):
                self._anew(stored, submission, event)
        if set(now) != set(before):
            self._record(stored, submission, now, record, beyond)

    def _compare(self, stored: StoredDelivery, fact: LoggedEvent, event: Event) -> None:
        """Hold a fact that the log has to what its delivery is read as, if that speaks for it."""
        if fact.teller == stored.number and not fact.revision and fact.content == encoded(event):
            return
        current = fact.event()
        if current is None or matching.untouchable(current):
            return
        restored = matching.withdrawn_by_us(current)
        if not restored and fact.teller != stored.number:
            return
        revision = matching.read_again(current, event, self._now)
        if revision is None:
            return
        self._revise(stored, fact, current, revision, RESTORED if restored else CHANGED)
        for name in self._followers.get(event.id, ()):
            self._follow(stored, name, revision)

    def _follow(self, stored: StoredDelivery, name: str, firing: Event) -> None:
        """What the log itself said of an alert whose firing is read otherwise."""
        fact = self._facts.get(name)
        current = None if fact is None else fact.event()
        if fact is None or current is None:
            return
        unsaid = AGAIN not in current.data and compared(text_of(current)) == compared(text_of(firing))
        revision = (matching.withdrawn if unsaid else partial(matching.following, firing=firing))(current, at=self._now)
        if revision is not None:
            self._revise(stored, fact, current, revision, WITHDRAWN if unsaid else CHANGED)

    def _not_told(self, stored: StoredDelivery, name: str) -> None:
        fact = self._facts.get(name)
        current = None if fact is None else fact.event()
        if fact is None or current is None or fact.teller != stored.number:
            return
        revision = matching.withdrawn(current, self._now)
        if revision is not None:
            self._revise(stored, fact, current, revision, WITHDRAWN)

    def _revise(self, stored: StoredDelivery, fact: LoggedEvent, current: Event, revision: Event, kind: str) -> None:
        self.steps.revisions.append(RereadFact(revision, self._now, stored.number, stored.commitment))
        fields = matching.differing(current, revision) if kind == CHANGED else {}
        self.result.changes.append(_change(revision, kind, stored.number, fields))
        # What else is told of it by these deliveries is held to the revision.
        fact.revision, fact.content, fact.teller = revision.revision, encoded(revision), stored.number

    # --- what was not told before -------------------------------------------------------------------------------

    def _record(
        self, stored: StoredDelivery, submission: Submission, now: list[str], record: Event | None, beyond: list[Event]
    ) -> None:  # fmt: skip
        fact = matching.record(stored.number, stored.source, stored.received_at, now, self._now, record)
        self.steps.revisions.append(RereadFact(fact, self._now))
        if not beyond:
            return
        marked = tuple([matching.marked(event, self._now) for event in beyond])
        again = msgspec.structs.replace(submission, events=marked, body=stored.body or b"")
        self.steps.retold.append(Retold(again, stored.number, stored.commitment))
        for event in beyond:
            if event.id not in self._facts:
                self._new.setdefault(event.id, _change(event, NEW, stored.number))

    def _anew(self, stored: StoredDelivery, submission: Submission, event: Event) -> None:
        """A telling of a known firing that says, as it is read now, what neither that nor an update says."""
        fact = self._facts.get(event.id)
        if fact is None or fact.teller in (0, stored.number):
            return
        update = update_id(event)
        if update in self._facts:
            return
        current = fact.event()
        if current is None or current.type != event.type or matching.untouchable(current):
            return
        text = compared(text_of(event))
        if text == compared(text_of(current)) or text == compared(text_of(self._authority_event(fact.teller, current))):
            return
        again = msgspec.structs.replace(submission, events=(event,), body=b"")
        self.steps.retold.append(Retold(again, stored.number, stored.commitment, first=False))
        said = msgspec.structs.replace(event, id=update, type="alert.updated", occurred_at=stored.received_at)
        self._new.setdefault(update, _change(said, NEW, stored.number))

    def _authority_event(self, teller: int, current: Event) -> Event:
        """What the delivery that speaks for a firing is read as now; what is stored where it cannot be read again."""
        if teller not in self._speaking:
            stored = reading.stored_delivery(self._connection, teller)
            told = self._derived(stored) if stored is not None and stored.body is not None else None
            self._speaking[teller] = {} if told is None else {each.id: each for each in told.events}
        return self._speaking[teller].get(current.id, current)


def _with_id(event: Event, name: str) -> Event:
    return event if event.id == name else msgspec.structs.replace(event, id=name)


def _change(event: Event, what: str, delivery: int, fields: object = None) -> RereadDifference:
    return RereadDifference(
        event=event.id, change=what, delivery=delivery, type=event.type, title=event.title, source=event.source,
        occurred_at=event.occurred_at, fields=fields if isinstance(fields, dict) else {},
    )  # fmt: skip


def look(connection: Connection, derive: Derive, asked: Selection, now: int) -> ReparseResult:
    """What differs of the next deliveries; nothing is written. ``now`` is µs UTC."""
    return _DeliveryPage(connection, derive, asked, now).result


async def reparse(log: EventLog, derive: Derive, selection: Selection, now: int) -> ReparseResult:
    """Read the next deliveries again and append what differs.

    Raises :class:`collector.errors.Unavailable` where nothing can be written now.
    """
    page = await log.query(lambda connection: _DeliveryPage(connection, derive, selection, now))
    steps = page.steps
    if not (steps.revisions or steps.retold):
        return page.result
    try:
        page.result.position = await log.transact(partial(_append, steps=steps))
    except ValueError as error:
        raise Unavailable(f"cannot store what was read again: {type(error).__name__}") from error
    return page.result


def _append(connection: Connection, steps: _Steps) -> int:
    append_reread(connection, steps.revisions, steps.retold)
    return queries.head(connection)
