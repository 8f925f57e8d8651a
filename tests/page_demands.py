"""What each of the 28 demands is that users of incident pages made: a person does it in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.page_reader import Reader, hide
from tests.processes import get

HOME = "America/New_York"
"""Where the reader is."""


def whole(reader: Reader) -> None:
    """1: all of the incident on opening, its true times, and what the picture is for."""
    reader.opens("/incidents/1")
    picture = reader.shown()
    expect(picture).to_be_visible()
    expect(reader.page.get_by_text("Alerts and pages as bars of their true length")).to_be_visible()
    assert "from=" not in reader.page.url
    expect(reader.page.get_by_role("link", name="Later")).to_have_count(0)
    assert picture.get_by_text("14:20").count() > 0
    frame = picture.bounding_box()
    assert frame is not None
    assert frame["width"] <= reader.width


def filtered(reader: Reader) -> None:
    """2: the picture and the table under one filter."""
    reader.opens("/incidents/1")
    every = reader.shown().locator("a").count()
    reader.page.get_by_label("Text", exact=True).fill("restarted")
    reader.page.locator("form.tools").get_by_role("button", name="Show").click()
    expect(reader.page.locator(".row")).to_have_count(1)
    assert 0 < reader.shown().locator("a").count() < every


def arrived(reader: Reader) -> None:
    """3: by when it happened, or by when it arrived."""
    reader.opens("/incidents/1")
    expect(reader.page.locator(".row time").first).to_contain_text("14:02:10")
    reader.page.get_by_label("Time", exact=True).select_option("as it arrived")
    reader.page.locator("form.tools").get_by_role("button", name="Show").click()
    expect(reader.page.locator(".row time").first).not_to_contain_text("2026-03-04")


def zoned(reader: Reader) -> None:
    """4: the incident's zone or UTC or the reader's by one step; UTC on hover."""
    reader.opens("/incidents/1")
    reader.page.get_by_role("link", name="Europe/Madrid").click()
    time = reader.page.locator(".row time").first
    expect(time).to_contain_text("15:02:10 CET")
    assert "2026-03-04 14:02:10 UTC" in (time.get_attribute("title") or "")
    if reader.script:
        reader.page.get_by_role("link", name=HOME).click()
        expect(time).to_contain_text("09:02:10 EST")
    reader.page.get_by_role("link", name="UTC", exact=True).click()
    expect(time).to_contain_text("14:02:10 UTC")


def exact(reader: Reader) -> None:
    """5: seconds in both zones on hover and on focus, and to be copied."""
    reader.opens("/incidents/1?zone=Europe/Madrid")
    time = reader.page.locator(".row time").first
    if reader.script:
        reader.key("j")
        expect(time).to_have_attribute("title", re.compile(f"UTC = 2026-03-04 09:02:10 {HOME}"))
        told = time.evaluate("(time) => getComputedStyle(time, '::after').content")
        assert "14:02:10 UTC" in told
        reader.key("o")
    else:
        reader.page.locator(".row summary").first.click()
    happened = reader.page.locator(".row article").first
    expect(happened).to_contain_text("2026-03-04 15:02:10 CET = 2026-03-04 14:02:10 UTC")


def named(reader: Reader) -> None:
    """6: the zone beside every time."""
    for path in ("/", "/incidents/1", "/deliveries", "/analytics"):
        reader.opens(f"{path}?zone=Asia/Kolkata")
        times = reader.page.locator(
            ".incidents time, .events time, .row summary time, figcaption time"
        ).all_inner_texts()
        assert all(each.endswith("IST") for each in times if each), (path, times)


def absolute(reader: Reader) -> None:
    """7: no time that is so long ago."""
    for path in ("/", "/incidents/1", "/deliveries"):
        reader.opens(path)
        assert not re.search(r"\b(?:ago|yesterday|just now)\b", reader.page.locator("main").inner_text())


def raw(reader: Reader) -> None:
    """8: the payload in place, folded, in type of one width, scrolling by itself."""
    reader.opens("/incidents/1")
    before = reader.page.url
    payload = reader.page.locator(".row pre").first
    expect(payload).to_be_hidden()
    reader.page.locator(".row summary").first.click()
    expect(payload).to_contain_text('"occurred_at"')
    style = payload.evaluate("(each) => [getComputedStyle(each).overflowY, getComputedStyle(each).fontFamily]")
    assert style[0] == "auto"
    assert "mono" in style[1].lower()
    assert reader.page.url == before


def linked(reader: Reader) -> None:
    """9: the address of one event."""
    reader.opens("/incidents/1")
    reader.page.locator(".row summary").first.click()
    link = reader.page.locator(".row article").first.locator("a[href^='/events/']").first
    address = link.inner_text()
    reader.opens(address)
    expect(reader.page.locator("article.wanted")).to_be_in_viewport()


def surrounded(reader: Reader) -> None:
    """10: from an event that was found to its row among others, on whichever page that is."""
    found = get(f"{reader.site.address}/api/v1/incidents/2/events?limit=1000")["events"]
    last = max((each for each in found if each["type"] == "alert.firing"), key=lambda each: each["occurred_at"])
    reader.opens(f"/events/{last['id']}")
    expect(reader.page.locator("article.wanted")).to_be_in_viewport()
    assert reader.page.locator(".row").count() > 1


def keyed(reader: Reader) -> None:
    """11: next, previous, open, tick, add, go to a time by keys, which a visible button lists."""
    reader.opens("/incidents/1")
    if reader.width > 820:
        reader.page.get_by_role("button", name="Keys ?").click()
    else:
        reader.key("?")
    sheet = reader.page.get_by_role("dialog", name="Keys")
    for meaning in ("next row", "previous row", "go to a time", "tick the row", "state a moment at the row", "note"):
        expect(sheet.get_by_text(meaning, exact=True)).to_be_visible()
    reader.key("Escape", "j", "j", "k", "x")
    expect(reader.page.locator(".row input").first).to_be_checked()
    reader.page.once("dialog", lambda dialog: dialog.accept("14:10"))
    reader.key("t")
    expect(reader.row("restarted the workers").locator("summary").first).to_be_focused()
    reader.key("m")
    expect(reader.page.locator("#at-mark")).to_have_value("2026-03-04 14:10:00")
    reader.page.locator("h1").click()
    reader.key("n")
    expect(reader.page.locator("#note-text")).to_be_focused()


def zoomed(reader: Reader) -> None:
    """12: nearer and further without a mouse, back to all, and to what is selected."""
    reader.opens("/incidents/1")
    rows = reader.page.locator(".row").count()
    if reader.script:
        reader.key("+")
        expect(reader.page.locator(".row")).not_to_have_count(rows)
        reader.key("0")
        expect(reader.page.locator(".row")).to_have_count(rows)
        reader.key("j", "f")
    else:
        reader.page.get_by_role("link", name="Nearer").click()
        expect(reader.page.locator(".row")).not_to_have_count(rows)
        reader.page.get_by_role("link", name="All of it").click()
        expect(reader.page.locator(".row")).to_have_count(rows)
        reader.page.locator(".row summary").first.click()
        reader.page.get_by_role("link", name="Five minutes around it").first.click()
    expect(reader.page.locator(".zoom")).to_contain_text("from 2026-03-04 13:57:10 UTC to 2026-03-04 14:07:10 UTC")


def now(reader: Reader) -> None:
    """13: now by a button, and by leaving the time empty."""
    number = reader.incident()
    reader.opens(f"/incidents/{number}")
    if reader.script:
        reader.page.locator("form[data-draft=note]").get_by_role("button", name="Now").click()
        expect(reader.page.locator("#at-note")).to_have_value(re.compile(r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$"))
        reader.page.locator("#at-note").fill("")
    reader.page.locator("#note-text").fill("looked at it now")
    reader.says("note")
    reader.page.get_by_role("button", name="Add the note").click()
    expect(reader.page.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()


def between(reader: Reader) -> None:
    """14: a note at the time of a row, and many from a CSV."""
    number = reader.incident()
    reader.opens(f"/incidents/{number}")
    reader.page.locator(".row summary").first.click()
    reader.page.get_by_role("link", name="Note at this time").first.click()
    expect(reader.page.locator("#at-note")).to_have_value(re.compile(r" 10:00:00$"))
    reader.page.get_by_text("Several notes at once").click()
    table = 'time,what\n10:01,"drained, at once"\n10:02,restarted it\n'
    if reader.script:
        reader.page.locator("#notes-text").evaluate(
            """(field, text) => {
              const dropped = new DataTransfer();
              dropped.items.add(new File([text], 'notes.csv', { type: 'text/csv' }));
              field.dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }));
            }""",
            table,
        )
        expect(reader.page.locator("#notes-text")).to_have_value(table)
    else:
        reader.page.locator("#notes-text").fill(table)
    reader.says("notes")
    reader.page.get_by_role("button", name="Add the notes").click()
    expect(reader.row("restarted it")).to_have_count(1)


def lines(reader: Reader) -> None:
    """15: several at once, each by one typed line."""
    number = reader.incident()
    reader.opens(f"/incidents/{number}")
    reader.page.get_by_text("Several notes at once").click()
    reader.page.locator("#notes-text").fill("10:05 paged the database team\n10:07:30 failed over")
    reader.says("notes")
    reader.page.get_by_role("button", name="Add the notes").click()
    expect(reader.row("paged the database team").locator("summary time")).to_contain_text("10:05:00")
    expect(reader.row("failed over").locator("summary time")).to_contain_text("10:07:30")


def kept(reader: Reader) -> None:
    """16: what is typed is not lost by what else is done, nor by a mistake in it."""
    number = reader.incident()
    reader.opens(f"/incidents/{number}")
    reader.page.locator("#note-text").fill("half a sentence")
    if reader.script:
        reader.page.get_by_role("link", name="Deliveries").click()
        reader.page.go_back()
        expect(reader.page.locator("#note-text")).to_have_value("half a sentence")
    reader.page.locator("#at-note").fill("tomorrow")
    reader.says("note")
    reader.page.get_by_role("button", name="Add the note").click()
    expect(reader.page.get_by_role("heading", name="What you typed")).to_be_visible()
    expect(reader.page.get_by_label("Text", exact=True)).to_have_value("half a sentence")


def quiet(reader: Reader) -> None:
    """17: what the daemon says of itself is hidden until it is asked for, and after a reload again."""
    reader.opens("/incidents/1")
    expect(reader.page.locator("#system")).to_have_count(0)
    reader.page.get_by_role("link", name=re.compile("Show what timelined recorded of itself")).click()
    expect(reader.page.locator("#system")).to_be_visible()
    reader.page.get_by_role("link", name="Hide it again").click()
    expect(reader.page.locator("#system")).to_have_count(0)
    reader.page.reload()
    expect(reader.page.locator("#system")).to_have_count(0)


def split(reader: Reader) -> None:
    """18: ticked rows become an incident of their own, and that is taken back."""
    number = reader.incident(2)
    reader.opens(f"/incidents/{number}")
    rows = reader.page.locator(".row").count()
    reader.page.locator(".row input").last.check()
    reader.page.locator("#ticked-by").fill("Ada")
    reader.page.get_by_role("button", name="Are an incident of their own").click()
    expect(reader.page.locator(".row")).to_have_count(rows - 1)
    reader.page.get_by_role("status").get_by_role("link", name="Take it back").click()
    reader.page.get_by_label("Why").fill("it was one after all")
    expect(reader.page.locator("#by-undo")).to_have_value("Ada" if reader.script else "")
    reader.says("undo")
    reader.page.get_by_role("button", name="Take it back").click()
    expect(reader.page.locator(".row")).to_have_count(rows)


def merged(reader: Reader) -> None:
    """19: two become one after a look at both; the old address leads on, and it is on record."""
    number, other = reader.incident(), reader.incident()
    reader.opens(f"/incidents/{number}")
    reader.page.get_by_text("Another event or incident belongs to it").click()
    reader.page.get_by_label("Its number").fill(str(other))
    reader.page.get_by_role("button", name="Show what would become one").click()
    expect(reader.page.get_by_text("Together they would have 2 events")).to_be_visible()
    reader.says("merge")
    reader.page.get_by_role("button", name="They are one incident").click()
    expect(reader.page.locator(".row")).to_have_count(2)
    reader.opens(f"/incidents/{max(number, other)}")
    assert reader.page.url.split("?")[0].endswith(f"/incidents/{min(number, other)}")
    reader.page.locator("summary", has_text="What people stated").click()
    expect(reader.page.locator("table.stated")).to_contain_text("Merged")


def historied(reader: Reader) -> None:
    """20: who said what and when, also what was taken back, on the page and in what is exported."""
    number = reader.incident()
    reader.site.state(number, "edit", field="title", value="The checkout was slow")
    reader.opens(f"/incidents/{number}")
    reader.page.locator("summary", has_text="What people stated").click()
    row = reader.page.locator("table.stated tbody tr", has_text="title: The checkout was slow")
    expect(row.locator("[data-name=By]")).to_have_text("Ada")
    expect(row.locator("time")).to_be_visible()
    told = reader.page.request.get(f"{reader.site.address}/api/v1/incidents/{number}/postmortem.jsonl").text()
    assert any(each.get("actor") == "Ada" for each in map(json.loads, told.splitlines()))


def done(reader: Reader) -> None:
    """21: an action that is done is a row of the timeline by itself."""
    number = reader.incident()
    reader.opens(f"/incidents/{number}")
    reader.site.state(number, "actions", text="add a limit", owner="Grace")
    reader.site.state(number, "actions", text="add a limit", owner="Grace", state="done")
    if not reader.script:
        reader.page.reload()
    expect(reader.page.locator(".row.action", has_text="done")).to_have_count(1)


def live(reader: Reader) -> None:
    """22: new rows by themselves, a pause while hidden, and what came meanwhile afterwards."""
    number = reader.incident()
    reader.opens(f"/incidents/{number}")
    expect(reader.page.locator(".live")).to_have_text("live")
    reader.site.state(number, "notes", text="seen by itself")
    expect(reader.row("seen by itself")).to_have_count(1)
    hide(reader.page, hidden=True)
    expect(reader.page.locator(".live")).to_have_text("paused")
    reader.site.state(number, "notes", text="while nobody looked")
    hide(reader.page, hidden=False)
    expect(reader.row("while nobody looked")).to_have_count(1)
    # What a script has put into the page is still there.
    expect(reader.page.locator("form[data-draft=note]").get_by_role("button", name="Now")).to_be_visible()


def still(reader: Reader) -> None:
    """23: what is selected stays selected while rows come."""
    number = reader.incident()
    reader.opens(f"/incidents/{number}")
    expect(reader.page.locator(".live")).to_have_text("live")
    reader.page.locator(".row .say").first.evaluate("(each) => getSelection().selectAllChildren(each)")
    before = reader.page.evaluate("String(getSelection())")
    box = reader.page.locator(".row").first.bounding_box()
    reader.site.state(number, "notes", text="one more")
    expect(reader.row("one more")).to_have_count(1)
    assert reader.page.evaluate("String(getSelection())") == before != ""
    after = reader.page.locator(".row").first.bounding_box()
    assert box is not None
    assert after is not None
    assert abs(after["x"] - box["x"]) < 1


def paged(reader: Reader) -> None:
    """24: a hundred rows, and a way to the others; no box takes the page."""
    reader.opens("/incidents/2")
    rows = reader.page.locator(".row")
    if reader.page.get_by_role("link", name="Later rows").count():
        expect(rows).to_have_count(100)
        reader.page.get_by_role("link", name="Later rows").click()
        expect(rows.first).to_be_visible()
    expect(reader.page.locator("#timeline .count")).to_contain_text("rows")
    rows.locator("summary").first.click()
    box = rows.locator("pre").first.bounding_box()
    assert box is not None
    assert box["height"] <= 430


def exported(reader: Reader) -> None:
    """25: every format by a link, and a print of the page without what is only for a screen."""
    reader.opens("/incidents/1")
    links = reader.page.locator("#copying a[download]")
    forms = links.all_inner_texts()
    assert {"md", "html", "json", "csv", "svg"} <= set(forms)
    for link in links.all():
        answer = reader.page.request.get(reader.site.address + (link.get_attribute("href") or ""))
        assert answer.ok
        assert answer.body()
    reader.page.emulate_media(media="print")
    expect(reader.page.locator(".top")).to_be_hidden()
    expect(reader.page.locator(".say-it")).to_be_hidden()
    expect(reader.row("restarted the workers")).to_be_visible()
    assert reader.page.pdf().startswith(b"%PDF")


def on_a_phone(reader: Reader) -> None:
    """26: on a phone: nothing beside the window, the time opens the row, a thumb finds the buttons."""
    reader.opens("/incidents/1")
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= reader.width
    reader.page.locator(".row time").first.click()
    expect(reader.page.locator(".row article").first).to_be_visible()
    reader.page.set_viewport_size({"width": 360, "height": 740})
    assert reader.page.evaluate(SMALL) == []


SMALL = """() => [...document.querySelectorAll('button, summary, input, select, textarea, nav a, .zoom a, .more a')]
  .filter((each) => each.type !== 'hidden' && each.checkVisibility({ visibilityProperty: true }))
  .map((each) => each.closest('label') || each)
  .filter((each) => Math.min(each.offsetWidth, each.offsetHeight) < 44)
  .map((each) => each.outerHTML.slice(0, 200))"""
"""What of a page is smaller than a thumb."""


def graded(reader: Reader) -> None:
    """27: a table where there is room and cards where there is none; severity by colour and by shape."""
    reader.opens("/incidents")
    head = reader.page.locator("table.incidents thead").first
    expect(head).to_be_visible(visible=reader.width > 820)
    mark = reader.page.locator(".sev.grave").first
    expect(mark).to_have_text("critical")
    ink = reader.page.evaluate("getComputedStyle(document.body).color")
    assert mark.evaluate("(each) => getComputedStyle(each).color") != ink
    assert mark.evaluate("(each) => getComputedStyle(each, '::before').clipPath") != "none"


def spanned(reader: Reader) -> None:
    """28: incidents as bars over time that lead to them; a range of time narrows the bars and the list."""
    reader.opens("/incidents?since=2026-03-01&until=2026-04-30")
    bars = reader.page.get_by_role("group", name="When these incidents were").get_by_role("link")
    expect(bars).to_have_count(2)
    expect(reader.page.locator("table.incidents tbody tr")).to_have_count(2)
    if reader.script:
        bars.first.focus()
        reader.key("Enter")
    else:
        bars.first.click()
    expect(reader.page).to_have_url(re.compile("/incidents/1"))


Demand = Callable[[Reader], None]
DEMANDS: list[Demand] = [
    whole, filtered, arrived, zoned, exact, named, absolute, raw, linked, surrounded, keyed, zoomed, now, between,
    lines, kept, quiet, split, merged, historied, done, live, still, paged, exported, on_a_phone, graded, spanned,
]  # fmt: skip
"""What does each demand, in the order of the demands."""
BY_SCRIPT = (keyed, live, still)
"""What a page without a script cannot do."""
