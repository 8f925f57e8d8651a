"""What no service and no reference places: by what people did, said and undid in an incident."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.correlation import Catalog, Rules
from collector.correlation.mentions import Mention, SearchedText, names_of
from collector.correlation.placing import Candidate, Engagement, Placement, Scene, place
from collector.event import HOUR, RecordedEvent, reading_order
from collector.names import fold_service
from tests.placed_story import REPOSITORY, deploy, merge, note, observed
from tests.stories import at, change, event, page

fold_person = Catalog(Rules()).person


def scene(*events: RecordedEvent, ended: float | None = 60) -> Scene:
    """An incident that began at minute 0."""
    end = None if ended is None else at(ended)
    return Scene(
        started_at=at(0), ended_at=end, low=at(-120), high=at((ended or 60) + 10),
        events=tuple(sorted(events, key=reading_order)),
    )  # fmt: skip


def loose(*events: RecordedEvent, missed: str = "no service and no reference", elsewhere: bool = False) -> Candidate:
    """One thing that joined nothing."""
    return Candidate(
        signal_id=events[0].id, start=events[0].occurred_at, last=events[-1].occurred_at, missed=missed, events=events,
        elsewhere=elsewhere,
    )  # fmt: skip


def placed(where: Scene, *candidates: Candidate, **more: Any) -> list[Placement | None]:
    """What became of each candidate."""
    answer = place(where, candidates, more.pop("engagements", ()), fold_person, **more)
    return [answer.get(candidate.signal_id) for candidate in candidates]


def rules(where: Scene, *candidates: Candidate, **more: Any) -> list[str | None]:
    """The rule that placed each candidate."""
    return [None if one is None else one.rule for one in placed(where, *candidates, **more)]


ACKNOWLEDGED = page("P1", "acknowledged", 2, actor="Ana Lima")


# --- what a responder did ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["ana-lima", "ana.lima", "Ana Lima", "ANA_LIMA"])
def test_what_a_responder_did_in_the_incident_belongs_to_it(login: str) -> None:
    """A change or an observation by who acknowledged belongs, whatever spelling of the name its sender uses."""
    where = scene(ACKNOWLEDGED)
    assert rules(where, loose(deploy(20, by=login)), loose(observed(30, "Pod deleted", login))) == ["responder"] * 2


def test_only_between_the_start_and_the_end() -> None:
    """What a responder did before the incident began or after it ended is not placed by that."""
    where = scene(ACKNOWLEDGED)
    assert rules(where, loose(deploy(-5, by="ana-lima")), loose(observed(61, "Restart", "ana-lima"))) == [None, None]


def test_that_it_is_over_is_declared_once_it_is_over() -> None:
    """Like posts, what a tool tells of the incident itself still counts while the window is open, and no longer."""
    declared = [observed(61 + n, "All clear", "ana-lima", called="incident resolved") for n in (0, 30)]
    assert rules(scene(ACKNOWLEDGED), *map(loose, declared)) == ["responder", None]


def test_whoever_was_asked_or_wrote_is_a_responder_and_whoever_opened_the_page_is_not() -> None:
    """Asked to join, reassigned to, and writing a note count; having opened the page does not."""
    page_event = page("P1", "responder_added", 3, actor="Ana Lima", data={"to": "Jon Vega"})
    wrote = note(9, "Looking", by="kim")
    opened = page("P1", "triggered", 1, actor="pat")
    where = scene(ACKNOWLEDGED, page_event, wrote, opened)
    candidates = [loose(observed(20 + n, f"Restart {n}", by)) for n, by in enumerate(("jon-vega", "Kim", "pat"))]
    assert rules(where, *candidates) == ["responder", "responder", None]


def test_a_responder_of_two_incidents_at_once_places_nothing() -> None:
    """Where a person takes part in another incident at that time, nothing shows for which of them it was done."""
    other = Engagement(fold_person("Ana Lima"), at(10), at(30))
    where = scene(ACKNOWLEDGED)
    candidates = loose(observed(20, "Restart", "ana-lima")), loose(observed(40, "Restart again", "ana-lima"))
    assert rules(where, *candidates, engagements=[other]) == [None, "responder"]


def test_a_machine_is_no_responder() -> None:
    """What a bot writes on a page makes it nobody's work."""
    where = scene(note(3, "Runbook attached", by="ops-bot"))
    assert rules(where, loose(observed(20, "Restart", "ops-bot"))) == [None]


def test_what_a_person_kept_out_stays_out() -> None:
    """A person's leave stands against every rule."""
    where = scene(ACKNOWLEDGED, note(9, "The deploy of router-config is to blame"))
    assert rules(where, loose(deploy(20, by="ana-lima"), missed="a person took it out")) == [None]


def test_what_a_person_took_out_of_it_is_not_placed_in_it_again() -> None:
    """Also where grouping had never joined it, and so cannot say that it was taken out."""
    loose_deploy = loose(deploy(20, by="ana-lima"))
    name = loose_deploy.events[0].id
    left = event("incident.left", 30, "people", data={"event": name})
    apart = event("incident.split", 30, "people", data={"events": [name]})
    assert rules(scene(ACKNOWLEDGED), loose_deploy) == ["responder"]
    assert rules(scene(ACKNOWLEDGED, left), loose_deploy) == [None]
    assert rules(scene(ACKNOWLEDGED, apart), loose_deploy) == [None]


# --- what people's words name -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("Suspect: router-config, merged an hour ago", merge(-60)),
        ("Reverting https://forge.example/acme/router-config/pull/41 now", merge(-60)),
        ("It began with PR #41", merge(-60)),
        ("Bad commit 0f79703", deploy(-30, data={"sha": "0f7970344dddd38ef386283156fc3a079fc34219"})),
        ("v2.14.1 looks wrong", deploy(-30, data={"ref": "v2.14.1"})),
        ("hub-7649b hangs", observed(-20, "Pod restarted", subject="prod/hub-7649b")),
        ("The cluster db-core has lost packets", observed(-20, "Packet loss", data={"cluster": "db-core"})),
        ("Turned NEW_CHECKOUT off", event("change.flag_toggled", -20, "flags", "flag/new-checkout", title="on")),
    ],
)
def test_what_a_note_names_belongs(text: str, candidate: RecordedEvent) -> None:
    """A repository, pull request, commit, release, pod, cluster or flag that a note of the incident names belongs."""
    (answer,) = placed(scene(note(12, text)), loose(candidate))
    assert answer == Placement("named", "named by Ana Lima's note at 00:12 UTC")


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("We deploy the rollback", deploy(-30, repository="acme/deploy")),
        ("Step 4 of 41 done", merge(-60)),
        ("See #410", merge(-60)),
        ("The router is slow", deploy(-30)),
        ("v2.14.10 looks wrong", deploy(-30, data={"ref": "v2.14.1"})),
        ("router-config", deploy(-300)),
        ("The api answers slowly", observed(-20, "x", subject="api")),
    ],
)
def test_words_that_name_nothing_place_nothing(text: str, candidate: RecordedEvent) -> None:
    """Parts of names, other numbers, words that say nothing and what lies outside the window are not named."""
    assert placed(scene(note(12, text)), loose(candidate)) == [None]


def test_a_page_title_and_a_status_post_name_as_well() -> None:
    """The title of a page and a post on a status page are people's words."""
    titled = msgspec.structs.replace(page("P1", "triggered", 1), title="Replication broken on db-core")
    post = event("status.updated", 5, "status", title="The image resizer of shop-media fails", actor="Kim")
    where = scene(titled, post)
    candidates = (
        loose(observed(-2, "Packet loss", subject="db-core")),
        loose(deploy(-9, repository="acme/shop-media")),
    )
    assert [one and one.reason for one in placed(where, *candidates)] == [
        "named by the page's title",
        "named by Kim's status post at 00:05 UTC",
    ]


def post(minutes: float, text: str, by: str = "pat") -> RecordedEvent:
    """Somebody writes in a chat."""
    return event("chat.message", minutes, "chat", title=text, actor=by)


@pytest.mark.parametrize(
    "text", ["package-index is slow, looking", "Package Index down?", "see package_index", "PackageIndexService: 503"]
)
def test_a_post_about_what_was_hit_belongs(text: str) -> None:
    """While the incident goes on and a quarter of an hour before, a post that names a service it hit belongs."""
    where = msgspec.structs.replace(scene(), services={"packageindex": "package-index"})
    answers = placed(where, loose(post(-10, text)), loose(post(30, text)), loose(post(-20, text)))
    assert answers == [Placement("mention", "it speaks of package-index")] * 2 + [None]


def test_a_post_belongs_with_the_conversation_that_it_goes_on_with() -> None:
    """A reply in a thread, and the next post on one notice, need not name what was hit; those of others do not come."""

    def chat(minutes: float, text: str, own: str, thread: str = "") -> RecordedEvent:
        return event(
            "chat.message", minutes, "chat", f"C1:{own}", title=text, data={"thread": thread} if thread else {}
        )

    def notice(minutes: float, text: str, entity: str = "incident:1") -> RecordedEvent:
        return event("status.updated", minutes, "status", entity, title=text, service="Payments")

    where = msgspec.structs.replace(scene(notice(5, "Carts lose items")), services={"packageindex": "package-index"})
    told = [chat(9, "package-index is slow", "1"), chat(12, "rolled back", "2", "1"), notice(30, "All is well")]
    others = [chat(12, "lunch?", "3"), chat(13, "yes", "4", "3"), notice(30, "Mail is slow", "incident:2")]
    answers = placed(where, *map(loose, (*told, *others, notice(1600, "Much later"))))
    goes_on = Placement("mention", "it goes on with a post of this incident")
    assert answers == [Placement("mention", "it speaks of package-index"), goes_on, goes_on, None, None, None, None]


def test_a_post_of_another_company_belongs_only_by_hand() -> None:
    """What a vendor calls like our service is its own; what it says next of a notice that a person put in belongs."""

    def notice(minutes: float, text: str) -> RecordedEvent:
        return event("status.updated", minutes, "fastly", "incident:1", title=text, data={"vendor": "Fastly"})

    where = msgspec.structs.replace(scene(), services={"packageindex": "package-index"})
    assert placed(where, loose(notice(5, "package-index is slow"))) == [None]
    where = msgspec.structs.replace(scene(notice(5, "Slow")), services={"packageindex": "package-index"})
    assert placed(where, loose(notice(9, "It is over"))) == [
        Placement("mention", "it goes on with a post of this incident")
    ]


def test_a_post_about_something_else_does_not() -> None:
    """A post that names no service of the incident, or one whose name says nothing, stays out."""
    where = msgspec.structs.replace(scene(), services={"packageindex": "package-index", "api": "api"})
    posts = (loose(post(5, text)) for text in ("the api is slow", "package tour", "index of packages", "lunch?"))
    assert placed(where, *posts) == [None] * 4


# --- what was undone --------------------------------------------------------------------------------------------------


def test_what_was_reverted_in_the_incident_belongs_with_its_revert() -> None:
    """A repository that changed before and was reverted in the incident: both changes belong."""
    before, revert = merge(-200, number=40), merge(30, 'Revert "Tune rules"', number=42)
    answers = placed(scene(ACKNOWLEDGED), loose(before), loose(revert))
    assert [one and (one.rule, one.reason) for one in answers] == [
        ("acted_on", "a change of repository acme/router-config was undone in the incident at 00:30 UTC"),
        ("acted_on", "it undid a change of repository acme/router-config, which had changed before the incident"),
    ]


def test_a_change_after_the_recovery_undoes_nothing_in_the_incident() -> None:
    """A revert after the end places nothing by itself."""
    assert rules(scene(), loose(merge(-60, number=40)), loose(merge(90, 'Revert "Tune"', number=42))) == [None, None]


def test_a_busy_repository_of_nobody_is_not_drawn_in() -> None:
    """A repository that was deployed before and again during the incident, and undid nothing, stays out."""
    assert rules(scene(), loose(deploy(-20, "one")), loose(deploy(20, "two"))) == [None, None]


def test_what_changed_again_by_a_responders_hand_belongs() -> None:
    """Where a responder changes a repository in the incident, its change before the incident was acted upon."""
    where = scene(ACKNOWLEDGED)
    assert rules(where, loose(deploy(-20, "one")), loose(deploy(20, "two", by="ana-lima"))) == ["acted_on", "responder"]


def _about(subject: str, minutes: float, by: str | None = None, **more: Any) -> RecordedEvent:
    data = {"source": "/config", "subject": subject, "type": "com.acme.config.published"}
    return event(
        "observation.recorded", minutes, "events", f"/config#{subject}", title="Published", actor=by, data=data, **more
    )


def test_what_is_about_a_thing_that_a_responder_acted_upon_belongs() -> None:
    """In the incident all of it; before it what was told of that thing last, and of a thing of another source nothing.
    Where another incident goes on as well, nothing shows of which one it is."""
    acted, by_another = _about("rules", 20, "ana-lima"), loose(_about("rules", 10, "kim"))
    other = loose(_about("keys", 12, "kim"))
    earlier, last = loose(_about("rules", -90, "pat")), loose(_about("rules", -3, "pat"))
    where = scene(ACKNOWLEDGED)
    why = "it is about rules, like what Ana Lima, a responder, did at 00:20 UTC"
    answers = placed(where, earlier, last, by_another, loose(acted), other)
    assert [one and (one.rule, one.reason) for one in answers] == [
        None, ("acted_on", why), ("acted_on", why),
        ("responder", "Ana Lima, a responder of this incident, did it"), None,
    ]  # fmt: skip
    assert rules(where, by_another, loose(acted), other_spans=[(at(5), at(15))]) == [None, "responder"]
    assert rules(where, last, loose(_about("rules", 20, "deploy-bot"))) == [None, None]


@pytest.mark.parametrize(
    ("subject", "minutes", "environment", "belongs"),
    [("Search API", -30, None, True), ("eu/search-api", 20, "production", True), ("search-api", 20, "staging", False),
     ("search-api", -200, None, False), ("search-index", 5, None, False)],
)  # fmt: skip
def test_what_is_about_a_service_that_was_hit_belongs(
    subject: str, minutes: float, environment: str | None, belongs: bool
) -> None:
    """What names no service and says by its subject that it is about one that the incident hit, in its window."""
    where = msgspec.structs.replace(scene(ACKNOWLEDGED), services={fold_service("search-api"): "search-api"})
    observation = _about(subject, minutes, environment=environment)
    [answer] = placed(where, loose(observation))
    assert (answer and (answer.rule, answer.reason)) == (("mention", "it is about search-api") if belongs else None)
    kind = msgspec.structs.replace(observation, data={"subject": subject})
    assert placed(where, loose(kind)) == [None]


def test_a_flag_that_was_switched_back_belongs() -> None:
    """A flag that was set before the incident and again in it."""
    flags = [event("change.flag_toggled", minutes, "flags", "flag/fast-path", title="set") for minutes in (-30, 15)]
    answers = placed(scene(), *map(loose, flags))
    assert [one and (one.rule, one.reason) for one in answers] == [
        ("acted_on", "flag fast-path was switched in the incident at 00:15 UTC"),
        ("acted_on", "it switched flag fast-path, which had been switched before the incident"),
    ]


def test_a_switch_undoes_no_deployment() -> None:
    """A flag of a service that was switched in the incident says nothing of what was deployed of it before."""
    deployed = change("v7", -30, "search")
    flag = event("change.flag_toggled", 15, "flags", "flag/fast-path", title="set", service="search", actor="Ana Lima")
    assert rules(scene(ACKNOWLEDGED), loose(deployed), loose(flag)) == [None, "responder"]


def test_what_changed_again_is_not_called_undone() -> None:
    """Neither in the reason of the earlier change nor in that of what follows the end."""
    again = deploy(20, "two", by="ana-lima")
    answers = placed(scene(ACKNOWLEDGED), loose(deploy(-20, "one")), loose(again), loose(deploy(90, "three")))
    assert [one and one.reason for one in answers] == [
        "repository acme/router-config was changed again in the incident at 00:20 UTC",
        "Ana Lima, a responder of this incident, did it",
        "30 min after the end; repository acme/router-config was changed again in the incident",
    ]


def test_another_service_that_a_note_names_belongs() -> None:
    """What says itself of which service it is and happened near; not a repository's change that is known to be of
    another service, whatever its name."""
    failover = event("observation.recorded", -1, "rds", title="failover completed", service="orders-db")
    change_of = merge(-5, "Tune", repository="acme/orders-db", number=40)
    where = scene(note(12, "pods hold connections to the old primary orders-db; restarting"))
    one, other = placed(where, loose(failover, elsewhere=True), loose(change_of, elsewhere=True))
    assert one is not None
    assert (one.rule, one.reason) == ("named", "named by Ana Lima's note at 00:12 UTC")
    assert other is None
    assert rules(where, loose(failover, missed="other environment", elsewhere=True)) == [None]


def test_what_is_of_another_service_is_not_acted_upon() -> None:
    """Where the catalog or deployments show another service, a revert ties nothing."""
    candidates = loose(merge(-60, number=40), elsewhere=True), loose(merge(30, 'Revert "x"', number=42), elsewhere=True)
    assert rules(scene(), *candidates) == [None, None]


def test_a_revert_during_two_incidents_is_of_neither() -> None:
    """Where another incident was going on as well, nothing shows of which one a revert was."""
    candidates = loose(merge(-60, number=40)), loose(merge(30, 'Revert "Tune"', number=42))
    assert rules(scene(), *candidates, other_spans=[(at(20), at(40))]) == [None, None]


# --- what followed ----------------------------------------------------------------------------------------------------


def _rolled_back() -> RecordedEvent:
    """A rollback in the repository, 30 min after the incident began."""
    return event("change.rolled_back", 30, "forge", "x", title="back to 6", refs=(f"repository:{REPOSITORY}",))


def test_what_follows_the_end() -> None:
    """Changes of what was undone, fixes of what is named, and what names the incident's report followed it."""
    rolled_back = _rolled_back()
    report = event("report.received", 1, "support", title="Download broken", links=())
    where = scene(rolled_back, report, note(20, "acme/shop-media hangs"))
    answers = placed(
        where,
        loose(merge(75, "Tune rules, carefully")),
        loose(merge(90, "Fix the hang", repository="acme/shop-media", number=9)),
        loose(merge(95, "Typos", repository="acme/handbook", number=8)),
        loose(merge(96, "Prefix the tables", repository="acme/shop-media", number=10)),
        loose(merge(60 + 25 * 60, "Tune rules once more", number=50)),
    )
    naming = "Ana Lima's note at 00:20 UTC"
    assert [one and (one.rule, one.reason) for one in answers] == [
        ("follow_up", "15 min after the end; a change of repository acme/router-config was undone in the incident"),
        ("follow_up", f"30 min after the end; its title speaks of a fix, and {naming} names what it is of"),
        None,
        None,
        None,
    ]


def test_how_long_after_the_end_is_told_of_the_state_that_is_shown() -> None:
    """A deployment that finished 18 min after the end began 15 min after it."""
    [one] = placed(scene(_rolled_back()), loose(deploy(75, state="started"), deploy(78)))
    assert one is not None
    assert one.reason.startswith("18 min after the end; ")


def test_nothing_follows_an_open_incident() -> None:
    """While an incident is open nothing is after its end."""
    assert "follow_up" not in rules(scene(_rolled_back(), ended=None), loose(merge(200)))


def test_the_follow_up_can_be_shortened() -> None:
    """``follow_up`` bounds what followed."""
    assert rules(scene(_rolled_back()), loose(merge(75)), follow_up=HOUR // 6) == [None]


# --- names in texts ---------------------------------------------------------------------------------------------------


@given(st.text(max_size=60), st.text(max_size=12))
def test_any_text_and_any_name_can_be_compared(text: str, name: str) -> None:
    """Whatever people write, looking for a name in it raises nothing, and the empty name is nowhere."""
    assert SearchedText(text).names(Mention(name, False)) in {True, False}
    assert not SearchedText(text).names(Mention("", False))


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=20) | st.integers() | st.none()))
def test_any_data_has_names(data: dict[str, Any]) -> None:
    """Whatever stands in an event's data, its names can be asked for."""
    assert all(name.text for name in names_of([event("observation.recorded", 0, "tools", title="x", data=data)]))
