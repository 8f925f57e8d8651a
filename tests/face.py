"""The HTTP face for tests: real sockets over a real log, with the settings the daemon runs.

Only two things are small stand-ins: a sender of one made-up kind, and a read
side in memory, so that what grouping decides plays no part here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from collector import reading, signing
from collector.bodies import Limits
from collector.errors import InvalidInput
from collector.event import Event, RecordedEvent, event_id
from collector.intake import Endpoint, Intake
from collector.log import EventLog, open_log
from collector.projections import EventFilter, Explanation, IncidentRow, Nearby, SignalRow
from collector.web import Readiness, Runner, build_app, server_kwargs
from collector.webhook import Credentials, Reading, Source, Webhook
from collector.writer import Writer

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


_rings = msgspec.json.Decoder(list[Ring])


def parse(webhook: Webhook, how: Reading) -> tuple[Event, ...]:
    """Each ring is an alert; an object instead of a list is a kind nobody understands; a fixed body is a mistake."""
    reading.check_syntax(webhook.body, webhook.source)
    if webhook.body == b'"crash"':
        raise ZeroDivisionError("the parser's own mistake")
    try:
        rings = _rings.decode(webhook.body)
    except msgspec.ValidationError:
        return (reading.unrecognised(webhook, "this is not a list of rings"),)
    return tuple(ring(one.name, one.at, webhook.source) for one in rings)


def ring(name: str, at: int = NOW, source: str = "bell") -> Event:
    return Event(
        id=event_id("bell.1", source, at, name),
        type="alert.firing",
        source=source,
        entity=name,
        occurred_at=at,
        title=name,
    )


def verify(webhook: Webhook, credentials: Credentials) -> str:
    return signing.authenticate(webhook, credentials, SIGNATURE)


BELL = Source("bell", verify, parse)


class Board:
    """A read side in memory: incidents as told, events straight from the log."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.rows: dict[int, IncidentRow] = {}
        self.joined: dict[str, int] = {}
        self.firing: list[SignalRow] = []
        self.behind = 0

    async def position(self) -> int:
        self.behind = max(0, self.behind - 1)
        return await self.log.head() - self.behind

    async def incidents(
        self,
        *,
        status: str | None = None,
        service: str | None = None,
        since: int | None = None,
        until: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[IncidentRow]:
        kept = [
            row
            for row in self.rows.values()
            if (status is None or row.status == status)
            and (service is None or service in row.services)
            and (since is None or row.started_at >= since)
            and (until is None or row.started_at < until)
            and (before is None or row.number < before)
        ]
        return sorted(kept, key=lambda row: -row.number)[:limit]

    async def incident(self, number: int) -> IncidentRow | None:
        return self.rows.get(number)

    async def events(self, filter: EventFilter) -> list[RecordedEvent]:  # noqa: A002 - the protocol's word
        found = [fact for fact in await self.log.read(limit=100_000) if self._fits(fact, filter)]
        return (found[::-1] if filter.newest_first else found)[: filter.limit]

    def _fits(self, fact: RecordedEvent, wanted: EventFilter) -> bool:
        kind = wanted.type or fact.type
        return (
            fact.source == (wanted.source or fact.source)
            and (fact.type == kind or (kind.endswith("*") and fact.type.startswith(kind[:-1])))
            and fact.service == (wanted.service or fact.service)
            and fact.entity == (wanted.entity or fact.entity)
            and (wanted.since is None or fact.occurred_at >= wanted.since)
            and (wanted.until is None or fact.occurred_at < wanted.until)
            and (wanted.incident is None or self.joined.get(fact.id) == wanted.incident)
            and fact.position > wanted.after
            and (wanted.before is None or fact.position < wanted.before)
        )

    async def case(self, number: int, as_of: int | None = None) -> None:
        return None

    async def signals(self, after: tuple[int, str] | None = None, limit: int = 1000) -> list[SignalRow]:
        rows = sorted(self.firing, key=lambda row: (row.since, row.event))
        return [row for row in rows if after is None or (row.since, row.event) > after][:limit]

    async def why(self, event_id: str) -> Explanation | None:
        revisions = await self.log.read_ids([event_id])
        if not revisions:
            return None
        return Explanation(event=revisions[-1], incident=self.joined.get(event_id), rule="opened", reason="it rang")

    async def unjoined(self, limit: int = 50) -> tuple[int, Mapping[str, int], Sequence[Nearby]]:
        lone = [fact for fact in await self.log.read(limit=100_000) if fact.id not in self.joined]
        return (
            len(lone),
            {"nothing near": len(lone)},
            [Nearby(event=fact, reason="nothing near") for fact in lone[:limit]],
        )


@dataclass
class Face:
    """A running server, what stands behind it, and a client."""

    client: aiohttp.ClientSession
    address: tuple[str, int]
    runner: Runner
    app: web.Application
    log: EventLog
    writer: Writer
    board: Board
    state: Readiness = field(default_factory=lambda: Readiness(ready=True, facts={"lag": 0}))
    now: int = NOW

    def url(self, path: str) -> str:
        return f"http://{self.address[0]}:{self.address[1]}{path}"

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        async with self.client.request(method, self.url(path), allow_redirects=False, **more) as response:
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
        async with asyncio.timeout(10):
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

    def incident(self, number: int, **known: Any) -> IncidentRow:
        """Put an incident on the board."""
        facts: dict[str, Any] = {
            "number": number,
            "key": f"{number:032x}",
            "status": "open",
            "title": "HighLatency",
            "started_at": NOW + number,
            "ended_at": None,
            "last_at": NOW + number,
            "services": ("checkout",),
            "environments": (),
            "severity": None,
            "lead": None,
            "events": 1,
        }
        self.board.rows[number] = IncidentRow(**(facts | known))
        return self.board.rows[number]


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


@asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncIterator[Face]:
    """A server over a new log in ``folder``, and everything closed again."""
    server = settings.pop("server", server_kwargs())
    log = open_log(f"sqlite:///{folder / 'timelined.db'}")
    bounds = Limits(size=64 << 10, seconds=settings.pop("seconds", 10.0))
    writer = Writer(log, **settings.pop("queue", {}))
    endpoints = {
        "bell": Endpoint(source=BELL, credentials=Credentials(open=True)),
        "signed": Endpoint(source=BELL, credentials=Credentials(signing=(SECRET,))),
        "secret": Endpoint(source=BELL, credentials=Credentials(path=(b"letmein",))),
    }
    face: Face
    app = build_app(
        intake=Intake(writer, endpoints, bounds),
        log=log,
        projections=(board := Board(log)),  # type: ignore[arg-type]
        postmortems={"md": postmortem, "json": postmortem},
        readiness=lambda: _ready(face),
        clock=lambda: face.now,
        **settings,
    )
    runner = Runner(app, **server)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(log.close)
        closing.push_async_callback(writer.close)
        closing.push_async_callback(runner.cleanup)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        # No default Content-Type: senders often give none.
        client = await closing.enter_async_context(aiohttp.ClientSession(skip_auto_headers=("Content-Type",)))
        face = Face(client, ("127.0.0.1", site.port or 0), runner, app, log, writer, board)
        yield face


async def _ready(face: Face) -> Readiness:
    return face.state


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with running(tmp_path) as face:
        yield face


def signed(body: bytes) -> str:
    return "sha256=" + signing.signature_of(body, SECRET)
