"""What a person does on a page: forms, and that nothing typed is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from xml.etree.ElementTree import Element

import pytest

from collector.event import HOUR, MINUTE
from collector.times import rfc3339
from tests.face import NOW, Answer, Face
from tests.page_checks import FORM, HOSTILE, HTML, parsed, rings, seen, showing, sign_in, structure, text


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with showing(tmp_path) as face:
        yield face


async def send(
    face: Face, action: str, *events: str, headers: Mapping[str, str] | None = None, **fields: str
) -> Answer:
    """What a form of incident 1 is answered; its key is new unless it is given."""
    pairs = [*({"by": "Ada", "key": f"k{len(await face.log.read())}"} | fields).items()]
    pairs += [("event", event) for event in events]
    # Of two words the later one counts.
    face.now += 1_000_000
    given = HTML | FORM | dict(headers or {})
    answer = await face.ask("POST", f"/incidents/1/{action}", data=urlencode(pairs), headers=given)
    # The daemon waits for its lists, and not for longer than a person would.
    await face.followed()
    return answer


async def told(face: Face, kind: str) -> list[str]:
    """What was stated: the titles of the events of a type."""
    return [event.title for event in await face.log.read() if event.type == kind]


async def test_a_note_is_recorded_and_its_row_shown(face: Face) -> None:
    """At the time that was written, in the zone of the page; the answer leads to its row."""
    await rings(face, 1)
    answer = await send(face, "note", text="restarted it", at="2026-03-04 15:05", zone="Europe/Madrid")
    assert answer.status == 303
    location = urlsplit(answer.headers["Location"])
    row = dict(parse_qsl(location.query))["row"]
    [note] = await face.log.read_ids([row])
    assert (note.title, note.actor) == ("restarted it", "Ada")
    # 15:05 in Madrid is 14:05 in UTC.
    assert note.occurred_at == 1_772_633_100_000_000
    tree = await seen(face, f"{location.path}?{location.query}")
    assert [each.get("id") for each in tree.iter("article") if each.get("class") == "wanted"] == [f"e-{row}"]
    assert "Recorded." in text(tree.find(".//main"))


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("15:02", "2026-03-04T14:02:00Z"),
        ("15:02:05", "2026-03-04T14:02:05Z"),
        ("23:10", "2026-03-03T22:10:00Z"),
        (" 15m ", "2026-03-04T13:47:11Z"),
        ("1h30m ago", "2026-03-04T12:32:11Z"),
        ("yesterday", "2026-03-02T23:00:00Z"),
        ("now", "2026-03-04T14:02:11Z"),
        ("14:02 UTC", "2026-03-04T14:02:00Z"),
        ("2026-03-04T14:02:10Z", "2026-03-04T14:02:10Z"),
    ],
)
async def test_a_time_is_written_as_in_a_command(face: Face, typed: str, means: str) -> None:
    """A clock's time, so long ago, a day's word: in the zone of the page, whichever form asks for it."""
    await rings(face, 1)
    assert (await send(face, "note", text="saw it", at=typed, zone="Europe/Madrid")).status == 303
    [note] = [event for event in await face.log.read() if event.type == "note.added"]
    assert rfc3339(note.occurred_at) == means
    # What a filter is asked by is written in the same words.
    for path in ("/incidents?since=", "/analytics?since=", "/incidents/1/changes?from=", "/incidents/1?as_of="):
        answer = await face.get(f"{path}{quote(typed)}&zone=Europe/Madrid", headers=HTML)
        # An incident may not have been known by then.
        assert answer.status == 200 or "nothing was known of it by then" in text(parsed(answer, 404))


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("2025-10-26 02:30", "'2025-10-26 02:30', which was twice in Europe/Madrid; write the time with its offset"),
        ("2025-03-30 02:30", "'2025-03-30 02:30', which never was in Europe/Madrid: its clocks were put forward"),
        ("2026-02-30", "'2026-02-30', which is not a time: there is no such day"),
        ("15", "'15', which is not a time; write 2026-03-04 14:02, 14:02,"),
        ("14:02 CET/", "which is not a time"),
        ("9" * 65, "which is not a time"),
    ],
)
async def test_a_time_that_is_none_is_refused_as_in_a_command(face: Face, typed: str, why: str) -> None:
    """What the zone's clocks showed twice or never is not guessed."""
    await rings(face, 1)
    answer = await send(face, "note", text="saw it", at=typed, zone="Europe/Madrid")
    assert why in text(parsed(answer, 400).find(".//main"))
    assert await told(face, "note.added") == []


async def test_what_was_so_long_ago_is_stated_once_when_it_is_sent_twice(face: Face) -> None:
    """What is sent again is sent later, and its time had been another one then."""
    await rings(face, 1)
    first, second = [await send(face, "mark", mark="mitigated", at="15m", key="same") for _ in range(2)]
    assert (first.status, second.headers.get("Location")) == (303, first.headers["Location"])
    [mark] = [event for event in await face.log.read() if event.type == "mark.set"]
    assert mark.occurred_at == face.now - 1_000_000 - 15 * MINUTE
    assert (await send(face, "mark", mark="mitigated", at="16m", key="same")).status == 422


async def test_notes_without_a_day_are_not_guessed(face: Face) -> None:
    """Which day a first line is of, somebody has to say."""
    await rings(face, 1)
    answer = await send(face, "notes", text="14:03 looked at it", day="")
    assert "line 1 names no day" in text(parsed(answer, 422).find(".//main"))


async def test_a_form_that_is_sent_twice_states_one_fact(face: Face) -> None:
    """A second click, or a reload, records nothing more."""
    await rings(face, 1)
    first, second = [await send(face, "note", text="once", key="same") for _ in range(2)]
    assert first.headers["Location"] == second.headers["Location"]
    assert await told(face, "note.added") == ["once"]


async def test_moments_actions_and_edits_are_recorded(face: Face) -> None:
    """Each is what the API would record of the same words."""
    await rings(face, 1)
    assert (await send(face, "mark", mark="mitigated", at="2026-03-04T14:02:20Z")).status == 303
    assert (await send(face, "action", text="add a limit", owner="Grace", due="2026-04-01")).status == 303
    assert (await send(face, "edit", field="title", value="checkout was slow")).status == 303
    words = text((await seen(face, "/incidents/1")).find(".//main"))
    assert "checkout was slow" in words
    assert "add a limitGrace2026-04-01" in words
    assert "Time to mitigate 10 s" in words


async def test_ticked_rows_leave_and_an_event_joins(face: Face) -> None:
    """What a person ticks goes out of the incident, and comes back where a person says so."""
    await rings(face, 3)
    last = max(await face.lists.members(1))
    assert (await send(face, "leave", last)).status == 303
    assert last not in await face.lists.members(1)
    assert (await send(face, "join", last[-8:])).status == 303
    assert last in await face.lists.members(1)
    assert "no row is ticked" in text(parsed(await send(face, "leave"), 422).find(".//main"))
    answer = await send(face, "split", last)
    assert answer.status == 303
    assert last not in await face.lists.members(1)
    # Who has split it is led on to where what was ticked is now.
    [other] = [each.number for each in await face.lists.incidents() if each.number != 1]
    shown = parsed(await face.get(answer.headers["Location"], headers=HTML)).find(".//*[@role='status']")
    assert text(shown) == f"Recorded. What you ticked is in incident {other} now. Take it back"
    row = next(each for each in (await seen(face, "/incidents")).iter("tr") if each.get("data-key") == f"i-{other}")
    assert text(row.findall("td")[-1]).startswith("alert firing of 20")


async def test_an_incident_is_over_and_is_not(face: Face) -> None:
    """A person ends it at a time, and opens it again; what is open cannot be opened."""
    await rings(face, 1)
    assert "cannot reopen incident 1" in text(parsed(await send(face, "reopen"), 422).find(".//main"))
    assert (await send(face, "resolve", at="2026-03-04 14:02:10")).status == 303
    assert "Resolve the incident" not in text((await seen(face, "/incidents/1")).find(".//main"))
    assert (await face.listed(1)).status == "resolved"
    assert (await send(face, "reopen")).status == 303
    assert (await face.listed(1)).status == "open"


async def test_several_notes_are_recorded_at_their_times(face: Face) -> None:
    """Each line that begins with a time is one; others go on with it; a line that names no day is of the one above."""
    await rings(face, 1)
    lines = "14:03 looked at it\n- [14:04:30] restarted\n  the workers\n\n2026-03-04T14:06:00Z: calm\n14:07 – left"
    assert (await send(face, "notes", text=lines, day="2026-03-04")).status == 303
    notes = [event for event in await face.log.read() if event.type == "note.added"]
    assert [(note.title, (note.occurred_at - NOW) // 1_000_000) for note in notes] == [
        ("looked at it", 50), ("restarted\n  the workers", 140), ("calm", 230), ("left", 290),
    ]  # fmt: skip
    answer = await send(face, "notes", text="no time\n14:05 x", day="2026-03-04")
    assert "line 1 begins with no time" in text(parsed(answer, 422).find(".//main"))
    assert "line 1 is '2026-03-04 25:61', which is not a time" in text(
        parsed(await send(face, "notes", text="25:61 x", day="2026-03-04"), 400)
    )
    assert len(await told(face, "note.added")) == 4


async def test_two_incidents_become_one_after_a_look_at_both(face: Face) -> None:
    """The preview names what they would be together; afterwards either number leads to it; taken back, they are two."""
    await rings(face, 2, service="cart")
    face.now += HOUR
    await rings(face, 1, name="other", service="search")
    tree = await seen(face, "/incidents/1/merge?other=2")
    words = text(tree.find(".//main"))
    assert "Together they would have 3 events of 2 services" in words
    assert [each.get("action") for each in tree.iter("form") if each.get("method") == "post"] == ["/incidents/1/merge"]
    await seen(face, "/incidents/1/merge?other=1", 422)
    await seen(face, "/incidents/1/merge?other=7", 404)
    answer = await send(face, "merge", other="2")
    assert answer.status == 303
    assert (await face.get("/incidents/2", headers=HTML)).headers["Location"].startswith("/incidents/1")
    assert len(await face.lists.members(1)) == 4
    page = await seen(face, answer.headers["Location"])
    [undo] = [link.get("href") or "" for link in page.iter("a") if text(link) == "Take it back" and page_of(link)]
    assert (await take_back(face, undo)).status == 303
    assert (await face.listed(2)).merged_into is None


def page_of(link: Element) -> bool:
    """Whether a link takes back what was stated just now."""
    return "," not in (link.get("href") or "") and "aria-label" not in link.attrib and len(link.get("href") or "") < 40


async def take_back(face: Face, address: str, **fields: str) -> Answer:
    """What the form of a page that takes something back is answered."""
    tree = await seen(face, address)
    hidden = {each.get("name") or "": each.get("value") or "" for each in tree.iter("input")}
    assert hidden["reason"] == "", "a reason that nobody typed would stand on record as theirs"
    face.now += 1_000_000
    pairs = hidden | {"by": "Grace", "reason": "it was another one"} | fields
    answer = await face.ask("POST", "/undo", data=urlencode(pairs), headers=HTML | FORM)
    await face.followed()
    return answer


async def test_what_was_stated_is_taken_back_and_stays_on_record(face: Face) -> None:
    """A note leaves the timeline, an event that was taken out is in again; who took it back and why stands there."""
    await rings(face, 3)
    last = max(await face.lists.members(1))
    note = dict(parse_qsl(urlsplit((await send(face, "note", text="wrong words")).headers["Location"]).query))["row"]
    assert (await send(face, "leave", last)).status == 303
    [left] = [event.id for event in await face.log.read() if event.type == "incident.left"]
    again = await send(face, "leave", last)
    assert "out of incident 1" in text(parsed(again, 422).find(".//main"))
    parsed(await take_back(face, f"/undo?events={note[-12:]}", reason=" "), 422)
    for name in (note, left):
        assert (await take_back(face, f"/undo?events={name[-12:]}")).status == 303
    assert last in await face.lists.members(1)
    tree = await seen(face, "/incidents/1?said=undo")
    assert note not in [(each.get("id") or "")[2:] for each in tree.iter("article")]
    words = text(tree.find(".//main"))
    assert "Taken back." in words
    assert words.count("taken back by Grace: it was another one") == 2
    assert "wrong words" in words
    assert "Nothing is left to be taken back." in text((await seen(face, f"/undo?events={note}")).find(".//main"))
    await seen(face, "/undo", 422)
    [event, *_] = await face.lists.members(1)
    assert "does not count" in text((await seen(face, f"/undo?events={event}")).find(".//main"))


async def test_what_was_written_changes_no_structure_of_what_asks_first(face: Face) -> None:
    """The pages before a merge and before something is taken back are the same elements whatever is in them."""
    shapes = []
    for number, hostile in enumerate(("one", "plain", *HOSTILE), start=1):
        clean = hostile.replace("\x00", "")
        face.now = day = NOW - (100 - number) * 24 * HOUR
        ring = {"name": clean, "at": day, "loud": True, "service": f"service-{number}"}
        assert (await face.deliver(json.dumps([ring]).encode())).status == 202
        await face.followed()
        face.now += HOUR
        address = f"/api/v1/incidents/{number}"
        assert (await face.post(f"{address}/actions", {"text": clean, "owner": clean, "by": clean})).status == 201
        await face.followed()
        action = [each.id for each in await face.log.read() if each.type == "action.added"][-1]
        asked = f"/incidents/{number}/merge?other=1" if number > 1 else "/incidents"
        shapes.append([list(structure(await seen(face, path))) for path in (asked, f"/undo?events={action}")])
    for hostile, shape in zip(HOSTILE, shapes[2:], strict=True):
        assert shape == shapes[1], hostile


async def test_what_cannot_be_taken_comes_back_with_all_that_was_typed(face: Face) -> None:
    """The answer says why, and holds a form that sends the rest again under the same key."""
    await rings(face, 1)
    answer = await send(face, "note", text="a long story <of> it", at="the day before", key="mine")
    tree = parsed(answer, 400)
    assert "the field When is 'the day before', which is not a time" in text(tree.find(".//main"))
    typed = {each.get("name") or "": "".join(each.itertext()) for each in tree.iter("textarea")}
    assert typed == {"by": "Ada", "text": "a long story <of> it", "at": "the day before"}
    hidden = {each.get("name"): each.get("value") for each in tree.iter("input")}
    assert hidden["key"] == "mine"
    assert await told(face, "note.added") == []
    again = await send(face, "note", text=typed["text"], key="mine")
    assert again.status == 303
    assert await told(face, "note.added") == ["a long story <of> it"]


@pytest.mark.parametrize(
    "foreign", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_no_page_of_another_site_states_anything(face: Face, foreign: dict[str, str]) -> None:
    """Where no token is set, a form of another origin does nothing."""
    await rings(face, 1)
    assert (await send(face, "note", text="x", headers=foreign)).status == 403
    assert await told(face, "note.added") == []


async def test_a_form_of_another_token_states_nothing(tmp_path: Path) -> None:
    """Where tokens are set, a form carries what only pages say that one token opened; without it nothing goes."""
    async with showing(tmp_path, api_tokens=(b"letmein", b"another")) as face:
        await rings(face, 1)
        cookie = (await sign_in(face, "letmein")).headers["Set-Cookie"].partition(";")[0]
        face.client.session.cookie_jar.clear()
        session = {"Cookie": cookie}
        page = parsed(await face.get("/incidents/1", headers=HTML | session))
        [key, *_] = [each.get("value") or "" for each in page.iter("input") if each.get("name") == "form_key"]
        other = {"Cookie": (await sign_in(face, "another")).headers["Set-Cookie"].partition(";")[0]}
        face.client.session.cookie_jar.clear()
        foreign = parsed(await face.get("/incidents/1", headers=HTML | other))
        [theirs, *_] = [each.get("value") or "" for each in foreign.iter("input") if each.get("name") == "form_key"]
        for wrong in ("", "0" * 64, key[:-1], theirs):
            answer = await send(face, "note", text="kept words", form_key=wrong, headers=session)
            again = text(parsed(answer, 403).find(".//main"))
            assert again.startswith("Another token opened this form What you typed")
            assert "kept words" in again
            problem = await send(face, "note", text="kept words", form_key=wrong, headers=session | {"Accept": "*/*"})
            assert problem.json["type"] == "urn:timelined:problem:other-session"
        assert await told(face, "note.added") == []
        assert (await send(face, "note", text="mine", form_key=key, headers=session)).status == 303
        assert await told(face, "note.added") == ["mine"]
        # Whoever signs in again goes on with the page that stood open.
        face.now += 13 * 3600 * 1_000_000
        assert (await send(face, "note", text="too late", form_key=key, headers=session)).status == 401
        anew = {"Cookie": (await sign_in(face, "letmein")).headers["Set-Cookie"].partition(";")[0]}
        assert anew != session
        assert (await send(face, "note", text="later", form_key=key, headers=anew)).status == 303


async def test_a_form_whose_session_had_ended_is_sent_as_its_writer_signs_in(tmp_path: Path) -> None:
    """The page that refuses it asks for the token, and what was typed goes through with that, once."""
    async with showing(tmp_path, api_tokens=(b"letmein",)) as face:
        await rings(face, 1)
        page = parsed(await send(face, "note", text="kept <words>", at="2026-03-04 14:10", form_key="of before"), 401)
        for token, status in (("wrong", 403), ("letmein", 307)):
            assert text(page.find(".//main")).startswith("Your session has ended")
            [form] = [each for each in page.iter("form") if each.get("action") == "/login"]
            fields = {each.get("name") or "": each.get("value") or "" for each in form.iter("input")}
            fields |= {each.get("name") or "": "".join(each.itertext()).strip() for each in form.iter("textarea")}
            sent = urlencode(fields | {"token": token})
            headers = HTML | {"Content-Type": "application/x-www-form-urlencoded"}
            answer = await face.ask("POST", "/login", data=sent, headers=headers)
            assert answer.status == status
            assert "Set-Cookie" not in answer.headers or token == "letmein"
            page = parsed(answer, 403) if status == 403 else page
        assert answer.headers["Location"] == "/incidents/1/note"
        assert await told(face, "note.added") == []
        # A browser sends the same there, with the cookie that it was just given.
        headers |= {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        assert (await face.ask("POST", "/incidents/1/note", data=sent, headers=headers)).status == 303
        assert await told(face, "note.added") == ["kept <words>"]
        # What cannot be taken even then comes back without the token.
        spoilt = urlencode(fields | {"token": "letmein", "at": "never"})
        again = await face.ask("POST", "/incidents/1/note", data=spoilt, headers=headers)
        assert again.status == 400
        assert b"letmein" not in again.body


async def test_a_form_has_bounds(face: Face) -> None:
    """What is too large, or no form, is refused; an address that is no form's is not found."""
    await rings(face, 1)
    assert (await send(face, "note", text="x" * 70_000)).status == 413
    answer = await face.ask("POST", "/incidents/1/note", data="{}", headers=HTML | {"Content-Type": "text/plain"})
    assert answer.status == 400
    assert (await send(face, "erase", text="x")).status == 404


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("1/draft", "/incidents/1#draft"), ("1/review", "/incidents/1#draft"),
        ("1/sections/causes", "/incidents/1#draft"), ("1/note", "/incidents/1"),
        ("1/note?by=//elsewhere.example", "/incidents/1"),
    ],
)  # fmt: skip
async def test_where_a_form_is_sent_is_no_page_but_leads_to_one(face: Face, address: str, leads: str) -> None:
    """A reload of what a form answered, or an address typed by hand, changes nothing and shows the incident."""
    await rings(face, 1)
    before = len(await face.log.read())
    answer = await face.ask("GET", f"/incidents/{address}", headers=HTML)
    assert (answer.status, answer.headers["Location"]) == (303, leads)
    page = await seen(face, leads.partition("#")[0])
    assert [each for each in page.iter() if each.get("id") == "draft"]
    assert len(await face.log.read()) == before


@pytest.mark.parametrize("address", ["1/nothing", "2/draft", "x/draft", "1/nothing/causes"])
async def test_what_is_nowhere_leads_nowhere(face: Face, address: str) -> None:
    """Neither a word that no form has, nor an incident that is not there."""
    await rings(face, 1)
    assert (await face.ask("GET", f"/incidents/{address}", headers=HTML)).status in (400, 404)
