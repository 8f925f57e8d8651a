"""What lists and pages show of a log that is followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector import projections
from collector.drafting.explaining import in_words
from collector.errors import Unavailable
from collector.event import MACHINE, Event
from collector.log import Submission
from collector.projections import EventFilter, cases
from tests.followed import CATALOG, Followed, following, submission
from tests.followed import followed as followed
from tests.stories import at, change, event, firing, low, page, resolved, says

# --- what is read -----------------------------------------------------------------------------------------------------


async def row_of(followed: Followed, number: int = 1) -> projections.IncidentRow:
    """The row of an incident that there is."""
    row = await followed.lists.incident(number)
    assert row is not None
    return row


async def test_the_title_names_the_first_alert_and_counts_the_others_by_name(followed: Followed) -> None:
    """Series of one alert count once."""
    await followed.told(firing("x", 0, title="HighErrorRate"))
    assert (await row_of(followed)).title == "checkout: HighErrorRate"
    await followed.told(*(firing(f"pod-{n}", 1, title="SlowCart") for n in range(3)))
    assert (await row_of(followed)).title == "checkout: HighErrorRate (and 1 more alert)"


async def test_a_person_sets_title_and_lead(followed: Followed) -> None:
    """Until then the lead is whom an on-call tool has as such, else who acknowledged first; the newest edit counts."""
    alert = firing("A", 0)
    await followed.told(alert, page("1", "triggered", 1), page("1", "acknowledged", 2, actor="Jon"))
    assert (await row_of(followed)).lead == "Jon"
    note = event("note.added", 1.5, entity="A", service="checkout", actor="Eve", data={"operation": "acknowledged"})
    await followed.told(note)
    assert (await row_of(followed)).lead == "Eve"
    role = {"text": "Incident Commander", "to": "Mia"}
    await followed.told(
        page("1", "role_assigned", 4, data=role), page("1", "role_assigned", 3, data=role | {"to": "Oz"})
    )
    assert (await row_of(followed)).lead == "Mia"
    gone = {"text": "Incident Commander", "from": "Mia"}
    await followed.told(page("1", "role_assigned", 4.5, data=gone))
    assert (await row_of(followed)).lead == "Eve"
    await followed.told(says("incident.edited", 9, alert, field="lead", value="Ana"))
    await followed.told(says("incident.edited", 8, alert, field="lead", value="Eve"))
    await followed.told(says("incident.edited", 7, alert, field="title", value="Shop down"))
    row = await row_of(followed)
    assert (row.lead, row.title) == ("Ana", "Shop down")


async def test_services_are_shown_as_first_written(followed: Followed) -> None:
    """Folding decides, the earliest spelling is shown."""
    await followed.told(firing("B", 5, "check_out"))
    await followed.told(firing("A", 0, "Check-Out", environment="Prod"))
    row = await row_of(followed)
    assert (row.services, row.environments) == (("Check-Out",), ("Prod",))


async def test_lists_are_filtered(followed: Followed) -> None:
    """By status, by service in any spelling, by start, and from a number on."""
    await followed.told(firing("A", 0, "Check-Out"), resolved("A", 0, 5, "Check-Out"), firing("B", 500, "search"))

    async def numbers(**asked: Any) -> list[int]:
        return [row.number for row in await followed.lists.incidents(**asked)]

    assert await numbers() == [2, 1]
    assert await numbers(status="open") == [2]
    assert await numbers(service="checkout") == [1]
    assert await numbers(since=at(1)) == [2]
    assert await numbers(until=at(1)) == [1]
    assert await numbers(before=2) == [1]


async def test_events_are_filtered(followed: Followed) -> None:
    """By family, service, entity, time and incident; in either direction from a position."""
    alert, deploy = firing("A", 0), change("d", 300, "search")
    await followed.told(alert, deploy)

    async def found(**asked: Any) -> list[str]:
        facts = await followed.lists.events(EventFilter(**asked))
        return [fact.id for fact in facts if fact.source != MACHINE]

    assert await found(type="alert.*") == [alert.id]
    assert await found(service="Check Out") == [alert.id]
    assert await found(entity="deployment:d") == [deploy.id]
    assert await found(since=at(1)) == [deploy.id]
    assert await found(incident=1) == [alert.id]
    assert await found(after=1) == [deploy.id]
    assert await found(newest_first=True) == [deploy.id, alert.id]
    assert await found(newest_first=True, before=2) == [alert.id]


async def test_signals_are_what_fires_or_is_unacknowledged(followed: Followed) -> None:
    """Low alerts too, with how often they were told; what ended is left out."""
    warning = low("W", 3)
    again = Submission(source="test", received_at=at(9), body=b"again", events=submission(warning).events)
    await followed.told(firing("A", 0), warning, page("1", "triggered", 1), firing("B", 2), resolved("B", 2, 4))
    await followed.log.append([again])
    rows = await followed.lists.signals()
    assert [(row.kind, row.title, row.state, row.incident, row.notifications) for row in rows] == [
        ("alert", "A", "firing", 1, 1),
        ("page", "Page 1", "triggered", 1, 1),
        ("alert", "W", "firing", 1, 2),
    ]
    assert rows[2].last_at == at(9)


async def test_why_names_rule_and_reason(followed: Followed) -> None:
    """For members, for what missed, for the daemon's own; nothing for what nobody knows."""
    alert, other = firing("A", 0), event("observation.recorded", 5)
    await followed.told(alert, other)
    (own,) = await followed.said()
    inside, outside, ours = [await followed.lists.why(fact.id) for fact in (alert, other, own)]
    assert inside is not None
    assert outside is not None
    assert ours is not None
    assert (inside.incident, inside.rule) == (1, "opened")
    assert (outside.incident, outside.reason) == (None, "no service and no reference")
    assert ours.reason.startswith("the daemon's own")
    assert await followed.lists.why("0" * 32) is None


async def test_why_names_a_page_as_people_call_it(followed: Followed) -> None:
    """As the draft does: what its sender identifies it by is nothing that anybody knows."""
    note = event("note.added", 3, entity="P9", refs=("page:P9",), title="Looks odd")
    await followed.told(page("P9", "triggered", 1, data={"number": 311}), note)
    why = await followed.lists.why(note.id)
    assert why is not None
    shared = msgspec.structs.replace(why, reason="shares page P9")
    assert (await in_words(followed.lists, shared)).reason == "shares the page 311 from pager"


async def test_what_joined_nothing_is_counted_by_reason(followed: Followed) -> None:
    """Distances are not counted apart."""
    await followed.told(firing("A", 0), resolved("A", 0, 5))
    await followed.told(low("W", 300), low("X", 400), event("observation.recorded", 5))
    count, reasons, newest = await followed.lists.unjoined(limit=2)
    assert (count, reasons) == (3, {"outside the window": 2, "no service and no reference": 1})
    assert [near.event.entity for near in newest] == ["X", "W"]


async def test_an_alert_that_opens_nothing_says_so(followed: Followed) -> None:
    """Where there is no incident, the reason is the severity and not another service."""
    await followed.told(low("W", 5))
    count, reasons, _ = await followed.lists.unjoined()
    assert (count, reasons) == (1, {"severity warning opens no incident": 1})


async def test_an_alert_that_fires_by_design_says_so(followed: Followed) -> None:
    """It has no severity, and still opens nothing; what is wrong beside it does."""
    await followed.told(firing("W", 5, title="DeadMansSwitch", severity=None))
    count, reasons, _ = await followed.lists.unjoined()
    assert (count, reasons) == (1, {"it fires by design, which opens no incident": 1})
    await followed.told(firing("A", 6, title="Down", severity=None))
    assert [row.title for row in await followed.lists.incidents()] == ["checkout: Down"]


async def test_a_change_of_what_nothing_names_is_not_said_to_be_of_another_service(followed: Followed) -> None:
    """A workspace or a zone is called as no service is; of another service an alert or a page came at some time."""
    alerted = firing("Old", -60 * 24 * 60, "billing"), page("P", "triggered", -59 * 24 * 60, "search")
    changes = [change(name, -20, name) for name in ("prod-network", "billing", "search")]
    await followed.told(*alerted, *changes, firing("A", 0))
    [number] = [row.number for row in await followed.lists.incidents(service="checkout")]
    case = await followed.lists.case(number)
    assert case is not None
    assert {near.event.service: near.reason for near in case.nearby} == {
        "prod-network": "other service, which no alert, page or catalog names",
        "billing": "other service",
        "search": "other service",
    }


async def test_a_list_shows_the_spelling_of_the_alerts(followed: Followed) -> None:
    """A page that was earlier does not give the name, and a service of many spellings stands once."""
    await followed.told(page("P1", "triggered", 0, "Checkout (production)"), firing("A", 1, "check_out"))
    rows = await followed.lists.incidents(service="prod/checkout-svc")
    assert [row.services for row in rows] == [("check_out",)]


async def test_a_case_shows_what_was_near(followed: Followed) -> None:
    """Unjoined events and members of other incidents in the window, closest first, each with its reason."""
    own = [firing("A", 0), firing("B", 30, "search"), change("d", -20, "search"), low("W", 10, "billing")]
    posts = [event("status.updated", n, service=name, title=name) for n, name in ((3, "Pay API"), (4, "Billing"))]
    await followed.told(*own, *posts)
    case = await followed.lists.case(1)
    assert case is not None
    assert [(near.event.title, near.reason) for near in case.nearby] == [
        ("Pay API", "nothing else names its component"),
        ("Billing", "other service"),
        ("W", "other service"),
        ("d", "it belongs to another incident"),
        ("B", "it belongs to another incident"),
    ]
    assert {family for family, proofs in case.reported.items() if proofs} == {"alert", "change", "status"}


async def test_a_source_that_was_set_up_after_an_incident_is_not_said_to_be_missing(followed: Followed) -> None:
    """That nobody reports would be read when somebody does; as of the incident nobody did."""
    await followed.told(firing("A", 0), resolved("A", 0, 10), change("d", 30 * 24 * 60, "search"))
    for known_by, families in ((None, ["change"]), (at(20), [])):
        case = await followed.lists.case(1, as_of=known_by)
        assert case is not None
        assert (sorted(case.reported_after), sorted(case.reported_before)) == (families, [])


@pytest.mark.parametrize(("days", "was_heard"), [(1, True), (6.9, True), (7.1, False), (30, False)])
async def test_a_source_could_have_reported_if_it_was_heard_in_the_seven_days_before(
    followed: Followed, days: float, was_heard: bool
) -> None:
    """Only then does it mean anything that no change is recorded; one of another service counts as well."""
    await followed.told(change("d", -days * 24 * 60, "search"), firing("A", 0))
    (number,) = [row.number for row in await followed.lists.incidents(service="checkout")]
    case = await followed.lists.case(number)
    assert case is not None
    assert bool(case.reported["change"]) is was_heard
    assert case.reported_before == (set() if was_heard else {"change"})


async def test_a_case_has_all_that_could_be_denied_however_much_is_nearer(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page, each change of the incident's services or of none, an alert of each of its services; the rest is a
    number. What is said not to have been recorded was looked for in the whole window."""
    monkeypatch.setattr(cases, "NEARBY", 3)
    noise = [low(f"N{n}", 1 + n / 100, f"other-{n}", environment="staging") for n in range(9)]
    own = [change("own", -100, environment="staging"), change("nobody's", -90, None), low("W", -80, environment="test"),
           firing("P", -70, "billing"), page("B", "triggered", -69, "billing")]  # fmt: skip
    await followed.told(firing("A", 0, environment="production"), *noise, *own, change("another's", -60, "search"))
    [number] = [row.number for row in await followed.lists.incidents() if row.title == "checkout: A"]
    case = await followed.lists.case(number)
    assert case is not None
    near = {each.event.title for each in case.nearby}
    assert {"own", "nobody's", "Page B"} <= near
    assert "W" in near
    assert "another's" not in near
    assert len(near) + case.unlisted == len(noise) + len(own) + 1


async def test_a_case_has_the_alerts_that_had_fired_for_long(followed: Followed) -> None:
    """Those of its services that opened nothing, began before the window, and went on when the incident began."""
    days = -2 * 24 * 60
    over, open_still = low("Over", days), low("Open", days + 5)
    ended = resolved("Over", days, 20, severity="warning", received_at=at(40))
    gone = (low("Gone", days), resolved("Gone", days, -10, severity="warning"))
    others = (low("Other", days, "billing"), low("Staging", days, environment="staging"), low("Near", -60))
    await followed.told(over, open_still, ended, *gone, *others, firing("A", 0, environment="production"))
    [number] = [row.number for row in await followed.lists.incidents() if row.title == "checkout: A"]
    for known_by, end in ((None, ended.id), (at(30), None)):
        case = await followed.lists.case(number, as_of=known_by)
        assert case is not None
        found = [(near.event.title, near.end and near.end.id) for near in case.lasting]
        assert found == [("Open", None), ("Over", end)]
        assert {near.reason for near in case.lasting} == {"severity warning opens no incident"}


async def test_a_case_of_days_is_looked_at_to_its_last_event(followed: Followed) -> None:
    """What ties to it is looked for a day long; what a draft says that there was not, to the end of the incident."""
    day = 24 * 60
    days_long = (firing("A", 0), resolved("A", 0, 3 * day, received_at=at(3 * day)))
    late = [
        low("W", 2 * day),
        change("d", 2.5 * day, "checkout", environment="staging"),
        page("P", "triggered", 2 * day),
    ]
    await followed.told(*days_long, *late, low("After", 3 * day + 1))
    [number] = [row.number for row in await followed.lists.incidents() if row.title == "checkout: A"]
    for known_by, titles in ((None, {"W", "d", "Page P"}), (at(2.1 * day), set())):
        case = await followed.lists.case(number, as_of=known_by)
        assert case is not None
        assert {near.event.title for near in case.nearby} == titles


async def test_a_case_has_the_alerts_of_other_incidents_that_had_fired_for_long(followed: Followed) -> None:
    """Of the same services, however long ago they began: that no alert of these was recorded would not be so."""
    day = 24 * 60
    others = (
        firing("Over", -3 * day),
        resolved("Over", -3 * day, 20),
        firing("Open", -4 * day),
        firing("Gone", -5 * day),
        resolved("Gone", -5 * day, -2 * day),
        low("Other", -3 * day, "billing"),
    )
    await followed.told(*others, page("P", "triggered", 0), page("P", "resolved", 30))
    [number] = [row.number for row in await followed.lists.incidents() if row.title == "Page P"]
    case = await followed.lists.case(number)
    assert case is not None
    assert [(near.event.title, near.reason) for near in case.lasting] == [
        ("Over", "it belongs to another incident"),
        ("Open", "it belongs to another incident"),
    ]


async def test_a_case_as_of_a_moment_holds_what_was_received_by_then(followed: Followed) -> None:
    """What arrived later is in none of its parts."""
    alert = firing("A", 0)
    old = change("old", -30 * 24 * 60, "search", received_at=at(60))
    await followed.told(alert, firing("B", 1, received_at=at(60)), change("d", -5, "search", received_at=at(60)), old)
    case = await followed.lists.case(1, as_of=at(30))
    assert case is not None
    assert [fact.id for fact in case.events] == [alert.id]
    assert (set(case.memberships), case.nearby, case.reported["change"]) == ({alert.id}, (), ())
    assert case.reported_before == frozenset()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_an_unknown_number_has_no_case(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    """Neither a row; lists that nobody has made yet say so instead."""
    url = request.getfixturevalue("postgres").fresh() if kind == "postgresql" else ""
    async with following(tmp_path, url=url, lists=False) as followed:
        assert await followed.lists.position() < 0
        with pytest.raises(Unavailable, match="not made yet"):
            await followed.lists.case(7)
        await followed.told()
        assert await followed.lists.case(7) is None
        assert await followed.lists.incident(7) is None


async def test_a_corrected_event_moves(followed: Followed) -> None:
    """A revision counts in place of what it corrects: in another service it is another incident's."""
    first, second = firing("A", 0), firing("B", 5)
    await followed.told(first, second)
    corrected = submission(second).events[0]
    fields = {name: getattr(corrected, name) for name in Event.__struct_fields__}
    moved = Event(**{**fields, "service": "search", "revision": 1, "amendment": "correction"})
    await followed.log.append([Submission(source="people", received_at=at(9), events=(moved,))])
    await followed.follower.catch_up()
    assert sorted(row.services for row in await followed.lists.incidents()) == [("checkout",), ("search",)]


async def test_changed_rules_regroup_nothing_until_a_rebuild(followed: Followed) -> None:
    """What was grouped stays as it was; a rebuild applies the new rules to all of it, and keeps the numbers."""
    await followed.told(firing("A", 0, "checkout"), firing("B", 5, "cart"))
    followed.rules = CATALOG
    followed.restart()
    await followed.follower.catch_up()
    assert await followed.numbers() == {1: "open", 2: "open"}
    await followed.follower.rebuild()
    assert await followed.numbers() == {1: "open", 2: "merged"}


async def test_a_straggler_from_years_ago_is_an_incident_of_its_own(followed: Followed) -> None:
    """A late event fetches what it could concern, and no more, and changes nothing else."""
    await followed.told(firing("A", 0), change("d", -5))
    followed.restart()
    await followed.told(firing("B", -10_000_000), change("e", -10_000_001))
    rows = await followed.lists.incidents()
    assert [(row.number, row.started_at, row.events) for row in rows] == [(2, at(-10_000_000), 2), (1, at(0), 2)]
