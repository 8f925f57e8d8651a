"""What becomes of facts that a later parser reads otherwise. Pure: values in and revisions out.

A person's word stands above the parser: what they corrected stays corrected,
what they retracted or had erased stays as it is, and what they corrected is
never withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from collector.event import MACHINE, Event, event_id, is_erased, is_retracted
from collector.people import amendments
from collector.semantics.episodes import ENDS

READ_AGAIN = "reread_at"
"""The key of a revision's data that says when its delivery was read again, µs."""
NOT_TOLD = "not_told"
"""The key that marks what a later parser does not find in its delivery."""
TYPE = "delivery.reread"

_TEXTS = ("type", "title", "service", "environment", "severity", "actor", "occurred_at", "entity")
"""Fields that are shown as they were and as they are."""
_MARKS = (READ_AGAIN, NOT_TOLD)
_SAID = ("amended_by", "amended_at", "amended_because", "statement", "corrected")
"""What a person's correction keeps in ``data``."""
_FIXED = ("entity", "service", "environment", "severity", "title", "labels")
"""What the log's own events of an alert take from its firing."""


def withdrawn_by_us(event: Event) -> bool:
    """Whether a reading of its delivery took this event back, and no person did."""
    return event.amendment == "retraction" and event.data.get(NOT_TOLD) is True


def untouchable(event: Event) -> bool:
    """Whether no parser may say anything of it any more."""
    return is_erased(event) or (is_retracted(event) and not withdrawn_by_us(event))


def marked(derived: Event, at: int) -> Event:
    """A fact that nobody had understood until its delivery was read again."""
    return msgspec.structs.replace(derived, data=dict(derived.data) | {READ_AGAIN: at})


def read_again(current: Event, derived: Event, at: int) -> Event | None:
    """The next revision of a fact that is now read as ``derived``; None where it says that already."""
    fresh = amendments.still_corrected(current, derived, _SAID)
    if not withdrawn_by_us(current) and not _texts_differ(current, fresh) and _gist(fresh) == _gist(current):
        return None
    amendment = "correction" if "corrected" in fresh.data else "reparse"
    return _next(current, fresh, amendment, dict(fresh.data) | {READ_AGAIN: at})


def withdrawn(current: Event, at: int) -> Event | None:
    """The next revision of a fact that its delivery does not tell; None where a person's word stands against that."""
    if is_retracted(current) or is_erased(current) or "corrected" in current.data:
        return None
    return _next(current, current, "retraction", dict(current.data) | {READ_AGAIN: at, NOT_TOLD: True})


def following(current: Event, firing: Event, at: int) -> Event | None:
    """The next revision of what the log itself said of an alert, after its firing is read otherwise."""
    if untouchable(current) or is_retracted(current):
        return None
    return read_again(current, msgspec.structs.replace(current, **{name: getattr(firing, name) for name in _FIXED}), at)


def redacted_as_before(derived: Event, stored: Event | None, identity: str, count: int) -> Event:
    """What is read out of a redacted body, under the identity that was taken from the delivery as it came."""
    data = dict(derived.data) | {"redacted": max(count, derived.data.get("redacted", 0))}
    if stored is None:
        return msgspec.structs.replace(derived, id=identity, data=data)
    if ENDS in data and ENDS in stored.data:
        data[ENDS] = stored.data[ENDS]
    return msgspec.structs.replace(derived, id=identity, entity=stored.entity, data=data)


def record(number: int, source: str, received_at: int, ids: list[str], at: int, before: Event | None) -> Event:
    """The daemon's own fact that a delivery tells other events than its row names: the next revision of it."""
    return Event(
        id=record_id(number),
        type=TYPE,
        source=MACHINE,
        entity=f"delivery:d{number}",
        occurred_at=received_at,
        revision=0 if before is None else before.revision + 1,
        amendment="" if before is None else "reparse",
        title=f"Delivery d{number} of {source} was read again",
        data={"delivery": f"d{number}", "of": source, "events": ids, READ_AGAIN: at},
    )


def record_id(number: int) -> str:
    """The id of the fact that says what a delivery tells beside its row."""
    return event_id("reread.1", MACHINE, None, f"d{number}")


def differing(before: Event, after: Event) -> Mapping[str, tuple[Any, Any]]:
    """The fields in which two revisions differ; of long ones only that they do."""
    fields: dict[str, tuple[Any, Any]] = {
        name: (getattr(before, name), getattr(after, name))
        for name in _TEXTS
        if getattr(before, name) != getattr(after, name)
    }
    fields |= {
        name: (None, None)
        for name in ("time_text", "time_quality", "links", "refs", "labels")
        if getattr(before, name) != getattr(after, name)
    }
    return fields | ({"data": (None, None)} if _data(before) != _data(after) else {})


def _texts_differ(before: Event, after: Event) -> bool:
    """Whether they differ at a glance; else all of them has to be compared, which takes longer."""
    return any(getattr(before, name) != getattr(after, name) for name in _TEXTS)


def _data(event: Event) -> Mapping[str, Any]:
    return {key: value for key, value in event.data.items() if key not in _MARKS}


def _gist(event: Event) -> tuple[Any, ...]:
    """What an event says. Through JSON, as it is stored: a tuple comes back as a list."""
    said = msgspec.structs.replace(_bare(event), revision=0, amendment="", data=dict(_data(event)))
    return (msgspec.json.encode(said, order="deterministic"),)


def _bare(event: Event) -> Event:
    """The event without where it stands in the log."""
    return Event(**{name: getattr(event, name) for name in Event.__struct_fields__})


def _next(current: Event, wanted: Event, amendment: str, data: dict[str, Any]) -> Event:
    said = {name: getattr(wanted, name) for name in Event.__struct_fields__}
    return Event(**{**said, "revision": current.revision + 1, "amendment": amendment, "data": data})
