"""``timelined events --follow``: each event once as it comes, and on after the connection was lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.cli.client import remote
from collector.cli.following import events
from collector.errors import Unavailable
from tests.commands import run
from tests.face import NOW, Face, running


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with running(tmp_path) as face:
        yield face


async def test_events_are_told_as_they_come(face: Face) -> None:
    """From a position on, then what is new; of one incident where that is asked for."""
    await face.incident(1, service="cart")
    messages: list[str] = []
    address = f"http://127.0.0.1:{face.address[1]}"
    async with remote(address) as api, aclosing(events(api, {"after": "0"}, messages.append)) as stream:
        first = await anext(stream)
        assert (first["title"], first["incident"]) == ("incident-1", 1)
        await face.post("/api/v1/incidents/1/notes", {"text": "restarted it", "by": "Ada"})
        async with asyncio.timeout(30):
            while (told := await anext(stream))["title"] != "restarted it":
                assert told["position"] > first["position"]
    async with remote(address) as api:
        asked = {"after": "0", "incident": 2}
        async with aclosing(events(api, asked, messages.append)) as stream:
            ring = [{"name": "other", "at": NOW - 3_600_000_000, "loud": True, "service": "search"}]
            assert (await face.deliver(json.dumps(ring).encode())).status == 202
            async with asyncio.timeout(30):
                assert (await anext(stream))["title"] == "other"
    assert messages == []


async def test_a_lost_connection_goes_on_after_the_last_event() -> None:
    """It is said once, and nothing is told twice; what never was there is an error at once."""
    cursors: list[str] = []

    async def stream(request: web.Request) -> web.StreamResponse:
        cursors.append(request.query.get("after", "none"))
        if len(cursors) == 3:
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        start = 7 if len(cursors) == 1 else int(cursors[-1])
        await response.write(b"retry: 2000\n: position %d\n\n: still here\n\n" % start)
        for position in () if len(cursors) == 2 else (start + 1, start + 2):
            told = json.dumps({"position": position, "incident": None}).encode()
            message = b"id: %d\nevent: event\ndata: %b\n\n" % (position, told)
            for part in (message[:20], message[20:]):
                await response.write(part)
                await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_get("/api/v1/events/stream", stream)
    messages: list[str] = []
    async with (
        TestServer(app) as server, remote(str(server.make_url("/"))) as api,
        aclosing(events(api, {}, messages.append, retry_after=0)) as events_read, asyncio.timeout(30),
    ):  # fmt: skip
        assert [(await anext(events_read))["position"] for _ in range(4)] == [8, 9, 10, 11]
    assert cursors == ["none", "9", "9", "9"]
    assert len(messages) == 2
    assert "trying again after position 9" in messages[0]
    assert messages[1] == "The connection is back."
    async with remote("http://127.0.0.1:9") as api, aclosing(events(api, {}, messages.append)) as events_read:
        with pytest.raises(Unavailable, match="cannot reach"):
            await anext(events_read)


def test_following_needs_a_daemon_and_says_which_filters_it_takes(tmp_path: Path) -> None:
    """Nothing comes into a log that no daemon writes to; a filter that cannot be held against what comes is refused."""
    where = ("--storage.url", f"sqlite:///{tmp_path / 'timelined.db'}")
    alone = run("events", "--follow", *where)
    assert "no daemon writes to it" in alone.stderr
    assert alone.exit_code != 0
    refused = run("events", "--follow", "--service", "cart", *where)
    assert "cannot follow by service: use --source, --type, --incident and --after" in refused.stderr
