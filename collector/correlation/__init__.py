"""Which events are one incident, with reasons.

A pure function of a set of events and the rules: it never asks when an event
was received, where it stands in the log, what time it is, or what was decided
before. Ties are broken by ids. Signals are folded from events
(``signals``), people's words are made consistent (``constraints``), opening signals
are swept into groups (``sweep``), everything else attaches (``attach``);
``grouping`` does all of it at once, ``incremental`` keeps it up to date.

What could have been chosen otherwise: a direct dependency
counts in both directions between alerts, and for changes only towards what
depends on them; a severity nobody knows opens an incident; the labels by
which an alert group names a service are :data:`GROUP_LABELS` and those of the
catalog; a change without a service whose repository nobody else names one for
is taken to be of the service its repository is called like.
"""

from collector.correlation.catalog import GROUP_LABELS, Catalog, Rules, Service
from collector.correlation.grouping import correlate
from collector.correlation.values import Grouping, Incident, Membership, Unjoined

__all__ = [
    "GROUP_LABELS", "Catalog", "Grouping", "Incident", "Membership", "Rules", "Service", "Unjoined", "correlate",
]  # fmt: skip
