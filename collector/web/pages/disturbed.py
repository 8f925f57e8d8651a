"""The hours in which pages disturbed people, each in their own zone; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from collector import names
from collector.event import RecordedEvent, is_erased, is_retracted, newest_revisions

SENT = (
    "page.triggered", "page.escalated", "page.delegated", "page.reassigned", "page.reopened", "page.unacknowledged",
    "page.snooze_ended",
    "page.responder_added",
)  # fmt: skip
"""What sends a page to those with whom it stands then."""
WORK, NIGHT = range(8, 18), (*range(22, 24), *range(8))
"""The hours of work, on the days from Monday to Friday, and of sleep, on every day."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SentPages(msgspec.Struct, frozen=True, kw_only=True):
    """What one log has of pages."""

    log: str = ""
    revisions: Sequence[RecordedEvent]
    incident_of: Mapping[str, int]
    """The incidents that events are in."""


Sent = tuple[SentPages, RecordedEvent]


class Disturbed(msgspec.Struct, frozen=True, kw_only=True):
    """One person."""

    person: str
    zone: str
    """The zone that the hours are of."""
    zone_known: bool
    """Whether that is known to be theirs."""
    pages: int
    work: int
    """Hours of work in which a page was sent to them; likewise the others."""
    evening: int
    night: int
    incidents: Sequence[tuple[str, int]]
    """Each with its log."""

    @property
    def hours(self) -> int:
        """All of them."""
        return self.work + self.evening + self.night


def disturbed(
    logs: Iterable[SentPages], people: Mapping[str, tuple[str, str]], otherwise: str
) -> list[Disturbed]:  # fmt: skip
    """Whoever was sent a page, those who were disturbed most first.

    ``people`` maps a name as it is compared to what the person is called and their zone (empty: not told), for which
    ``otherwise`` stands then. An hour of a person counts once, in however many logs it has pages.
    """
    sent: dict[str, list[Sent]] = {}
    called: dict[str, tuple[str, str]] = {}
    for pages in logs:
        for event in _latest(pages.revisions):
            for name in _assignees(event):
                key = names.fold_person(name)
                if not key:
                    continue
                person, zone = people.get(key, (name, ""))
                key = names.fold_person(person) or key
                called.setdefault(key, (person, zone))
                sent.setdefault(key, []).append((pages, event))
    found = [_disturbed(*called[key], events, otherwise) for key, events in sent.items()]
    return sorted(found, key=lambda one: (-one.night, -one.hours, one.person))


def _latest(revisions: Iterable[RecordedEvent]) -> Iterator[RecordedEvent]:
    """Each event that sends a page, as it is now."""
    for event in newest_revisions(revisions):
        if event.type in SENT and not (is_retracted(event) or is_erased(event)):
            yield event


def _assignees(event: RecordedEvent) -> set[str]:
    told = event.data.get("assignees")
    return {each for each in told if isinstance(each, str) and each} if isinstance(told, list | tuple) else set()


def _disturbed(person: str, zone: str, sent: Sequence[Sent], otherwise: str) -> Disturbed:
    rules = ZoneInfo(zone or otherwise)
    hours = {
        (_EPOCH + timedelta(microseconds=event.occurred_at)).astimezone(rules).replace(minute=0, second=0,
                                                                                      microsecond=0)
        for _, event in sent
    }  # fmt: skip
    kinds = [_kind(hour) for hour in hours]
    return Disturbed(
        person=person, zone=zone or otherwise, zone_known=bool(zone),
        pages=len({(of.log, event.entity) for of, event in sent}),
        work=kinds.count("work"), evening=kinds.count("evening"), night=kinds.count("night"),
        incidents=sorted({(of.log, of.incident_of[event.id]) for of, event in sent if event.id in of.incident_of}),
    )  # fmt: skip


def _kind(hour: datetime) -> str:
    if hour.hour in NIGHT:
        return "night"
    return "work" if hour.weekday() < 5 and hour.hour in WORK else "evening"
