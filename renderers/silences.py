"""The times in which what a source tells without end was missed."""

from __future__ import annotations

import msgspec

from collector.event import MACHINE, Event, RecordedEvent
from renderers.history import History


class SourceSilence(msgspec.Struct, frozen=True):
    """A time in which what a source tells without end was missed."""

    of: str
    """The source."""
    alert: str
    """What it tells without end."""
    start: int
    """When it was told last, or when the daemon began to listen, µs."""
    end: int | None
    """When it was heard again; None where it was not."""
    reason: str
    """Why the silence counts as over, where it was not heard again."""
    events: tuple[RecordedEvent, ...]


def is_silence(event: Event) -> bool:
    """Whether a gap is a heartbeat that the daemon missed; else its sender told of it."""
    return event.type == "source.gap" and event.source == MACHINE


def silences(history: History) -> list[SourceSilence]:
    """What was missed around the incident, the earliest first; both ends of one are one."""
    ends_by_entity: dict[str, dict[str, RecordedEvent]] = {}
    for event in (*history.context.collector, *history.collector):
        if is_silence(event):
            ends_by_entity.setdefault(event.entity, {})[event.id] = event
    spans_missed = []
    for ends in ends_by_entity.values():
        events = tuple(sorted(ends.values(), key=lambda event: ("until" in event.data, event.id)))
        data = events[-1].data
        until, of, alert, reason = (data.get(key) for key in ("until", "of", "kind", "reason"))
        spans_missed.append(SourceSilence(
            of=str(of or ""), alert=str(alert or "its heartbeat"), start=events[-1].occurred_at,
            end=until if isinstance(until, int) else None, reason=str(reason or ""), events=events,
        ))  # fmt: skip
    return sorted(spans_missed, key=lambda each: (each.start, each.of))
