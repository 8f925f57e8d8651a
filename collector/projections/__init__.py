"""What lists and pages read: state computed from events, safe to drop and rebuild.

``database`` is where they lie, beside the log, and ``shape`` knows whether the
``tables`` there are ours; ``grouping_store`` is what the follower puts there and fetches
back, ``lists`` what everybody else reads, events by ``search``.
"""

from collector.projections.database import Lists, ListsRemoved, PostgresLists, SqliteLists, lists_path, open_lists
from collector.projections.lists import Projections
from collector.projections.shape import fitted
from collector.projections.state import State
from collector.projections.tables import metadata
from collector.projections.values import (
    Case,
    EventFilter,
    Explanation,
    IncidentRow,
    NearbyEvent,
    News,
    SignalRow,
)

__all__ = [
    "Case",
    "EventFilter",
    "Explanation",
    "IncidentRow",
    "Lists",
    "ListsRemoved",
    "NearbyEvent",
    "News",
    "PostgresLists",
    "Projections",
    "SignalRow",
    "SqliteLists",
    "State",
    "fitted",
    "lists_path",
    "metadata",
    "open_lists",
]
