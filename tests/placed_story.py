"""A story with words and changes that are placed afterwards."""

from __future__ import annotations

from typing import Any

from collector.event import RecordedEvent
from tests.stories import change, event, firing, page, resolved

REPOSITORY = "acme/router-config"


def merge(minutes: float, title: str = "Tune rules", by: str = "ben", number: int = 41, **more: Any) -> RecordedEvent:
    """A pull request of the repository is merged into its default branch."""
    repository = more.pop("repository", REPOSITORY)
    data = {
        "repository": repository,
        "number": number,
        "branch": "main",
        "default_branch": True,
        **more.pop("data", {}),
    }
    refs = (f"repository:{repository}", f"pr:https://forge.example/{repository}/pull/{number}")
    return event("change.merged", minutes, "forge", f"pr:{number}", title=title, actor=by, refs=refs, data=data, **more)


def deploy(minutes: float, title: str = "Release 7", by: str = "deploy-bot", **more: Any) -> RecordedEvent:
    """A repository that names no service is deployed."""
    repository = more.pop("repository", REPOSITORY)
    return change(
        title, minutes, None, actor=by, refs=(f"repository:{repository}",),
        data={"repository": repository, "environment": "production", **more.pop("data", {})}, **more,
    )  # fmt: skip


def note(minutes: float, text: str, by: str = "Ana Lima") -> RecordedEvent:
    """A responder writes a note on the page."""
    return event("note.added", minutes, "pager", "P1", title=text, actor=by, refs=("page:P1",))


def observed(minutes: float, title: str, by: str | None = None, **data: Any) -> RecordedEvent:
    """A tool of the team's own says something."""
    return event("observation.recorded", minutes, "tools", title=title, actor=by, data=data)


STORY = (
    firing("Slow", 0, "checkout"), page("P1", "triggered", 1, "checkout"),
    page("P1", "acknowledged", 2, "checkout", actor="Ana Lima"), note(9, "Suspect: router-config"),
    merge(-60), merge(30, 'Revert "Tune rules"', number=42), observed(20, "Pod deleted", "ana-lima"),
    deploy(-10, repository="acme/handbook"), resolved("Slow", 0, 50, "checkout"),
    page("P1", "resolved", 55, "checkout", actor="Ana Lima"), merge(80, "Tune rules again", number=43),
    firing("Backlog", 15, "search"), page("P2", "triggered", 16, "search"),
    page("P2", "acknowledged", 17, "search", actor="Kim"), observed(25, "Index rebuilt", "kim"),
)  # fmt: skip
