"""What is said of a round, as values: what changed and what was there before go in, events come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from collector.correlation.changes import Changes, Grounds, Move
from collector.correlation.live_incidents import Summary
from collector.correlation.placing import FOLLOW_UP, Placement, PlacementMove
from collector.event import Event, event_id
from collector.following.announcements import (
    FormerIncident,
    ListedNumber,
    changed,
    news,
    of_moved,
    of_new,
    placement_news,
    resolved,
    speaking_order,
)

CAUSE = 7
"""The position after which it is true."""
OPEN = FormerIncident(started_at=1_000, ended_at=None, high=9_000)
OVER = FormerIncident(started_at=1_000, ended_at=5_000, high=9_000)
ANCHOR = event_id("test.1", "test", 3_000_000, "anchor")
"""An event that happened at 3,000,000 µs: its id says so."""
TIED = Grounds("service", "about checkout")
OPENED = Grounds("opened", "an alert fired")


def summary(key: str = "k", *, started_at: int = 1_000, ended_at: int | None = None) -> Summary:
    """What lists show of an incident whose last event happened at 6,000 µs."""
    return Summary(
        key=key, title=f"Title of {key}", started_at=started_at, ended_at=ended_at, last_at=6_000, services=(),
        environments=(), severity=None, lead=None, events=1, low=0, high=9_000,
    )  # fmt: skip


def listing(**incidents: Summary) -> Changes:
    """A round after which lists show this: ``_1`` is the incident of number 1."""
    changes = Changes()
    for name, one in incidents.items():
        changes.list(int(name[1:]), one, 1)
    return changes


def new(changes: Changes, number: int, anchor: str, goes_by: int | None) -> None:
    """A number is given out that hangs on this event."""
    changes.give(number)
    changes.renumber(number, anchor, goes_by)


def move(
    changes: Changes, signal: str, before: set[int], after: set[int], grounds: Grounds | None = TIED, *,
    start: int = 2_000,
) -> None:  # fmt: skip
    """A signal is in other incidents than before, in each for the same reason."""
    changes.move(signal, Move(start, frozenset(before), frozenset(after)))
    for number in after:
        changes.put_membership(signal, number, grounds)


def split() -> Changes:
    """Of incident 1 a part goes by number 2 now, which no incident went by."""
    changes = listing(_1=summary("a"), _2=summary("b", started_at=4_000))
    changes.renumber(2, ANCHOR, 2)
    move(changes, "s", {1}, {2}, OPENED)
    move(changes, "t", {1}, {2})
    return changes


def merge() -> Changes:
    """Incident 2 became part of incident 1, and so did what was in it."""
    changes = listing(_1=summary("a", started_at=500))
    changes.renumber(2, ANCHOR, 1)
    move(changes, "s", {2}, {1})
    return changes


def brief(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    """Of each event what it says, of which number, of when, and what else it names."""
    return [
        (
            event.type.removeprefix("incident."),
            event.data["number"],
            event.occurred_at,
            {name: value for name, value in event.data.items() if name != "number"},
        )
        for event in events
    ]


def announced(changes: Changes, **before: FormerIncident) -> list[tuple[Any, ...]]:
    """What a round's news are, in short; ``_1`` is how incident 1 was."""
    return brief(news(changes, {int(name[1:]): one for name, one in before.items()}, CAUSE))


# --- of incidents -----------------------------------------------------------------------------------------------------


def test_an_incident_is_opened_with_its_number() -> None:
    """The event is about the incident, names its first event as a ref, and as data the one that the number hangs on."""
    changes = listing(_4=summary("k"))
    new(changes, 4, ANCHOR, 4)
    (event,) = news(changes, {}, CAUSE)
    assert event == Event(
        id=event.id, type="incident.opened", source="timelined", entity="incident:4", occurred_at=1_000,
        title="Title of k", refs=("incident:k",), data={"number": 4, "event": ANCHOR},
    )  # fmt: skip


def test_an_incident_that_goes_on_is_no_news() -> None:
    """Neither open nor over, whatever else of it changed."""
    assert announced(listing(_1=summary(), _2=summary(ended_at=5_500)), _1=OPEN, _2=OVER) == []


def test_an_incident_that_was_open_is_resolved_once() -> None:
    """At its end."""
    assert announced(listing(_1=summary(ended_at=5_500)), _1=OPEN) == [("resolved", 1, 5_500, {})]


def test_an_incident_that_was_over_when_it_came_is_opened_and_resolved() -> None:
    """In this order: somebody delivered all of it late."""
    changes = listing(_1=summary(ended_at=5_500))
    new(changes, 1, ANCHOR, 1)
    assert announced(changes) == [("opened", 1, 1_000, {"event": ANCHOR}), ("resolved", 1, 5_500, {})]


def test_an_incident_that_was_over_is_reopened() -> None:
    """When the last of its events happened."""
    assert announced(listing(_1=summary()), _1=OVER) == [("reopened", 1, 6_000, {})]


def test_an_incident_of_a_number_that_nobody_went_by_is_not_reopened() -> None:
    """There was nothing that was over."""
    assert announced(listing(_1=summary())) == []


# --- of numbers -------------------------------------------------------------------------------------------------------


def test_a_merged_number_says_where_it_went() -> None:
    """When the incident began that it is part of now. That its member came along is not said."""
    assert announced(merge(), _1=OPEN, _2=OPEN) == [("merged", 2, 500, {"into": 1, "event": ANCHOR})]


def test_a_merge_names_the_event_that_the_number_hangs_on() -> None:
    """Its incident is gone, and has no title any more."""
    (event,) = news(merge(), {2: OPEN}, CAUSE)
    assert (event.entity, event.title, event.refs) == ("incident:2", "", (f"incident:{ANCHOR}",))


def test_a_merge_into_what_did_not_change_is_of_the_time_of_its_event() -> None:
    """When the other one began is not known then; the id of the event says when that happened."""
    changes = Changes()
    changes.renumber(2, ANCHOR, 1)
    assert announced(changes, _2=OPEN) == [("merged", 2, 3_000_000, {"into": 1, "event": ANCHOR})]


def test_a_number_merged_into_nothing_names_no_other() -> None:
    """What opened it was taken back. Its member left to nowhere, which that says already."""
    changes = Changes()
    changes.renumber(2, ANCHOR, None)
    move(changes, "s", {2}, set())
    assert announced(changes, _2=OPEN) == [("merged", 2, 3_000_000, {"event": ANCHOR})]


def test_a_number_that_nobody_went_by_is_not_merged() -> None:
    """It was said when it was merged first."""
    changes = Changes()
    changes.renumber(2, ANCHOR, 1)
    changes.renumber(3, ANCHOR, None)
    assert announced(changes, _1=OPEN) == []


def test_a_number_given_out_and_merged_in_one_round_is_said() -> None:
    """Else nobody could say what it stands for, once lists are made anew."""
    changes = listing(_1=summary(started_at=500))
    new(changes, 2, ANCHOR, 1)
    assert announced(changes, _1=OPEN) == [("merged", 2, 500, {"into": 1, "event": ANCHOR})]


def test_a_number_that_goes_by_itself_is_not_merged() -> None:
    """It only hangs on another event."""
    changes = Changes()
    changes.renumber(1, ANCHOR, 1)
    assert announced(changes, _1=OPEN) == []


def test_a_split_names_the_incident_that_lives_on() -> None:
    """What went with it is not said: whoever reads the one that is new sees its members."""
    assert announced(split(), _1=OPEN) == [("split", 2, 4_000, {"from": 1})]


def test_a_split_off_two_incidents_names_the_one_that_is_met_first() -> None:
    """One of them, and the same one each time."""
    changes = listing(_3=summary("c"))
    move(changes, "s", {2}, {3}, OPENED)
    move(changes, "t", {1}, {3}, OPENED)
    assert announced(changes, _1=OPEN, _2=OPEN) == [("split", 3, 1_000, {"from": 2})]


def test_what_came_from_an_incident_that_is_gone_is_no_split() -> None:
    """It goes by another number then: the merge says so."""
    changes = split()
    changes.renumber(1, ANCHOR, 2)
    assert announced(changes, _1=OPEN) == [("merged", 1, 4_000, {"into": 2, "event": ANCHOR})]


def test_what_went_over_to_another_incident_is_no_split() -> None:
    """That one was there before: it has one member more, and the other one less, which is the same news."""
    changes = listing(_1=summary("a"), _2=summary("b"))
    move(changes, "s", {1}, {2})
    expected = {"event": "s", "rule": "service", "reason": "about checkout"}
    assert announced(changes, _1=OPEN, _2=OPEN) == [("joined", 2, 2_000, expected)]


def test_what_is_in_a_new_incident_as_well_is_no_split() -> None:
    """It stays where it was: nothing was parted from that."""
    changes = listing(_3=summary("c"))
    new(changes, 3, ANCHOR, 3)
    move(changes, "s", {1}, {1, 3})
    assert [entry[:2] for entry in announced(changes, _1=OPEN)] == [("opened", 3), ("joined", 3)]


# --- of members -------------------------------------------------------------------------------------------------------


def test_what_joins_says_by_which_rule_and_why() -> None:
    """The reason is what lists show as its title."""
    changes = Changes()
    move(changes, "s", set(), {1})
    (event,) = news(changes, {1: OPEN}, CAUSE)
    assert brief([event]) == [
        ("joined", 1, 2_000, {"event": "s", "rule": "service", "reason": "about checkout"})
    ]  # fmt: skip
    assert (event.entity, event.title, event.refs) == ("incident:1", "about checkout", ("incident:s",))


def test_what_joins_a_new_incident_is_said() -> None:
    """It was in none before."""
    changes = listing(_1=summary())
    new(changes, 1, ANCHOR, 1)
    move(changes, "s", set(), {1})
    assert [entry[0] for entry in announced(changes)] == ["opened", "joined"]


@pytest.mark.parametrize("grounds", [OPENED, None])
def test_what_opened_an_incident_did_not_join_it(grounds: Grounds | None) -> None:
    """Nor did what is in it without a reason."""
    changes = Changes()
    move(changes, "s", set(), {1}, grounds)
    assert announced(changes, _1=OPEN) == []


def test_what_left_to_nowhere_is_said() -> None:
    """It has no title: why it is in none is not this event's to say."""
    changes = Changes()
    move(changes, "s", {1}, set())
    (event,) = news(changes, {1: OPEN}, CAUSE)
    assert brief([event]) == [("left", 1, 2_000, {"event": "s"})]
    assert (event.entity, event.title, event.refs) == ("incident:1", "", ("incident:s",))


def test_what_stays_in_an_incident_neither_joined_nor_left_it() -> None:
    """Only what it came into or went out of."""
    changes = Changes()
    move(changes, "s", {1, 2}, {1})
    move(changes, "t", {1}, {1, 3})
    assert [entry[:2] for entry in announced(changes, _1=OPEN, _2=OPEN, _3=OPEN)] == [("left", 2), ("joined", 3)]


# --- order and ids ----------------------------------------------------------------------------------------------------


def test_incidents_come_first_then_numbers_then_members() -> None:
    """Each by its number, members by their signals, however the round noted them."""
    changes = listing(_3=summary("c"), _1=summary("a", ended_at=5_500))
    for number in (6, 5):
        changes.renumber(number, ANCHOR, 3)
    new(changes, 3, ANCHOR, 3)
    for signal in ("t", "s"):
        move(changes, signal, set(), {3, 1})
    order = [entry[:2] for entry in announced(changes, _1=OPEN, _5=OPEN, _6=OPEN)]
    assert order[:4] == [("resolved", 1), ("opened", 3), ("merged", 5), ("merged", 6)]
    assert order[4:] == [("joined", 1), ("joined", 3)]
    members = [event.data["events"] for event in news(changes, {1: OPEN}, CAUSE) if event.type == "incident.joined"]
    assert members == [["s", "t"], ["s", "t"]]


def test_what_joins_together_for_one_reason_is_one_record() -> None:
    """A storm of alerts is not a record for each: at most a hundred are named at once, the first dates them."""
    changes = Changes()
    for signal in range(205):
        move(changes, f"{signal:03d}", set(), {1}, start=9_000 - signal)
    move(changes, "other", set(), {1}, Grounds("ref", "R named it", ""))
    events = [event for event in news(changes, {1: OPEN}, CAUSE) if event.data["rule"] == "service"]
    names = [list(event.data["events"]) for event in events]
    assert [len(each) for each in names] == [100, 100, 5]
    assert [*names[0], *names[1], *names[2]] == [f"{signal:03d}" for signal in range(205)]
    assert [event.occurred_at for event in events] == [8_901, 8_801, 8_796]
    assert [event.refs for event in events] == [tuple(f"incident:{name}" for name in each) for each in names]
    assert "event" not in events[0].data
    (alone,) = [event for event in news(changes, {1: OPEN}, CAUSE) if event.data["rule"] == "ref"]
    assert (alone.data["event"], alone.title) == ("other", "R named it")
    assert not {event.id for event in events} & set(ids(changes, {1: OPEN}, CAUSE + 1))


def test_members_are_said_after_incidents_however_early_they_were() -> None:
    """Among those each is said in the order in which events are read."""
    changes = listing(_1=summary(started_at=8_000, ended_at=8_500))
    new(changes, 1, ANCHOR, 1)
    move(changes, "s", set(), {1})
    move(changes, "t", {2}, set(), start=1_000)
    events = sorted(news(changes, {2: OPEN}, CAUSE), key=speaking_order)
    order = [event.type.removeprefix("incident.") for event in events]
    assert order == ["opened", "resolved", "left", "joined"]


def ids(changes: Changes, before: Mapping[int, FormerIncident], cause: int = CAUSE) -> list[str]:
    """Of what is said after this position."""
    return [event.id for event in news(changes, before, cause)]


@pytest.mark.parametrize("story", [split, merge])
def test_what_is_said_twice_has_the_same_ids(story: Any) -> None:
    """Cut off after it was said, a round is read again, and the log stores once what it is told twice."""
    assert ids(story(), {1: OPEN, 2: OVER}) == ids(story(), {1: OPEN, 2: OVER}) != []


@pytest.mark.parametrize("story", [split, merge])
def test_what_becomes_true_again_later_has_other_ids(story: Any) -> None:
    """An incident may be resolved twice, and both are facts."""
    assert not {*ids(story(), {1: OPEN, 2: OVER})} & {*ids(story(), {1: OPEN, 2: OVER}, CAUSE + 1)}


def test_ids_stay_as_they_are_in_logs_that_there_are() -> None:
    """An upgrade in the middle of a round says the same again: other ids would have it twice in the log."""
    assert ids(merge(), {1: OPEN, 2: OPEN}) == ["00000000000019fe13be9a75732bc2e1"]
    assert ids(listing(_1=summary()), {1: OVER}) == ["00000000000661d7fcb5dce39f8c493d"]


# --- who is told ------------------------------------------------------------------------------------------------------


def test_what_is_listed_or_merged_has_changed() -> None:
    """In the order of their numbers; a number that nobody went by changed for nobody."""
    changes = listing(_3=summary())
    for number, current_number in ((2, 3), (4, 3), (1, 1), (5, None)):
        changes.renumber(number, ANCHOR, current_number)
    assert changed(changes, {2: OPEN, 1: OPEN, 5: OPEN}) == (2, 3, 5)


def test_what_is_over_and_was_not_is_resolved() -> None:
    """Also what is new and over; not what is open, or was over before."""
    over = summary(ended_at=5_500)
    changes = listing(_4=over, _3=summary(), _2=over, _1=over)
    assert resolved(changes, {1: OPEN, 2: OVER, 3: OPEN}) == (1, 4)


def test_an_incident_lasts_until_its_end_or_as_far_as_its_window() -> None:
    """The second while it is open."""
    assert (OPEN.span, OVER.span) == ((1_000, 9_000), (1_000, 5_000))


# --- of lists made again ----------------------------------------------------------------------------------------------


def number_row(number: int, current_number: int, *, ended_at: int | None = None) -> ListedNumber:
    """A number that lists have once they are made again."""
    return ListedNumber(
        number=number, current_number=current_number, anchor=ANCHOR, key=f"k{number}", title=f"Title of {number}",
        started_at=1_000, ended_at=ended_at,
    )  # fmt: skip


def test_what_is_new_in_lists_made_again_is_opened_and_resolved() -> None:
    """From a number on; below it all was announced. One that is part of another's incident says nothing."""
    rows = [number_row(1, 1), number_row(2, 2, ended_at=5_500), number_row(3, 3), number_row(4, 3)]
    events = list(of_new(rows, 2, CAUSE))
    assert brief(events) == [
        ("opened", 2, 1_000, {"event": ANCHOR}),
        ("resolved", 2, 5_500, {}),
        ("opened", 3, 1_000, {"event": ANCHOR}),
    ]
    assert [(event.title, event.refs) for event in events] == [
        ("Title of 2", ("incident:k2",)), ("Title of 2", ("incident:k2",)), ("Title of 3", ("incident:k3",)),
    ]  # fmt: skip


def test_a_number_that_hangs_on_another_event_is_announced_anew() -> None:
    """Below a number, if it was announced at all; as opened, or as merged where it goes by another one."""
    rows = [number_row(number, current_number) for number, current_number in ((1, 1), (2, 1), (3, 3), (4, 4), (5, 5))]
    events = list(of_moved(rows, {1: "old", 2: "old", 3: ANCHOR, 5: "old"}, 5, CAUSE))
    assert brief(events) == [
        ("opened", 1, 1_000, {"event": ANCHOR}),
        ("merged", 2, 1_000, {"into": 1, "event": ANCHOR}),
    ]
    assert [(event.title, event.refs) for event in events] == [
        ("Title of 1", (f"incident:{ANCHOR}",)), ("", (f"incident:{ANCHOR}",)),
    ]  # fmt: skip


def test_lists_made_again_say_the_same_under_the_same_ids() -> None:
    """Once for each position after which they say it."""
    rows = [number_row(1, 1), number_row(2, 2)]

    def settled(cause: int) -> list[str]:
        return [event.id for event in (*of_moved(rows, {1: "old"}, 2, cause), *of_new(rows, 2, cause))]

    assert settled(CAUSE) == settled(CAUSE)
    assert len({*settled(CAUSE), *settled(CAUSE + 1)}) == 4


# --- of what was placed -----------------------------------------------------------------------------------------------

MEMBER, OTHER, AFTERWARDS = Placement("named", "R named it"), Placement("mention", "a"), Placement(FOLLOW_UP, "later")
JOINED = ("joined", 1, 2_000, {"event": "s", "rule": "named", "reason": "R named it"})
LEFT = ("left", 1, 2_000, {"event": "s"})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, MEMBER, [JOINED]),
        (AFTERWARDS, MEMBER, [JOINED]),
        (MEMBER, None, [LEFT]),
        (MEMBER, AFTERWARDS, [LEFT]),
        (OTHER, MEMBER, []),
        (None, AFTERWARDS, []),
        (AFTERWARDS, None, []),
    ],
)
def test_a_placement_joins_or_leaves(before: Placement | None, after: Placement | None, expected: Any) -> None:
    """What only followed an incident is not of it, and another reason is no other membership."""
    moves = [PlacementMove("s", 1, 2_000, before, after)]
    assert brief(placement_news(moves, {1: "k"}, CAUSE)) == expected


def test_of_a_number_that_no_incident_goes_by_nothing_is_said() -> None:
    """What was placed in it is placed elsewhere; the others are said by their numbers."""
    moves = [PlacementMove("s", number, 2_000, None, MEMBER) for number in (3, 2, 1)]
    events = list(placement_news(moves, {1: "k", 3: "l"}, CAUSE))
    assert [event.data["number"] for event in events] == [1, 3]
    assert [(event.title, event.refs) for event in events] == [("R named it", ("incident:s",))] * 2
    assert not {event.id for event in events} & {event.id for event in placement_news(moves, {1: "k"}, CAUSE + 1)}
