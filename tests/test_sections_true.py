"""Sentences that are true of what was sent only if they are made with care: clocks that differ, and what was done again
and again."""

from __future__ import annotations

import pytest

from collector.event import MINUTE, Link
from renderers.plain_text import plain
from tests.histories import Facts
from tests.sections import claims, said

# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rel", "kind"), [("release", "change.released"), ("compare", "change.pushed")])
def test_a_link_leads_to_the_change_and_not_to_its_repository(rel: str, kind: str) -> None:
    """Two releases have a page each; the repository's would be one link for both."""
    story = Facts()
    story.fires("Errors", "10:00:00", "web")
    for minute in (5, 9):
        links = (Link(rel=rel, url=f"https://forge.example/{minute}"), Link(rel="source", url="https://forge.example"))
        data = {"branch": "main", "default_branch": "main"}
        story.add(kind, f"10:0{minute}:00", title=f"v{minute}", service="web", links=links, data=data)
    links_line = next(line for line in story.markdown().split("\n") if line.startswith("- Links to pull requests"))
    assert "https://forge.example/5)" in links_line
    assert "https://forge.example/9)" in links_line


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_what_came_before_the_page_was_not_after_it() -> None:
    """By the sender's own times: neither ``0 s after the page`` nor a length is true."""
    story = Facts()
    story.fires("Errors", "09:59:00", "web")
    story.page("triggered", "10:00:01", 5, "web", data={"assignees": ["Ida"]})
    story.page("acknowledged", "10:00:00", 5, "web", actor="Ida")
    assert "Ida acknowledged PagerDuty incident 5 at 10:00:00" in said(story, "detection")
    alone = story.without(story.events[0])
    assert "Ida acknowledged it at 10:00:00" in said(alone, "summary")


def test_the_clock_of_a_change_is_told_of_the_event_that_is_cited() -> None:
    """What was received before the incident began though its sender's clock puts it later: both times are of one
    event, and not one of its beginning and one of its end."""
    story = Facts()
    story.context["reported"] = {"change": ("a",)}
    story.deploys("web", "10:00:10", "10:02:00", "v7", late=-4 * MINUTE)
    alert = story.fires("Errors", "09:59:30", "web")
    story.ends(alert, "10:20:00")
    finished = story.events[1]
    before = claims(story, "summary")[1]
    assert plain(before.parts) == (
        'Between 07:59:30 and 09:59:30 one change of web was recorded: deploy "v7" at 09:58:00 (received then; its '
        "sender's clock says 10:02:00)"
    )
    assert before.cites == (finished.id,)
    during = claims(story, "resolution")[0]
    assert plain(during.parts) == (
        'Between 09:59:30 and 10:20:00 one change of web was recorded: deploy "v7" at 10:00:10 (by its '
        "sender's clock; received at 09:58:00)"
    )
    assert set(during.cites) == {story.events[0].id, finished.id}
