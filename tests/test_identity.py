"""What ids and entities are made of: every source names it, so that no redaction by place is let near it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.event import Event
from collector.redaction import MARK, Pointer, pointer, touches
from collector.sources import SOURCES
from collector.webhook import Webhook
from tests.recorded import CASES, READING, recorded

_OLD = "only a version that sends no fingerprint is named by its labels, which may hold what a team has to redact"
_GROUP = "the key holds labels, which may have to be redacted; an id keeps it only of alerts that were left out"
_OWN = "anything may stand there, a ticket or a title; an entity keeps it only of a change that nobody mapped"
REDACTABLE = {
    "alertmanager": {"/alerts/*/labels": _OLD, "/groupKey": _GROUP},
    "cloudevents": {
        "/*/subject": "as at the top, where the body may be the data (binary mode) and a letter's title stands there",
        "/data/subject": "a letter's title, where it is not the subject of a CDEvent",
        "/data/version": _OWN,
    },
    "grafana": {"/alerts/*/labels": _OLD, "/groupKey": _GROUP},
    "opsgenie": {"/escalationNotify/name": "a person's name; the id that stands beside it tells who was called"},
    "pagerdutychange": {"/payload/custom_details": "details of any kind; the id keeps one of five words for the state"},
    "uptimekuma": {"/msg": "a text for people; only what is told without a heartbeat is named by it"},
}
"""What ids or entities keep something of, and may be redacted all the same: why."""
ALL = {kind: {pointer(text) for text in source.identity} for kind, source in SOURCES.items()}


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind != "mapped"])
def test_identity_names_all_that_ids_are_made_of(kind: str) -> None:
    """With any value redacted that a source does not name, its recordings keep their ids and entities.

    Of a mapping of the user's own, the settings look at what its expressions ask for.
    """
    moved = {steps: case.name for case in CASES if case.parent.name == kind for steps in _moving(case)}
    allowed = {pointer(text) for text in REDACTABLE.get(kind, ())}
    unnamed = {"/" + "/".join(steps): name for steps, name in moved.items() if not _named(steps, allowed)}
    assert not unnamed, f"ids or entities of {kind} follow these: add them to identity"
    stale = {steps for steps in allowed if not _named(steps, set(moved))}
    assert not stale, f"no id of {kind} follows these any more: take them out of REDACTABLE"


def _named(steps: Pointer, pointers: set[Pointer]) -> bool:
    return any(touches(steps, each) for each in pointers)


def _moving(case: Path) -> Iterator[Pointer]:
    """The places in a recording that its source does not name, and that its ids or entities follow."""
    webhook = recorded(case)
    try:
        body = json.loads(webhook.body)
    except ValueError:
        # A form with JSON in it, or several documents: the same is recorded by itself, too.
        return
    events = _events(webhook)
    for steps in set(_places(body)):
        if steps and not _named(steps, ALL[webhook.source]):
            other = json.dumps(_without(body, steps)).encode()
            if not _alike(events, _events(msgspec.structs.replace(webhook, body=other))):
                yield steps


def _events(webhook: Webhook) -> tuple[Event, ...]:
    return SOURCES[webhook.source].parse(webhook, READING)


def _alike(events: tuple[Event, ...], others: tuple[Event, ...]) -> bool:
    """Whether ids and entities are the same. What was not understood is named by all of its bytes."""
    return len(events) == len(others) and all(
        event.type == "source.unrecognised" or (event.id, event.entity) == (other.id, other.entity)
        for event, other in zip(events, others, strict=True)
    )


def _places(value: Any, steps: Pointer = ()) -> Iterator[Pointer]:
    """Pointers to all texts, numbers and truth values, with ``*`` for the items of a list, as people write them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*steps, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner, (*steps, "*"))
    elif value is not None:
        yield steps


def _without(value: Any, steps: Pointer) -> Any:
    """The value with what stands at a pointer replaced: a text by the mark, a number by another one."""
    if not steps:
        return MARK if isinstance(value, str) else not value if isinstance(value, bool) else value + 1
    if isinstance(value, list):
        return [_without(each, steps[1:]) if _reaches(each, steps[1:]) else each for each in value]
    return {key: _without(each, steps[1:]) if key == steps[0] else each for key, each in value.items()}


def _reaches(value: Any, steps: Pointer) -> bool:
    """Whether a pointer leads to a value here; items of one list may differ in shape."""
    if not steps:
        return isinstance(value, str | int | float)
    if isinstance(value, list):
        return steps[0] == "*" and any(_reaches(each, steps[1:]) for each in value)
    return isinstance(value, dict) and steps[0] in value and _reaches(value[steps[0]], steps[1:])
