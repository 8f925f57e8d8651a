"""What a person changes about what was recorded, as further revisions: corrections, retractions, erasures.

Pure: an event as it stands and a command in, its next revision out. Nothing is
ever changed: the next revision has the same id and goes before those below it.
Who said so, when and why stand in its ``data``, beside a name of the command:
the idempotency key, so that a command sent twice amends once.

A correction is the event with some fields as they should have been. A
retraction is the event as it stood, which grouping and drafts then leave out
and lists still show. An erasure holds nothing that was said: only what the log
has to keep anyway, and what grouping rests on (:func:`erased`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collector.errors import InvalidInput
from collector.event import MACHINE, PEOPLE, RESTRICTED, Event, event_id, is_erased, is_retracted
from collector.people.statements import required_text
from collector.semantics.severities import fold_severity, table

CORRECTABLE = ("title", "occurred_at", "service", "environment", "severity", "actor")
"""The fields a person may correct. What a sender's own fields say beyond them stays as it was sent."""
CLEARABLE = ("service", "environment", "severity", "actor")
"""Those that may also turn out to be unknown."""
ERASED = "erased"
"""The title of what was erased, wherever it is shown."""

_REPEATED = ("starts_at", "ends_at", "created_at", "stated_at")
"""Keys of ``data`` in which an event may say its own time a second time."""
_KEPT_REFS = ("incident:", "alertgroup:", "alert:", "page:")
"""Refs that name events of ours, or that are a sender's opaque identifiers or digests of them."""
_KEPT_DATA = (
    "starts_at", "ends_at", "created_at", "stated_at", "status", "event", "events", "into", "from", "mark", "field",
    "state", "number", "numbers", "duration", "missing", "ends", "again_after",
)  # fmt: skip
"""Keys of ``data`` that hold times, ids of ours or words of ours; by them episodes and groups stay what they were."""
_NAMED_PRIVATE = ("event", "events", "number", "numbers")
"""Keys by which a statement on privacy names what it is of: ids and numbers of ours. They stay in any case, since
without them it would be of another incident, or of none."""
_OWN_ENTITY = re.compile(r"incident:([0-9a-f]{32}|\d+)|erased:[0-9a-f]{32}")
_OPAQUE = ("alert", "page")
"""Families whose entity is the sender's opaque identifier, by which an end is found for what began."""


def statement_of(key: str) -> str:
    """The name of a command in what it records; the key itself may be anything."""
    return event_id("amendments.1", PEOPLE, None, required_text(key, "the idempotency key"))


def corrected(
    event: Event,
    *,
    key: str,
    by: str,
    reason: str,
    stated_at: int,
    fields: Mapping[str, Any],
    clear: Iterable[str] = (),
) -> Event:
    """The event with ``fields`` as they should have been, and without those in ``clear``.

    ``fields`` are of :data:`CORRECTABLE`, ``occurred_at`` in µs; where the event says its own time a second time (an
    alert's ``starts_at``), that follows. Raises :class:`InvalidInput` where nothing would change, or where the event
    was erased, retracted or recorded by the daemon itself.
    """
    _amendable(event, "correct")
    changes = {name: _value(name, value) for name, value in fields.items()} | dict.fromkeys(_clearable(clear))
    changes = {name: value for name, value in changes.items() if getattr(event, name) != value}
    if not changes:
        raise InvalidInput("cannot correct the event: nothing would change; say what it should have been", "title")
    data = dict(event.data)
    if "occurred_at" in changes:
        data |= {name: changes["occurred_at"] for name in _REPEATED if data.get(name) == event.occurred_at}
        changes |= {"time_text": "", "time_quality": "exact"}
    named = {*data.get("corrected", ()), *(name for name in changes if name in CORRECTABLE)}
    data |= _amendment_data(key, by, reason, stated_at) | {"corrected": sorted(named)}
    return _next(event, "correction", data=data, **changes)


def still_corrected(before: Event, fresh: Event, names_kept: Iterable[str]) -> Event:
    """What a sender's own fields say now, with the fields as a person corrected them before.

    ``names_kept`` are the keys of ``data`` that tell of the correction.
    """
    names = before.data.get("corrected")
    if not isinstance(names, list | tuple) or before.amendment == "erasure":
        return fresh
    changes: dict[str, Any] = {name: getattr(before, name) for name in names if name in CORRECTABLE}
    data = dict(fresh.data)
    if "occurred_at" in changes:
        data |= {name: changes["occurred_at"] for name in _REPEATED if data.get(name) == fresh.occurred_at}
        changes |= {"time_text": "", "time_quality": "exact"}
    data |= {name: before.data[name] for name in names_kept if name in before.data}
    return _next(fresh, fresh.amendment, **changes, data=data)


def retracted(event: Event, *, key: str, by: str, reason: str, stated_at: int) -> Event:
    """The event as it stood, no longer counted. Raises :class:`InvalidInput` as :func:`corrected` does."""
    _amendable(event, "retract")
    return _next(event, "retraction", data=dict(event.data) | _amendment_data(key, by, reason, stated_at))


def erased(
    event: Event,
    *,
    by: str,
    reason: str,
    stated_at: int,
    everything: bool = False,
    entity: str = "",
    incidents: Sequence[str] = (),
) -> Event:
    """What is left of an event: its type, source and time, and what grouping rests on.

    That is the service, environment and severity, an alert's fingerprint or a page's id, refs to groups, pages and
    events of ours, and times. With ``everything`` these go as well; ``entity`` is then the name that all events of one
    alert or page get in place of the one they shared. ``incidents`` are the opening events of the incidents it is
    attached to: what it was attached by may go, so it names them from now on.
    """
    refs = () if everything else tuple(ref for ref in event.refs if ref.startswith(_KEPT_REFS))
    names = _KEPT_DATA if not everything else _NAMED_PRIVATE if event.type == RESTRICTED else ()
    content = {name: event.data[name] for name in names if _bare(event.data.get(name))}
    marks = {"everything": everything, "retracted": is_retracted(event)}
    marks_of_erasure = {
        "erased": True,
        "amended_by": required_text(by, "by"),
        "amended_at": stated_at,
        "amended_because": required_text(reason, "reason"),
    }
    return Event(
        id=event.id,
        type=event.type,
        source=event.source,
        entity=entity or _entity_left(event, everything),
        occurred_at=event.occurred_at,
        time_quality=event.time_quality,
        revision=event.revision + 1,
        amendment="erasure",
        service=None if everything else event.service,
        environment=None if everything else event.environment,
        severity=_severity_left(event.severity, everything),
        title=ERASED,
        refs=tuple(dict.fromkeys((*refs, *(f"incident:{key}" for key in incidents)))),
        data=content | marks_of_erasure | {name: True for name, so in marks.items() if so},
    )


def _entity_left(event: Event, everything: bool) -> str:
    """A name of ours or a sender's opaque identifier; else one that no other event has."""
    opaque = not everything and event.type.partition(".")[0] in _OPAQUE
    return event.entity if opaque or _OWN_ENTITY.fullmatch(event.entity) else f"erased:{event.id}"


def _severity_left(severity: str | None, everything: bool) -> str | None:
    """Whether an alert opens an incident rests on it, so the words that many use stay in any case."""
    return severity if not everything or fold_severity(severity or "") in table() else None


def _bare(value: Any) -> bool:
    """Whether a value of ``data`` is a number, an id of ours, or one of a few words: nothing a person wrote."""
    if isinstance(value, list | tuple):
        return all(_bare(one) for one in value)
    return isinstance(value, int) or (isinstance(value, str) and (_is_id(value) or value in _WORDS))


_WORDS = frozenset((
    "firing", "resolved", "triggered", "acknowledged", "impact_started", "impact_ended", "detected", "mitigated",
    "cause_identified", "title", "lead", "severity", "impact", "open", "done", "dropped", "draft", "in_review",
    "reviewed", "published",
))  # fmt: skip


def _is_id(text: str) -> bool:
    return len(text) == 32 and not set(text) - set("0123456789abcdef")


def _amendable(event: Event, verb: str) -> None:
    if event.source == MACHINE:
        raise InvalidInput(
            f"cannot {verb} the event: the daemon recorded it itself; amend what it was made of", "event"
        )
    if is_erased(event):
        raise InvalidInput(f"cannot {verb} the event: it was erased, and nothing of it is left", "event")
    if event.amendment == "retraction":
        raise InvalidInput(f"cannot {verb} the event: it was retracted; record what is true as a new one", "event")


def _value(name: str, value: Any) -> Any:
    if name not in CORRECTABLE:
        raise InvalidInput(f"cannot correct {name}: only {', '.join(CORRECTABLE)} can be", name)
    return value if name == "occurred_at" else required_text(value, name)


def _clearable(clear: Iterable[str]) -> list[str]:
    names = list(clear)
    for name in names:
        if name not in CLEARABLE:
            raise InvalidInput(f"cannot clear {name}: only {', '.join(CLEARABLE)} can be unknown", "clear")
    return names


def _amendment_data(key: str, by: str, reason: str, stated_at: int) -> dict[str, Any]:
    return {
        "amended_by": required_text(by, "by"),
        "amended_at": stated_at,
        "amended_because": required_text(reason, "reason"),
        "statement": statement_of(key),
    }


def _next(event: Event, amendment: str, **changes: Any) -> Event:
    """The next revision, without where the last one stands in the log."""
    fields = {name: getattr(event, name) for name in Event.__struct_fields__}
    return Event(**{**fields, **changes, "revision": event.revision + 1, "amendment": amendment})


def same_statement(one: Event, other: Event) -> bool:
    """Whether two revisions say the same: all but when it was said."""
    return _gist(one) == _gist(other)


def _gist(event: Event) -> tuple[Any, ...]:
    data = {name: value for name, value in event.data.items() if name != "amended_at"}
    fields = {name: getattr(event, name) for name in Event.__struct_fields__} | {"data": data}
    return tuple(fields.values())
