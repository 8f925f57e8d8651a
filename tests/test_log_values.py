"""A value that breaks a batch is isolated, on every back end of the log: its neighbours are stored as if alone."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from collector.errors import InvalidInput
from collector.event import PEOPLE, Event
from collector.log import EventLog, Receipt, Refused, Submission
from tests.examples import examples
from tests.log_facts import AT, append, fact, told
from tests.log_facts import database as database
from tests.log_facts import log as log

BREAKING = {
    "a time beyond 64 bits": fact("bad", at=2**70),
    "a lone surrogate": fact("bad", title="\ud800"),
    "a NUL": fact("bad", title="a\0b"),
    "a NUL in a column": fact("bad", type="alert.\0"),
    "a type longer than a leaf can say": fact("bad", type="x" * 70_000),
    "something that is no JSON": fact("bad", data={"x": object()}),
    "no time": fact("bad", occurred_at=None),
    "no id": Event(id="xyz", type="t", source="am", entity="e", occurred_at=1),
}


@pytest.mark.parametrize("name", BREAKING)
async def test_a_value_that_breaks_the_batch_is_isolated(log: EventLog, name: str) -> None:
    """The culprit becomes ``source.unrecognised`` with its body; its neighbours are stored as if alone."""
    batch = [told(fact("a")), told(BREAKING[name], body=b"bad body"), told(fact("b"))]
    first, culprit, last = await append(log, *batch)
    assert [event.type for event in await log.read()] == ["alert.firing", "source.unrecognised", "alert.firing"]
    assert (first.status, culprit.status, last.status) == ("read", "unrecognised", "read")
    assert await log.body(culprit.delivery) == b"bad body"
    assert [d.id for d in await log.deliveries(status="unrecognised")] == [culprit.delivery]
    (again,) = await append(log, batch[1])
    assert again.nothing_new


async def test_a_persons_value_that_cannot_be_stored_is_refused(log: EventLog) -> None:
    """There is no body to keep: the person hears about it, and the neighbours are stored."""
    command = Submission(source=PEOPLE, received_at=AT, events=(BREAKING["a time beyond 64 bits"],))
    answers = await log.append([told(fact("a")), command])
    assert isinstance(answers[0], Receipt)
    assert isinstance(answers[1], Refused)
    assert isinstance(answers[1].error(), InvalidInput)
    assert await log.head() == 1


async def test_a_broken_header_does_not_lose_the_delivery(log: EventLog) -> None:
    """Whatever breaks, the body is kept."""
    odd = Submission(source="am", received_at=AT, body=b"x", headers=(("user-agent", "\udcff"),), events=(fact("a"),))
    (receipt,) = await append(log, odd)
    assert await log.body(receipt.delivery) == b"x"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@examples(12, allowed=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=())), data=st.dictionaries(st.text(), _json, max_size=3))
async def test_nothing_a_parser_makes_is_lost(log: EventLog, text: str, data: dict[str, object]) -> None:
    """Any text and any data end as an event, and its neighbour is stored."""
    before, name = await log.head(), os.urandom(8).hex()
    odd = fact(f"odd {name}", title=text, entity=text, actor=text, time_text=text, data=data)
    bodies = (f"odd {name}".encode(), name.encode())
    answers = await log.append([told(odd, body=bodies[0]), told(fact(name), body=bodies[1])])
    assert [type(answer) for answer in answers] == [Receipt, Receipt]
    first, second = await log.read(after=before)
    assert first.type in ("alert.firing", "source.unrecognised")
    assert second.title == name
