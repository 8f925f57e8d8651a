"""Reads within bounds: a few at a time, webhooks first, large answers piece by piece, and a word to come again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collector.projections import SignalRow
from collector.web import ReadLimits
from collector.web.reads import PIECE, READS
from tests.face import NOW, Face, running
from tests.fuzz.exchange import Wire

PATIENCE = 10.0
LARGE = "/api/v1/events?limit=400"


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server keeps to itself."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a condition within the server under test has no event
            await asyncio.sleep(0.005)


class Slow:
    """Holds every list of signals until it is opened, and counts how many are being made."""

    def __init__(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = asyncio.Event()
        self.now = self.most = 0
        monkeypatch.setattr(face.lists, "signals", self._signals)

    async def _signals(self, *_: Any, **__: Any) -> list[SignalRow]:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.open.wait()
        self.now -= 1
        return []


@asynccontextmanager
async def limited(folder: Path, **limits: Any) -> AsyncIterator[Face]:
    async with running(folder, reads=ReadLimits(**limits)) as face:
        yield face


async def test_a_few_answers_are_made_at_once_and_the_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask together, no more answers are made at once than the bound; all of them come in their turn."""
    async with limited(tmp_path, answers=3) as face:
        slow = Slow(face, monkeypatch)
        requests = [asyncio.create_task(face.get("/api/v1/signals")) for _ in range(20)]
        await until(lambda: face.app[READS].waiting == 17 and slow.now == 3)
        slow.open.set()
        assert {answer.status for answer in await asyncio.gather(*requests)} == {200}
        assert slow.most == 3


async def test_who_waits_too_long_is_asked_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that does not come is a 503 with Retry-After; health and webhooks do not wait for one."""
    async with limited(tmp_path, answers=1, patience=0.05) as face:
        slow = Slow(face, monkeypatch)
        first = asyncio.create_task(face.get("/api/v1/signals"))
        await until(lambda: slow.now == 1)
        second = await face.get("/api/v1/events")
        second.problem(503)
        assert int(second.headers["Retry-After"]) > 0
        assert "Connection" not in second.headers
        assert (await face.get("/-/healthy")).status == 200
        assert (await face.get("/-/ready")).status == 200
        assert (await face.deliver(b"[]")).status == 202
        slow.open.set()
        assert (await first).status == 200


async def test_no_more_wait_than_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound of those who wait, the answer is 503 at once."""
    async with limited(tmp_path, answers=1, waiting=2, patience=3600.0) as face:
        slow = Slow(face, monkeypatch)
        requests = [asyncio.create_task(face.get("/api/v1/signals")) for _ in range(3)]
        await until(lambda: face.app[READS].waiting == 2)
        (await face.get("/api/v1/signals")).problem(503)
        slow.open.set()
        assert {answer.status for answer in await asyncio.gather(*requests)} == {200}


async def test_a_client_that_gives_up_leaves_no_turn_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hangs up while waiting or while its answer is made keeps nobody else from reading."""
    async with limited(tmp_path, answers=1) as face:
        slow = Slow(face, monkeypatch)
        requests = [asyncio.create_task(face.get("/api/v1/signals")) for _ in range(4)]
        await until(lambda: face.app[READS].waiting == 3)
        for each in requests:
            each.cancel()
        await asyncio.wait(requests)
        slow.open.set()
        assert (await face.get("/api/v1/signals")).status == 200
        await until(lambda: face.app[READS].waiting == 0)


async def test_a_piece_of_an_answer_waits_for_webhooks_and_not_for_ever(tmp_path: Path) -> None:
    """While a webhook is taken, reads give way for as long as the bound says, and then go on."""
    async with limited(tmp_path, courtesy=0.2) as face:
        reads, loop = face.app[READS], asyncio.get_running_loop()
        begun = loop.time()
        reads.webhooks += 1
        await reads.give_way()
        reads.webhooks -= 1
        assert loop.time() - begun >= 0.2
        begun = loop.time()
        await reads.give_way()
        assert loop.time() - begun < 0.2


async def ring(face: Face, count: int, size: int = 0) -> None:
    """Store so many events, with titles of this size."""
    for start in range(0, count, 50):
        rings = ", ".join(f'{{"name": "{number:05}{"x" * size}"}}' for number in range(start, min(count, start + 50)))
        assert (await face.deliver(f"[{rings}]".encode())).status == 202
    await face.followed()


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_long_page_is_what_it_was_asked_for(face: Face, order: str) -> None:
    """A page that is read in several goes has every row once and in order, and the cursor of what follows."""
    await ring(face, 450)
    page = (await face.get(f"/api/v1/events?limit=350&order={order}")).json
    parameter = "after" if order == "asc" else "before"
    rest = (await face.get(f"/api/v1/events?limit=350&order={order}&{parameter}={page['next']}")).json
    positions = [event["position"] for event in page["events"] + rest["events"]]
    assert positions == sorted(range(1, 451), reverse=order == "desc")
    assert (len(page["events"]), rest["next"]) == (350, None)


async def test_a_page_of_large_rows_ends_before_its_limit(tmp_path: Path) -> None:
    """Once a page has its share of bytes it ends, and its cursor leads through all the others."""
    async with limited(tmp_path, page=60_000) as face:
        await ring(face, 400, size=500)
        positions, after = [], "0"
        while after is not None:
            answer = await face.get(f"/api/v1/events?limit=1000&after={after}")
            assert len(answer.body) < 60_000 + 100 * 2_000
            positions += [event["position"] for event in answer.json["events"]]
            after = answer.json["next"]
        assert positions == list(range(1, 401))


def _longer(wire: Wire, than: int) -> bool:
    return len(wire.written) > than


async def asking(face: Face, request: bytes) -> tuple[Wire, Any]:
    """A reader that takes one piece of its answer and no more, and its connection."""
    assert face.runner.server is not None
    wire, connection = Wire(asyncio.get_running_loop()), face.runner.server()
    wire.connect(connection)
    connection.pause_writing()
    await wire.send(request)
    return wire, connection


async def test_a_large_answer_is_sent_as_its_reader_takes_it(tmp_path: Path) -> None:
    """What is not sent yet is counted; others beyond the bound are asked to come again; in the end all is freed."""
    async with limited(tmp_path, bytes=400_000) as face:
        await ring(face, 400, size=500)
        reads = face.app[READS]
        whole = (await face.get(LARGE)).body
        await until(lambda: reads.bytes == 0)
        for gives_up in (False, True):
            wire, connection = await asking(face, b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % LARGE.encode())
            await until(lambda: reads.bytes > 0)
            assert reads.bytes == len(whole) > 6 * PIECE
            (await face.get(LARGE)).problem(503)
            await until(partial(_longer, wire, PIECE))
            assert len(wire.written) < 3 * PIECE
            if gives_up:
                wire.abort()
            else:
                connection.resume_writing()
                await until(partial(wire.written.endswith, whole))
                assert b"Content-Length: %d\r\n" % len(whole) in wire.written
                wire.close()
            await wire.closed.wait()
            await until(lambda: reads.bytes == 0)


async def test_a_reader_that_takes_nothing_is_let_go(tmp_path: Path) -> None:
    """Who asks for much and takes none of it holds a part of the memory for a bounded time only."""
    async with limited(tmp_path, stall=0.1) as face:
        await ring(face, 400, size=500)
        wire, _ = await asking(face, b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % LARGE.encode())
        async with asyncio.timeout(PATIENCE):
            await wire.closed.wait()
        await until(lambda: face.app[READS].bytes == 0)


async def test_signals_come_in_pages(face: Face) -> None:
    """By when they began, however many began together; the cursor leads through all of them once."""
    rings = [{"name": str(number), "at": NOW + number // 3, "service": str(number)} for number in range(250)]
    assert (await face.deliver(json.dumps(rings[::-1]).encode())).status == 202
    await face.followed()
    ids, path = [], "/api/v1/signals"
    while path:
        answer = await face.get(path)
        ids += [row["event"] for row in answer.json["signals"]]
        path = f"/api/v1/signals?after={answer.json['next']}" if answer.json["next"] else ""
        assert ('rel="next"' in answer.headers.get("Link", "")) is bool(path)
    events = [event for event in await face.log.read(limit=1000) if event.source == "bell"]
    assert ids == [event.id for event in sorted(events, key=lambda event: (event.occurred_at, event.id))]
    assert len(ids) == 250
    assert len((await face.get("/api/v1/signals?limit=7")).json["signals"]) == 7
    for cursor in ("x", "1", "1-x", f"{'9' * 19}-{'0' * 32}", f"-1-{'0' * 32}"):
        assert (await face.get(f"/api/v1/signals?after={cursor}")).problem(400)["errors"][0]["pointer"] == "after"
