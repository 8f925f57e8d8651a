"""Writing in sections of a postmortem on its page, how far its review is, and what changed since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

import pytest

from tests.face import Answer, Face
from tests.page_checks import FORM, HOSTILE, HTML, parsed, rings, seen, showing, structure, text


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with showing(tmp_path) as face:
        await rings(face, 1)
        yield face


def form(tree: Element, section: str) -> dict[str, str]:
    """The fields of the form of a section, as a browser would send them."""
    [found] = [each for each in tree.iter("form") if (each.get("action") or "").endswith(f"/sections/{section}")]
    fields = {each.get("name") or "": each.get("value") or "" for each in found.iter("input")}
    return fields | {each.get("name") or "": "".join(each.itertext()) for each in found.iter("textarea")}


async def send(face: Face, path: str, fields: dict[str, str]) -> Answer:
    face.now += 1_000_000
    answer = await face.ask("POST", path, data=urlencode(fields), headers=HTML | FORM)
    await face.followed()
    return answer


async def write(face: Face, section: str, content: str, by: str = "Ada", read: Element | None = None) -> Answer:
    """Open the page, unless it was read before, write in a section of it, and send that."""
    fields = form(read if read is not None else await seen(face, "/incidents/1"), section)
    return await send(face, f"/incidents/1/sections/{section}", fields | {"text": content, "by": by})


async def test_what_a_person_writes_stands_in_the_section(face: Face) -> None:
    """With their name; it is there to be changed, and taken back it is gone from the draft and not from the log."""
    content = "Shoppers could not pay.\r\nFor \u200f20\u200e minutes, <b>at most</b>."
    answer = await write(face, "impact", content)
    assert answer.status == 303
    assert answer.headers["Location"].endswith("#s-impact")
    tree = await seen(face, answer.headers["Location"].partition("#")[0])
    [event] = [each for each in await face.log.read() if each.type == "incident.edited"]
    assert event.data["value"] == content.replace("\r\n", "\n")
    # What nobody sees of it is kept, too: it is sent again with the next change.
    assert form(tree, "impact")["text"].strip("\n") == event.data["value"]
    assert "Shoppers could not pay." in text(section_of(tree, "impact"))
    assert (await write(face, "impact", "Nobody noticed.")).status == 303
    shown = text(section_of(await seen(face, "/incidents/1"), "impact"))
    assert "Nobody noticed." in shown
    assert "Shoppers" not in shown
    assert (await send(face, "/incidents/1/sections/appendix", {"text": "x", "by": "Ada", "key": "k"})).status == 404


def section_of(tree: Element, key: str) -> Element | None:
    return tree.find(f".//details[@id='s-{key}']")


async def test_nobody_writes_over_what_they_have_not_read(face: Face) -> None:
    """Who comes second is shown both texts, and sends theirs again over what is there; the same form twice is once."""
    read = await seen(face, "/incidents/1")
    assert (await write(face, "summary", "Ada's words", read=read)).status == 303
    assert (await write(face, "summary", "Ada's words", read=read)).status == 303
    late = await seen(face, "/incidents/1")
    assert (await write(face, "summary", "Grace's words", by="Grace")).status == 303
    answer = await write(face, "summary", "Bob's words", by="Bob", read=late)
    tree = parsed(answer, 412)
    words = text(tree.find(".//main"))
    assert "Written by Grace" in words
    assert "Grace's words" in words
    fields = form(tree, "summary")
    assert (fields["text"].strip(), fields["by"]) == ("Bob's words", "Bob")
    assert (await send(face, "/incidents/1/sections/summary", fields)).status == 303
    edits = [each.data["value"] for each in await face.log.read() if each.type == "incident.edited"]
    assert edits == ["Ada's words", "Grace's words", "Bob's words"]


async def test_the_review_is_stated_and_what_changed_since_is_shown(face: Face) -> None:
    """The head says how far it is; the versions say that the draft is another one now, and what differs."""
    answer = await send(face, "/incidents/1/review", {"status": "reviewed", "by": "Ada", "key": "k"})
    assert answer.status == 303
    assert "Reviewed (Ada, " in text((await seen(face, "/incidents/1")).find(".//main"))
    tree = await seen(face, "/incidents/1/changes")
    assert "the same" in text(tree.find(".//main"))
    assert (await write(face, "summary", "Shoppers could not pay.")).status == 303
    tree = await seen(face, "/incidents/1/changes")
    [link] = [each.get("href") or "" for each in tree.iter("a") if text(each) == "changed"]
    words = text((await seen(face, link)).find(".//main"))
    assert "Summary" in words
    assert "After: Shoppers could not pay.what people stated" in words
    assert "Shoppers could not pay." in words
    [link] = [each.get("href") or "" for each in tree.iter("a") if text(each) == "as it was"]
    assert "Shoppers could not pay." not in text((await seen(face, link)).find(".//main"))
    await seen(face, "/incidents/1/changes?to=2020-01-01", 404)
    assert (await send(face, "/incidents/1/review", {"status": "done", "by": "Ada", "key": "l"})).status == 422
    assert (await send(face, "/incidents/1/review", {"status": "draft", "by": "Ada"})).status == 422


async def test_what_was_written_changes_no_structure(face: Face) -> None:
    """The page with the form, that of a conflict and that of what changed are the same elements whatever is in them."""
    shapes = []
    for content in ("plain", *HOSTILE):
        clean = content.replace("\x00", "")
        assert (await write(face, "summary", clean, by=clean)).status == 303
        answer = await send(
            face, "/incidents/1/sections/summary", {"text": clean, "by": clean, "key": content, "tag": "x"}
        )
        conflict = list(structure(parsed(answer, 412)))
        draft = section_of(await seen(face, "/incidents/1"), "summary")
        assert draft is not None
        changes = await seen(face, "/incidents/1/changes?from=2020-01-01")
        names = {each.tag for each in changes.iter()}
        shapes.append((conflict, [each.tag for each in draft.iter("form")], names))
    assert all(shape == shapes[0] for shape in shapes)
