"""A draft shows one spelling of each service and environment, and compares by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.correlation import Catalog, Rules, Service
from collector.event import RecordedEvent
from collector.names.spelling import Spelling
from renderers.draft import draft
from renderers.history import Context, Nearby
from renderers.markdown import markdown
from renderers.replay import replay
from tests.facts import change, fact, firing, page

SPELLINGS = ("MySQL", "mysql", "my-sql", "MySQL (production)", "prod/mysql", "mysql-service", "MYSQL_SVC")


@given(st.permutations(SPELLINGS))
def test_the_first_alert_gives_the_spelling(spellings: list[str]) -> None:
    """Whatever a page or a change wrote, all show what the first alert wrote."""
    first, *others = spellings
    alert = firing(5, service=first)
    events = [page("triggered", 2 + at, service=each, entity=str(at)) for at, each in enumerate(others)]
    told = Spelling([*events, alert]).all([*events, alert])
    assert {event.service for event in told} == {first}


def test_the_catalog_has_the_last_word() -> None:
    """Its spelling is shown, and two services that it lists stay two."""
    catalog = Catalog(Rules(services=(Service(name="Shop", aliases=("storefront",)), Service(name="shop-service"))))
    events = [
        firing(1, "A", service="storefront"),
        firing(2, "B", service="SHOP"),
        firing(3, "C", service="shop-service"),
    ]
    assert [each.service for each in Spelling(events, catalog.whereabouts).all(events)] == [
        "Shop",
        "Shop",
        "shop-service",
    ]


def test_services_beside_an_events_own_are_spelt_likewise() -> None:
    """By the catalog and as alerts write them; once each, and without what is no name."""
    catalog = Catalog(Rules(services=(Service(name="Shop", aliases=("storefront",), labels={"team": "buy"}),)))
    names = ["storefront", "my_sql", "N/A", "geo", "Geo (prod)"]
    event = page("triggered", 2, service="cart", labels={"team": "buy"}, data={"further_services": names})
    told = Spelling([event, firing(5, service="MySQL")], catalog.whereabouts).respelled(event)
    assert told.data["further_services"] == ["Shop", "MySQL", "geo"]


@pytest.mark.parametrize("text", ["<no value>", "N/A", "{{ $labels.service }}"])
def test_a_placeholder_is_not_shown(text: str) -> None:
    """What is no name is told as none."""
    assert Spelling([]).respelled(firing(1, service=text)).service is None


def test_an_environment_in_a_service_name_is_the_events() -> None:
    """It counts where the event states none."""
    assert Spelling([]).respelled(firing(1, service="shop (prod-eu)", environment=None)).environment == "prod-eu"
    assert Spelling([]).respelled(firing(1, service="shop (prod-eu)", environment="qa")).environment == "qa"


def test_what_its_sender_calls_production_is_production() -> None:
    """An environment of any name that is marked so is told as a part of production."""
    told = Spelling([]).respelled(change("succeeded", 1, environment="blue", data={"production": True}))
    assert told.environment == "blue (production)"


def text(*events: RecordedEvent, nearby: tuple[RecordedEvent, ...] = ()) -> str:
    """The draft of these events, where alerts and changes were heard of."""
    near = tuple(Nearby(event=event, reason="it belongs to another incident") for event in nearby)
    heard = dict.fromkeys(("alert", "change", "page"), (events[0].id,))
    return markdown(draft(replay(events, context=Context(nearby=near, reported=heard))))


OTHER = firing(1, "DiskFull", service="search")
ABSENT = "No alert of"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_absence_survives_another_spelling(spelling: str) -> None:
    """That no alert fired for a paged service is not said where one fired under another spelling, in or nearby."""
    paged = page("triggered", 2, service=spelling)
    assert ABSENT in text(OTHER, paged)
    for other_spelling in SPELLINGS:
        fired = firing(1.5, service=other_spelling)
        assert ABSENT not in text(OTHER, paged, fired), other_spelling
        assert ABSENT not in text(OTHER, paged, nearby=(fired,)), other_spelling


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_service_is_shown_once(spelling: str) -> None:
    """A page under another spelling shows the alert's."""
    history = replay([firing(1, service="mysql"), page("triggered", 2, service=spelling)])
    assert history.services == ("mysql",)
    assert {each.service for each in history.pages} == {"mysql"}


# --- people -----------------------------------------------------------------------------------------------------------


def people(*names: str, catalog: Catalog | None = None) -> list[str | None]:
    """Who did each of some changes, as a draft tells it."""
    events = [change("succeeded", at, f"d{at}", actor=name) for at, name in enumerate(names)]
    return [each.actor for each in Spelling(events, people=catalog.people if catalog else None).all(events)]


@pytest.mark.parametrize(
    "names",
    [
        ("ana-lima", "Ana Lima"),
        ("Ana Lima", "ana.lima", "@ana-lima"),
        ("ana.lima@acme.example", "Ana Lima"),
        ("Lima, Ana", "Ana Lima"),
        ("ana_lima", "Ana Lima (SRE)", "Ana Lima"),
        ("ANA LIMA", "Ana Lima"),
    ],
)
def test_a_person_has_one_name_and_it_is_no_login(names: tuple[str, ...]) -> None:
    """Whichever sender wrote which, and whoever came first, the display name stands everywhere."""
    for told in (people(*names), people(*reversed(names))):
        [shown] = set(told)
        assert shown in names
        assert shown in {"Ana Lima", "Ana Lima (SRE)"}


@pytest.mark.parametrize(
    "names",
    [
        ("ana", "Ana Lima"),
        ("Ana Lima", "Ana Lind"),
        ("Ana (card)", "Ana (bank)", "ana"),
        ("ana@acme.example", "ana@vendor.example", "Ana"),
        ("j.vega", "Jon Vega"),
        ("mei", "mei2"),
    ],
)
def test_two_people_never_become_one(names: tuple[str, ...]) -> None:
    """What folding does not show, and what may be two people of one name, stays as it was written."""
    assert people(*names) == list(names)


def test_the_catalog_says_who_is_one_person() -> None:
    """Its name is shown for each of the spellings that it lists, also where folding alone would not dare."""
    catalog = Catalog(Rules(people={"Ana Lima": ("alima@example.com", "al", "ana@vendor.example", "ana@acme.example")}))
    told = people("al", "alima@example.com", "ana.lima", "ana@vendor.example", "ana@acme.example", catalog=catalog)
    assert told == ["Ana Lima"] * 5
    assert people("al", catalog=catalog) == ["Ana Lima"]


def test_a_person_has_one_name_wherever_a_draft_names_people() -> None:
    """Who was paged, asked, set as the lead; words of people stay as they wrote them."""
    events = [
        page("triggered", 1, data={"assignees": ["ana-lima", "Bo"]}),
        page("responder_added", 2, data={"to": "bo, Jon Vega"}, actor="Ana Lima"),
        change("succeeded", 3, "d", actor="jon.vega"),
    ]
    spelt = Spelling(events).all(events)
    assert [each.actor for each in spelt] == [None, "Ana Lima", "Jon Vega"]
    assert spelt[0].data["assignees"] == ["Ana Lima", "Bo"]
    assert spelt[1].data["to"] == "Bo, Jon Vega"
    shown = markdown(draft(replay([firing(0), *events])))
    assert "ana-lima" not in shown
    assert "jon.vega" not in shown


@pytest.mark.parametrize(
    ("written_name", "expected"),
    [
        ("@U0BEN0002 can you look?", "Ben Okafor can you look?"),
        ("(@U0BEN0002, @U0NOBODY9)", "(Ben Okafor, @U0NOBODY9)"),
        ("@ben can you look?", "@ben can you look?"),
        ("mail ops@U0BEN0002", "mail ops@U0BEN0002"),
        ("@U0BEN00022", "@U0BEN00022"),
    ],
)
def test_whom_a_message_calls_by_an_id_has_a_name(written_name: str, expected: str) -> None:
    """Where the catalog lists the id; who is not listed stays as written, and so does all else that people wrote."""
    catalog = Catalog(Rules(people={"Ben Okafor": ("U0BEN0002",)}))
    message = fact("chat.message", 1, "C1:1", title=written_name, data={"text": f"{written_name}\nThanks"})
    (told,) = Spelling([message], people=catalog.people).all([message])
    assert (told.title, told.data["text"]) == (expected, f"{expected}\nThanks")


def test_an_event_of_nobody_with_two_names_is_left_alone() -> None:
    """Nothing is rewritten where each person has one name."""
    events = [change("succeeded", 1, "d", actor="Ana Lima"), page("triggered", 2, data={"assignees": ["Bo"]})]
    assert all(told is event for told, event in zip(Spelling(events).all(events), events, strict=True))
