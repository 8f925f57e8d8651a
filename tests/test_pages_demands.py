"""The 28 demands that users of incident pages made, each done in Chromium as a person would.

Each is tried in a window of its own turn, narrow or wide, light or dark, and without a script where it holds without
one; the long form (``make properties``) tries each in every window.
"""

from __future__ import annotations

import re
import subprocess

import pytest
from playwright.sync_api import Browser, expect

from tests.examples import TIMES
from tests.page_demands import BY_SCRIPT, DEMANDS, HOME, Demand
from tests.page_reader import Reader
from tests.page_reader import site as site
from tests.windows import Scheme, Site, browser, looking, shot

__all__ = ["browser"]

WINDOWS: list[tuple[int, Scheme]] = [
    (360, "dark"), (1024, "light"), (1920, "dark"), (360, "light"), (1024, "dark"), (1920, "light"),
]  # fmt: skip


def test_every_demand_is_tried() -> None:
    """Each of the 28 once, under its number."""
    assert [int((demand.__doc__ or "").split(":")[0]) for demand in DEMANDS] == [*range(1, 29)]


CASES = [
    pytest.param(demand, *window, id=f"{at + 1}-{demand.__name__}-{window[0]}-{window[1]}")
    for at, demand in enumerate(DEMANDS)
    for window in (WINDOWS if TIMES > 1 else [WINDOWS[at % len(WINDOWS)]])
]


@pytest.mark.parametrize(("demand", "width", "scheme"), CASES)
def test_a_person_does_it(site: Site, browser: Browser, demand: Demand, width: int, scheme: Scheme) -> None:
    """In a window of that width and scheme."""
    with looking(browser, width, scheme, timezone_id=HOME) as page:
        demand(Reader(page, site, True, width))


@pytest.mark.parametrize(("demand", "width", "scheme"), [
    case for place, case in enumerate(CASES) if case.values[0] not in BY_SCRIPT and (TIMES > 1 or place % 3 == 0)
])  # fmt: skip
def test_a_person_does_it_without_a_script(
    site: Site, browser: Browser, demand: Demand, width: int, scheme: Scheme
) -> None:  # fmt: skip
    """The same by links and forms alone; in the short form a third of them."""
    with looking(browser, width, scheme, script=False) as page:
        demand(Reader(page, site, False, width))


def test_a_draft_is_copied_remarked_and_published(site: Site, browser: Browser) -> None:
    """Three forms in the clipboard; remarks at their sections; what would change, then published, once."""
    with looking(browser, 1920, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(f"{site.address}/incidents/1")
        copied = {}
        for name in ("Markdown", "rich text", "for Slack"):
            button = page.get_by_role("button", name=re.compile(f"Copy (as )?{name}"))
            button.click()
            expect(page.get_by_role("button", name="Copied")).to_be_visible()
            copied[name] = page.evaluate("navigator.clipboard.readText()")
            expect(button).to_be_visible()
        assert copied["Markdown"].startswith("# ")
        assert "## Impact" in copied["rich text"]
        assert "*Impact*" in copied["for Slack"]
        assert "• " in copied["for Slack"]
        expect(page.locator("#s-impact .remarks li").first).to_contain_text("warning")
        shot(page, "draft-remarks")
        page.get_by_role("link", name="Hide the remarks").click()
        expect(page.locator(".remarks")).to_have_count(0)
        page.get_by_role("link", name="Publish", exact=True).click()
        page.locator("#by-publish").fill("Ada")
        page.get_by_role("button", name="Show what would change").click()
        expect(page.get_by_role("heading", name="What would change at archive")).to_be_visible()
        shot(page, "publish")
        page.get_by_role("button", name="Publish it").click()
        expect(page.get_by_role("status").filter(has_text="Published.")).to_be_visible()
        expect(page.locator("#published .count")).to_have_text("1")
        files = subprocess.run(
            ["git", "ls-tree", "-r", "--name-only", "main"], cwd=site.process.folder / "archive.git",
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert re.fullmatch(r"postmortems/2026/0001-\S+\.md\n", files)
