"""Texts that are dear to make: made once for one key, by whoever asks first, and let go where there is no more room."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.correlation import Rules
from collector.drafting import rendering
from collector.drafting.cache import TextCache
from collector.errors import InvalidInput
from collector.event import HOUR
from collector.following.wire import Setup
from collector.following.work import Work
from collector.projections import Case
from collector.storage.readers import READERS
from renderers.choices import FORMATS
from tests.face import NOW, Face, running


async def test_a_text_is_made_once_however_many_ask_for_it() -> None:
    """Also by those who ask while it is being made, and when the first of them no longer waits."""
    cache, renders, go = TextCache(), [], threading.Event()

    def make() -> str:
        go.wait(60)
        renders.append(1)
        return "text ✓"

    first, second = (asyncio.create_task(cache.text(b"key", make)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    go.set()
    assert [await second, await cache.text(b"key", make)] == ["text ✓"] * 2
    assert renders == [1]
    assert await cache.text(b"other", lambda: "another") == "another"


async def test_what_cannot_be_made_is_tried_again() -> None:
    """A failure is told to who asked, and not kept."""
    cache = TextCache()

    def fail() -> str:
        raise InvalidInput("cannot render: there is no such zone", "zone")

    with pytest.raises(InvalidInput, match="no such zone"):
        await cache.text(b"key", fail)
    assert await cache.text(b"key", lambda: "made") == "made"


async def test_the_text_asked_for_longest_ago_goes_first() -> None:
    """Where the room ends; what is larger than all of it is given all the same."""
    cache, draw = TextCache(room=1_800), random.Random(1)  # noqa: S311 - nothing here is secret
    texts = {name: draw.randbytes(500).hex() for name in (b"a", b"b", b"c", b"d")}
    renders: list[bytes] = []

    async def ask(name: bytes) -> None:
        def make() -> str:
            renders.append(name)
            return texts[name]

        assert await cache.text(name, make) == texts[name]

    for name in (b"a", b"b", b"c", b"a", b"d"):
        await ask(name)
    await ask(b"a")
    await ask(b"b")
    assert renders == [b"a", b"b", b"c", b"d", b"b"]
    large = draw.randbytes(5_000).hex()
    assert await cache.text(b"large", lambda: large) == large


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with running(tmp_path) as face:
        yield face


async def test_a_page_is_rendered_again_only_when_something_changed(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same values give what is kept; a note, another zone or another moment give another text."""
    await face.incident(1)
    cache, rendered, render = TextCache(), [], rendering.document_of

    def counted(*values: object, **options: object) -> object:
        rendered.append(1)
        return render(*values, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(rendering, "document_of", counted)

    async def page(zone: str = "UTC", as_of: int | None = None) -> str:
        text = await rendering.postmortem(
            face.lists, 1, format="page", options={"zone": zone}, as_of=as_of, cache=cache
        )
        return text or ""

    assert await page() == await page()
    assert len(rendered) == 1
    assert (await face.post("/api/v1/incidents/1/notes", {"text": "restarted it", "by": "Ada"})).status == 201
    await face.followed()
    assert "restarted it" in await page()
    assert json.loads(await page("Asia/Tokyo"))["draft"]["options"]["zone"] == "Asia/Tokyo"
    await page(as_of=NOW)
    assert len(rendered) == 4


async def test_nothing_is_read_where_nothing_was_committed(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is committed has an incident read again; what a page shows of it needs neither a reading nor another
    document."""
    await face.incident(1)
    repeat = json.dumps([{"name": "incident-1", "at": NOW - 99 * 24 * HOUR, "loud": True, "service": None}]).encode()
    cache, read, numbers, documents = TextCache(), face.lists.case, list[int](), list[int]()
    render = rendering.document_of

    async def counted(number: int, as_of: int | None = None) -> Case | None:
        numbers.append(number)
        return await read(number, as_of)

    def drawn(*values: object, **options: object) -> object:
        documents.append(1)
        return render(*values, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(face.lists, "case", counted)
    monkeypatch.setattr(rendering, "document_of", drawn)

    async def page(view: str = "{}", number: int = 1) -> str:
        return await rendering.postmortem(
            face.lists, number, format="page", options={"view": view}, cache=cache
        ) or ""  # fmt: skip

    first = json.loads(await page())
    # Each connection has to see for itself that nothing was committed.
    for _ in range(READERS):
        await page()
    reads = len(numbers)
    narrower = [json.loads(await page('{"since": 1, "until": 2, "narrow": false}')) for _ in range(READERS)][-1]
    assert (len(numbers), len(documents)) == (reads, 1)
    assert (narrower["rows"], narrower["passing"], list(narrower["pictures"])) == (first["rows"], [], ["wide"])
    for _ in range(2):
        # A repeat is no event, and may change what is known all the same.
        reads = len(numbers)
        assert (await face.deliver(repeat)).status == 200
        await page()
        assert len(numbers) == reads + 1
    assert len(documents) == 1
    assert await page(number=9) == await page(number=9) == ""
    cache.last.forget()
    assert json.loads(await page('{"since": 1, "until": 3}'))["rows"]


@pytest.mark.parametrize("form", FORMATS)
async def test_no_format_is_rendered_again_while_nothing_changed(
    face: Face, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The follower keeps the text of each format: who asks again, also for a 304, has the incident read alone. An
    erasure has it let go of them."""
    await face.incident(1)
    renders: list[int] = []
    render = rendering.document_of

    def counted(*values: object, **options: object) -> object:
        renders.append(1)
        return render(*values, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(rendering, "document_of", counted)
    setup = Setup(
        storage="", rules=Rules(), drafts=False, folder="", stale_after=1, options={}, template="default",
        external_url="", level="info", format="logfmt",
    )  # fmt: skip
    work = Work(setup, face.base, face.log, lambda: face.now)
    first = await work.render(1, form, None, {})
    assert await work.render(1, form, None, {}) == first
    assert renders == [1]
    await work.forget()
    assert await work.render(1, form, None, {}) == first
    assert renders == [1, 1]
