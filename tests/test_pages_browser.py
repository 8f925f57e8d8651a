"""Pages as a person uses them: a real Chromium over a real daemon, wide and narrow, light and dark, with and without a
script.

``TIMELINED_SCREENS=out/screens make test`` keeps there what they looked like.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from renderers.edits import taken_in
from renderers.html import html
from tests.cable import Cable
from tests.conftest import require
from tests.edited_drafts import draft_of, with_edits
from tests.examples import TIMES
from tests.histories import Facts
from tests.processes import alert, get, post
from tests.windows import Scheme, Site, arguments, browser, looking, shot, started, told

__all__ = ["browser"]

HOSTILE = "<img src=x onerror=document.title='broken'>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A daemon that knows of three incidents, one of them over."""
    require("chromium")
    server = started(tmp_path_factory.mktemp("site"))
    server.tell(alert("firing"), alert("resolved"), told("cart", "Slow", 2), told("search", HOSTILE, 3))
    server.incidents(3)
    yield server
    server.process.kill()


WAYS = [
    pytest.param(width, scheme, script, id=f"{width}-{scheme}-{'script' if script else 'no-script'}")
    for width, scheme, script in itertools.product((360, 1024, 1920), ("dark", "light"), (True, False))
    if TIMES > 1 or (width, scheme, script) in ((360, "dark", True), (1024, "light", False), (1920, "dark", True))
]
"""Each width, either scheme, with and without a script; in the long form each with each."""


@pytest.mark.parametrize(("width", "scheme", "script"), WAYS)
def test_a_person_finds_an_incident_and_opens_an_event(
    site: Site, browser: Browser, width: int, scheme: Scheme, script: bool
) -> None:
    """From the list by the filter to the incident, and in it to what was recorded, by names that are on the page."""
    with looking(browser, width, scheme, script=script) as page:
        page.goto(site.address)
        kind = f"{width}-{scheme}-{'script' if script else 'plain'}"
        count = len(get(f"{site.address}/api/v1/incidents?status=open")["incidents"])
        expect(page.get_by_role("heading", name=f"Open {count}", exact=True)).to_be_visible()
        assert "broken" not in page.title()
        shot(page, f"list-{kind}")
        page.locator("summary", has_text="Filter").click()
        page.get_by_label("Text in title, services or lead").fill("highERROR")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("table.incidents tbody tr")).to_have_count(1)
        assert "text=highERROR" in page.url
        page.get_by_role("link", name="HighErrorRate").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("HighErrorRate")
        page.locator(".row summary").first.click()
        expect(page.locator(".row article").first).to_be_visible()
        expect(page.locator(".row article pre").first).to_contain_text("12% of requests fail.")
        shown = "narrow" if width < 800 else "wide"
        expect(page.locator(f".picture .{shown} svg")).to_be_visible()
        shot(page, f"incident-{kind}")
        page.get_by_role("link", name="Deliveries").click()
        expect(page.get_by_role("heading", name="Did my webhook arrive?")).to_be_visible()
        shot(page, f"deliveries-{kind}")


@pytest.mark.parametrize("width", [390, 1200])
def test_the_field_for_the_zone_says_what_it_is_for(site: Site, browser: Browser, width: int) -> None:
    """The word UTC in a field, and "Show", tell nobody that times are meant; two buttons are not called the same."""
    with looking(browser, width) as page:
        page.goto(f"{site.address}/analytics")
        label = page.locator("label[for=zone]").bounding_box()
        assert label is not None
        assert label["width"] > 30
        expect(page.get_by_role("button", name="Show", exact=True)).to_have_count(1)


def test_a_number_stands_on_one_line(site: Site, browser: Browser) -> None:
    """Beside a long verdict the bytes of a delivery were cut within a number: 1,33 and 6."""
    site.tell(told("cart", "Slow " + "x" * 2000, 2))
    with looking(browser, 1200) as page:
        page.goto(f"{site.address}/deliveries?source=alertmanager")
        size = page.locator("td.size").first
        expect(size).to_contain_text(",")
        size.evaluate("(cell) => { cell.style.width = '1px'; cell.closest('table').style.width = '300px'; }")
        assert size.evaluate("(cell) => [...cell.childNodes].every((node) => {"
                             " const range = document.createRange(); range.selectNode(node);"
                             " return range.getClientRects().length <= 1; })")  # fmt: skip


def test_keys_move_through_rows_and_have_a_visible_sheet(site: Site, browser: Browser) -> None:
    """A button names them; j and k move, o opens, and in a field they are letters."""
    with looking(browser) as page:
        page.goto(f"{site.address}/incidents/1")
        page.get_by_role("button", name="Keys ?").click()
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        expect(page.locator(".row summary").first).to_be_focused()
        page.keyboard.press("j")
        page.keyboard.press("o")
        expect(page.locator(".row").nth(1).locator("article").first).to_be_visible()
        page.keyboard.press("/")
        page.keyboard.type("jk?")
        expect(page.get_by_label("Text")).to_have_value("jk?")
        page.keyboard.press("Tab")


def test_every_kind_of_row_is_as_wide_as_the_list(site: Site, browser: Browser) -> None:
    """A moment, an action and a note that people stated, beside alerts."""
    address = f"{site.address}/api/v1/incidents/3"
    for kind, body in (
        ("marks", {"mark": "mitigated", "at": "2026-04-03T10:20:00Z"}), ("actions", {"text": "add a limit"}),
        ("notes", {"text": "restarted the workers", "at": "2026-04-03T10:10:00Z"}),
    ):  # fmt: skip
        assert post(f"{address}/{kind}", json.dumps(body | {"by": "Ada"}).encode())[0] == 201
    with looking(browser) as page:
        page.goto(f"{site.address}/incidents/3")
        expect(page.locator(".row.mark")).to_have_count(1)
        # A zone's name is not cut, and what was known is asked for on one line.
        page.locator("#zone").fill("Europe/Madrid")
        assert page.locator("#zone").evaluate("(field) => field.scrollWidth <= field.clientWidth")
        field, slider = page.locator("#as_of").bounding_box(), page.locator(".slide").bounding_box()
        assert field is not None
        assert slider is not None
        assert field["y"] < slider["y"] < field["y"] + field["height"]
        # What is done with ticked rows stands in the window while any is ticked, and else behind the rows.
        page.set_viewport_size({"width": 1024, "height": 300})
        expect(page.locator(".ticking")).not_to_be_in_viewport()
        page.locator(".row input").first.check()
        expect(page.locator(".ticking")).to_be_in_viewport()
        # Whose token may only read sees nothing that would be refused, nor what opens to nothing.
        page.evaluate("document.body.classList.add('reads')")
        assert page.locator("main form[method=post]:visible, .ticking:visible, .write:visible").count() == 0
        opened = page.locator(".say-it > details:visible summary")
        assert [text.split()[:3] for text in opened.all_inner_texts()] == [["What", "people", "stated"]]
        page.evaluate("document.body.classList.remove('reads')")
        whole = page.locator("ol.rows").bounding_box()
        assert whole is not None
        for row in page.locator(".row").all():
            box = row.bounding_box()
            assert box is not None
            assert box["width"] >= whole["width"] - 4


def test_what_is_typed_in_a_section_is_there_again_until_it_is_sent(site: Site, browser: Browser) -> None:
    """Also over a text that is recorded; a citation shows the row it leads to."""
    with looking(browser, 1920) as page:
        page.goto(f"{site.address}/incidents/2")
        page.get_by_text("Write in this section").nth(1).click()
        page.get_by_label("Impact, in your words").fill("Nobody could pay.")
        page.locator("#by-write-impact").fill("Ada")
        page.locator("#s-impact").get_by_role("button", name="Write it").click()
        expect(page.locator("#s-impact")).to_contain_text("Nobody could pay.")
        page.get_by_text("Change what Ada wrote").click()
        page.get_by_label("Impact, in your words").fill("Some could not pay.")
        page.reload()
        expect(page.get_by_label("Impact, in your words")).to_have_value("Some could not pay.")
        page.get_by_role("button", name="Show what is recorded").click()
        expect(page.get_by_label("Impact, in your words")).to_have_value("Nobody could pay.")
        page.locator("#s-detection").get_by_role("link", name="State it").click()
        expect(page.locator("#mark")).to_have_value("mitigated")
        expect(page.locator("#at-mark")).to_be_focused()
        page.locator("#s-summary .cites a[href^='#e-']").first.hover()
        expect(page.locator(".row.cited")).to_have_count(1)
        shot(page, "draft-beside")


def test_who_types_in_a_section_goes_on_while_another_writes_in_it(site: Site, browser: Browser) -> None:
    """The field keeps the focus and what is typed; what the other wrote is shown beside it, and once more when sent."""
    address = f"{site.address}/api/v1/incidents/1/postmortem/lessons"
    with looking(browser) as page:
        page.goto(f"{site.address}/incidents/1")
        expect(page.locator(".live")).to_have_text("live")
        lessons = page.locator("#s-lessons")
        lessons.get_by_text("Write in this section").click()
        field = page.get_by_label("Lessons learned, in your words")
        field.press_sequentially("Two people ")
        theirs = {"text": "We had no alert.", "by": "Grace"}
        assert page.request.put(address, data=theirs, headers={"If-Match": "*"}).ok
        expect(lessons).to_contain_text("We had no alert.")
        expect(field).to_be_focused()
        page.keyboard.type("wrote at once.")
        expect(field).to_have_value("Two people wrote at once.")
        page.locator("#by-write-lessons").fill("Ada")
        lessons.get_by_role("button", name="Write it").click()
        expect(page.get_by_role("heading", name="Somebody else wrote meanwhile")).to_be_visible()
        expect(page.get_by_label("What it should say")).to_have_value("Two people wrote at once.")
        expect(page.locator("pre")).to_have_text("We had no alert.")


def test_a_picture_is_zoomed_by_keys_buttons_and_the_wheel(site: Site, browser: Browser) -> None:
    """In place, with the rows beside it and the view in the address; a slider shows what was known."""
    with looking(browser) as page:
        page.goto(f"{site.address}/incidents/1")
        whole = page.locator(".picture .wide svg").inner_html()
        rows = page.locator(".row").count()
        page.locator("h1").click()
        page.keyboard.press("+")
        expect(page.locator(".row")).not_to_have_count(rows)
        assert "from=" in page.url
        assert page.locator(".picture .wide svg").inner_html() != whole
        expect(page.locator(".zone input[name=from]")).to_have_count(1)
        expect(page.get_by_label("Draft postmortem", exact=True)).to_be_visible()
        shot(page, "incident-zoomed")
        # Whoever turns a phone upright sees the picture for it, of what is shown now.
        page.set_viewport_size({"width": 360, "height": 800})
        expect(page.locator(".picture .narrow svg a")).to_have_count(page.locator(".picture .wide svg a").count())
        page.set_viewport_size({"width": 1024, "height": 800})
        page.locator(".picture .wide").hover()
        page.keyboard.down("Control")
        page.mouse.wheel(0, 200)
        page.keyboard.up("Control")
        expect(page.locator(".row")).to_have_count(rows)
        page.get_by_role("link", name="Nearer").click()
        expect(page.get_by_role("link", name="Later")).to_be_visible()
        page.keyboard.press("0")
        # All rows may have been there before: what leads on is not, where the whole is shown.
        expect(page.get_by_role("link", name="Later")).to_be_hidden()
        expect(page.locator(".row")).to_have_count(rows)
        slider = page.get_by_role("slider")
        slider.focus()
        page.keyboard.press("Home")
        expect(page.get_by_text("As it was known at")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_contain_text("HighErrorRate")


EVERY: list[tuple[int, Scheme]] = [
    (360, "dark"), (1024, "light"), (360, "light"), (1024, "dark"), (1920, "light"), (1920, "dark"),
]  # fmt: skip


def test_no_page_keeps_anything_from_anybody(site: Site, browser: Browser) -> None:
    """axe-core finds no fault: names, order, contrast, what is read out; with every part of a page opened.

    Each page in a narrow dark window and in a wide light one; in the long form in all of them.
    """
    [event, *_] = get(f"{site.address}/api/v1/incidents/2/events")["events"]
    faults = []
    with looking(browser) as page:
        for path in (
            "/", "/incidents/2", "/incidents/2?system=1&kind=note", "/incidents/2/merge?other=1", "/analytics",
            f"/undo?events={event['id']}", "/incidents/2/changes?from=2026-04-02", "/incidents/2/publish",
            "/deliveries", "/deliveries?source=alertmanager", "/deliveries/d1", "/login", "/incidents/999",
            "/incidents?text=nothing",
        ):  # fmt: skip
            page.goto(site.address + path)
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            for width, scheme in EVERY if TIMES > 1 else EVERY[:2]:
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)
                shot(page, f"{path.strip('/').split('?')[0].replace('/', '-') or 'front'}-{width}-{scheme}")
                faults += [(path, width, scheme, *each) for each in faults_of(page)]
    assert faults == []


def faults_of(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds on a page: the rule, and the element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    # Without the elements in which it finds nothing: to write them down took it longer than to look.
    found = page.evaluate("axe.run({ resultTypes: ['violations'] }).then((told) => told.violations)")
    return [(each["id"], each["nodes"][0]["html"]) for each in found]


EDITED = """\

Two shops lost **every** order [status](https://status.example/1), see `checkout`.

| shop | orders |
|---|---|
| Bilbao | 120 |

> They called us first.

### What we told them

1. It is slow.
2. It is over.

```
kubectl rollout undo
```
"""
"""What a person may write in a draft, of each kind."""


def test_a_draft_that_a_person_edited_keeps_nothing_from_anybody(browser: Browser, tmp_path: Path) -> None:
    """As a file of its own, with headings, a table, a list and code of theirs: axe-core finds no serious fault."""
    story = Facts()
    story.ends(story.fires("HighErrorRate", "18:02:10", "checkout", tail="a3f9c"), "18:23:35")
    story.says("note.added", "18:05:00", "Restarted the workers.")
    base = draft_of(story, story.events)
    edited = re.sub("(?m)^## Impact(.*)$", lambda found: f"## Impact on shops{found[1]}\n{EDITED}", base)
    file = tmp_path / "draft.html"
    file.write_text(html(with_edits(story, taken_in(base, base, edited, base, "archive")[0])), "utf-8")
    for width, scheme in EVERY[:2]:
        with looking(browser, width, scheme, bypass_csp=True) as page:
            page.goto(file.as_uri())
            expect(page.get_by_role("heading", name="What we told them")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert faults_of(page) == []


PAPER = "rgb(253, 243, 223)"
"""What a prompt has behind it where it is light."""


def test_paper_has_the_wide_form_of_a_page(site: Site, browser: Browser) -> None:
    """However narrow it is: rows are lines, the wide picture stands there, and nothing that only a screen can use."""
    with looking(browser, 700) as page:
        page.goto(f"{site.address}/incidents/2")
        page.emulate_media(media="print", color_scheme="dark")
        assert page.locator(".prompt").first.evaluate("(each) => getComputedStyle(each).backgroundColor") == PAPER
        row = page.locator(".row .say").first.bounding_box()
        assert row is not None
        assert row["width"] > 300
        expect(page.locator(".picture .wide svg")).to_be_visible()
        for screen in (".tools", ".within", ".zoom a", ".say-it"):
            expect(page.locator(screen).first).to_be_hidden()
        shot(page, "incident-print")


def test_large_letters_move_nothing_beside_the_window(site: Site, browser: Browser, tmp_path: Path) -> None:
    """Letters twice as large, as a reader sets them in the browser, on a phone."""
    (tmp_path / "Default").mkdir()
    settings = {"webkit": {"webprefs": {"default_font_size": 32}}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings), "utf-8")
    context = browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=require("chromium"), viewport={"width": 360, "height": 740}, args=arguments()
    )  # fmt: skip
    page = context.pages[0]
    for path in (
        "/", "/incidents/1", "/incidents/2/merge?other=1", "/deliveries", "/deliveries?source=alertmanager",
        "/analytics", "/incidents/2/changes?from=2026-04-02", "/incidents/2/publish", "/login", "/nothing",
    ):  # fmt: skip
        page.goto(site.address + path)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    context.close()


MOVING = "document.getAnimations().map((each) => each.animationName)"
"""What moves on a page."""


def test_nothing_moves_for_who_wants_no_motion(site: Site, browser: Browser) -> None:
    """A new row is marked by an animation, and stands there without one for who asked for less motion."""
    with looking(browser) as page, looking(browser, reduced_motion="reduce") as still:
        for tab in (page, still):
            tab.goto(f"{site.address}/incidents/2")
            expect(tab.locator(".live")).to_have_text("live")
        note(site.address, 2, "a row that moves")
        for tab in (page, still):
            row = tab.locator(".row.new", has_text="a row that moves")
            expect(row).to_be_visible()
            assert row.evaluate("(each) => getComputedStyle(each).animationName") == (
                "none" if tab is still else "told"
            )
        assert still.evaluate(MOVING) == []


REACHED = """() => {
  const each = document.activeElement;
  const hidden = each.checkVisibility ? !each.checkVisibility({ visibilityProperty: true }) : false;
  return [each.id || each.textContent.trim().slice(0, 40) || each.name || '', Boolean(each.closest('header')), hidden];
}"""


@pytest.mark.parametrize(("width", "scheme"), EVERY if TIMES > 1 else EVERY[:2])
def test_the_keyboard_goes_through_a_page_as_it_is_read(
    site: Site, browser: Browser, width: int, scheme: Scheme
) -> None:
    """First the way past the head, then the head, the picture, the filter, the rows, the forms and the draft; nothing
    hidden is on the way, and what has the focus shows it."""
    with looking(browser, width, scheme) as page:
        page.goto(f"{site.address}/incidents/1")
        expect(page.locator(".live")).to_have_text("live")
        reached: list[str] = []
        heads: list[bool] = []
        while not reached or reached[-1] != "review-text":
            page.keyboard.press("Tab")
            name, head, hidden = page.evaluate(REACHED)
            assert not hidden, name
            reached.append(name)
            heads.append(head)
            assert len(reached) < 400, reached
            if name == "Say how far its review is":
                page.keyboard.press("Enter")
        assert reached[0] == "Skip to the content"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        # Nobody comes back into the head once they left it.
        assert heads[1:] == sorted(heads[1:], reverse=True)
        order = ["zone", "text", "ticked-by", "note-text", "Summary", "Impact", "review"]
        places = [reached.index(name) for name in order]
        assert places == sorted(places), reached
        page.goto(f"{site.address}/incidents/1")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")


def test_an_address_of_an_event_opens_its_row(site: Site, browser: Browser) -> None:
    """Whoever follows it sees the event at once."""
    [event, *_] = get(f"{site.address}/api/v1/incidents/1/events")["events"]
    with looking(browser, script=False) as page:
        page.goto(f"{site.address}/events/{event['id']}")
        expect(page.locator(f"#e-{event['id']}")).to_be_in_viewport()


def test_a_page_stays_true_by_itself(site: Site, browser: Browser, tmp_path: Path) -> None:
    """A new incident appears in place, an open row stays open; a daemon that is gone is said, and caught up with."""
    with looking(browser) as listing, looking(browser) as reading:
        listing.goto(site.address)
        reading.goto(f"{site.address}/incidents/2")
        expect(listing.locator(".live")).to_have_text("live")
        expect(reading.locator(".live")).to_have_text("live")
        reading.locator(".row summary").first.click()
        post(f"{site.address}/webhooks/alertmanager", told("billing", "Late", 4))
        expect(listing.get_by_role("rowheader").get_by_role("link", name="Late")).to_be_visible()
        note(site.address, 2, "restarted the workers")
        expect(reading.locator(".row", has_text="restarted the workers")).to_be_visible()
        expect(reading.locator(".row article").first).to_be_visible()
        port = site.address.rpartition(":")[2]
        site.process.kill()
        expect(listing.locator(".live")).to_have_text("connection lost")
        site.process.start("--web.listen-address", f"127.0.0.1:{port}")
        post(f"{site.address}/webhooks/alertmanager", told("mail", "AfterTheStart", 5))
        expect(listing.get_by_role("rowheader").get_by_role("link", name="AfterTheStart")).to_be_visible()
        expect(listing.locator(".live")).to_have_text("live")
        shot(listing, "list-live")


def test_a_connection_that_says_nothing_any_longer_is_lost(site: Site, browser: Browser) -> None:
    """Nobody told the browser that it ended, as after a change of networks: it is opened anew, and misses nothing."""
    cable = Cable(site.address)
    with looking(browser, 360) as page:
        page.clock.install()
        page.goto(f"{cable.address}/incidents/2")
        expect(page.locator(".live")).to_have_text("live")
        cable.hold()
        note(site.address, 2, "while nobody heard of it")
        page.clock.fast_forward(60_000)
        page.clock.resume()
        expect(page.locator(".row", has_text="while nobody heard of it")).to_be_visible()
        expect(page.locator(".live")).to_have_text("live")
    cable.close()


def note(address: str, number: int, text: str) -> None:
    body = json.dumps({"text": text, "by": "Ada", "at": f"2026-04-{number:02d}T10:05:00Z"}).encode()
    url = f"{address}/api/v1/incidents/{number}/notes"
    assert post(url, body)[0] == 201
