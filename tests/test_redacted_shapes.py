"""A delivery of which a number or an object was redacted is understood all the same, without that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from collector import normalise
from collector.event import Event
from collector.redaction import MARK, Pointer, Redaction, pointer, redact, touches
from collector.sources import SOURCES, bodies
from tests.recorded import CASES, READING, parse_json, recorded

NEEDED = {"alertmanager": ("labels",), "grafana": ("labels",), "mapped": ("results", "state")}
"""What an alert of these kinds is nothing without, and an item of a sender of the user's own: ends of places."""


def places(value: Any, above: Pointer = ()) -> Iterator[Pointer]:
    """Where the values of a body stand, objects and lists with them."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*above, str(key))
        yield from places(member, (*above, str(key)))


def redactable(kind: str, body: Any) -> list[Pointer]:
    """Those that a configuration may name, since no id is made of them."""
    named = [pointer(text) for text in SOURCES[kind].identity]
    known = [each for each in places(body) if not any(touches(each, other) for other in named)]
    needed = NEEDED.get(kind, ())
    return [each for each in known if next(step for step in reversed(each) if kind != "mapped" or not step.isdigit())
            not in needed]  # fmt: skip


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_whatever_was_redacted_the_rest_is_understood(kind: str) -> None:
    """Of each recording each value in turn: nothing else of it is lost."""
    for case in [case for case in CASES if case.parent.name == kind]:
        webhook = recorded(case)
        whole = [event.type for event in SOURCES[kind].parse(webhook, READING)]
        if not whole or "source.unrecognised" in whole or not webhook.body.lstrip().startswith((b"{", b"[")):
            continue
        for where in redactable(kind, normalise.decode_any(webhook.body, kind)):
            changed, _ = redact(Redaction(pointers=(where,)), webhook)
            types = [event.type for event in SOURCES[kind].parse(changed, READING)]
            assert "source.unrecognised" not in types, (case.name, where)


def test_the_mark_is_that_of_redaction() -> None:
    """Adapters do not import what replaces values."""
    assert bodies.MARK == MARK


class Item(msgspec.Struct):
    size: int | None = None
    name: str | None = None


class Shape(msgspec.Struct):
    id: int
    items: list[Item] | None = None
    by_name: dict[str, Item] | None = None
    text: str | None = None


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ({"id": 1, "items": MARK, "text": MARK}, Shape(1, None, None, MARK)),
        ({"id": 1, "items": [MARK, {"size": MARK, "name": MARK}]}, Shape(1, [Item(None, MARK)])),
        ({"id": 1, "by_name": {"a": MARK, "b": {"size": 2}, "c": MARK}}, Shape(1, None, {"b": Item(2)})),
        ({"id": 1, "by_name": {"b": {"size": MARK, "name": "x"}}}, Shape(1, None, {"b": Item(None, "x")})),
        # One field of many items costs no more than that of one.
        ({"id": 1, "items": [{"size": MARK, "name": "x"}] * 5_000}, Shape(1, [Item(None, "x")] * 5_000)),
    ],
)
def test_a_mark_of_another_shape_is_absent(body: Any, shape: Shape) -> None:
    """A mark in the place of a text stays."""
    assert bodies.decode(msgspec.json.Decoder(Shape), json.dumps(body).encode(), "x") == shape


@pytest.mark.parametrize("body", [{"id": MARK}, {"id": "1"}, {"id": 1, "items": "x"}, {"text": MARK}, [MARK], MARK])
def test_what_cannot_be_done_without_is_a_mistake(body: Any) -> None:
    """So is what has another shape and is no mark; the first mistake is told."""
    decoder, encoded = msgspec.json.Decoder(Shape), json.dumps(body).encode()
    with pytest.raises(msgspec.ValidationError) as mended:
        bodies.decode(decoder, encoded, "x")
    with pytest.raises(msgspec.ValidationError) as plain:
        decoder.decode(encoded)
    assert str(mended.value) == str(plain.value)


def test_who_did_it_may_be_redacted_at_github() -> None:
    """The push is told, and nobody as who pushed."""
    push = {"ref": "refs/heads/main", "after": "a" * 40, "sender": MARK, "repository": {"full_name": "shop/cart"}}
    (event,) = parse_json("github", push, {"x-github-event": "push"})
    assert (event.type, event.actor) == ("change.pushed", None)


def test_a_branch_that_is_gone_was_not_pushed() -> None:
    """Its commit says so, too."""
    gone = {"ref": "refs/heads/x", "after": "0" * 40, "deleted": MARK, "repository": {"full_name": "shop/cart"}}
    events: tuple[Event, ...] = parse_json("github", gone, {"x-github-event": "push"})
    assert [event.data["state"] for event in events] == ["deleted"]
