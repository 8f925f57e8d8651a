"""What somebody who meets the pages for the first time asks, and what a page has to answer by itself."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode

from tests.face import Face, running
from tests.page_checks import HTML, parsed, seen, showing, text


async def test_a_delivery_that_became_no_event_says_that_it_was_set_aside(face: Face) -> None:
    """ "read, 0 events" left open whether something went wrong."""
    await face.deliver(b"[]")
    words = text((await seen(face, "/deliveries")).find(".//main"))
    assert "none: set aside" in words
    assert "0 events" not in words


async def test_columns_are_called_by_what_they_have(face: Face) -> None:
    """What was received of an incident last, which need not be what happened last; and the events of a delivery."""
    await face.deliver(json.dumps([{"name": "a", "loud": True}]).encode())
    await face.followed()
    for path, heading in (("/incidents", "Last received"), ("/deliveries", "Events")):
        tree = await seen(face, path)
        assert heading in [text(each) for each in tree.iter("th")]
        assert heading in [each.get("data-name") for each in tree.iter("td")]


async def test_a_daemon_without_tokens_does_not_ask_for_one(face: Face, tmp_path: Path) -> None:
    """Nothing that could be typed there was right. Where there are some, the form says where they stand."""
    main = (await seen(face, "/login")).find(".//main")
    assert "asks for no token" in text(main)
    assert main is not None
    assert main.find(".//form") is None
    async with running(tmp_path / "closed", api_tokens=(b"t",)) as closed:
        assert "api.token_file" in text((await seen(closed, "/login")).find(".//main"))


async def test_versions_that_are_none_say_how_one_is_made(tmp_path: Path) -> None:
    """And the events of a merge are not called by their type twice."""
    async with showing(tmp_path) as face:
        await face.incident(1)
        assert "A version is kept each time" in text((await seen(face, "/incidents/1/changes")).find(".//main"))
        await face.incident(2, service="cart")
        await face.post("/api/v1/incidents/1/resolve", {"by": "Ada"})
        await face.followed()
        words = text((await seen(face, "/incidents/1/merge?other=2")).find(".//main"))
        assert "incident.resolvednone told" in words


async def test_a_field_that_cannot_be_read_is_called_as_the_form_calls_it(face: Face) -> None:
    """It was called "at", beside a label "When"; the field itself is marked, and has the focus."""
    await face.incident(1)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    said = urlencode({"text": "x", "at": "tomorrow-ish", "by": "Ada", "key": "0" * 32, "form_key": "", "zone": "UTC"})
    answer = await face.ask("POST", "/incidents/1/note", data=said, headers=HTML | form)
    main = parsed(answer, 400).find(".//main")
    assert "the field When is 'tomorrow-ish', which is not a time; write 2026-03-04 14:02, 14:02, 2026-03-04" in text(
        main
    )
    assert main is not None
    [wrong] = [each for each in main.iter("textarea") if each.get("aria-invalid") == "true"]
    assert (wrong.get("name"), wrong.get("aria-describedby")) == ("at", "problem")
