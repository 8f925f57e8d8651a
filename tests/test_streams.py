"""Events as they come: nothing missed, nothing twice, and an end when the daemon stops."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from structlog.testing import capture_logs

from collector.web import StreamLimits
from collector.web.streams import STREAMS, StreamPiece
from tests.face import Face, running
from tests.processes import pause

STREAM = "/api/v1/events/stream"
PATIENCE = 60.0


class Listener:
    """Somebody who listens to a stream."""

    def __init__(self, response: ClientResponse) -> None:
        self._response = response

    async def line(self) -> str:
        """The next line; empty once the stream ended."""
        async with asyncio.timeout(PATIENCE):
            return (await self._response.content.readline()).decode()

    async def told(self) -> dict[str, Any]:
        """The next event, with its position as ``at``."""
        at = 0
        while line := await self.line():
            if line.startswith("id: "):
                at = int(line[4:])
            if line.startswith("data: "):
                return {**json.loads(line[6:]), "at": at}
        raise AssertionError("the stream ended")

    async def titles(self, count: int) -> list[str]:
        """The titles of the next alerts."""
        titles_read: list[str] = []
        while len(titles_read) < count:
            event = await self.told()
            titles_read += [event["title"]] if event["type"] == "alert.firing" else []
        return titles_read


@asynccontextmanager
async def listening(face: Face, query: str = "", **headers: str) -> AsyncIterator[Listener]:
    async with face.client.get(
        STREAM + query, headers={k.replace("_", "-"): v for k, v in headers.items()}
    ) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream")
        listener = Listener(response)
        # From here on nothing is missed.
        while not (await listener.line()).startswith(": position"):
            pass
        yield listener


async def ring(face: Face, *names: str) -> None:
    body = json.dumps([{"name": name, "loud": True, "service": "checkout"} for name in names]).encode()
    assert (await face.deliver(body)).status == 202


async def test_whoever_listens_is_told_what_comes_with_its_incident(face: Face) -> None:
    """Each event once, in the order of positions, when lists have it: so its incident is known."""
    await ring(face, "before")
    await face.followed()
    async with listening(face) as listener, listening(face) as another:
        await ring(face, "a", "b")
        event = await listener.told()
        while event["type"] != "alert.firing":
            event = await listener.told()
        assert (event["title"], event["incident"], event["at"]) == ("a", 1, event["position"])
        assert await listener.titles(1) == ["b"]
        assert await another.titles(2) == ["a", "b"]


async def test_a_stream_goes_on_after_the_last_one_that_was_had(face: Face) -> None:
    """By Last-Event-ID, as browsers send it when they come again, or by a parameter."""
    await ring(face, "a", "b", "c")
    await face.followed()
    positions = [event.position for event in await face.log.read() if event.type == "alert.firing"]
    async with listening(face, Last_Event_ID=str(positions[0])) as listener:
        assert await listener.titles(2) == ["b", "c"]
        await ring(face, "d")
        assert await listener.titles(1) == ["d"]
    async with listening(face, f"?after={positions[1]}") as listener:
        assert await listener.titles(2) == ["c", "d"]
    (await face.get(STREAM, headers={"Last-Event-ID": "x"})).problem(400)


async def test_two_who_begin_at_once_are_told_each_event_once(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who learned later where lists are does not have that read again which the other was told by then."""
    await ring(face, "before")
    await face.followed()
    find, calls, second_asked, go_on = face.lists.position, count(1), asyncio.Event(), asyncio.Event()

    async def position() -> int:
        late, current = next(calls) == 2, await find()
        if late:
            second_asked.set()
            await go_on.wait()
        return current

    monkeypatch.setattr(face.lists, "position", position)
    first, second = (asyncio.create_task(face.app[STREAMS].open()) for _ in range(2))
    await second_asked.wait()
    await ring(face, "a")
    pieces = await (await first).take(PATIENCE)
    go_on.set()
    await second
    await ring(face, "b")
    while not any(b'"b"' in piece.event_json for piece in pieces or ()):
        pieces = [*(pieces or ()), *(await first.result().take(PATIENCE) or ())]
    positions = [piece.position for piece in pieces or ()]
    assert positions == sorted(set(positions))


async def test_a_mistake_in_reading_is_heard_and_the_stream_goes_on(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The one reader of all streams does not end unheard while they go on beating."""
    streams, first = face.app[STREAMS], iter([True])
    after = streams.after

    async def failing(position: int) -> list[StreamPiece]:
        if next(first, False):
            raise KeyError("a secret")
        return await after(position)

    monkeypatch.setattr(streams, "after", failing)
    with capture_logs() as lines:
        async with listening(face) as listener:
            await ring(face, "a")
            assert await listener.titles(1) == ["a"]
    heard = [line for line in lines if line["event"].startswith("cannot read what streams tell")]
    assert [line["error"] for line in heard] == ["KeyError"]
    assert "secret" not in str(lines)


def test_a_row_comes_within_a_second_however_many_listen() -> None:
    """More time passes between two looks where more listen, so that deliveries are not slowed by them."""
    limits = StreamLimits()
    assert limits.pause(1) == limits.gather
    assert limits.gather < limits.pause(limits.streams) < 1


async def test_a_stream_may_be_of_one_type_or_source(face: Face) -> None:
    """What is left out is passed over; an unknown parameter is refused."""
    async with listening(face, "?after=0&type=note.*") as notes, listening(face, "?after=0&source=bell") as bells:
        await ring(face, "a")
        await face.followed()
        await face.post("/api/v1/incidents/1/notes", {"text": "looked at it", "by": "Ada"})
        assert (await notes.told())["type"] == "note.added"
        assert (await bells.told())["title"] == "a"
    (await face.get(f"{STREAM}?entity=x")).problem(400)


async def test_a_silent_stream_shows_that_it_lives(tmp_path: Path) -> None:
    """A comment comes at least so often."""
    async with running(tmp_path, streaming=StreamLimits(beat=0.05)) as face, listening(face) as one:
        while not (line := await one.line()).startswith(": still here"):
            assert line
        async with listening(face, "?beats=true") as another:
            while (line := await another.line()) != "event: beat\n":
                assert line
                assert not line.startswith(": still here")


async def test_how_many_listen_is_bounded(tmp_path: Path) -> None:
    """One more is asked to come again; a place that was left is free, long before anything comes to be told."""
    async with running(tmp_path, streaming=StreamLimits(streams=1, look=0.05, beat=3600)) as face:
        async with listening(face):
            answer = await face.get(STREAM)
            answer.problem(503)
            assert "Retry-After" in answer.headers
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            while not await listens(face):  # noqa: ASYNC110 - a condition within the server under test has no event
                await asyncio.sleep(pause(time.monotonic() - began))


async def listens(face: Face) -> bool:
    """Whether one more may listen."""
    async with face.client.get(STREAM) as response:
        return response.status == 200


async def test_who_takes_nothing_is_let_go(tmp_path: Path) -> None:
    """A reader that is further behind than is kept is ended, and comes again."""
    async with running(tmp_path, streaming=StreamLimits(behind=2, together=10)) as face, listening(face) as listener:
        await ring(face, *(f"n{number}" for number in range(9)))
        lines = []
        while line := await listener.line():
            lines += [line] if line.startswith("id: ") else []
        assert len(lines) < 9


async def test_streams_end_when_the_daemon_stops(face: Face) -> None:
    """At once, without waiting for whoever listens; no other one begins."""
    async with listening(face) as listener:
        async with asyncio.timeout(PATIENCE / 2):
            await face.runner.drain(PATIENCE)
        while await listener.line():
            pass


async def test_a_stream_asks_for_the_token_like_the_rest(tmp_path: Path) -> None:
    """Who has none listens to nothing."""
    async with running(tmp_path, api_tokens=(b"letmein",)) as face:
        (await face.get(STREAM)).problem(401)
        async with listening(face, Authorization="Bearer letmein"):
            pass
