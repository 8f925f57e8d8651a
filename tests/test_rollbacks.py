"""That something was rolled back is said of a change only where place and commit show it."""

from __future__ import annotations

from typing import Any

import pytest

from collector.event import RecordedEvent
from renderers import reversals
from renderers.draft import draft
from renderers.markdown import markdown
from renderers.replay import replay
from tests.facts import change, firing, resolved

V1, V2, V3 = ("1" * 40, "2" * 40, "3" * 40)
SAID = "it was rolled back at"


def deployed(minutes: float, number: int, sha: str | None = V2, **fields: Any) -> RecordedEvent:
    """A deployment of the shop to production that succeeded, unless told otherwise."""
    known = {"service": "shop", "environment": "production", "title": f"v{number}", "data": {}} | fields
    known["data"] = {"repository": "acme/shop", **known["data"]} | ({"sha": sha} if sha else {})
    return change(known.pop("state", "succeeded"), minutes, entity=f"deployment:{number}", **known)


def back(minutes: float = 20, sha: str | None = V1, **fields: Any) -> RecordedEvent:
    """The rollback of the shop in production."""
    return deployed(minutes, 9, sha, **{"state": "rolled_back", **fields})


def undone(*changes: RecordedEvent) -> set[str]:
    """The titles of the changes that the draft says were rolled back; text and facts agree on each."""
    history = replay([firing(10, service="shop"), *changes, resolved(25, since=10, service="shop")])
    titles = {each.title for each in history.changes if reversals.undone_by(history, each) is not None}
    lines = [line for line in markdown(draft(history)).split("\n") if SAID in line]
    assert {title for title in titles if any(f'"{title}"' in line.partition(SAID)[0] for line in lines)} == titles
    assert len(lines) == len(titles)
    return titles


@pytest.mark.parametrize(
    "fields",
    [{}, {"environment": "prod"}, {"title": "back to v1"}, {"data": {"task": "rollback"}}],
)  # fmt: skip
def test_a_rollback_of_this_service_here_to_another_commit_undoes(fields: dict[str, Any]) -> None:
    """All three are shown, in whatever spelling."""
    assert undone(deployed(5, 2), back(**fields)) == {"v2"}


@pytest.mark.parametrize(
    ("of_deploy", "of_rollback"),
    [
        ({}, {"service": "cart"}),
        ({}, {"service": None, "data": {"repository": "acme/cart"}}),
        ({"service": None}, {"service": None, "data": {"repository": "acme/cart"}}),
        ({"service": None, "data": {"repository": ""}}, {"service": None, "data": {"repository": ""}}),
        ({"service": None}, {}),
        ({}, {"environment": "staging"}),
        ({}, {"environment": None}),
        ({"environment": None}, {}),
        ({"environment": None}, {"environment": None}),
        ({"environment": "production-eu"}, {"environment": "production-us"}),
        ({}, {"sha": V2}),
        ({}, {"sha": None}),
        ({"sha": None}, {}),
        ({"sha": None}, {"sha": None}),
        ({}, {"minutes": 4}),
        ({}, {"state": "failed", "data": {"task": "rollback"}}),
        ({"state": "failed"}, {"sha": None}),
        ({"data": {"transient": True}}, {}),
    ],
)
def test_what_one_of_them_does_not_show_undoes_nothing(of_deploy: dict[str, Any], of_rollback: dict[str, Any]) -> None:
    """Another service, repository or environment, the very same commit, no word on one of them, or no success."""
    made = {"minutes": 5, "number": 2} | of_deploy
    assert undone(deployed(**made), back(**of_rollback)) == set()


def test_what_is_put_back_was_not_rolled_back() -> None:
    """Of two versions only the later one is undone by putting the earlier one's commit back."""
    assert undone(deployed(1, 1, V1), deployed(5, 2, V2), back(20, V1)) == {"v2"}
    assert undone(deployed(1, 1, V1), deployed(3, 2, V2), deployed(5, 3, V3), back(20, V1)) == {"v2", "v3"}


def test_a_test_run_cannot_be_rolled_back() -> None:
    """It deployed nothing, whatever commit it was of."""
    said = {"workflow": "Unit tests", "event": "push", "sha": V2, "repository": "acme/shop"}
    run = change("succeeded", 5, "workflow_run:5:1", service="shop", environment="production", title="CI", data=said)
    assert undone(run, back()) == set()
