"""Incidents as Hypothesis makes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from collector.event import MINUTE
from tests.histories import Facts, at

SERVICES = ("web", "search-api", "ledger")


@st.composite
def incidents(draw: st.DrawFn) -> Facts:
    """An incident of alerts, a page, changes and notes, any of which may be missing."""
    story = Facts()
    story.context["reported"] = {"alert": ("x",), "change": ("y",), "page": ("z",)}
    minute = st.integers(0, 90)
    for name in draw(st.lists(st.sampled_from("ABC"), max_size=5)):
        start = at("10:00:00") + draw(minute) * MINUTE
        fired = story.fires(name, start, draw(st.sampled_from(SERVICES)), severity=draw(st.sampled_from(("critical",
                           "warning"))), series=draw(st.sampled_from(("", "a", "b"))))  # fmt: skip
        if draw(st.booleans()):
            story.ends(fired, start + draw(st.integers(1, 90)) * MINUTE)
    if draw(st.booleans()):
        story.page("triggered", "10:30:00", service=draw(st.sampled_from(SERVICES)))
        if draw(st.booleans()):
            story.page("acknowledged", "10:31:30", actor="Ana")
        if draw(st.booleans()):
            story.page("resolved", "11:59:00")
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(10, 50))
        story.deploys(draw(st.sampled_from(SERVICES)), f"09:{start}:00", f"09:{start + 5}:00",
                     draw(st.sampled_from(("v1", "v2"))))  # fmt: skip
    if draw(st.booleans()):
        story.marks("impact_started", "09:55:00")
    story.says("note.added", "10:40:00", "looked")
    return story
