"""Which events are one incident: every rule once where it ties and once where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.correlation import Catalog, Grouping, Rules, Service, correlate
from collector.event import HOUR, MACHINE, MINUTE, RecordedEvent
from tests.examples import examples
from tests.groupings import grouped, only, rule_of, sizes
from tests.stories import at, change, event, firing, low, page, resolved, says, streams

CATALOG = Rules(
    services=(
        Service(name="checkout", depends_on=("cart",), aliases=("shop-checkout",), repositories=("acme/shop",)),
        Service(name="cart", depends_on=(), labels={"app": "c"}),
        Service(name="search", depends_on=()),
    )
)


# --- what opens an incident -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", ["critical", "error", "P1", None, "flaming"])
def test_grave_alerts_open_an_incident(severity: str | None) -> None:
    """An alert above warning, without a severity, or of one nobody knows opens an incident."""
    assert sizes(firing("A", 0, severity=severity)) == [1]


@pytest.mark.parametrize("severity", ["warning", "Info", "none", "p4"])
def test_low_alerts_open_none(severity: str) -> None:
    """A warning or less opens no incident."""
    assert sizes(firing("A", 0, severity=severity)) == []


def test_an_incident_is_named_by_its_first_opening_event() -> None:
    """The key is the id of the first opening signal's first event, whatever attached earlier."""
    first = firing("A", 10)
    assert only(change("d", 0), low("W", 5), first, firing("B", 12)).key == first.id


def test_nothing_of_the_daemon_itself_is_grouped() -> None:
    """The daemon's own events and gaps of sources are neither members nor unjoined."""
    own = event("incident.opened", 0, MACHINE, data={"number": 1})
    assert grouped(own, event("source.gap", 0), event("collector.started", 0, MACHINE)) == Grouping(
        incidents=(), unjoined=()
    )


# --- episodes ---------------------------------------------------------------------------------------------------------


def test_a_resolved_item_proves_its_firing() -> None:
    """An alert whose firing never arrived is an incident from its start to its end."""
    incident = only(resolved("A", 10, 20))
    assert (incident.started_at, incident.ended_at) == (at(10), at(20))


def test_an_end_alone_opens_nothing() -> None:
    """It proves that an alert fired or a page was open, not since when; it joins an incident of its service."""
    end = resolved("A", 10, 20, data={})
    closed = page("1", "resolved", 20)
    assert grouped(end, closed).incidents == ()
    assert rule_of(end, firing("B", 5)) == "service"
    assert only(firing("A", 10), end).ended_at == at(20)
    assert (only(page("1", "resolved", 20, data={"created_at": at(5)})).started_at) == at(5)


def test_an_end_does_not_move_an_alert() -> None:
    """Where it was is what its firing says, though its end may name the place otherwise."""
    assert sizes(firing("A", 10), resolved("A", 10, 20, "checkout-web"), firing("B", 12)) == [3]


def test_the_latest_of_several_ends_counts() -> None:
    """Two resolves of one episode: the later one ends it."""
    assert only(firing("A", 0), resolved("A", 0, 5), resolved("A", 0, 9)).ended_at == at(9)


def test_an_earlier_start_is_the_same_episode() -> None:
    """Where an Alertmanager moves startsAt earlier, both firings are one signal."""
    incident = only(firing("A", 5), firing("A", 2), resolved("A", 2, 9))
    assert (incident.started_at, incident.ended_at, len(incident.anchors)) == (at(2), at(9), 1)


def test_an_unclosed_episode_ends_where_the_next_begins() -> None:
    """A lost resolve does not keep an incident open once the alert fired again and ended."""
    incident = only(firing("A", 0), firing("A", 30), resolved("A", 30, 40))
    assert (len(incident.anchors), incident.ended_at) == (2, at(40))


def test_a_flapping_alert_is_one_incident() -> None:
    """Episodes of one alert with short pauses are tied by the alert itself, even without a service."""
    events = [
        e for turn in range(5) for e in (firing("A", 10 * turn, None), resolved("A", 10 * turn, 10 * turn + 5, None))
    ]
    assert sizes(*events) == [10]


def test_an_alert_after_a_long_pause_is_another_incident() -> None:
    """The same alert beyond reach and gap opens anew."""
    assert sizes(firing("A", 0), resolved("A", 0, 5), firing("A", 21)) == [2, 1]


def test_an_alert_over_midnight_is_one_episode() -> None:
    """Days mean nothing."""
    incident = only(firing("A", -5), resolved("A", -5, 7))
    assert incident.ended_at is not None
    assert incident.ended_at - incident.started_at == 12 * MINUTE


def test_a_page_starts_when_it_was_created() -> None:
    """A page whose triggering was not told starts at its created_at."""
    acknowledged = page("1", "acknowledged", 10, data={"created_at": at(4)})
    assert only(acknowledged).started_at == at(4)


def test_a_reopened_page_is_open() -> None:
    """Reopening takes the end back."""
    told = (page("1", "triggered", 0), page("1", "resolved", 5), page("1", "reopened", 8))
    assert only(*told).ended_at is None


def test_no_signal_reaches_further_than_a_day_past_its_last_word() -> None:
    """An alert that never ended ties what starts within 24 h and the gap, and nothing later."""
    assert sizes(firing("A", 0), firing("B", 24 * 60), rules=Rules(longest=100 * HOUR)) == [2]
    assert sizes(firing("A", 0), firing("B", 24 * 60 + 16), rules=Rules(longest=100 * HOUR)) == [1, 1]


def test_a_page_reaches_past_its_latest_note() -> None:
    """A note on a page prolongs its reach; it is a member by its page."""
    note = event("note.added", 20 * 60, refs=("page:1",))
    assert sizes(page("1", "triggered", 0), note, firing("A", 40 * 60)) == [3]
    assert sizes(page("1", "triggered", 0), firing("A", 40 * 60)) == [1, 1]


# --- the five rules ---------------------------------------------------------------------------------------------------


def test_a_person_ties_what_no_rule_would() -> None:
    """Rule 1: a join makes two incidents one, at any distance."""
    first, second = firing("A", 0, "a"), firing("B", 3000, "b")
    assert rule_of(second, first, says("incident.joined", 3001, first, event=second.id)) == "person"


def test_a_page_id_ties_at_any_distance() -> None:
    """Rule 2: an alert that names a page is in that page's incident."""
    assert rule_of(firing("A", 3000, "a", refs=("page:1",)), page("1", "triggered", 0, "b")) == "page"


def test_the_dedup_key_ties_a_page_to_its_alerts() -> None:
    """Rule 3: PagerDuty's incident_key is Alertmanager's group, so no name has to match."""
    paged = page("1", "triggered", 10, "PD service", refs=("alertgroup:g",))
    assert rule_of(paged, firing("A", 0, None, group="g")) == "alert_group"


def test_a_group_ties_alerts_only_if_it_names_a_service() -> None:
    """Alerts grouped by severity, say, have nothing to do with each other; a page ties them all the same."""
    by_service = [firing("A", 0, None, group="g", by=("app",)), firing("B", 9, None, group="g", by=("app",))]
    by_severity = [firing("A", 0, None, group="g", by=("severity",)), firing("B", 9, None, group="g", by=("severity",))]
    assert (sizes(*by_service), sizes(*by_severity)) == ([2], [1, 1])
    assert sizes(*by_severity, page("1", "triggered", 10, None, refs=("alertgroup:g",))) == [3]


def test_a_label_of_the_catalog_names_a_service_too() -> None:
    """A group by a label that the catalog knows services by ties its alerts."""
    rules = Rules(services=(Service(name="x", labels={"team": "t"}),))
    told = [firing("A", 0, None, group="g", by=("team",)), firing("B", 9, None, group="g", by=("team",))]
    assert (sizes(*told), sizes(*told, rules=rules)) == ([1, 1], [2])


def test_the_same_service_ties_within_reach_and_gap() -> None:
    """Rule 4: until fifteen minutes after the end, not later."""
    first = (firing("A", 0), resolved("A", 0, 5))
    assert rule_of(firing("B", 20), *first) == "service"
    assert rule_of(firing("B", 20.1), *first) == "opened"


def test_names_are_folded() -> None:
    """Case, spaces, dashes and underscores do not make another service, nor does an alias."""
    assert rule_of(firing("B", 5, "check_out"), firing("A", 0, "Check-Out")) == "service"
    assert rule_of(firing("B", 5, "Shop Checkout"), firing("A", 0, "checkout"), rules=CATALOG) == "service"


def test_labels_of_the_catalog_decide_the_service() -> None:
    """An event that carries a service's labels is of it, whatever else names one."""
    told = firing("B", 5, "exporter", labels={"app": "c", "pod": "7"})
    assert rule_of(told, firing("A", 0, "cart"), rules=CATALOG) == "service"


def test_a_cloudevent_is_of_the_service_that_the_catalog_spells_like_its_subject() -> None:
    """Whole or by its last part, where nothing else names a service; a person's correction stands."""
    rules = Rules(services=(Service(name="waf", aliases=("managed rules",)), Service(name="edge", depends_on=("waf",))))
    for subject, said in (("managed-rules", True), ("global/WAF", True), ("managed", False), (7, False)):
        observation = event("observation.recorded", -5, data={"source": "/config", "subject": subject})
        assert (rule_of(observation, firing("A", 0, "edge"), rules=rules) == "dependency") is said
    # Another sender's subject is a kind or a title.
    assert Catalog(rules).service(event("observation.recorded", -5, data={"subject": "waf"})) == (None, None)
    corrected = event("observation.recorded", -5, data={"source": "/", "subject": "waf", "corrected": ["service"]})
    assert Catalog(rules).service(corrected) == (None, None)


def test_a_direct_dependency_ties_in_both_directions() -> None:
    """Which of two services fires first is an accident; others are not tied."""
    cart, checkout = firing("A", 0, "cart"), firing("B", 5, "checkout")
    assert rule_of(checkout, cart, rules=CATALOG) == "dependency"
    assert rule_of(firing("C", 6, "cart"), checkout, rules=CATALOG) == "dependency"
    assert rule_of(firing("D", 6, "search"), checkout, rules=CATALOG) == "opened"


def test_an_absent_service_matches_nothing() -> None:
    """Two alerts without a service are two incidents."""
    assert sizes(firing("A", 0, None), firing("B", 1, None)) == [1, 1]


def test_a_storm_ties_what_starts_near_a_page() -> None:
    """Rule 5: within five minutes of a page, before or after; never two alerts alone."""
    assert rule_of(firing("A", 5, "a"), page("1", "triggered", 0, "b")) == "storm"
    assert rule_of(page("1", "triggered", 5, "b"), firing("A", 0, "a")) == "storm"
    assert rule_of(firing("A", 5.1, "a"), page("1", "triggered", 0, "b")) == "opened"
    assert rule_of(firing("A", 1, "a"), firing("B", 0, "b")) == "opened"


def test_a_report_is_no_page_to_a_storm() -> None:
    """Two people who report two things within minutes opened two incidents; a page near a report is a storm still."""
    search, cart = says("incident.opened", 0, service="search"), says("incident.opened", 3, service="cart")
    assert sizes(search, cart) == [1, 1]
    assert rule_of(firing("A", 1, "a"), search) == "opened"
    assert rule_of(cart, page("1", "triggered", 1, "b")) == "storm"


def test_the_catalog_ends_storms_between_services_it_knows() -> None:
    """Where both services' dependencies are listed, nearness in time says nothing."""
    assert rule_of(firing("A", 1, "search"), page("1", "triggered", 0, "cart"), rules=CATALOG) == "opened"
    assert rule_of(firing("A", 1, "else"), page("1", "triggered", 0, "cart"), rules=CATALOG) == "storm"


def test_pages_about_other_alerts_that_called_other_people_are_no_storm() -> None:
    """Each says by its key which alert it is about. One that calls the same person, or names no alert, may be."""

    def paged(number: str, minutes: float, service: str | None, group: str, *people: str) -> RecordedEvent:
        refs = (f"alertgroup:{group}",) if group else ()
        return page(number, "triggered", minutes, service, refs=refs, data={"assignees": list(people)})

    pay, disk = firing("A", 0, "payments", group="g1"), firing("B", 1, "etl", group="g2")
    first = paged("1", 0.5, "payments", "g1", "Lena")
    assert sizes(pay, disk, first, paged("2", 2, "etl", "g2", "Omar")) == [2, 2]
    assert sizes(pay, disk, first, paged("2", 2, "etl", "g2")) == [2, 2]
    assert sizes(pay, disk, first, paged("2", 2, "etl", "g2", "Omar", "Lena")) == [4]
    assert sizes(pay, disk, first, paged("2", 2, "etl", "", "Omar")) == [4]
    assert sizes(pay, disk, first, paged("2", 2, None, "g2", "Omar")) == [4]
    # What no page names is still of the first of them, and ties the two no more than time does.
    assert sizes(pay, disk, first, paged("2", 2, "etl", "g2"), firing("C", 3, "else")) == [3, 2]


def test_several_matches_become_one_incident() -> None:
    """A signal that matches two incidents makes them one, with the earlier one's key."""
    first, second = firing("A", 0, "checkout"), firing("B", 1, "search")
    bridge = firing("C", 2, "cart", refs=("page:9",))
    rules = Rules(services=(Service(name="cart", depends_on=("checkout", "search")),))
    incident = only(first, second, bridge, rules=rules)
    assert (incident.key, len(incident.members)) == (first.id, 3)


def test_an_incident_takes_nothing_in_after_a_day_without_a_page() -> None:
    """Flapping for days is one incident a day, unless a page reaches that far."""
    told = [e for turn in range(150) for e in (firing("A", 10 * turn), resolved("A", 10 * turn, 10 * turn + 5))]
    assert len(grouped(*told).incidents) == 2
    assert len(grouped(*told, page("1", "triggered", 0), page("1", "acknowledged", 600)).incidents) == 1


# --- environments -----------------------------------------------------------------------------------------------------


def test_services_are_tied_within_one_environment() -> None:
    """Staging has nothing to do with production."""
    assert sizes(firing("A", 0, environment="production"), firing("B", 1, environment="staging")) == [1, 1]


def test_environments_are_folded_and_aliased() -> None:
    """prod and Production are one."""
    assert sizes(firing("A", 0, environment="prod"), firing("B", 1, environment="Production")) == [2]


def test_parts_of_an_environment() -> None:
    """The whole matches each part and ties no two of them; parts of one place match each other."""
    eu, us = firing("A", 0, environment="production-eu"), firing("B", 2, environment="prod-us")
    whole = firing("C", 4, environment="production")
    assert sizes(eu, us) == [1, 1]
    assert sizes(eu, whole) == sizes(us, whole) == [2]
    assert sizes(eu, us, whole) == [2, 1]
    assert sizes(firing("A", 0, environment="production"), firing("D", 1, environment="eu-prod"), us) == [2, 1]
    assert sizes(eu, firing("B", 1, environment="prod-eu-west-1")) == [2]


def test_an_absent_environment_matches_any() -> None:
    """A page that names none joins the incident of its service."""
    assert rule_of(page("1", "triggered", 9), firing("A", 0, environment="staging")) == "service"


def test_an_absent_environment_never_ties_two_named_ones() -> None:
    """It joins the first of them and leaves the other alone."""
    told = (firing("A", 0, environment="production"), firing("B", 1, environment="staging"))
    assert sizes(*told, page("1", "triggered", 9)) == [2, 1]


def test_an_absent_environment_takes_its_incidents() -> None:
    """Once in production, it does not match staging any more."""
    unnamed, production = firing("A", 0), firing("B", 1, environment="production")
    assert sizes(unnamed, production, firing("C", 2, environment="staging")) == [2, 1]


# --- what attaches ----------------------------------------------------------------------------------------------------


def test_a_low_alert_joins_the_earliest_incident_that_fits() -> None:
    """A warning of the service joins one incident and ties none."""
    told = (firing("A", 0, environment="production"), firing("B", 1, environment="staging"))
    assert sizes(*told, low("W", 5)) == [2, 1]


def test_a_low_alert_outside_the_window_stays_out() -> None:
    """The window runs from two hours before the start to ten minutes after the last reach."""
    incident = (firing("A", 0), resolved("A", 0, 5))
    assert rule_of(low("W", -120), *incident) == "service"
    assert rule_of(low("W", -121), *incident) == "ended 2 h 1 min before the incident"
    assert rule_of(low("W", 15), *incident) == "service"
    assert rule_of(low("W", 185), *incident) == "started 3 h after the incident"


def test_a_change_joins_with_all_its_states() -> None:
    """A deployment that ended in the window brings its start along, however long ago that was."""
    deploy = (change("d", -300, state="started"), change("d", -60))
    assert sizes(*deploy, firing("A", 0)) == [3]


def test_a_change_joins_every_incident_it_fits() -> None:
    """One deployment may matter to two incidents, and ties them no more for that."""
    told = (firing("A", 0, environment="production"), firing("B", 1, environment="staging"))
    assert sizes(*told, change("d", -5)) == [2, 2]


def test_a_change_matters_to_what_depends_on_it() -> None:
    """A deployment of a dependency joins; one of a dependent does not."""
    assert rule_of(change("d", -5, "cart"), firing("A", 0, "checkout"), rules=CATALOG) == "dependency"
    assert rule_of(change("d", -5, "checkout"), firing("A", 0, "cart"), rules=CATALOG) == "other service"
    of_cart = change("d", -5, None, refs=("repository:acme/cart",))
    assert rule_of(of_cart, firing("A", 0, "checkout"), rules=CATALOG) == "dependency"
    both = Rules(services=(Service(name="checkout", depends_on=("cart",)), *(
        Service(name=name, repositories=("acme/shop",)) for name in ("cart", "search"))))  # fmt: skip
    of_any = change("d", -5, None, refs=("repository:acme/shop",))
    assert rule_of(of_any, firing("A", 0, "checkout"), rules=both).startswith("no service")


def test_what_a_repository_deploys_is_learnt_from_its_deployments() -> None:
    """A merge names no service; an old deployment of its repository does."""
    merge = change("pr", -30, None, "merged", refs=("repository:acme/web",))
    assert rule_of(merge, firing("A", 0)) == "no service, and its references are in no incident"
    taught = change("old", -9000, "checkout", refs=("repository:acme/web",))
    assert rule_of(merge, firing("A", 0), taught) == "repository"


def test_the_catalog_says_what_a_repository_deploys() -> None:
    """So does its name, where nobody else says it."""
    assert (
        rule_of(change("d", -30, None, refs=("repository:acme/shop",)), firing("A", 0), rules=CATALOG) == "repository"
    )
    assert rule_of(change("d", -30, None, refs=("repository:acme/Checkout",)), firing("A", 0)) == "repository"


def test_a_merge_follows_the_deployment_of_its_commit() -> None:
    """A merged commit that was deployed as checkout is a change of checkout."""
    merge = change("pr", -30, None, "merged", refs=("commit:abc",))
    assert rule_of(merge, firing("A", 0), change("d", -10, refs=("commit:abc",))) == "ref"


def test_a_commit_that_another_service_deployed_is_not_this_ones() -> None:
    """In a repository of several services, a merge whose commit went to one of them only is that one's."""
    repository = "repository:acme/platform"
    merge = change("pr", -8, None, "merged", refs=("commit:abc", repository))
    deploys = [
        change("a", -60, "checkout", refs=("commit:111", repository)),
        change("b", -5, "search", refs=("commit:abc", repository)),
    ]
    incident = only(merge, firing("A", 0), *deploys)
    assert merge.id not in {member.event for member in incident.members}
    unknown = change("pr2", -8, None, "merged", refs=("commit:def", repository))
    assert rule_of(unknown, firing("A", 0), *deploys) == "repository"


def test_a_ref_outranks_the_service() -> None:
    """An observation that names a page joins that page's incident, and not its service's."""
    told = event("observation.recorded", 5, service="checkout", refs=("page:1",))
    assert sizes(firing("A", 0), page("1", "triggered", 500, "billing"), told) == [1, 2]


def test_a_status_post_joins_by_service() -> None:
    """Within the window and the environment."""
    post = event("status.updated", 5, service="checkout", environment="staging")
    assert rule_of(post, firing("A", 0)) == "service"
    assert rule_of(post, firing("A", 0, environment="production")) == "other environment"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "no service and no reference"),
        ({"service": "search"}, "other service"),
        ({"refs": ("page:7",)}, "no service, and its references are in no incident"),
    ],
)
def test_what_joins_nothing_says_why(more: dict[str, Any], reason: str) -> None:
    """Each event outside says by what it missed."""
    assert rule_of(event("observation.recorded", 5, **more), firing("A", 0)) == reason


# --- the whole --------------------------------------------------------------------------------------------------------


@examples(100)
@given(streams(), st.randoms(use_true_random=False), st.sampled_from([Rules(), CATALOG]))
def test_the_order_of_arrival_does_not_matter(events: list[RecordedEvent], order: Any, rules: Rules) -> None:
    """Any permutation, with any receipt times and positions, is grouped alike."""
    expected = correlate(events, rules)
    shuffled = list(events)
    order.shuffle(shuffled)
    assert correlate(shuffled, rules) == expected


@examples(60)
@given(streams())
def test_every_event_is_accounted_for(events: list[RecordedEvent]) -> None:
    """Each is in an incident, or unjoined, or an ignored word; opening signals are in exactly one incident."""
    grouping = correlate(events, Rules())
    inside = [member.event for incident in grouping.incidents for member in incident.members]
    outside = [entry.event for entry in (*grouping.unjoined, *grouping.ignored)]
    assert set(inside) | set(outside) == {told.id for told in events}
    assert not set(inside) & set(outside)
    anchors = [anchor for incident in grouping.incidents for anchor in incident.anchors]
    assert len(anchors) == len(set(anchors))
