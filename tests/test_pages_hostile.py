"""Hostile text in every field of every page, in Chromium under the pages' own policy: it is text, and nothing else."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Dialog, Page

from tests.page_checks import HOSTILE
from tests.processes import alert, eventually, get, post
from tests.windows import Site, browser, started, window

__all__ = ["browser"]

TEXTS = (
    " ".join(each.replace("\x00", "") for each in HOSTILE if len(each) < 100),
    "\"'><svg onload=window.ran=1></svg></textarea></title></select></option></details><script>window.ran=1</script>",
    "'-window.ran=1-' {{ ''.__class__ }} {% raw %} ${window.ran=1} <a href=javascript:window.ran=1>x</a>",
)
"""Each stands in every field of an incident of its own."""
WATCH = """
window.reported = [];
document.addEventListener('securitypolicyviolation', (event) => window.reported.push(event.blockedURI || 'inline'));
"""
JUDGED = """() => {
  const wrong = [...window.reported];
  if (window.ran !== undefined) wrong.push('a script ran');
  for (const each of document.querySelectorAll('*')) {
    const name = each.localName;
    if (name === 'script' && !(each.getAttribute('src') || '').startsWith('/static/')) wrong.push('a script');
    if (['img', 'iframe', 'object', 'embed', 'base', 'style', 'math', 'video', 'foreignobject'].includes(name)) {
      wrong.push(name);
    }
    for (const { name: attribute, value } of each.attributes) {
      if (attribute.startsWith('on') || attribute === 'style' || attribute === 'srcdoc') wrong.push(attribute);
      if (/href|action|src/.test(attribute) && /^\\s*(javascript|data|vbscript):/i.test(value)) wrong.push(value);
    }
  }
  if (document.querySelectorAll('main').length !== 1 || document.querySelectorAll('h1').length !== 1) {
    wrong.push('structure');
  }
  const after = document.querySelector('main').nextElementSibling;
  if (after && after.localName !== 'dialog') wrong.push('structure after main');
  return wrong;
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A daemon that was told nothing but such texts."""
    site_started = started(tmp_path_factory.mktemp("hostile"))
    for number, text in enumerate(TEXTS, start=1):
        body = json.loads(alert("firing", text, number))
        body["alerts"][0] |= {
            "startsAt": f"2026-04-{number:02d}T10:00:00Z",
            "labels": {"alertname": text, "service": f"svc{number} {text}", "severity": text, "instance": text},
            "annotations": {"summary": text, "description": text, "runbook_url": f"javascript:{text}",
                            f"impact {text}": text, text: text, f"{text} url": f"https://x.example/{quote(text)}"},
            "generatorURL": f"javascript:{text}",
        }  # fmt: skip
        site_started.tell(json.dumps(body).encode())
        site_started.incidents(number)
        incident = max(each["number"] for each in get(f"{site_started.address}/api/v1/incidents")["incidents"])
        # Statements with characters that nobody sees are refused; senders' are taken, and shown without them.
        text = "".join(each for each in text if each.isprintable())  # noqa: PLW2901
        when = f"2026-04-{number:02d}T11:00:00Z"
        for kind, fields in (
            ("notes", {"text": text}), ("marks", {"mark": "mitigated", "text": text, "at": when}),
            ("actions", {"text": text, "owner": text[:90], "due": "2026-05-01"}),
            ("edit", {"field": "title", "value": text}),
            ("edit", {"field": "lead", "value": text}), ("edit", {"field": "impact", "value": text}),
            ("review", {"status": "in_review", "text": text}),
        ):  # fmt: skip
            site_started.state(incident, kind, **fields | {"by": text[:90]})
    for source in ("alertmanager", "nobody"):
        with pytest.raises(urllib.error.HTTPError):
            post(f"{site_started.address}/webhooks/{source}?{quote(TEXTS[1])}", b"[", {"User-Agent": TEXTS[1]})
    yield site_started
    site_started.process.kill()


def pages(site: Site) -> Iterator[str]:
    """Every page, also with such a text in each parameter."""
    yield from ("/", "/analytics", "/deliveries", "/login")
    for number in range(1, len(TEXTS) + 1):
        events = get(f"{site.address}/api/v1/incidents/{number}/events")["events"]
        incident_path, other = f"/incidents/{number}", number % len(TEXTS) + 1
        yield from (
            incident_path, f"{incident_path}?remarks=1&system=1&order=arrived&row={events[0]['id']}",
            f"{incident_path}/merge?other={other}",
            f"{incident_path}/changes?from=2026-04-01", f"{incident_path}/publish",
            f"/undo?events={','.join(each['id'] for each in events)}",
        )  # fmt: skip
    yield from (f"/deliveries/{one['id']}" for one in get(f"{site.address}/api/v1/deliveries")["deliveries"][:30])
    for text in map(quote, TEXTS):
        yield from (
            f"/incidents?text={text}&service={text}&severity={text}&source={text}", f"/incidents?zone={text}",
            f"/incidents/1?text={text}&row={text}", f"/incidents/1?as_of={text}", f"/analytics?since={text}",
            f"/deliveries?source={text}", f"/deliveries/{text}", f"/events/{text}", f"/login?next={text}", f"/{text}",
        )  # fmt: skip


def test_what_strangers_wrote_is_text_and_nothing_else(site: Site, browser: Browser) -> None:
    """No script runs, no element or address is theirs, and the policy has nothing to report."""
    wrong: list[tuple[str, str]] = []
    count = 0

    def asked(dialog: Dialog) -> None:
        wrong.append(("dialog", dialog.message))
        dialog.dismiss()

    with window(browser) as context:
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on("dialog", asked)
        for path in pages(site):
            page.goto(site.address + path)
            if page.locator("main").count() == 0:
                # A program's answer, where nobody made a page of it.
                assert "json" in page.evaluate("document.contentType"), path
                continue
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            wrong += [(path, each) for each in page.evaluate(JUDGED)]
            count += 1
    assert wrong == []
    assert count > 35


def test_what_is_typed_stays_text(site: Site, browser: Browser) -> None:
    """In a note that is kept for later, in one that is refused, and in one that comes to an open page by itself."""
    with window(browser) as context:
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(f"{site.address}/incidents/1")
        typed(page, TEXTS[1])
        page.reload()
        assert page.locator("#note-text").input_value() == TEXTS[1]
        page.locator("#at-note").fill(TEXTS[1])
        page.get_by_role("button", name="Add the note").click()
        assert page.locator("#typed").count() == 1
        assert page.evaluate(JUDGED) == []
        page.goto(f"{site.address}/incidents/1")
        before = page.locator(".row").count()
        site.state(1, "notes", text=TEXTS[1], at="2026-04-01T10:30:00Z")
        eventually(lambda: page.locator(".row").count() > before)
        assert page.evaluate(JUDGED) == []


def typed(page: Page, text: str) -> None:
    page.locator("#note-text").fill(text)
    page.locator("#by-note").fill(text[:90])
