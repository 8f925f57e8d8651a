"""What lists and pages read: state computed from events, safe to drop and rebuild.

``tables`` lie in the same database as the log, and ``shape`` knows whether they
are ours; ``shelf`` is what the follower puts there and fetches back, ``lists``
what everybody else reads.
"""

from collector.correlation import Rules
from collector.log import EventLog
from collector.projections.lists import Projections
from collector.projections.shape import fitted, mismatch
from collector.projections.tables import metadata
from collector.projections.values import (
    Case,
    EventFilter,
    Explanation,
    IncidentRow,
    Nearby,
    SignalRow,
)

__all__ = [
    "Case",
    "EventFilter",
    "Explanation",
    "IncidentRow",
    "Nearby",
    "Projections",
    "SignalRow",
    "fitted",
    "metadata",
    "mismatch",
    "open_projections",
]


def open_projections(log: EventLog, rules: Rules) -> Projections:
    """The read side over a log; ``rules`` are the follower's, for the names in them."""
    return Projections(log, rules)
