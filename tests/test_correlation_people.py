"""What people say of incidents goes before every rule: joining, leaving, merging, splitting, and the end."""

from __future__ import annotations

from collector.correlation import Rules, correlate
from collector.event import MINUTE, RecordedEvent
from tests.groupings import grouped, only, rule_of, sizes
from tests.stories import at, change, firing, resolved, says

# --- people -----------------------------------------------------------------------------------------------------------


def test_what_a_person_took_out_stays_out() -> None:
    """A cannot-link overrides the service."""
    first, second = firing("A", 0), firing("B", 5)
    assert sizes(first, second, says("incident.left", 9, first, event=second.id)) == [2, 1]


def test_what_a_person_took_out_bars_merging() -> None:
    """A third signal that matches both joins one of them."""
    first, second, third = firing("A", 0), firing("B", 5), firing("C", 9)
    grouping = grouped(first, second, third, says("incident.left", 10, first, event=second.id))
    assert sorted(len(incident.anchors) for incident in grouping.incidents) == [1, 2]


def test_what_attached_can_be_taken_out() -> None:
    """A deployment that a person took out says so."""
    alert, deploy = firing("A", 0), change("d", -5)
    assert rule_of(deploy, alert, says("incident.left", 9, alert, event=deploy.id)) == "a person took it out"


def test_the_newer_word_counts() -> None:
    """Joined, then taken out: out, and the older word is listed as ignored."""
    first, second = firing("A", 0, "a"), firing("B", 500, "b")
    joined, left = (
        says("incident.joined", 501, first, event=second.id),
        says("incident.left", 502, first, event=second.id),
    )
    grouping = grouped(first, second, joined, left)
    assert [entry.event for entry in grouping.ignored] == [joined.id]
    assert len(grouping.incidents) == 2


def test_a_merge_may_be_undone_by_a_split() -> None:
    """A split keeps its events together and apart from the rest."""
    a, b, c = firing("A", 0, "a"), firing("B", 500, "b"), firing("C", 1000, "c")
    merged = [says("incident.merged", t, a, into=a.id, **{"from": x.id}) for t, x in ((1001, b), (1002, c))]
    assert len(grouped(a, b, c, *merged).incidents) == 1
    split = says("incident.split", 1003, a, events=[b.id, c.id])
    assert sorted(len(i.anchors) for i in grouped(a, b, c, *merged, split).incidents) == [1, 2]


def test_a_word_on_an_unknown_event_is_ignored() -> None:
    """Nobody can be joined to what nobody knows."""
    first = firing("A", 0)
    (entry,) = grouped(first, says("incident.joined", 1, first, event="f" * 32)).ignored
    assert entry.reason == "it names an event that is not known"


def test_a_note_follows_the_event_it_names() -> None:
    """After a merge the note about the second incident is in the one that holds it now."""
    first, second = firing("A", 0, "a"), firing("B", 500, "b")
    note = says("note.added", 600, second)
    incident = only(first, second, note, says("incident.merged", 601, first, into=first.id, **{"from": second.id}))
    assert note.id in [member.event for member in incident.members]


def test_a_report_opens_an_incident_until_a_person_ends_it() -> None:
    """An incident opened by hand has an alert of its service join, and ends when a person says so."""
    report = says("incident.opened", 0, service="checkout")
    assert rule_of(firing("A", 3), report) == "service"
    assert only(report).ended_at is None
    assert only(report, says("incident.resolved", 30, report)).ended_at == at(30)


def test_a_stated_end_counts_until_something_new_starts() -> None:
    """A person ends an incident whose resolve was lost; an alert after that speaks for itself."""
    alert = firing("A", 0)
    over = says("incident.resolved", 30, alert)
    assert only(alert, over).ended_at == at(30)
    assert only(alert, over, firing("B", 40), resolved("B", 40, 50)).ended_at == at(50)
    assert only(alert, resolved("A", 0, 20), over, says("incident.reopened", 31, alert)).ended_at is None


# --- people's word on the end -----------------------------------------------------------------------------------------


def numbered(*events: RecordedEvent) -> list[int | None]:
    """Of each incident when it was over, in minutes after midnight; None while it is open."""
    found = correlate(events, Rules()).incidents
    return [None if each.ended_at is None else (each.ended_at - at(0)) // MINUTE for each in found]


def test_what_fires_after_people_ended_it_is_an_incident_of_its_own() -> None:
    """An alert without a resolve is kept open no longer than people say: the next outage is not theirs."""
    first = firing("A", 0)
    over = says("incident.resolved", 60, first)
    assert numbered(first, over, firing("A", 180)) == [60, None]
    assert numbered(first, over, firing("B", 180), resolved("B", 180, 190)) == [60, 190]
    assert numbered(first, firing("A", 180)) == [None]


def test_what_fires_after_people_reopened_it_is_of_the_same() -> None:
    """The incident goes on, and so does what nobody ended."""
    first = firing("A", 0)
    again = [says("incident.resolved", 60, first), says("incident.reopened", 70, first)]
    assert numbered(first, *again, firing("A", 180)) == [None]


def test_a_resolve_cuts_every_alert_of_its_incident() -> None:
    """People name one event of it; what else was open then ties no more either, and what its sender ended does."""
    first, second = firing("A", 0), firing("B", 5)
    over = says("incident.resolved", 60, first)
    assert len(numbered(first, second, over, firing("B", 180))) == 2
    assert len(numbered(first, second, over, firing("B", 76))) == 2
    assert len(numbered(first, second, over, firing("B", 74))) == 1
