"""The fold: what a set of events says happened, in whatever order they arrived."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.event import MACHINE, RecordedEvent
from renderers.history import Alert
from renderers.replay import replay
from tests.facts import at, change, fact, firing, mark, page, resolved, stated


def spans(alerts: tuple[Alert, ...]) -> list[tuple[float, float | None]]:
    """From when to when each alert fired, in minutes after the start."""
    return [((a.start - at(0)) / 60e6, None if a.end is None else (a.end - at(0)) / 60e6) for a in alerts]


def revised(event: RecordedEvent, amendment: str, **fields: Any) -> RecordedEvent:
    """The next revision of an event."""
    return msgspec.structs.replace(event, revision=event.revision + 1, amendment=amendment, **fields)


STORY = (
    *(firing(2), firing(2, "SlowCart", severity="warning"), resolved(23, since=2), resolved(22, "SlowCart", since=3)),
    *(firing(30), firing(28), resolved(40, since=28), firing(50), firing(60), resolved(61, since=None)),
    *(page("triggered", 2.5), page("acknowledged", 4), page("resolved", 24), page("reopened", 30)),
    *(page("resolved", 41), change("started", 0), change("succeeded", 1, title="v42"), change("pushed", -5, "main")),
    *(change("merged", -10, "pr:1"), mark("mitigated", 20), mark("mitigated", 21, stated_at=70)),
    *(stated("action.added", 80, stated_at=80, entity="action:a"),
      stated("action.added", 90, stated_at=90, entity="action:a")),
    *(stated("incident.edited", 95, stated_at=95, data={"field": "title", "value": "Carts"}),
      fact("chat.message", 8, "c")),
    *(stated("incident.resolved", 62, stated_at=96), fact("observation.recorded", 14, "o", actor="Jon")),
    *(stated("note.added", 12, stated_at=12, title="Pool exhausted."), fact("status.updated", 9, "s")),
    *(revised(firing(2), "correction", severity="page"), revised(fact("status.updated", 10, "t"), "retraction")),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(STORY), doubled=st.sets(st.integers(0, len(STORY) - 1)))
def test_the_order_and_number_of_deliveries_do_not_matter(order: list[RecordedEvent], doubled: set[int]) -> None:
    """Shuffled and repeated events give the very same history."""
    assert replay([*order, *(order[i] for i in doubled)]) == replay(STORY)


def test_an_episode_runs_from_firing_to_resolved() -> None:
    """An alert that fired twice has two episodes, each with its events and its evidence."""
    history = replay([firing(2), resolved(10, since=2), firing(20), resolved(25, since=20)])
    assert spans(history.alerts) == [(2, 10), (20, 25)]
    assert [len(alert.events) for alert in history.alerts] == [2, 2]
    assert [alert.fired.type for alert in history.alerts] == ["alert.firing", "alert.firing"]


def test_a_resolve_proves_its_firing() -> None:
    """Where only the end arrived, the episode is there all the same, told by its resolve."""
    (alert,) = replay([resolved(10, since=2)]).alerts
    assert (alert.start, alert.end, alert.fired.type) == (at(2), at(10), "alert.resolved")


def test_an_end_alone_is_no_alert() -> None:
    """Where its sender does not say since when it fired either, nothing is told of how long it did."""
    alone = resolved(10, "Slow", since=None)
    history = replay([firing(2), alone, resolved(12, since=2)])
    assert (spans(history.alerts), history.unbegun) == ([(2, 12)], (alone,))


def test_the_latest_of_several_ends_counts() -> None:
    """Two ends of one start, as high-availability peers tell them, are one episode that ends with the later one."""
    assert spans(replay([firing(2), resolved(10, since=2), resolved(11, since=2)]).alerts) == [(2, 11)]


def test_an_earlier_start_within_one_episode_is_folded() -> None:
    """Where the sender moves the start back while the alert fires, one episode is told, from the earlier start."""
    (alert,) = replay([firing(5), firing(2), resolved(20, since=2)]).alerts
    assert (alert.start, alert.end, len(alert.events)) == (at(2), at(20), 3)


def test_overlapping_episodes_are_one() -> None:
    """Peers that disagree on start and end tell of one episode, from the first start to the last end."""
    assert spans(replay([firing(2), firing(3), resolved(10, since=2), resolved(12, since=3)]).alerts) == [(2, 12)]


def test_a_firing_at_the_end_is_a_new_episode() -> None:
    """An alert that fires again the moment it ended has fired twice."""
    assert spans(replay([firing(2), resolved(10, since=2), firing(10)]).alerts) == [(2, 10), (10, None)]


def test_a_moved_start_ends_nothing() -> None:
    """Nobody told an end: what its sender tells under another start is the same episode, and the next end closes it."""
    assert spans(replay([firing(2), firing(30)]).alerts) == [(2, None)]
    assert spans(replay([firing(2), firing(30), resolved(35, since=30)]).alerts) == [(2, 35)]


def test_what_fires_after_people_ended_it_is_another_episode() -> None:
    """A person's resolve ends what an alert without an end kept open; the alert did not go on from there."""
    over = stated("incident.resolved", 20, stated_at=20)
    assert spans(replay([firing(2), over, firing(30), resolved(35, since=30)]).alerts) == [(2, None), (30, 35)]
    reopened = stated("incident.reopened", 25, stated_at=25)
    assert spans(replay([firing(2), over, reopened, firing(30), resolved(35, since=30)]).alerts) == [(2, 35)]


def test_an_end_that_names_no_start_closes_the_latest_episode() -> None:
    """A resolve without a start belongs to the last firing before it."""
    ended = [firing(2), resolved(10, since=2), firing(30), resolved(35, since=None)]
    assert spans(replay(ended).alerts) == [(2, 10), (30, 35)]


@pytest.mark.parametrize("events", [[resolved(2, since=10)], [firing(10), resolved(2, since=10)]])
def test_an_end_before_its_start_closes_the_episode_that_it_names(events: list[RecordedEvent]) -> None:
    """Clocks differ: the episode is over at once, and no other one was ever told."""
    (alert,) = replay(events).alerts
    assert (alert.start, alert.end) == (at(10), at(10))
    assert replay(events).resolved


def test_an_alert_of_another_source_is_another_alert() -> None:
    """The same fingerprint from two configured sources is two alerts."""
    history = replay([firing(2), firing(3, source="other"), resolved(10, since=2)])
    assert spans(history.alerts) == [(2, 10), (3, None)]


@pytest.mark.parametrize(
    ("severity", "opens"), [("critical", True), (None, True), ("warning", False), ("INFO", False), ("ticket", False)]
)
def test_opening_is_above_warning(severity: str | None, opens: bool) -> None:
    """An alert opens an incident if it is above warning or nobody said what it is."""
    assert replay([firing(2, severity=severity)]).alerts[0].opening is opens


def test_a_page_that_was_reopened_is_open() -> None:
    """Only the resolve that nobody took back ends a page."""
    steps = [page("triggered", 1), page("acknowledged", 2), page("resolved", 3), page("reopened", 4)]
    assert replay(steps).pages[0].end is None
    (closed,) = replay([*steps, page("resolved", 9)]).pages
    assert (closed.start, closed.end) == (at(1), at(9))
    assert closed.acknowledged is not None
    assert closed.acknowledged.occurred_at == at(2)


def test_a_page_that_is_over_ends_no_second_time() -> None:
    """What is resolved is closed or deleted later; where somebody worked on it in between, it ended then."""
    steps = [page("triggered", 1), page("resolved", 3)]
    assert replay([*steps, page("resolved", 90)]).pages[0].end == at(3)
    assert replay([*steps, page("acknowledged", 5), page("resolved", 90)]).pages[0].end == at(90)


def test_a_page_whose_trigger_was_lost_begins_when_it_was_created() -> None:
    """The sender's own time of creation is as good as the delivery that was lost."""
    (found,) = replay([page("acknowledged", 5, data={"created_at": at(3)})]).pages
    assert (found.start, found.triggered) == (at(3), None)


def test_a_changes_states_are_one_change() -> None:
    """A deployment is told once, by the state it finished in, from its first state on."""
    (deploy,) = replay([change("succeeded", 4, title="v42"), change("started", 1, actor="ana")]).changes
    assert (deploy.kind, deploy.outcome, deploy.start, deploy.end) == ("deploy", "succeeded", at(1), at(4))
    assert (deploy.title, deploy.actor, len(deploy.events)) == ("v42", "ana", 2)


def test_a_change_without_an_end_is_not_given_one() -> None:
    """A deployment that only began has no end."""
    (deploy,) = replay([change("started", 1)]).changes
    assert (deploy.outcome, deploy.end) == ("started", None)


@pytest.mark.parametrize(
    ("state", "kind", "outcome"),
    [
        ("merged", "merge", "merged"),
        ("pushed", "push", "pushed"),
        ("released", "release", "released"),
        ("flag_toggled", "flag", "toggled"),
        ("rolled_back", "rollback", "rolled_back"),
        ("failed", "deploy", "failed"),
    ],
)
def test_a_change_is_of_a_kind(state: str, kind: str, outcome: str) -> None:
    """The type says what sort of change it was and how it came out."""
    (found,) = replay([change(state, 1)]).changes
    assert (found.kind, found.outcome) == (kind, outcome)


def test_a_rollback_is_one_while_it_runs() -> None:
    """A deployment whose task is a rollback is called so before it finished."""
    assert replay([change("started", 1, data={"task": "rollback"})]).changes[0].kind == "rollback"


def test_every_toggle_of_a_flag_is_a_change() -> None:
    """A flag switched off and on again is two changes, though it is one flag."""
    assert len(replay([change("flag_toggled", 1, "flag:x"), change("flag_toggled", 9, "flag:x")]).changes) == 2


def test_a_known_length_gives_the_start() -> None:
    """Where only the finish arrived and says how long it took, the start is known."""
    (deploy,) = replay([change("succeeded", 10, data={"duration": 2 * 60_000_000})]).changes
    assert deploy.start == at(8)


def test_the_highest_revision_speaks() -> None:
    """A correction replaces what it corrects, and a retracted event is gone."""
    first, second = firing(2), firing(5, "SlowCart")
    history = replay([first, second, revised(first, "correction", service="cart"), revised(second, "retraction")])
    assert [alert.service for alert in history.alerts] == ["cart"]
    assert len(history.events) == 1


def test_an_amendment_is_not_a_late_arrival() -> None:
    """What a person corrects the next day was received when its sender told it."""
    first = firing(2)
    history = replay([first, revised(first, "correction", service="cart", received_at=at(900))])
    assert history.late == ()
    assert history.alerts[0].fired.received_at == first.received_at


def test_the_machines_own_groupings_are_no_facts() -> None:
    """What the daemon decided about an incident is left out; what a person said of it stays."""
    own = fact("incident.opened", 2, "i", source=MACHINE)
    history = replay([own, stated("incident.opened", 1, stated_at=1, title="Customers cannot pay")])
    assert [event.source for event in history.events] == ["people"]
    assert len(history.reports) == 1


def test_as_of_knows_only_what_had_been_received() -> None:
    """What arrived later, a correction or a late end, is not known before it arrived."""
    first = firing(2)
    late = revised(first, "correction", severity="warning", received_at=at(50))
    events = [first, late, resolved(10, since=2, received=45)]
    assert spans(replay(events, as_of=at(30)).alerts) == [(2, None)]
    assert replay(events, as_of=at(30)).alerts[0].severity == "critical"
    assert (replay(events).alerts[0].severity, replay(events, as_of=at(30)).as_of) == ("warning", at(30))
    assert spans(replay(events, as_of=at(45)).alerts) == [(2, 10)]


def test_the_newest_statement_counts() -> None:
    """Of what people say of one thing, what was said last holds, whatever time it is about."""
    history = replay(
        [
            mark("mitigated", 20, stated_at=70),
            mark("mitigated", 25, stated_at=60),
            stated("incident.edited", 1, stated_at=1, data={"field": "title", "value": "old"}),
            stated("incident.edited", 1, stated_at=2, data={"field": "title", "value": "new"}),
            stated("action.added", 1, stated_at=1, entity="action:a", data={"state": "open"}),
            stated("action.added", 2, stated_at=2, entity="action:a", data={"state": "done"}),
        ]
    )
    assert [each.occurred_at for each in history.marks] == [at(20)]
    assert history.edits["title"].data["value"] == "new"
    assert [each.data["state"] for each in history.actions] == ["done"]


def test_an_incident_is_resolved_when_every_signal_ended() -> None:
    """One open page or one firing alert keeps it open."""
    ended = [firing(2), resolved(10, since=2), page("triggered", 3)]
    assert not replay(ended).resolved
    assert replay([*ended, page("resolved", 12)]).resolved
    assert not replay([*ended, page("resolved", 12), firing(15)]).resolved


def test_a_persons_word_on_the_end_holds() -> None:
    """A person may declare it over while an alert still fires, and not over after all; the newest word counts."""
    open_still = [firing(2), stated("incident.resolved", 30, stated_at=30)]
    assert replay(open_still).resolved
    assert not replay([*open_still, stated("incident.reopened", 31, stated_at=31)]).resolved
    assert not replay([firing(2), resolved(3, since=2), stated("incident.reopened", 31, stated_at=31)]).resolved


def test_a_report_lasts_until_a_person_ends_it() -> None:
    """No monitor can say that what a customer reported is over."""
    report = stated("incident.opened", 1, stated_at=1, title="Customers cannot pay")
    assert not replay([report, firing(2), resolved(10, since=2)]).resolved
    assert replay([report, stated("incident.resolved", 20, stated_at=21)]).resolved


def test_nothing_gives_an_empty_history() -> None:
    """An incident without events is a history without anything, not an error."""
    history = replay([])
    assert (history.events, history.resolved) == ((), False)
    assert {moment.known for moment in history.moments.values()} == {"unknown"}


def test_events_at_one_instant_stand_cause_first() -> None:
    """At equal times a change comes before the alert, the alert before its page."""
    events = [page("triggered", 2), firing(2), change("succeeded", 2)]
    assert [event.type for event in replay(events).events] == ["change.succeeded", "alert.firing", "page.triggered"]
