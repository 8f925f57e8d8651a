"""The pages for people: over a real server, read by a strict parser of HTML."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree.ElementTree import Element

import pytest
from jinja2 import Environment

from collector.correlation import Rules
from collector.event import HOUR
from collector.web.pages import prepare
from collector.web.pages.rendering import grade
from tests.face import NOW, Face, running
from tests.page_checks import HOSTILE, HTML, parsed, seen, sign_in, structure, text


def rows(tree: Element, kind: str = "incidents") -> list[str]:
    """The rows of all tables of a kind, as they read."""
    return [text(row) for table in tree.iter("table") if table.get("class") == kind for row in table.iter("tr")][1:]


async def ring(face: Face, *names: str, **more: Any) -> None:
    """A delivery of loud rings."""
    told = [{"name": name, "loud": True, **more} for name in names]
    assert (await face.deliver(json.dumps(told).encode())).status in (200, 202)
    await face.followed()


async def test_the_first_page_is_for_whoever_asks(face: Face) -> None:
    """A browser is shown incidents, and a program is told where to look, in plain text."""
    assert text((await seen(face, "/")).find(".//h1")) == "Incidents"
    answer = await face.get("/")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"/api/v1/incidents" in answer.body


async def test_an_empty_log_says_how_to_point_a_first_sender_at_it(face: Face) -> None:
    """Where nothing happened yet the page says what to enter at each configured sender, and nothing made up."""
    port = face.address[1]
    words = text((await seen(face, "/")).find(".//main"))
    assert "No incident is recorded yet." in words
    assert f"Bell: http://127.0.0.1:{port}/webhooks/bell" in words


async def test_open_incidents_stand_first(face: Face) -> None:
    """Each is a row with its number, title, severity, services and start; one that is over stands below."""
    await face.incident(1, service="cart")
    await face.post("/api/v1/incidents/1/resolve", {"by": "Ada", "at": "2025-11-25T16:02:10Z"})
    await face.incident(2, service="checkout")
    tree = await seen(face, "/incidents")
    headings = [text(heading) for heading in tree.iter("h2")]
    assert headings[:2] == ["Open 1", "Resolved"]
    first, second = [row for row in rows(tree) if row[0].isdigit()]
    assert first.startswith("2 ")
    assert "checkout" in first
    assert "critical" in first
    assert "2025-11-26 14:02:10 UTC" in first
    assert second.startswith("1 ")
    assert "2 h" in second
    assert (
        next(each for each in tree.iter("td") if each.get("data-name") == "How long").find("span[@class='lasting']")
        is not None
    )
    # What is open comes before when everything was.
    [bars] = [each for each in tree.iter("figure") if each.get("class") == "spans"]
    order = [*tree.iter()]
    assert order.index(next(tree.iter("table"))) < order.index(bars)


async def test_the_filters_stand_in_the_address(face: Face) -> None:
    """Status, service, severity, source, text and time each leave out what they do not name, and can be undone."""
    await face.incident(1, service="cart")
    await face.incident(2, service="checkout")

    async def numbers(query: str) -> list[str]:
        return [row.split()[0] for row in rows(await seen(face, f"/incidents?{query}")) if row[0].isdigit()]

    assert await numbers("service=cart") == ["1"]
    assert await numbers("severity=CRITICAL") == ["2", "1"]
    assert await numbers("severity=minor") == []
    assert await numbers("source=bell") == ["2", "1"]
    assert await numbers("source=pagerduty") == []
    assert await numbers("text=CHECK") == ["2"]
    assert await numbers("text=%25") == []
    assert await numbers("status=resolved") == []
    assert await numbers("since=2025-11-26") == ["2"]
    assert await numbers("until=2025-11-26%2000:00") == ["1"]
    # 15:02 in Madrid is 14:02 in UTC.
    assert await numbers("since=2025-11-26%2015:03&zone=Europe/Madrid") == []
    assert await numbers("since=2025-11-26%2015:02&zone=Europe/Madrid") == ["2"]
    tree = await seen(face, "/incidents?text=CHECK&status=open")
    values = {field.get("name"): field.get("value") for field in tree.iter("input")}
    assert values["text"] == "CHECK"
    assert [text(option) for option in tree.iter("option") if "selected" in option.attrib] == ["open"]


async def test_times_are_in_the_zone_that_was_asked_for_with_its_name(face: Face) -> None:
    """Each time has its zone beside it, UTC on hover, and the instant for machines; links keep the zone."""
    await face.incident(1)
    tree = await seen(face, "/incidents?zone=Europe/Madrid")
    time = next(tree.iter("time"))
    assert text(time) == "2025-11-25 15:02:10 CET"
    assert time.get("title") == "2025-11-25 15:02:10 CET = 2025-11-25 14:02:10 UTC"
    assert time.get("datetime") == "2025-11-25T14:02:10Z"
    assert "/deliveries?zone=Europe%2FMadrid" in [link.get("href") for link in tree.iter("a")]
    assert "zone is 'Europe', which is no time zone" in text(
        (await seen(face, "/incidents?zone=Europe", 400)).find(".//main")
    )


async def test_what_joined_no_incident_is_told_with_the_reason(face: Face) -> None:
    """Events that opened and joined nothing are counted by reason, and the newest are shown."""
    await face.deliver(json.dumps([{"name": "soft"}]).encode())
    await face.followed()
    words = text((await seen(face, "/")).find(".//main"))
    assert "Joined no incident 1 event" in words
    assert "soft alert.firing from bell" in words


async def test_a_severity_has_the_colour_that_the_team_gave_it(tmp_path: Path) -> None:
    """Grave by the table; where the team's own words are silent it is lesser, and where they open it is not."""
    for name, rules, kind in (
        ("table", Rules(), "sev grave"), ("silent", Rules(silent_severities=("Critical",)), "sev lesser"),
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        async with running(tmp_path / name, rules=rules) as face:
            await face.incident(1)
            tree = await seen(face, "/incidents")
            assert [each.get("class") for each in tree.iter("span") if text(each) == "critical"] == [kind]
    assert [grade(word, Rules(opening_severities=("ticket",)).opens) for word in ("ticket", "warning", "high")] == [
        "opening", "lesser", "opening",
    ]  # fmt: skip


async def test_a_long_list_has_pages(face: Face) -> None:
    """Behind fifty that are over a link leads to the earlier ones, and keeps the filter."""
    for number in range(1, 53):
        await face.incident(number, service="cart")
        face.now = NOW - (100 - number) * 24 * HOUR + HOUR
        assert (await face.post(f"/api/v1/incidents/{number}/resolve", {"by": "Ada"})).status == 201
    tree = await seen(face, "/incidents?severity=critical")
    shown = [row for row in rows(tree) if row[0].isdigit()]
    [onward] = [link.get("href") for link in tree.iter("a") if link.get("rel") == "next"]
    assert len(shown) == 50
    assert onward == "/incidents?severity=critical&before=3"
    assert [row.split()[0] for row in rows(await seen(face, onward))] == ["2", "1"]


async def test_deliveries_show_what_became_of_each(face: Face) -> None:
    """Of each source the last deliveries with their verdict, what was refused with its count, and how to mend it."""
    await face.deliver(b'[{"name": "a"}]')
    await face.deliver(b"{}")
    await face.deliver(b"[")
    for _ in range(3):
        await face.deliver(b"[]", "/webhooks/signed")
    await face.deliver(b"[]", "/webhooks/nobody")
    tree = await seen(face, "/deliveries")
    words = text(tree.find(".//main"))
    verdicts = [row.split()[4] for row in rows(tree, "deliveries")]
    assert verdicts == ["malformed", "unrecognised", "read"]
    counts = [text(each).partition(" last")[0] for each in tree.iter("ul") if each.get("class") == "counts"]
    assert counts == ["3 received 1 not understood 1 malformed", "3 received 3 refused"]
    assert "refused 3 times, answered 401" in words
    assert "Give the sender the secret that sources.signed has" in words
    assert "To names that are no source's" in words
    assert "secret" in words.partition("nothing arrived")[2]
    assert "open" in next(each for each in tree.iter("details") if "The last 3" in text(each)).attrib
    alone = text((await seen(face, "/deliveries?source=bell")).find(".//main"))
    assert "3 received 1 not understood" in alone
    assert "signed" not in alone
    assert "there is no source of this name" in text((await seen(face, "/deliveries?source=x", 404)).find(".//main"))


async def test_a_delivery_has_a_page(face: Face) -> None:
    """Its receipt, what it told with where that is now, and its body; its id leads there, and so does an event."""
    body = b'[{"name": "<b>a</b>", "loud": true, "size": 1.50}, {"name": "quiet"}]'
    await face.deliver(body)
    await face.deliver(body)
    await face.followed()
    links = [link.get("href") or "" for link in (await seen(face, "/deliveries?source=bell")).iter("a")]
    assert [link for link in links if link.startswith("/deliveries/")] == ["/deliveries/d2", "/deliveries/d1"]
    first = await seen(face, "/deliveries/d1")
    words = text(first.find(".//main"))
    assert "What bell delivered" in words
    assert f"{len(body)} bytes, SHA-256" in words
    event_rows = rows(first, "deliveries")
    assert [row.split()[-2:] for row in event_rows] == [["no", "1"], ["no", "none"]]
    [body_text] = [text(each) for each in first.iter("pre")]
    assert '"name": "<b>a</b>", "loud": true, "size": 1.50' in body_text
    assert [row.split()[-2] for row in rows(await seen(face, "/deliveries/d2"), "deliveries")] == ["yes", "yes"]
    [quiet] = [link.get("href") for link in first.iter("a") if text(link) == event_rows[1].split()[0]]
    assert "/deliveries/d1" in [link.get("href") for link in (await seen(face, str(quiet))).iter("a")]
    assert "no delivery has this id" in text((await seen(face, "/deliveries/d9", 404)).find(".//main"))


@pytest.mark.parametrize(
    ("body", "body_text", "words"),
    [
        (b"[" * 1500 + b"]" * 1500, "[" * 1500 + "]" * 1500, "malformed"),
        (b'{"a": 1, "a": 2', '{"a": 1, "a": 2', "malformed"),
        (b"\xff\x00\x1b[31m", "\ufffd\ufffd\ufffd[31m", "malformed"),
        (b"", "", "It is empty."),
        (b'["' + b"x" * 5_000 + b'"]', '["' + "x" * 3_998, "The first 4,000 bytes are shown."),
    ],
    ids=["nested", "broken", "binary", "empty", "long"],
)  # fmt: skip
async def test_a_body_is_shown_whatever_it_is(
    face: Face, monkeypatch: pytest.MonkeyPatch, body: bytes, body_text: str, words: str
) -> None:
    """As it came where it is no JSON or nests too deep; characters that a page may not have are replaced."""
    monkeypatch.setattr("collector.web.pages.delivery.LONGEST", 4_000)
    await face.deliver(body)
    tree = await seen(face, "/deliveries/d1")
    assert words in text(tree.find(".//main"))
    assert [text(each) for each in tree.iter("pre")] == ([body_text] if body_text else [])


async def test_deliveries_that_are_well_are_counted_and_folded(face: Face) -> None:
    """A repeat is counted as one, as in the API; nothing has to be mended, so that nothing stands open."""
    for _ in range(2):
        await face.deliver(b'[{"name": "a"}]')
    tree = await seen(face, "/deliveries")
    assert "2 received 1 repeated last" in text(tree.find(".//main"))
    [told] = [each for each in (await face.get("/api/v1/sources")).json["sources"] if each["source"] == "bell"]
    assert (told["received"], told["repeats"]) == (2, 1)
    assert [each for each in tree.iter("details") if "open" in each.attrib] == []


async def test_templates_are_compiled_before_anybody_looks(face: Face) -> None:
    """All of them, as a daemon does at its start; and never once more."""
    prepare()
    with patch.object(Environment, "compile", side_effect=AssertionError("compiled once more")):
        for path in ("/", "/deliveries", "/analytics", "/login"):
            await seen(face, path)


async def test_what_a_sender_wrote_changes_no_structure(face: Face) -> None:
    """A row has the same elements and attributes whatever stands in a title, a service or a filter."""
    for number, sender_text in enumerate(("plain", *HOSTILE), start=1):
        # What looks like a template that nobody filled in names no service.
        service = "plain" if "{{" in sender_text else sender_text.replace("\x00", "")
        day = NOW - (100 - number) * 24 * HOUR
        await ring(face, sender_text.replace("\x00", ""), at=day, service=f"svc {number} {service}")
    tree = await seen(face, "/incidents")
    bodies = [row for table in tree.iter("table") for body in table.iter("tbody") for row in body.iter("tr")]
    assert len(bodies) == len(HOSTILE) + 1
    shapes = [list(structure(row)) for row in bodies]
    assert [shape for shape in shapes if shape != shapes[-1]] == []
    plain = list(structure(await seen(face, "/incidents?text=no+such+text")))
    for sender_text in HOSTILE:
        answer = await face.get("/incidents", headers=HTML, params={"text": sender_text + " is nowhere"})
        # What cannot be shown is refused, and the refusal is a page as well.
        assert answer.status == 400 or list(structure(parsed(answer))) == plain, sender_text
        parsed(answer, answer.status)


async def test_a_page_loads_nothing_but_files_of_ours(face: Face) -> None:
    """Its policy names our own files alone, no style or script stands within it, and each of them is there."""
    await face.incident(1)
    for path in ("/", "/incidents", "/deliveries", "/login", "/incidents?zone=nowhere"):
        answer = await face.get(path, headers=HTML)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        tree = parsed(answer, answer.status)
        assert list(tree.iter("style")) == []
        assert [each for each in tree.iter() if "style" in each.attrib] == []
        loaded = [each.get("href") or each.get("src") or "" for kind in ("link", "script") for each in tree.iter(kind)]
        assert loaded
        for one in loaded:
            file = await face.get(one)
            assert (file.status, file.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert (await face.get("/static/nothing.css")).status == 404
    assert (await face.get("/static/..%2frendering.py")).status == 404


async def test_a_page_is_small(face: Face) -> None:
    """A full list is far below 60 kB as it is sent, with the sheet that it needs."""
    for number in range(1, 60):
        await ring(face, f"an alert that has a name of some length {number}", service=f"service-{number}")
    size = 0
    for path in ("/", "/static/timelined.css"):
        head = "\r\n".join(f"{k}: {v}" for k, v in ({"Host": "localhost", "Accept-Encoding": "gzip"} | HTML).items())
        raw = await face.raw(f"GET {path} HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n".encode())
        headers, _, body = raw.partition(b"\r\n\r\n")
        assert b"Content-Encoding: gzip" in headers
        size += len(body)
    assert size < 60_000


@pytest.mark.parametrize("path", ["/", "/incidents", "/deliveries"])
async def test_pages_ask_for_a_session_where_a_token_is_set(tmp_path: Path, path: str) -> None:
    """Without one a browser is sent to sign in and back; a program is told what is missing."""
    async with running(tmp_path, api_tokens=(b"letmein",)) as face:
        answer = await face.get(path, headers=HTML)
        assert answer.status == 303
        assert answer.headers["Location"] == f"/login?next={path.replace('/', '%2F')}"
        (await face.get(path)).problem(401)
        assert (await face.get(path, headers={"Authorization": "Bearer letmein"})).status == 200
        parsed(await face.get("/login"))
        assert (await face.get("/static/timelined.css")).status == 200


async def test_a_link_on_another_site_leads_to_what_it_names(tmp_path: Path) -> None:
    """Such a link brings no cookie; a page of ours then asks for the same address again, which does."""
    async with running(tmp_path, api_tokens=(b"letmein",)) as face:
        tree = parsed(await face.get("/incidents?text=x", headers=HTML | {"Sec-Fetch-Site": "cross-site"}), 401)
        assert [each.get("content") for each in tree.iter("meta") if each.get("http-equiv") == "refresh"] == ["0"]
        assert (await face.get("/incidents", headers=HTML | {"Sec-Fetch-Site": "same-origin"})).status == 303


async def test_the_token_opens_a_session_that_does_not_hold_it(tmp_path: Path) -> None:
    """The cookie is for our own pages alone, no script reads it, and it ends with the token and with time."""
    async with running(tmp_path, api_tokens=(b"old", b"letmein")) as face:
        assert (await sign_in(face, "wrong")).status == 403
        assert (await sign_in(face, "")).status == 403
        answer = await sign_in(face, "letmein")
        assert (answer.status, answer.headers["Location"]) == (303, "/incidents")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "letmein" not in cookie
        session = {"Cookie": cookie.partition(";")[0]}
        face.client.session.cookie_jar.clear()
        assert (await face.get("/incidents", headers=HTML | session)).status == 200
        assert (await face.get("/api/v1/incidents", headers=session)).status == 200
        # What a session writes goes through a form, and never straight to the API.
        (await face.post("/api/v1/incidents", {"title": "x", "by": "Ada"}, headers=session)).problem(401)
        forged = {"Cookie": session["Cookie"][:-1] + ("0" if session["Cookie"][-1] != "0" else "1")}
        assert (await face.get("/incidents", headers=HTML | forged)).status == 303
        face.now += 13 * 3600 * 1_000_000
        assert (await face.get("/incidents", headers=HTML | session)).status == 303
    (tmp_path / "other").mkdir()
    async with running(tmp_path / "other", api_tokens=(b"another",)) as face:
        assert (await face.get("/incidents", headers=HTML | session)).status == 303


@pytest.mark.parametrize("onward", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/login?next=/"])
async def test_signing_in_leads_to_no_other_site(tmp_path: Path, onward: str) -> None:
    """Whatever address is asked for, what follows is one of ours."""
    async with running(tmp_path, api_tokens=(b"letmein",)) as face:
        assert (await sign_in(face, "letmein", onward)).headers["Location"] == "/"


async def test_no_page_of_another_site_signs_anybody_in(tmp_path: Path) -> None:
    """A form that another site sends is refused before it is read."""
    async with running(tmp_path, api_tokens=(b"letmein",)) as face:
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await sign_in(face, "letmein", **headers)).status == 403
            assert (await face.ask("POST", "/logout", headers=HTML | headers)).status == 403


async def test_an_error_is_a_page_for_a_browser_and_a_problem_for_a_program(face: Face) -> None:
    """The same status and the same words, whoever asks."""
    said = (await face.get("/incidents?before=x")).problem(400)
    page = await seen(face, "/incidents?before=x", 400)
    assert said["detail"] in text(page.find(".//main"))
    (await face.get("/api/v1/incidents?before=x", headers=HTML)).problem(400)
    # What an answer of the API advises, nobody does who looks at a page.
    for path in ("/nowhere", "/incidents/99", "/incidents/99/changes", "/events/b61d0", "/undo?events=b61d0"):
        refused = parsed(await face.get(path, headers=HTML), 404)
        assert not re.search("/api|GET|timelined ", text(refused.find(".//main"))), path
        assert [each.get("href") for each in refused.iter("a")].count("/incidents") > 1, path
    assert "list /api/v1/incidents" in (await face.get("/incidents/99")).problem(404)["detail"]
