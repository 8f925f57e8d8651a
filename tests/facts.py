"""Events as the log answers them, made of a few words, for tests of what is pure.

A fact is placed in minutes after a fixed start. Ids, receipts and positions
follow from what is given, so that a test names only what it is about.
"""

from __future__ import annotations

import itertools
from typing import Any

from collector.event import MINUTE, PEOPLE, SECOND, Link, RecordedEvent, event_id

START = 1_772_632_800_000_000
"""2026-03-04T14:00:00Z, µs."""

_positions = itertools.count(1)


def at(minutes: float) -> int:
    """So many minutes after the start, µs."""
    return START + round(minutes * MINUTE)


def fact(event_type: str, minutes: float, entity: str, *identity: str, **fields: Any) -> RecordedEvent:
    """One event, received twenty seconds after it happened unless ``received`` (minutes) says when."""
    moment = at(minutes)
    received = fields.pop("received", None)
    source = fields.pop("source", event_type.partition(".")[0])
    return RecordedEvent(
        id=event_id("test.1", source, moment, event_type, entity, str(moment), *identity),
        type=event_type,
        source=source,
        entity=entity,
        occurred_at=moment,
        position=next(_positions),
        received_at=moment + 20 * SECOND if received is None else at(received),
        **fields,
    )


def firing(minutes: float, name: str = "HighErrorRate", **fields: Any) -> RecordedEvent:
    """An alert of this name fires; one name is one alert."""
    fields.setdefault("service", "checkout")
    fields.setdefault("severity", "critical")
    data = {"starts_at": at(minutes)} | fields.pop("data", {})
    return fact("alert.firing", minutes, name, title=name, data=data, **fields)


def resolved(minutes: float, name: str = "HighErrorRate", *, since: float | None, **fields: Any) -> RecordedEvent:
    """It ends, and says since when it fired, unless ``since`` is None."""
    fields.setdefault("service", "checkout")
    data = {} if since is None else {"starts_at": at(since)}
    return fact("alert.resolved", minutes, name, str(since), title=name, data=data, **fields)


def page(state: str, minutes: float, entity: str = "P311", **fields: Any) -> RecordedEvent:
    """A page changes its state."""
    return fact(f"page.{state}", minutes, entity, source="pagerduty", title="Checkout is down", **fields)


def change(state: str, minutes: float, entity: str = "deployment:7", **fields: Any) -> RecordedEvent:
    """A change reaches a state."""
    fields.setdefault("service", "checkout")
    return fact(f"change.{state}", minutes, entity, source="github", **fields)


def stated(
    event_type: str, minutes: float, *, stated_at: float, entity: str = "incident:x", **fields: Any
) -> RecordedEvent:
    """A person states something at ``stated_at`` (minutes)."""
    data = {"stated_at": at(stated_at)} | fields.pop("data", {})
    identity = (str(stated_at), str(sorted(data.items())))
    return fact(
        event_type,
        minutes,
        entity,
        *identity,
        source=PEOPLE,
        received=stated_at,
        data=data,
        actor="Ana Lima",
        **fields,
    )


def mark(name: str, minutes: float, *, stated_at: float = 60, **fields: Any) -> RecordedEvent:
    """A person states a moment."""
    return stated("mark.set", minutes, stated_at=stated_at, data={"mark": name}, **fields)


def link(rel: str, url: str) -> Link:
    """A place to look."""
    return Link(rel, url)
