"""State has one owner: in the room of grouping, no class stores into what belongs to another."""

from __future__ import annotations

import ast
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import dedent
from typing import Any
from unittest.mock import MagicMock

import pytest

from collector.correlation import Rules
from collector.correlation.changes import GroupingStore
from collector.correlation.incremental import Regrouping
from tests.layers import ROOT
from tests.owners import foreign, parsed
from tests.stories import change, firing, page

GROUPING = ROOT / "collector" / "correlation"
OWNER = """
class Memory:
    def __init__(self):
        self.match: dict[str, int] = {}
        self.attached: dict[str, set[int]] = {}
        self.broken, self.latest = [], 0

    def explain(self, one, why):
        self.match[one] = why
        self.attached.setdefault(one, set()).add(why)
        self.broken.append(one)
        self.latest += 1
"""


def stores(statement: str) -> list[str]:
    """The fields that a step stores into with this, beside the owner's own class."""
    step = "class Step:\n    def take(self, memory, heappush):\n" + " " * 8 + statement.replace("\n", "\n" + " " * 8)
    trees = {"memory": ast.parse(OWNER), "step": ast.parse(dedent(step))}
    return [one.field for one in foreign(trees)]


def test_every_field_of_grouping_is_written_by_its_own_class() -> None:
    """Others call the verbs of what they change."""
    assert [str(one) for one in foreign(parsed(GROUPING))] == []


@pytest.mark.parametrize(
    ("statement", "fields"),
    [
        ("memory.latest = 1", ["latest"]),
        ("memory.latest += 1", ["latest"]),
        ("self._memory.latest, b = 1, 2", ["latest"]),
        ("del memory.latest", ["latest"]),
        ("memory.match['a'] = 1", ["match"]),
        ("del memory.match['a']", ["match"]),
        ("self._memory.round.match.pop('a', None)", ["match"]),
        ("memory.broken.append(1)", ["broken"]),
        ("memory.broken += [1]", ["broken"]),
        ("heappush(memory.broken, 1)", ["broken"]),
        ("broken = memory.broken\nbroken.append(1)", ["broken"]),
        ("broken = memory.broken\nbroken += [1]", ["broken"]),
        ("memory, match = self._memory, self._memory.match\nmatch['a'] = 1", ["match"]),
        ("memory.attached['a'].add(1)", ["attached"]),
        ("memory.attached.setdefault('a', set()).add(1)", ["attached", "attached"]),
        ("left = memory.attached['a']\nleft.discard(1)", ["attached"]),
        ("for left in list(memory.attached.values()):\n    left.clear()", ["attached"]),
        ("for known in (memory.match, memory.attached):\n    known.pop('a')", ["attached"]),
    ],
)
def test_a_store_into_what_is_another_s_is_found(statement: str, fields: list[str]) -> None:
    """However it is spelled."""
    assert stores(statement) == fields


@pytest.mark.parametrize(
    "statement",
    [
        "memory.explain('a', 1)",
        "self.latest = memory.latest",
        "self.broken.append(memory.broken[0])",
        "match = dict(memory.match)\nmatch['a'] = 1",
        "for one in memory.match:\n    self.match[one] = 1",
        "memory.index.put(1)",
        "left = memory.match.get('a')\nleft.add(1)",
    ],
)
def test_what_is_one_s_own_may_be_stored_into(statement: str) -> None:
    """One's own fields, copies, and the verbs of others."""
    assert stores(statement) == []


def empty_store() -> Any:
    """A store that holds nothing."""
    store = MagicMock(spec=GroupingStore)
    store.next_number.return_value, store.latest.return_value = 1, 0
    store.unassigned.return_value, store.last_signals.return_value = {}, {}
    for ask in ("links", "keyed", "naming", "signals", "started", "happened", "incidents_of", "events"):
        getattr(store, ask).return_value = []
    store.signals_before.side_effect = lambda *_: iter(())
    store.signal_of.return_value, store.report.return_value = {}, []
    store.ref_services.return_value = {}
    return store


@contextmanager
def without_collection() -> Iterator[None]:
    """What goes then goes because nothing refers to it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Connected:
    """A store that can be waited for to go."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_between_two_rounds_nothing_holds_the_store() -> None:
    """It reads over a connection that is closed by then."""
    groups = Regrouping(Rules())
    rounds = [[firing("A", 0), change("d", 1)], [page("P", "triggered", 2), firing("B", 3)]]
    with without_collection():
        for events in rounds:
            store: Any = _Connected(empty_store())
            groups.take(events, store)
            left = weakref.ref(store)
            del store
            assert left() is None
    assert len(groups) == 4
