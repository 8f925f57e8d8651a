"""What is known of one component while it is kept up to date: its incidents, and what of it is to be swept again."""

from __future__ import annotations

from collector.correlation.interval_index import Order
from collector.correlation.live_incidents import LiveIncident
from collector.correlation.signals import called_together


class Component:
    """Opening signals that only each other could be tied to, in one incident or several."""

    __slots__ = ("calls", "changed", "incidents", "indivisible", "last_round", "spent")

    def __init__(self) -> None:
        self.incidents: list[LiveIncident] = []
        self.indivisible = True
        """Whether nothing in it could be kept apart, so that it is one incident."""
        self.changed: list[tuple[Order, int]] = []
        """From when on it is to be swept again, and until when what changed of it there may tie something by itself."""
        self.calls: dict[str, set[str]] | None = {}
        """Of each alert that pages name: whom these called, as the last sweep saw it; empty where that kept nothing
        apart, None where it is not known."""
        self.spent = 0
        """How many signals were swept again since it was swept as a whole."""
        self.last_round = 0
        """The round that touched it last."""

    @property
    def needs_sweep(self) -> bool:
        """Whether it is to be swept again at the end of the round."""
        return bool(self.changed)

    @property
    def called_together(self) -> bool:
        """Whether nothing in it is kept apart by whom its pages called."""
        return called_together({call for incident in self.incidents for call in incident.calls})

    def __len__(self) -> int:
        return sum(len(incident) for incident in self.incidents)

    def add(self, incident: LiveIncident) -> None:
        """Take an incident in."""
        self.incidents.append(incident)

    def remove(self, incidents: set[LiveIncident]) -> None:
        """Let go of incidents."""
        self.incidents = [incident for incident in self.incidents if incident not in incidents]

    def judge(self, indivisible: bool, calls: dict[str, set[str]] | None) -> None:
        """Note whether anything in it could be kept apart, and whom its pages called."""
        self.indivisible, self.calls = indivisible, calls

    def touch(self, number: int) -> None:
        """This round touched it."""
        self.last_round = number

    # What is to be swept

    def mark(self, since: Order, until: int) -> None:
        """Have it swept again from ``since`` on; what changed of it there may tie something until ``until``."""
        self.changed.append((since, until))

    def sort_changes(self) -> None:
        """Have the earliest change come next."""
        self.changed.sort(reverse=True)

    def next_change(self) -> tuple[Order, int]:
        """The one that comes next; it is taken care of."""
        return self.changed.pop()

    def clear_changes(self) -> list[tuple[Order, int]]:
        """All that was still to come; somebody else takes care of it."""
        changed, self.changed = self.changed, []
        return changed

    def absorb(self, other: Component) -> None:
        """Have swept what was to be swept of another, whose incidents are in this one now."""
        self.changed += other.clear_changes()
        self.judge(False, None if self.calls is None or other.calls is None else {**self.calls, **other.calls})

    def spend(self, signals: int) -> None:
        """So many signals were swept again."""
        self.spent += signals
