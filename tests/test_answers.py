"""How values become JSON: the shape, the times, and strangers' bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from collector.event import Link, RecordedEvent
from collector.log import Delivery, Receipt, ReceiptItem, Repeats
from collector.projections import IncidentRow, NearbyEvent, SignalRow
from collector.web import answers, shapes

AT = 1_772_632_930_000_000
"""2026-03-04T14:02:10Z."""


def _fact(**fields: Any) -> RecordedEvent:
    facts: dict[str, Any] = {
        "id": "0" * 12 + "a" * 20,
        "type": "alert.firing",
        "source": "alertmanager",
        "entity": "f00d",
        "occurred_at": AT,
        "position": 7,
        "received_at": AT + 1,
    }
    return RecordedEvent(**(facts | fields))


class _BuiltAnswers:
    """What the functions of ``answers`` give, as a reader of JSON has it."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *given: msgspec.to_builtins(getattr(answers, name)(*given))


told = _BuiltAnswers()


def _row(**fields: Any) -> IncidentRow:
    facts: dict[str, Any] = {
        "number": 3,
        "key": "0" * 32,
        "status": "open",
        "title": "HighLatency",
        "started_at": AT,
        "ended_at": None,
        "last_at": AT,
        "services": ("checkout",),
        "environments": ("production",),
        "severity": None,
        "lead": None,
        "events": 2,
    }
    return IncidentRow(**(facts | fields))


def test_an_event_has_every_field_whatever_is_known() -> None:
    """A bare event and a full one have the same keys, and what is unknown is null."""
    bare = told.event(_fact())
    full = told.event(
        _fact(service="checkout", actor="Ada", links=(Link("rule", "https://prometheus.example/r"),), delivery="d1")
    )
    assert list(bare) == list(full)
    assert (bare["service"], bare["actor"], bare["delivery"], bare["links"]) == (None, None, None, [])
    assert full["links"] == [{"rel": "rule", "url": "https://prometheus.example/r"}]


def test_times_are_rfc_3339_in_utc() -> None:
    """Whole seconds end in Z at once, parts of one have six digits, and no time is null."""
    shown = told.event(_fact())
    assert (shown["occurred_at"], shown["received_at"]) == ("2026-03-04T14:02:10Z", "2026-03-04T14:02:10.000001Z")
    assert told.incident(_row())["ended_at"] is None
    assert told.incident(_row(ended_at=AT))["ended_at"] == "2026-03-04T14:02:10Z"


def test_data_stands_as_recorded() -> None:
    """What a sender said beyond the common fields is not touched, large numbers included."""
    data = {"starts_at": AT, "large": 2**64, "deep": [{"a": [None, True]}]}
    assert msgspec.json.decode(answers.encode(answers.event(_fact(data=data))))["data"] == data


def test_stray_bytes_never_break_an_answer() -> None:
    """A header that was not UTF-8 is shown with replacement characters, in values and in names."""
    encoded = answers.encode({"name\udcff": ["caf\udce9", ("\ud83d",)]})
    encoded_receipt = answers.encode(shapes.Stored("d4", "read", "caf\udce9", []))
    assert msgspec.json.decode(encoded) == {"name\ufffd": ["caf\ufffd", ["\ufffd"]]}
    assert msgspec.json.decode(encoded_receipt)["reason"] == "caf\ufffd"


@given(st.recursive(st.text(st.characters(codec=None)) | st.floats() | st.integers(), st.lists, max_leaves=20))
def test_any_value_can_be_encoded(value: Any) -> None:
    """No text, number or nesting makes JSON fail."""
    msgspec.json.decode(answers.encode(value))


def test_a_receipt_names_each_event() -> None:
    """A receipt says which delivery it was, and of each event its place and whether it was known."""
    stored = Receipt(delivery="d4", items=(ReceiptItem(event_id="ab", position=9, stored_before=True),))
    assert msgspec.json.decode(answers.encode(answers.receipt(stored))) == {
        "delivery": "d4",
        "status": "read",
        "reason": "",
        "items": [{"event": "ab", "position": 9, "known": True}],
    }


def test_a_delivery_shows_its_headers_and_no_body() -> None:
    """A delivery's answer has its size and digest, its kept headers in order, and never its bytes."""
    stored = Delivery(
        id="d4",
        source="github",
        received_at=AT,
        size=2,
        digest="",
        authentication="signature",
        status="read",
        reason="",
        headers=(("x-github-event", "push"),),
        items=(),
    )
    shown = told.delivery(stored)
    assert shown["headers"] == [{"name": "x-github-event", "value": "push"}]
    assert (shown["size"], shown["sha256"], "body" in shown) == (2, None, False)


def test_what_was_told_once_counts_no_repeats() -> None:
    """An event without repeats says zero, and one with them when the last came."""
    assert told.repeats(None) == {"count": 0, "last_at": None}
    again = Repeats(event_id="ab", count=13, last_at=AT)
    assert told.repeats(again) == {"count": 13, "last_at": "2026-03-04T14:02:10Z"}


def test_a_signal_says_since_when() -> None:
    """A signal shows its state and both its times as text."""
    row = SignalRow(
        kind="alert",
        event="ab",
        source="alertmanager",
        entity="f00d",
        title="HighLatency",
        service=None,
        environment=None,
        severity="critical",
        state="firing",
        since=AT,
        incident=3,
        notifications=14,
        last_at=AT,
    )
    shown = told.signal(row)
    assert (shown["since"], shown["last_at"], shown["state"]) == ("2026-03-04T14:02:10Z",) * 2 + ("firing",)


def test_what_joined_nothing_is_counted_by_reason() -> None:
    """The answer for events in no incident has the count, the reasons and the newest of them."""
    shown = told.unjoined(2, {"no service": 2}, [NearbyEvent(event=_fact(), reason="no service")], {})
    assert (shown["count"], shown["reasons"], shown["newest"][0]["event"]["position"]) == (2, {"no service": 2}, 7)
