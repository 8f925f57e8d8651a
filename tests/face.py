"""The HTTP face for tests: real sockets over a real log, with the settings the daemon runs.

The log is followed, and what is read are the real lists over it. Two things are
small stand-ins: a sender of one made-up kind, and a renderer that says what it
was asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestClient

from collector import normalise, signing
from collector.correlation import Rules
from collector.errors import InvalidInput
from collector.event import HOUR, Event, event_id
from collector.following.follower import Follower
from collector.intake import Endpoint, Intake
from collector.intake.body_reader import BodyLimits
from collector.intake.writer import Writer
from collector.log import EventLog, open_log
from collector.projections import IncidentRow, Lists, Projections, open_lists
from collector.publishing.publisher import Publisher
from collector.tokens import Token
from collector.web import Readiness, Runner, build_app, server_kwargs
from collector.web.options import ApiAccess, Operations, Renderings, WebLimits
from collector.webhook import Credentials, Reading, Source, Webhook
from renderers.formats import POLICIES
from tests import new_logs

NOW = 1_772_632_930_000_000
"""2026-03-04T14:02:10Z."""
SECRET = b"a made-up secret"
SIGNATURE = signing.Signature(header="X-Bell-Signature", prefix="sha256=", sender="the bell")
SHAPE = ["type", "title", "status", "detail", "instance", "errors"]
"""The keys of every error body, in order."""


# A sender of a made-up kind: a list of rings, each with a name and a time.


class Ring(msgspec.Struct):
    name: str
    at: int = NOW
    loud: bool = False
    """Whether it opens an incident."""
    service: str | None = None


_rings = msgspec.json.Decoder(list[Ring])


def parse(webhook: Webhook, how: Reading) -> tuple[Event, ...]:
    """Each ring is an alert; an object instead of a list is a kind nobody understands; a fixed body is a mistake."""
    normalise.check_syntax(webhook.body, webhook.source)
    if webhook.body == b'"crash"':
        raise ZeroDivisionError("the parser's own mistake")
    try:
        rings = _rings.decode(webhook.body)
    except msgspec.ValidationError:
        return (normalise.unrecognised(webhook, "this is not a list of rings"),)
    return tuple(ring(one.name, one.at, webhook.source, loud=one.loud, service=one.service) for one in rings)


def ring(name: str, at: int = NOW, source: str = "bell", *, loud: bool = False, service: str | None = None) -> Event:
    """The event of a ring."""
    return Event(
        id=event_id("bell.1", source, at, name),
        type="alert.firing",
        source=source,
        entity=name,
        occurred_at=at,
        title=name,
        service=service,
        severity="critical" if loud else "info",
    )


def verify(webhook: Webhook, credentials: Credentials) -> str:
    return signing.authenticate(webhook, credentials, SIGNATURE)


BELL = Source(kind="bell", called="Bell", paste="{address}", verify=verify, parse=parse)


@dataclass
class Face:
    """A running server, what stands behind it, and a client."""

    client: TestClient[Any, Any]
    address: tuple[str, int]
    runner: Runner
    app: web.Application
    log: EventLog
    writer: Writer
    base: Lists
    lists: Projections
    follower: Follower
    following: asyncio.Task[None] | None = None
    state: Readiness = field(default_factory=lambda: Readiness(ready=True, facts={"lag": 0}))
    now: int = NOW

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        async with self.client.request(method, path, allow_redirects=False, **more) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, said: Any = None, **more: Any) -> Answer:
        """A write as the API takes it."""
        return await self.ask("POST", path, data=json.dumps(said), headers=JSON | more.pop("headers", {}), **more)

    async def deliver(self, body: bytes, path: str = "/webhooks/bell", **headers: str) -> Answer:
        """A delivery, signed where it goes to the source that asks for it."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.ask("POST", path, data=body, headers=named)

    async def raw(self, *pieces: bytes | Callable[[], object], half_close: bool = False) -> bytes:
        """What comes back for these bytes, until the server closes; a function among them is waited for to hold."""
        reader, writer = await asyncio.open_connection(*self.address)
        async with asyncio.timeout(60):
            for piece in pieces:
                if isinstance(piece, bytes):
                    writer.write(piece)
                    continue
                while not piece():  # noqa: ASYNC110 - a condition within the server under test has no event
                    await asyncio.sleep(0)
            if half_close:
                writer.write_eof()
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    def follow(self) -> None:
        """Follow the log from now on, whenever something is appended."""
        self.following = asyncio.create_task(_follow(self.log, self.follower))

    async def stand_still(self) -> None:
        """Follow no longer, so that the lists lag behind the log."""
        task, self.following = self.following, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), task.exception()

    async def followed(self) -> None:
        """Wait until the lists show all that is in the log."""
        await self.follower.catch_up()

    async def incident(self, number: int = 1, *, service: str | None = None) -> IncidentRow:
        """Have a loud ring open one, a day after the one before; it gets this number."""
        rings = [
            {"name": f"incident-{number}", "at": NOW - (100 - number) * 24 * HOUR, "loud": True, "service": service}
        ]
        assert (await self.deliver(json.dumps(rings).encode())).status == 202
        return await self.listed(number)

    async def listed(self, number: int) -> IncidentRow:
        """An incident as the lists have it now."""
        await self.followed()
        row = await self.lists.incident(number)
        assert row is not None
        return row


async def _follow(log: EventLog, follower: Follower) -> None:
    more = asyncio.Event()
    unsubscribe = log.subscribe(more.set)
    try:
        while True:
            more.clear()
            await follower.catch_up()
            await more.wait()
    finally:
        unsubscribe()


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self, status: int) -> dict[str, Any]:
        """The error that this must be, in the shape that every error has."""
        assert (self.status, self.headers["Content-Type"]) == (status, "application/problem+json"), self.body
        assert list(self.json) == SHAPE
        assert self.json["status"] == status
        assert all(sorted(entry) == ["detail", "pointer"] for entry in self.json["errors"])
        assert b"Traceback" not in self.body
        return self.json  # type: ignore[no-any-return]


JSON = {"Content-Type": "application/json"}


async def postmortem(number: int, as_of: int | None, options: Mapping[str, str]) -> str | None:
    """A stand-in renderer that says what it was asked for."""
    if options.get("zone") == "Nowhere":
        raise InvalidInput("cannot render: there is no such zone", "zone")
    if as_of is not None and as_of < NOW:
        return None
    return f"# Incident {number} as of {as_of}, {sorted(options.items())}\n"


class DaemonServer(BaseTestServer):
    """An application under the daemon's own runner, with the settings that it serves with."""

    def __init__(self, app: web.Application, settings: Mapping[str, Any]) -> None:
        super().__init__(host="127.0.0.1", skip_url_asserts=True)
        self._app, self._settings = app, settings

    async def _make_runner(self, **_: Any) -> Runner:
        return Runner(self._app, **self._settings)


async def connected(server: BaseTestServer, **more: Any) -> TestClient[Any, Any]:
    """A client of a server that it starts; what pytest-aiohttp's ``aiohttp_client`` is in a fixture."""
    client: TestClient[Any, Any] = TestClient(server, **more)
    await client.start_server()
    return client


Connect = Callable[..., Awaitable[TestClient[Any, Any]]]


POSTMORTEMS = dict.fromkeys(
    ("md", "json", "html", "svg", "confluence", "archive", "csv", "jsonl", "marked"), postmortem
)
Group = TypeVar("Group", bound=msgspec.Struct)


def _taken(group: type[Group], settings: dict[str, Any]) -> Group:
    """Of what a test sets, what belongs to one group; it is taken away."""
    return group(**{name: settings.pop(name) for name in group.__struct_fields__ if name in settings})


@asynccontextmanager
async def running(folder: Path, *, connect: Connect = connected, **settings: Any) -> AsyncIterator[Face]:
    """A server over a new log in ``folder``, and everything closed again."""
    server = settings.pop("server", server_kwargs())
    new_logs.place(folder / "timelined.db")
    log = await open_log(f"sqlite:///{folder / 'timelined.db'}")
    base = open_lists(log, owner=True)
    bounds = BodyLimits(size=64 << 10, seconds=settings.pop("seconds", 10.0))
    writer = Writer(log, **settings.pop("queue", {}))
    endpoints = {
        "bell": Endpoint(source=BELL, credentials=Credentials(open=True)),
        "signed": Endpoint(source=BELL, credentials=Credentials(signing=(SECRET,))),
        "secret": Endpoint(source=BELL, credentials=Credentials(path=(b"letmein",))),
        **settings.pop("endpoints", {}),
    }
    face: Face
    lists = Projections(base, settings.pop("rules", Rules()))
    publisher = settings.pop("publisher", Publisher)(lists)
    tokens = [Token(secret=each) if isinstance(each, bytes) else each for each in settings.pop("api_tokens", ())]
    settings = (
        {"postmortems": POSTMORTEMS, "policies": POLICIES, "publisher": publisher} | settings | {"api_tokens": tokens}
    )
    app = build_app(
        intake=Intake(writer, endpoints, bounds),
        log=log,
        projections=lists,
        readiness=lambda: _ready(face),
        clock=lambda: face.now,
        access=_taken(ApiAccess, settings),
        renderings=_taken(Renderings, settings),
        operations=_taken(Operations, settings),
        bounds=_taken(WebLimits, settings),
        **settings,
    )
    async with AsyncExitStack() as closing:
        closing.push_async_callback(log.close)
        closing.push_async_callback(base.close)
        closing.push_async_callback(writer.close)
        # No default Content-Type: senders often give none.
        client = await connect(DaemonServer(app, server), skip_auto_headers=("Content-Type",))
        closing.push_async_callback(client.close)
        runner = client.server.runner
        assert isinstance(runner, Runner)
        follower = Follower(base, log, Rules(), clock=lambda: face.now)
        face = Face(client, ("127.0.0.1", client.server.port or 0), runner, app, log, writer, base, lists, follower)
        closing.push_async_callback(face.stand_still)
        assert await log.lead()
        # Lists that are not made yet are not read.
        await face.followed()
        face.follow()
        yield face


async def _ready(face: Face) -> Readiness:
    return face.state


@pytest.fixture
async def face(tmp_path: Path, aiohttp_client: Connect) -> AsyncIterator[Face]:
    async with running(tmp_path, connect=aiohttp_client) as face:
        yield face


def signed(body: bytes) -> str:
    return "sha256=" + signing.signature_of(body, SECRET)
