"""What the summary says, and when it says that there was nothing."""

from __future__ import annotations

import pytest

from collector.event import MINUTE
from renderers.document import Claim
from renderers.plain_text import plain
from tests.histories import Facts, change_alone, example, going_on, page_alone, report_alone, reported_first
from tests.sections import cells, claims, said, section


def test_the_summary_has_five_sentences() -> None:
    """What fired, how people learnt of it, the closest earlier change, the last action, how long."""
    assert said(example(), "summary") == [
        (
            "At 14:02:10 the alert HighErrorRate fired on checkout in production; SlowCart on cart followed 1 min 10 s "
            "later"
        ),
        "PagerDuty incident 311 paged Ana at 14:02:30, who acknowledged it at 14:04:00",
        (
            'The closest earlier change was the deploy "v42" of checkout, finished at 14:00:10, 2 min before the first '
            "alert"
        ),
        (
            'The last recorded action was the rollback "v41" of checkout by Ana at 14:20:10; '
            "the last alert ended 3 min after it"
        ),
        "Alerts were firing for 21 min",
    ]


def test_an_alert_of_many_series_is_counted() -> None:
    """Fifty pods are not told as one, and the value told of them names its service, not all of it."""
    story = Facts()
    for pod in range(3):
        story.fires("X", f"10:0{pod}:00", "web", series=f"pod-{pod}", said=f"pod {pod} is down.")
    assert said(story, "summary")[0] == "At 10:00:00 the alert X (3 series) fired on web in production"
    assert cells(story, "alerts") == ['X (3 series) | web | 10:00:00 |  | "pod 2 is down."']


def test_a_stated_mitigation_stands_beside_the_actions() -> None:
    """The summary has what a person said mitigated it, and the last action that was recorded."""
    story = Facts()
    story.ends(story.fires("X", "10:00:00", "web"), "10:30:00")
    story.marks("mitigated", "10:20:00", "Traffic moved")
    stated = 'Ana stated that it was mitigated at 10:20:00: "Traffic moved"'
    assert stated in said(story, "summary")
    story.add("observation.recorded", "10:10:00", actor="Eli", data={"type": "com.acme.switch.set"})
    assert stated in said(story, "summary")
    assert any(text.startswith("The last recorded action was this: Switch set by Eli, at 10:10:00") for text in
               said(story, "summary"))  # fmt: skip


def test_an_action_before_the_recovery_is_not_called_the_last_where_another_followed() -> None:
    """What was done to make it hold is an action, too."""
    story = Facts()
    story.ends(story.fires("X", "10:00:00", "web"), "10:30:00")
    story.deploys("web", "10:19:00", "10:20:00", "v41")
    before = 'The last recorded action was the deploy "v41" of web at 10:20:00; the alert ended 10 min after it'
    assert before in said(story, "summary")
    story.deploys("web", "10:39:00", "10:40:00", "v43")
    assert before.replace(" was the", " before the recovery was the") in said(story, "summary")


def test_how_far_back_changes_were_looked_for_is_said() -> None:
    """ "No change was recorded" holds for as long as correlation looks back, which is a setting."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    story.context = {"reported": {"change": ("x",)}, "lookback": 30 * MINUTE}
    change = claims(story, "summary")[1]
    assert plain(change.parts) == "No change of web was recorded between 09:30:00 and 10:00:00"
    assert change.none == "change.* service=web 09:30:00..10:00:00"
    assert plain(change.searched) == "changes of web"


def test_an_earlier_low_alert_and_an_earlier_report_are_told() -> None:
    """What came before the first opening alert is not said to have followed it."""
    assert said(going_on(), "summary")[0].endswith("; DiskFilling on db had fired 40 min before it")
    assert said(reported_first(), "summary")[:2] == [
        'At 10:00:00 Support reported for checkout: "Cannot pay"',
        "At 10:11:00 the alert HighErrorRate fired on checkout in production",
    ]


def test_an_alert_that_fired_twice_had_a_pause() -> None:
    """The time between two firings is not said to have been one of firing."""
    story = Facts()
    for start, end in (("10:00:00", "10:02:00"), ("10:04:00", "10:10:00")):
        story.ends(story.fires("X", start, "web"), end)
    assert said(story, "summary")[-1] == (
        "The alert was firing for 8 min, with 1 pause; from its first start to its last end it took 10 min"
    )


def test_low_alerts_do_not_lengthen_the_incident() -> None:
    """Where an opening alert fired, the length is told of those above warning alone."""
    story = Facts()
    story.ends(story.fires("Low", "08:00:00", "web", severity="warning"), "12:00:00")
    story.ends(story.fires("High", "10:00:00", "web"), "10:10:00")
    assert said(story, "summary")[-1] == "The alert High was firing for 10 min"


def test_a_page_that_nobody_took_tells_whom_it_went_to() -> None:
    """The summary says to whom a page was escalated and when, until somebody acknowledged it."""
    story = Facts()
    story.fires("X", "10:00:00", "checkout")
    story.page("triggered", "10:01:00", data={"assignees": ["Ana"]})
    story.page("escalated", "10:16:00", data={"assignees": ["Ben"]})
    story.page("escalated", "10:31:00", data={"to": "Cy"})
    assert "It was escalated to Ben at 10:16:00 and to Cy at 10:31:00" in said(story, "summary")
    story.page("acknowledged", "10:40:00", actor="Cy")
    story.page("escalated", "10:50:00", data={"to": "Dee"})
    assert "Before that it was escalated to Ben at 10:16:00 and to Cy at 10:31:00" in said(story, "summary")


def test_what_was_observed_first_is_no_statement() -> None:
    """As of a moment before any alert: a silence is what was done with alerts, and nobody stated it."""
    story = Facts()
    story.add(
        "observation.recorded", "09:00:00", title="Silence created: x", actor="kim", data={"operation": "silence"}
    )
    assert said(story, "summary")[0] == 'The first event was recorded at 09:00:00: "Silence created: x" (by kim)'


def test_one_alert_is_neither_the_first_nor_the_last() -> None:
    """Where one alert fired, once, every section calls it the alert."""
    story = Facts()
    story.add("status.updated", "09:55:00", title="Errors on the web")
    story.deploys("web", "09:56:00", "09:57:00", "v2")
    alert = story.fires("X", "10:00:00", "web")
    story.deploys("web", "10:04:00", "10:05:00", "v1", rollback=True)
    story.ends(alert, "10:08:00")
    whole = story.markdown()
    assert "the alert ended" in whole
    assert "before the alert" in whole
    assert "first alert" not in whole
    assert "last alert" not in whole.casefold()


def test_a_change_under_way_is_the_closest_one() -> None:
    """A change that had begun and not finished is told with both of its times."""
    story = Facts()
    story.deploys("web", "09:56:00", "10:05:00")
    story.fires("X", "10:00:00", "web")
    assert said(story, "summary")[1].endswith(
        "deploy of web, begun at 09:56:00, 4 min before the alert, and finished 5 min after it"
    )


def test_an_alert_without_an_end_is_not_given_one() -> None:
    """The length of what goes on is not told; the last event's time is."""
    assert said(going_on(), "summary")[-1] == "No end is recorded for SlowQueries; the last event came at 07:30:00"


def test_a_page_a_report_or_a_change_alone_is_what_happened() -> None:
    """Without an alert the first sentence tells what there is, and the next does not tell it again."""
    assert said(page_alone(), "summary")[:2] == [
        'At 03:00:00 PagerDuty incident 7 paged Jon for ledger: "Ledger is down"',
        "No acknowledgement of it was recorded",
    ]
    assert said(report_alone(), "summary")[0] == 'At 11:00:00 Support reported for payments: "Cannot pay"'
    assert said(change_alone(), "summary") == ['The first event was the deploy "index v3" of search, begun at 08:00:00']


def test_a_time_of_another_day_has_its_date() -> None:
    """A time alone is of the day the incident began; later ones say their day."""
    story = Facts()
    story.fires("X", "23:50:00", "web")
    story.says("note.added", "+1 00:10:00", "still there")
    assert said(story, "summary")[-1].endswith("the last event came at 2026-03-05 00:10:00")


def test_no_change_is_said_only_where_a_source_of_changes_reported() -> None:
    """With a source of changes heard in the window what was searched is cited; else no deploy system reports."""
    story = Facts()
    story.fires("X", "14:02:00", "cart")
    assert story.markdown().count("No deploy system reports to timelined.") == 1
    # One that reported long ago may have been cut off since, or nobody deployed: that it does not report is not known.
    story.context |= {"reported_before": frozenset({"change", "page"})}
    earlier = "No deploy system reported to timelined in the incident or in the 7 d before it; one did earlier"
    assert (story.markdown().count(earlier), story.markdown().count("No deploy system reports")) == (1, 0)
    # One that was set up after the incident reports when its draft is read.
    story.context |= {"reported_before": frozenset(), "reported_after": frozenset({"change"})}
    since = earlier.replace("did earlier", "has done so since")
    assert (story.markdown().count(since), story.markdown().count("No deploy system reports")) == (1, 0)
    story.context["reported"] = {"change": ("a",)}
    nothing = claims(story, "summary")[1]
    assert plain(nothing.parts) == "No change of cart was recorded between 12:02:00 and 14:02:00"
    assert nothing.none == "change.* service=cart 12:02:00..14:02:00"


@pytest.mark.parametrize(
    ("repository", "denied"),
    [("acme/cart", False), ("acme/cart-deploy", False), ("acme/search", True), ("", True)],
)
def test_a_change_of_a_repository_called_like_the_service_is_not_denied(repository: str, *, denied: bool) -> None:
    """Most deployments name no service: by their repository they are one's, as grouping has it."""
    story = Facts()
    story.fires("X", "14:02:00", "cart")
    story.context["reported"] = {"change": ("a",)}
    near = story.nearby("it belongs to another incident", "change.succeeded", "13:00:00", title="m3",
                       data={"repository": repository})  # fmt: skip
    claim = claims(story, "summary")[1]
    assert plain(claim.parts).startswith("No change of cart was recorded") is denied
    assert claim.cites == (near.id,)


def test_a_nearby_change_is_not_denied() -> None:
    """A change of the service that was not joined is named beside the claim that the incident has none."""
    story = Facts()
    story.fires("X", "14:02:00", "cart")
    story.context["reported"] = {"change": ("a",)}
    near = story.nearby("other environment", "change.succeeded", "13:00:00", service="cart", title="v1")
    [claim] = [block for block in section(story, "root_causes").blocks if isinstance(block, Claim)]
    assert plain(claim.parts) == (
        'Between 12:02:00 and 14:02:00 one change of cart was recorded: deploy "v1" of cart at 13:00:00 '
        "(other environment)"
    )
    assert claim.cites == (near.id,)
    assert not claim.none


def test_a_change_of_what_a_service_depends_on_is_not_called_one_of_the_service() -> None:
    """Nobody says of a change of db that it is one of cart; and an hour of a zone without a name says which it is."""
    story = Facts()
    story.deploys("db", "14:01:00", "14:15:00", "v9")
    story.ends(story.fires("X", "14:02:00", "cart"), "14:20:00")
    assert said(story, "resolution")[0] == (
        'Between 14:02:00 and 14:20:00 one change was recorded: deploy "v9" of db at 14:15:00 (begun before that)'
    )
    assert "- At 11:02:00 UTC-03 the alert X fired" in story.markdown(zone="America/Sao_Paulo")


def test_no_page_is_said_only_where_pages_reported() -> None:
    """The absence of a page means something only if a paging system was heard."""
    story = Facts()
    story.fires("X", "14:02:00", "cart")
    assert not any("paged" in text for text in said(story, "detection"))
    story.context["reported"] = {"page": ("a",)}
    assert any(text.startswith("No page of this incident was recorded") for text in said(story, "detection"))


def test_the_summary_says_who_declared_it_resolved() -> None:
    """Where a person's word ended it while an alert fires on, a reader who was not there must not miss that."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    story.says("incident.resolved", "10:19:00")
    assert said(story, "summary")[-1] == "Ana declared it resolved at 10:19:00"


@pytest.mark.parametrize("kind", ["source.refused", "source.unrecognised"])
def test_a_source_that_was_turned_away_is_not_said_to_report_nothing(kind: str) -> None:
    """Where deliveries of a deploy system were refused or not understood, there is one; its changes may be missing."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    assert "No deploy system reports to timelined." in story.markdown()
    refused = story.add(kind, "10:03:00", source="github" if kind.endswith("ised") else "timelined",
                       data={"of": "github", "status": 401, "reason": "no signature", "count": 12})  # fmt: skip
    story.events.remove(refused)
    story.context["collector"] = (refused,)
    assert "No deploy system reports to timelined." not in story.markdown()
    assert story.markdown().count("Deliveries from GitHub were refused") == 1
    claim = section(story, "root_causes").blocks[-1]
    assert isinstance(claim, Claim)
    assert plain(claim.parts).endswith("were refused or not understood, so changes may be missing")
    assert claim.cites == (refused.id,)


def test_a_report_after_the_first_alert_is_how_people_learnt_of_it() -> None:
    """Where nobody was paged, the summary tells who reported it."""
    story = Facts()
    story.fires("Misses", "18:00:00", "cdn", severity="warning")
    story.add("report.received", "18:20:00", service="cdn", title="Images are slow", actor="Eva", source="support")
    assert 'At 18:20:00 Eva reported for cdn: "Images are slow"' in said(story, "summary")
    story.page("triggered", "18:21:00", service="cdn")
    assert not any("Eva" in text for text in said(story, "summary"))


def test_alerts_of_one_moment_fired_at_the_same_time() -> None:
    """Nothing follows within no time."""
    story = Facts()
    for name in ("A", "B", "C"):
        story.ends(story.fires(name, "10:00:00", "web"), "10:04:00")
    assert said(story, "summary")[0] == (
        "At 10:00:00 the alert A fired on web in production; B on web and C on web fired at the same time"
    )


@pytest.mark.parametrize(
    ("refs", "called"),
    [
        (("pr:https://git.example/acme/web/-/merge_requests/7",), "merge request !7"),
        (("merge_request:81",), "merge request !7"),
        (("pr:https://git.example/acme/web/pull/7",), "pull request #7"),
        (("pr:https://git.example/acme/merge_requests/pull/7",), "pull request #7"),
        ((), "pull request #7"),
    ],
)
def test_what_is_merged_is_called_as_its_sender_does(refs: tuple[str, ...], called: str) -> None:
    """GitLab merges merge requests, and writes their numbers with another sign."""
    story = Facts()
    story.add("change.merged", "09:58:00", refs=refs, data={"number": 7}, title="Tune", service="web")
    story.ends(story.fires("X", "10:00:00", "web"), "10:04:00")
    assert f'The closest earlier change was the {called} "Tune" of web' in " ".join(said(story, "summary"))
    assert f"{called[:1].upper()}{called[1:]} " in story.markdown().replace("\\", "")


def test_an_alert_that_ended_last_is_told_though_nobody_knows_when_it_fired() -> None:
    """Its length would be taken for that of all; an alert that ended before the last one changes nothing of that."""
    story = Facts()
    story.ends(story.fires("X", "10:00:00", "web"), "10:20:00")
    story.add("alert.resolved", "10:10:00", source="grafana", entity="E", title="Early", service="web")
    late = story.add("alert.resolved", "10:22:00", source="grafana", entity="S", title="SlowCart", service="cart")
    lasted, later = said(story, "summary")[-2:]
    assert lasted == "The alert was firing for 20 min"
    assert later == "An alert of which no firing is recorded ended later: SlowCart on cart at 10:22:00"
    assert claims(story, "summary")[-1].cites == (late.id,)
