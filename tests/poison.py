"""Events that grouping cannot take."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from collector.correlation.refolding import Refolding
from collector.event import RecordedEvent


@contextmanager
def poisonous(ids: Collection[str]) -> Iterator[list[int]]:
    """Grouping fails over these events, half way through a batch; gives how often it failed."""
    fold, failures = Refolding._sort_in, [0]

    def sorting(self: Refolding, event: RecordedEvent, entities: Any) -> None:
        if event.id in ids:
            failures[0] += 1
            raise KeyError(f"a secret of {event.title}")
        fold(self, event, entities)

    with patch.object(Refolding, "_sort_in", sorting):
        yield failures
