"""What sections say of changes: who did what, what put back what, and what took the place of what."""

from __future__ import annotations

from typing import Any

import pytest

from collector.event import RecordedEvent
from renderers.draft import draft
from renderers.markdown import markdown
from renderers.replay import replay
from tests.facts import change, fact, firing, page, resolved
from tests.sections import drafted

V1, V2, V3 = ("1" * 40, "2" * 40, "3" * 40)


def deployed(minutes: float, number: int, sha: str = V2, state: str = "succeeded", **fields: Any) -> RecordedEvent:
    """A deployment of checkout to production reaches a state."""
    known: dict[str, Any] = {"environment": "production", "title": f"v{number}", "data": {}} | fields
    known["data"] = {"repository": "acme/checkout", "sha": sha, **known["data"]}
    return change(state, minutes, entity=f"deployment:{number}", **known)


def merged(minutes: float, title: str, sha: str) -> RecordedEvent:
    """A pull request is merged into the branch that is deployed."""
    data = {"repository": "acme/checkout", "sha": sha, "branch": "main", "default_branch": "main"}
    return fact("change.merged", minutes, f"pr:{title}", source="github", title=title, service="checkout", data=data)


def told(section: str, *events: RecordedEvent, until: float = 20) -> str:
    """What a section says of an incident whose alert fired at 14:10 and ended."""
    return " ".join(drafted(replay([firing(10), *events, resolved(until, since=10)]), section))


def test_who_cancelled_a_deployment_did_not_set_it_off() -> None:
    """Each is named with what they did: in the row, among the causes, and among the actions."""
    events = (deployed(5, 2, state="started", actor="Mara"), deployed(12, 2, state="cancelled", actor="Lee"))
    assert 'deploy "v2" of checkout by Mara was cancelled by Lee' in told("resolution", *events)
    assert "to production by Mara, begun" in told("root_causes", *events)
    assert "it was cancelled by Lee at 14:12:00" in told("root_causes", *events)
    assert 'deploy "v2" of checkout by Mara was cancelled by Lee, at 14:12:00' in told("summary", *events)


@pytest.mark.parametrize("actor", ["Mara", None])
def test_nobody_is_made_the_one_who_cancelled(actor: str | None) -> None:
    """Many senders name who set it off with every state: that says nothing of who cancelled it."""
    events = (deployed(5, 2, state="started", actor="Mara"), deployed(12, 2, state="cancelled", actor=actor))
    assert 'deploy "v2" of checkout by Mara was cancelled;' in told("resolution", *events)


def test_a_deployment_that_puts_back_what_was_there_says_so() -> None:
    """Its sender calls it no rollback; that the commit had been there before the change shows it."""
    events = (deployed(-100, 1, V1), deployed(5, 2, V2), deployed(16, 3, V1))
    assert 'finished, which put back what was deployed before "v2"; the alert ended 4 min later' in told(
        "resolution", *events)  # fmt: skip
    assert "put back" not in told("resolution", *events[1:])


def test_what_was_repaired_by_going_on_speaks_for_the_change() -> None:
    """The deployment of another commit took its place and the alert ended; a rollback that had failed is named."""
    failed = deployed(14, 3, V1, state="failed", data={"task": "rollback"})
    causes = told("root_causes", deployed(-90, 1, V1), deployed(5, 2), failed, deployed(18, 4, V3, title="hotfix"))
    first, second = causes.split("Deploy ")[1:]
    assert (
        'the deploy "hotfix" of checkout replaced it at 14:18:00, after a rollback had failed at 14:14:00, and the '
        "alert ended 2 min later"
    ) in first
    assert "replaced it" not in second


def test_a_rollback_that_was_cancelled_rolled_nothing_back() -> None:
    """Neither among the causes nor among the actions; what was deployed after it took the place of the change."""
    back = {"title": "to v1", "data": {"task": "rollback"}}
    begun, given_up = (deployed(14, 3, V1, "started", actor="Lee", **back), deployed(15, 3, V1, "cancelled", **back))
    events = (deployed(5, 2), begun, given_up, deployed(18, 4, V1, title="v1"))
    causes, actions = told("root_causes", *events), told("resolution", *events)
    assert "rolled back" not in causes
    assert "replaced it at 14:18:00, after a rollback had been cancelled at 14:15:00, and the alert ended" in causes
    assert 'the rollback "to v1" of checkout by Lee was cancelled' in actions
    assert "rolled checkout back" not in actions


def test_a_deployment_that_took_itself_back_was_no_rollback() -> None:
    """What began was a deployment, and what deployed it rolled it back: both are told of one change."""
    events = (deployed(2, 2, state="started", actor="Mara"), deployed(14, 2, state="rolled_back"))
    closest = 'deploy "v2" of checkout by Mara, begun at 14:02:00, 8 min before the alert, and rolled back 4 min after'
    assert closest in told("summary", *events)
    causes, actions = told("root_causes", *events), told("resolution", *events)
    assert "it was rolled back at 14:14:00 and the alert ended 6 min later" in causes
    assert "how far it had come when it was rolled back is not recorded" in causes
    assert 'the deploy "v2" of checkout by Mara was rolled back; the alert ended 6 min later' in actions
    text = markdown(draft(replay([firing(10), *events, resolved(20, since=10)])))
    assert "Deploy of checkout to production started" in text
    assert "Deploy of checkout to production was rolled back" in text
    assert "Rollback of" not in text


@pytest.mark.parametrize("fields", [{"title": "Rollback to v1"}, {"data": {"type": "com.shop.rollback.started"}},
                                    {"data": {"task": "rollback"}}])  # fmt: skip
def test_what_began_as_a_rollback_is_one(fields: dict[str, Any]) -> None:
    """Its sender says so by its task, its type or its title, and not only at its end."""
    events = (deployed(12, 3, V1, "started", **fields), deployed(14, 3, V1, "rolled_back", **fields))
    text = markdown(draft(replay([firing(10), deployed(5, 2), *events, resolved(20, since=10)])))
    assert "Rollback of checkout in production succeeded" in text
    assert "was rolled back" not in text.partition("## Root Causes")[0]


def test_a_deployment_that_was_asked_for_is_not_denied() -> None:
    """It began after the alert, and was requested before: no change was made by then, and one is on record."""
    waiting = deployed(2, 2, state="requested", actor="Mara", data={"state": "waiting"})
    begun, done = deployed(12, 2, state="started"), deployed(14, 2)
    text = markdown(draft(replay([firing(10), waiting, begun, done, resolved(20, since=10)])))
    assert 'one change of checkout was recorded: deploy "v2" at 14:02:00 (requested then and begun at 14:12:00)' in text
    assert "No change of checkout" not in text


def test_who_cancelled_what_never_began_is_named() -> None:
    """Its row says both."""
    waiting = deployed(2, 2, state="requested", actor="Mara", data={"state": "waiting"})
    given_up = deployed(12, 2, state="cancelled", actor="Lee")
    text = markdown(draft(replay([firing(10), waiting, given_up, resolved(20, since=10)])))
    assert "Deploy of checkout to production was cancelled by Lee, it never began" in text


def test_the_impact_may_have_begun_when_a_deployment_was_cancelled() -> None:
    """It never finished."""
    events = (deployed(5, 2, state="started"), deployed(8, 2, state="cancelled"))
    history = replay([firing(10), *events, resolved(20, since=10)])
    markdown_text = markdown(draft(history))
    assert "if the impact began when the deploy was cancelled at 14:08" in markdown_text


@pytest.mark.parametrize(
    "other", [deployed(18, 4, V2), deployed(18, 4, V3, environment="staging"), deployed(18, 4, V3, service="cart")]
)
def test_what_did_not_take_its_place_speaks_for_nothing(other: RecordedEvent) -> None:
    """The same commit again, another environment, another service."""
    assert "replaced it" not in told("root_causes", deployed(5, 2), other)


def test_one_that_came_too_early_or_went_on_speaks_for_nothing() -> None:
    """The alert had ended before, or went on for long after it."""
    assert "replaced it" not in told("root_causes", deployed(5, 2), deployed(25, 4, V3))
    assert "replaced it" not in told("root_causes", deployed(5, 2), deployed(15, 4, V3), until=200)


def test_another_action_between_speaks_against_that() -> None:
    """What ended the alert may have been that."""
    restart = fact(
        "observation.recorded", 18, "restart", source="k8s", title="Restarted", actor="Lee", service="checkout"
    )
    causes = told("root_causes", deployed(5, 2), deployed(15, 4, V3, title="hotfix"), restart)
    assert "replaced it at 14:15:00 and the alert ended 5 min later" in causes
    assert "another action came before that end, at 14:18:00" in causes


def test_a_revert_that_was_deployed_is_told_as_that() -> None:
    """With its deployment and what ended after it; one that was merged alone is merged and nothing more."""
    title, back = "Pool per request", 'Revert "Pool per request"'
    events = (deployed(5, 2, title=title), merged(14, back, V3), deployed(18, 4, V3, title=back))
    causes = told("root_causes", *events)
    assert (
        f'a revert of "{title}" was merged at 14:14:00 and deployed at 14:18:00, and the alert ended 2 min later'
        in causes
    )
    assert "replaced it" not in causes
    alone = told("root_causes", *events[:2])
    assert f'a revert of "{title}" was merged at 14:14:00, and that' in alone
    assert "ended" not in alone


def test_what_ends_next_was_firing_when_it_was_done() -> None:
    """An alert that began after an action, and ended, says nothing of it."""
    during = (deployed(12, 2), firing(13, "Second"), resolved(15, "Second", since=13))
    assert 'the deploy "v2" of checkout finished; the last alert ended 8 min later' in told("resolution", *during)


def test_what_was_done_while_no_alert_fired_ended_none() -> None:
    """The alert had ended, and fired again later: that is told, in the place of its next end."""
    events = (deployed(5, 2), deployed(25, 3, V1, "rolled_back", actor="Lee"), firing(40), resolved(50, since=40))
    rolled_back = 'Lee rolled checkout back: "v3"'
    next_firing = "no alert was firing then; the alert HighErrorRate on checkout fired 15 min later"
    assert f"{rolled_back}; {next_firing}" in told("resolution", *events)
    assert 'rollback "v3" of checkout by Lee at 14:25:00, when no alert was firing' in told("summary", *events)


def test_a_page_of_what_had_ended_says_so() -> None:
    """Whoever was paged was paged for what was over."""
    paged = page("triggered", 25, service="checkout")
    assert "15 min after that alert and 5 min after it had ended" in told("detection", paged)
    assert "had ended" not in told("detection", page("triggered", 15, service="checkout"))
