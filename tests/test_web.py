"""The HTTP face, on real sockets, over a real log, with the settings the daemon runs.

Only two things are small stand-ins: a sender of one made-up kind, and a read
side in memory, so that what grouping decides plays no part here.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import reading, signing
from collector.errors import InvalidInput, Unavailable
from collector.event import Event, RecordedEvent, event_id
from collector.intake import Endpoint, Intake, Limits, Writer
from collector.log import EventLog, Submission, open_log
from collector.projections import EventFilter, Explanation, IncidentRow, Nearby, SignalRow
from collector.web import Limits as WebLimits
from collector.web import Readiness, Runner, build_app, keys, server_kwargs
from collector.web.problems import KINDS
from collector.webhook import Credentials, Reading, Source, Webhook

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

    async def signals(self) -> list[SignalRow]:
        return self.firing

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
        facts = {
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
        projections=(board := Board(log)),
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
        face = Face(client, ("127.0.0.1", site.port or 0), app, log, writer, board)
        yield face


async def _ready(face: Face) -> Readiness:
    return face.state


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with running(tmp_path) as face:
        yield face


def signed(body: bytes) -> str:
    return "sha256=" + signing.signature_of(body, SECRET)


# The table of answers (design §4), row by row


async def test_what_was_stored_is_answered_202_with_a_receipt(face):
    """A delivery is in the log when its receipt says so, with each event's id and position."""
    answer = await face.deliver(b'[{"name": "a"}, {"name": "b"}]')
    stored = await face.log.read()
    assert answer.status == 202
    assert answer.json["status"] == "read"
    assert answer.json["items"] == [{"event": fact.id, "position": fact.position, "known": False} for fact in stored]
    assert (await face.log.delivery(answer.json["delivery"])).source == "bell"


async def test_what_was_all_known_is_answered_200(face):
    """The same delivery again adds nothing and says so; one with something new is 202 again."""
    await face.deliver(b'[{"name": "a"}]')
    again = await face.deliver(b'[{"name": "a"}]')
    more = await face.deliver(b'[{"name": "a"}, {"name": "b"}]')
    assert (again.status, [item["known"] for item in again.json["items"]]) == (200, [True])
    assert (more.status, [item["known"] for item in more.json["items"]]) == (202, [True, False])


async def test_what_is_not_understood_is_kept_and_answered_202(face):
    """An authentic delivery of an unknown kind is stored with its reason."""
    answer = await face.deliver(b'{"kind": "novel"}')
    [kept] = await face.log.deliveries()
    assert (answer.status, answer.json["status"], answer.json["reason"]) == (202, "unrecognised", kept.reason)
    assert await face.log.body(kept.id) == b'{"kind": "novel"}'


async def test_a_parser_that_fails_loses_nothing_and_answers_202(face):
    """A mistake of ours in reading a delivery keeps its bytes and is not the sender's concern."""
    answer = await face.deliver(b'"crash"')
    assert (answer.status, answer.json["status"]) == (202, "unrecognised")
    assert await face.log.body(answer.json["delivery"]) == b'"crash"'


@pytest.mark.parametrize(
    ("body", "place"),
    [(b'[{"name": "a"', "byte 13"), (b"", "byte 0"), (b"\xff\xfe", "byte 0"), (b"[" * 2000, "level 65")],
    ids=["cut", "empty", "not-utf-8", "deep"],
)
async def test_broken_json_is_answered_400_and_kept(face, body, place):
    """A body that is not even the source's syntax is refused with the place, and listed all the same."""
    answer = await face.deliver(body)
    problem = answer.problem(400)
    assert problem["errors"] == [{"pointer": place, "detail": problem["detail"]}]
    [kept] = await face.log.deliveries(status="malformed")
    assert (kept.size, await face.log.head()) == (len(body), 0)


async def test_every_refusal_of_a_sender_is_the_same_401(face):
    """Unknown sources and wrong, missing or odd credentials are answered with one body, and store nothing."""
    answers = [
        await face.deliver(b"[]", "/webhooks/nobody"),
        await face.deliver(b"[]", "/webhooks/nobody/letmein"),
        await face.deliver(b"[]", "/webhooks/caf%C3%A9%00%7B"),
        await face.deliver(b"[]", "/webhooks/signed"),
        await face.deliver(b"[]", "/webhooks/signed", X_Bell_Signature="sha256=" + "0" * 64),
        await face.deliver(b"[ ]", "/webhooks/signed", X_Bell_Signature=signed(b"[]")),
        await face.deliver(b"[]", "/webhooks/secret"),
        await face.deliver(b"[]", "/webhooks/secret/letmei"),
        await face.deliver(b"[]", "/webhooks/secret/%FF"),
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    answers[0].problem(401)
    assert await face.log.deliveries() == []


async def test_a_signature_of_stray_bytes_is_a_401(face):
    """Bytes in a signature header that are not UTF-8 prove nothing and break nothing."""
    answer = await face.raw(
        b"POST /webhooks/signed HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
        b"X-Bell-Signature: sha256=\xff\xe9\xc3\x28\r\n\r\n[]"
    )
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_what_is_signed_or_sent_to_a_secret_address_is_taken(face):
    """The right signature and the right secret address are let in."""
    by_signature = await face.deliver(b"[]", "/webhooks/signed", X_Bell_Signature=signed(b"[]"))
    by_address = await face.deliver(b"[]", "/webhooks/secret/letmein")
    assert (by_signature.status, by_address.status) == (202, 202)


async def test_a_body_that_is_too_large_is_413(face):
    """The bound holds for an announced length, for chunks without one, and for a bomb's inflated size."""

    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 8192

    bomb = gzip.compress(b"[" + b" " * (1 << 20) + b"]")
    assert len(bomb) < 2000
    for answer in (
        await face.deliver(b" " * 65_537),
        await face.ask("POST", "/webhooks/bell", data=in_chunks()),
        await face.deliver(bomb, Content_Encoding="gzip"),
    ):
        answer.problem(413)
    assert await face.log.deliveries() == []


async def test_one_gzip_member_is_inflated(face):
    """A gzipped delivery is read and kept as what it holds."""
    answer = await face.deliver(gzip.compress(b'[{"name": "a"}]'), Content_Encoding="GZIP")
    assert answer.status == 202
    assert await face.log.body(answer.json["delivery"]) == b'[{"name": "a"}]'


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"[]")[:-3], gzip.compress(b"[]") + b"x", gzip.compress(b"[]") * 2, b"[]", b""],
    ids=["cut", "trailing-junk", "two-members", "not-gzip", "empty"],
)
async def test_damaged_gzip_is_400_with_the_place(face, body):
    """What is not exactly one whole gzip member is refused and says at which byte."""
    problem = (await face.deliver(body, Content_Encoding="gzip")).problem(400)
    assert problem["errors"][0]["pointer"].startswith("byte ")


@pytest.mark.parametrize("proof", ["none", "path", "signature"])
async def test_a_damaged_gzip_of_an_authentic_sender_is_kept(face, proof):
    """What came is listed with the reason, where the sender proves itself without it or signed these very bytes."""
    body = gzip.compress(b"[]")[:-3]
    address = {"none": "/webhooks/bell", "path": "/webhooks/secret/letmein", "signature": "/webhooks/signed"}[proof]
    headers = {"X_Bell_Signature": signed(body)} if proof == "signature" else {}
    (await face.deliver(body, address, Content_Encoding="gzip", **headers)).problem(400)
    (kept,) = await face.log.deliveries(status="malformed")
    assert (kept.authentication, await face.log.body(kept.id)) == (proof, body)
    assert "gzip" in kept.reason


async def test_a_damaged_gzip_of_a_stranger_is_401_and_leaves_nothing(face):
    """Damage is told only to those who prove themselves."""
    body = gzip.compress(b"[]")[:-3]
    for address in ("/webhooks/signed", "/webhooks/secret/wrong", "/webhooks/nobody"):
        (await face.deliver(body, address, Content_Encoding="gzip")).problem(401)
    assert await face.log.deliveries() == []


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate", "zstd"])
async def test_another_encoding_is_415(face, encoding):
    """Only identity and one gzip are taken."""
    (await face.deliver(b"[]", Content_Encoding=encoding)).problem(415)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense", None])
async def test_the_content_type_of_a_delivery_is_not_looked_at(face, kind):
    """Senders label JSON as they like."""
    headers = {"Content_Type": kind} if kind else {}
    assert (await face.deliver(b"[]", **headers)).status == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "PROPFIND"])
async def test_another_method_is_405(face, method):
    """A webhook's address takes POST and OPTIONS, and says so."""
    answer = await face.ask(method, "/webhooks/bell")
    assert answer.status == 405
    assert answer.headers["Allow"] == "OPTIONS,POST"
    if method != "HEAD":
        answer.problem(405)


async def test_a_full_queue_is_503_and_says_when_to_come_again(tmp_path, monkeypatch):
    """What does not fit now is refused at once and can come again; nothing is half stored."""
    async with running(tmp_path, queue={"queue_events": 1}) as face:
        release, append = asyncio.Event(), face.log.append

        async def slow(submissions: Sequence[Submission]) -> Any:
            await release.wait()
            return await append(submissions)

        monkeypatch.setattr(face.log, "append", slow)
        first = asyncio.create_task(face.deliver(b'[{"name": "a"}]'))
        while not face.writer.events:  # noqa: ASYNC110 - the queue under test has no event
            await asyncio.sleep(0)
        second = await face.deliver(b'[{"name": "b"}]')
        release.set()
        second.problem(503)
        assert int(second.headers["Retry-After"]) > 0
        assert second.headers["Connection"] == "close"
        assert ((await first).status, await face.log.head()) == (202, 1)


async def test_a_log_that_cannot_write_is_503_whatever_it_raises(face, monkeypatch):
    """A full disk, a lost database, a bug below: the sender hears to come again, and never a 500."""
    for error in (Unavailable("cannot write: the disk is full", 17), OSError(28, "No space left"), KeyError("a bug")):

        async def fail(submissions: Sequence[Submission], error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(face.log, "append", fail)
        answer = await face.deliver(b"[]")
        answer.problem(503)
        assert int(answer.headers["Retry-After"]) == (17 if isinstance(error, Unavailable) else 5)


async def test_a_mistake_of_ours_before_the_log_is_503_without_a_traceback(face, monkeypatch, caplog):
    """What nobody foresaw on a webhook's way is logged whole, and the sender comes again."""

    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Intake, "accept", fail)
    answer = await face.deliver(b"[]")
    answer.problem(503)
    assert b"secret detail" not in answer.body
    assert "ZeroDivisionError" in caplog.text


async def test_a_stopping_daemon_refuses_with_503(face):
    """Once the writer is closed a delivery is refused, and can come again elsewhere."""
    await face.writer.close()
    (await face.deliver(b"[]")).problem(503)


async def test_a_body_that_stalls_is_503_within_its_time(tmp_path):
    """A sender that stops in the middle of a body is let go, and asked to come again."""
    async with running(tmp_path, seconds=0.05) as face:
        answer = await face.raw(b"POST /webhooks/bell HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n[")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: " in answer


async def test_a_sender_that_hangs_up_leaves_nothing(face):
    """A connection that ends within a body stores nothing and disturbs nobody."""
    await face.raw(b"POST /webhooks/bell HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n[", half_close=True)
    assert (await face.deliver(b"[]")).status == 202
    assert len(await face.log.deliveries()) == 1


async def test_broken_chunks_are_refused(tmp_path):
    """A body whose chunks are malformed stores nothing: 400 at once, or once its time is over where it broke later."""
    head = b"POST /webhooks/bell HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"
    async with running(tmp_path, seconds=0.05) as face:
        at_once = await face.raw(head + b"zzz\r\n")
        later = await face.raw(head, lambda: face.app[keys.INTAKE].bodies.in_flight, b"zzz\r\n")
        assert await face.log.deliveries() == []
    for answer, statuses in ((at_once, b"400"), (later, b"400|503")):
        assert re.match(rb"HTTP/1\.[01] (%s) " % statuses, answer)
        assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == SHAPE


async def test_a_webhook_consents_to_cloudevents(face):
    """The handshake of the CloudEvents webhook profile is met, the same for every source, and nothing is called."""
    for source in ("bell", "nobody", "secret/letmein"):
        asked = {"WebHook-Request-Origin": "events.example", "WebHook-Request-Callback": "http://127.0.0.1:1/"}
        answer = await face.ask("OPTIONS", f"/webhooks/{source}", headers=asked)
        assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, "*")
        assert answer.headers["WebHook-Allowed-Rate"] == "*"
    plain = await face.ask("OPTIONS", "/webhooks/bell")
    assert (plain.status, plain.headers["Allow"]) == (204, "POST, OPTIONS")
    assert "WebHook-Allowed-Origin" not in plain.headers


# What is not HTTP


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03OFFENDING\r\n\r\n",
        b"GET /OFFENDING HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header OFFENDING: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: OFFENDING\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"OFFENDING" * 1000 + b"\r\n\r\n",
        b"GET /" + b"OFFENDING" * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nX: OFFENDING\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\nX: OFFENDING\r\n\r\n",
        b"GET /caf\xc3\xa9OFFENDING HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: OFFENDING\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: OFFENDING\r\n\r\n",
    ],
    ids=[
        "tls", "version", "header-name", "nul", "long-header", "long-line", "two-lengths", "negative-length",
        "raw-path", "no-host", "two-hosts",
    ],
)  # fmt: skip
async def test_what_is_not_http_is_a_problem_that_repeats_nothing(face, request_bytes):
    """Malformed HTTP is refused in the usual shape, the connection ends, and no byte of it comes back."""
    head, _, body = (await face.raw(request_bytes)).partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] 400 ", head)
    assert b"application/problem+json" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert list(json.loads(body)) == SHAPE
    assert b"OFFENDING" not in head + body


async def test_headers_that_never_end_are_let_go(tmp_path):
    """A client that sends half its headers holds a connection for the idle time at most, which is 15 s."""
    assert server_kwargs()["keepalive_timeout"] == 15
    async with running(tmp_path, server=server_kwargs(idle=0.05)) as face:
        assert await face.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX-Ha") == b""
        assert (await face.get("/-/healthy")).status == 200


async def test_an_unknown_address_or_expectation_is_a_problem(face):
    """What aiohttp itself refuses, before any handler, has the shape of every other error."""
    (await face.get("/OFFENDING")).problem(404)
    assert b"OFFENDING" not in (await face.get("/api/v1/OFFENDING%00?OFFENDING")).body
    (await face.post("/api/v1/signals")).problem(405)
    answer = await face.raw(b"GET /x HTTP/1.1\r\nHost: x\r\nExpect: OFFENDING\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 417 ")
    assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == SHAPE
    assert b"OFFENDING" not in answer + (await face.get("/OFFENDING")).body


# Every answer


@pytest.mark.parametrize("path", ["/", "/-/healthy", "/api/v1/incidents", "/nowhere", "/api/v1/events?x=1"])
async def test_every_answer_is_hardened(face, path):
    """No answer may be sniffed, framed, linked from or used by a page, and none names its software."""
    headers = (await face.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Server"] == "timelined"


@pytest.mark.parametrize("path", ["/", "/-/healthy", "/-/ready", "/api/v1/incidents", "/api/v1/incidents/9", "/nope"])
async def test_head_answers_as_get_without_a_body(face, path):
    """HEAD has GET's status, type and length, and nothing after the headers."""
    got, head = await face.get(path), await face.ask("HEAD", path)
    assert (head.status, head.body) == (got.status, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


async def test_the_daemon_is_healthy_and_says_whether_it_is_ready(face):
    """Healthy is 200 while the loop runs; ready is 503 with the reason where work cannot be done."""
    face.state = Readiness(ready=False, reason="the disk is full", facts={"lag": 4})
    assert (await face.get("/-/healthy")).status == 200
    answer = await face.get("/-/ready")
    assert (answer.status, answer.json) == (503, {"ready": False, "reason": "the disk is full", "lag": 4})
    face.state = Readiness(ready=True)
    assert (await face.get("/-/ready")).status == 200


async def test_the_first_page_points_onward(face):
    """A person who opens the address is told where to look, in plain text."""
    answer = await face.get("/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert b"/api/v1/incidents" in answer.body


# Who may ask


async def test_the_api_asks_for_a_token_where_one_is_set(tmp_path):
    """Without the token, or with a wrong one, every address of the API is the same 401; webhooks never use it."""
    async with running(tmp_path, api_tokens=(b"old", "grün".encode())) as face:
        refused = [
            await face.get("/api/v1/incidents"),
            await face.get("/api/v1/nowhere"),
            await face.get("/api/v1/incidents", headers={"Authorization": "Bearer wrong"}),
            await face.get("/api/v1/incidents", headers={"Authorization": "Bearer "}),
            await face.get("/api/v1/incidents", headers={"Authorization": "Basic b2xkOg=="}),
            await face.get("/api/v1/incidents", headers=[("Authorization", "Bearer old"), ("Authorization", "x")]),
        ]
        for answer in refused:
            answer.problem(401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        for token in ("old", "grün"):
            assert (await face.get("/api/v1/incidents", headers={"Authorization": f"bearer {token}"})).status == 200
        assert (await face.deliver(b"[]")).status == 202
        assert (await face.get("/-/ready")).status == 200


async def test_a_token_of_stray_bytes_is_a_401(tmp_path):
    """Bytes that are not UTF-8 are compared as bytes and refused."""
    async with running(tmp_path, api_tokens=(b"old",)) as face:
        answer = await face.raw(
            b"GET /api/v1/signals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n"
            b"Connection: close\r\n\r\n"
        )
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_on_loopback_the_api_answers_only_under_local_names(face, tmp_path):
    """A foreign name for the loopback address (DNS rebinding) opens nothing; webhooks and health do not care."""
    for host in ("localhost", "localhost:9720", "127.0.0.1", "[::1]:9720", "LOCALHOST"):
        assert (await face.get("/api/v1/signals", headers={"Host": host})).status == 200
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:9720", "evil.example:80:1", "[::1"):
        (await face.get("/api/v1/signals", headers={"Host": host})).problem(421)
    assert (await face.get("/-/healthy", headers={"Host": "evil.example"})).status == 200
    assert (await face.deliver(b"[]", Host="evil.example")).status == 202
    (tmp_path / "open").mkdir()
    async with running(tmp_path / "open", local_only=False) as other:
        assert (await other.get("/api/v1/signals", headers={"Host": "timelined.example"})).status == 200


# Reading


async def test_events_are_listed_by_pages_that_appends_do_not_disturb(face):
    """Each page links to the next; following them shows every event once, those that came meanwhile too."""
    await face.deliver(b'[{"name": "a"}, {"name": "b"}, {"name": "c"}]')
    first = await face.get("/api/v1/events?limit=2&source=bell")
    await face.deliver(b'[{"name": "d"}]')
    second = await face.get(first.headers["Link"][1:].partition(">")[0])
    assert [fact["position"] for fact in first.json["events"] + second.json["events"]] == [1, 2, 3, 4]
    assert first.headers["Link"] == '</api/v1/events?limit=2&source=bell&after=2>; rel="next"'
    assert (first.json["next"], second.json["next"], "Link" in second.headers) == ("2", None, False)


async def test_events_newest_first_page_backwards(face):
    """With order=desc the pages go back to the first event."""
    await face.deliver(b'[{"name": "a"}, {"name": "b"}, {"name": "c"}]')
    first = (await face.get("/api/v1/events?order=desc&limit=2")).json
    rest = (await face.get(f"/api/v1/events?order=desc&limit=2&before={first['next']}")).json
    assert [fact["position"] for fact in first["events"] + rest["events"]] == [3, 2, 1]
    assert rest["next"] is None


async def test_events_are_filtered_by_what_was_asked(face):
    """Source, type (and family), entity, incident and times narrow the list."""
    for number in range(3):
        await face.deliver(json.dumps([{"name": f"a{number}", "at": NOW + number * 1_000_000}]).encode())
    face.board.joined[(await face.log.read())[1].id] = 7
    face.incident(7)
    face.incident(8, status="merged", merged_into=7)

    async def positions(query: str) -> list[int]:
        return [fact["position"] for fact in (await face.get(f"/api/v1/events?{query}")).json["events"]]

    assert await positions("source=elsewhere") == []
    assert await positions("type=alert.*") == [1, 2, 3]
    assert await positions("type=page.triggered") == []
    assert await positions("entity=a2") == [3]
    assert await positions("incident=7") == await positions("incident=8") == [2]
    assert await positions("since=2026-03-04T14:02:11Z") == [2, 3]
    assert await positions("until=2026-03-04T15:02:11%2B01:00") == [1]
    assert await positions("until=2026-03-04T15:02:11+01:00") == [1]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/events?limit=0", "limit"),
        ("/api/v1/events?limit=1001", "limit"),
        ("/api/v1/events?limit=ten", "limit"),
        ("/api/v1/events?limit=%D9%A1", "limit"),
        ("/api/v1/events?limit=1&limit=2", "limit"),
        ("/api/v1/events?since=1772632930", "since"),
        ("/api/v1/events?since=yesterday", "since"),
        ("/api/v1/events?until=2026-03-04", "until"),
        ("/api/v1/events?until=2026-03-04T14:02:10", "until"),
        ("/api/v1/events?until=2026-02-30T14:02:10Z", "until"),
        ("/api/v1/events?since=0001-01-01T00:00:00Z", "since"),
        ("/api/v1/events?after=-1", "after"),
        ("/api/v1/events?after=99999999999999999999", "after"),
        ("/api/v1/events?order=up", "order"),
        ("/api/v1/events?source=%00", "source"),
        ("/api/v1/events?servce=checkout", "servce"),
        ("/api/v1/incidents?status=closed", "status"),
        ("/api/v1/incidents?before=x", "before"),
        ("/api/v1/incidents/x", "number"),
        ("/api/v1/incidents/1/events?since=2026-03-04T14:02:10Z", "since"),
        ("/api/v1/incidents/1/postmortem.md?as_of=now", "as_of"),
        ("/api/v1/signals?all=1", "all"),
        ("/api/v1/deliveries?status=lost", "status"),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_named(face, path, name):
    """Each mistake in a request is a 400 that says which parameter, and none is ignored."""
    face.incident(1)
    assert (await face.get(path)).problem(400)["errors"][0]["pointer"] == name


async def test_an_event_is_found_by_id_citation_and_position(face):
    """Each of its names leads to all its revisions, how often it was told, and why it is where it is."""
    for _ in range(3):
        await face.deliver(b'[{"name": "a"}]')
    [fact] = await face.log.read()
    face.board.joined[fact.id] = 7
    for name in (fact.id, fact.id[-6:], fact.id.upper(), "1"):
        shown = (await face.get(f"/api/v1/events/{name}")).json
        assert (shown["id"], [revision["position"] for revision in shown["events"]]) == (fact.id, [1])
        assert shown["repeats"]["count"] == 2
        assert shown["why"] == {"incident": 7, "rule": "opened", "reason": "it rang"}
    for name in ("2", "0" * 32, "nonsense", "%FF", "f" * 400):
        (await face.get(f"/api/v1/events/{name}")).problem(404)


async def test_why_explains_one_event(face):
    """The explanation carries the event, its incident, the rule and the reason."""
    await face.deliver(b'[{"name": "a"}]')
    why = (await face.get("/api/v1/why/1")).json
    assert (why["event"]["position"], why["incident"], why["rule"], why["reason"]) == (1, None, "opened", "it rang")


async def test_incidents_are_listed_newest_first_by_pages(face):
    """Pages of incidents go back to the first one, and filters narrow them."""
    for number in range(1, 6):
        face.incident(number, status="resolved" if number == 2 else "open", services=("cart",) if number == 4 else ())
    first = await face.get("/api/v1/incidents?limit=3")
    second = await face.get(first.headers["Link"][1:].partition(">")[0])
    assert [row["number"] for row in first.json["incidents"] + second.json["incidents"]] == [5, 4, 3, 2, 1]
    assert (first.json["next"], second.json["next"]) == ("3", None)
    assert [row["number"] for row in (await face.get("/api/v1/incidents?status=resolved")).json["incidents"]] == [2]
    assert [row["number"] for row in (await face.get("/api/v1/incidents?service=cart")).json["incidents"]] == [4]


async def test_an_empty_list_says_what_joined_nothing(face):
    """Where there is no incident, the answer counts the events that opened none, with their reasons."""
    await face.deliver(b'[{"name": "a"}]')
    shown = (await face.get("/api/v1/incidents")).json
    assert (shown["incidents"], shown["next"]) == ([], None)
    assert (shown["unjoined"]["count"], shown["unjoined"]["reasons"]) == (1, {"nothing near": 1})
    assert shown["unjoined"]["newest"][0]["event"]["title"] == "a"
    face.incident(1)
    assert "unjoined" not in (await face.get("/api/v1/incidents")).json


async def test_a_merged_number_keeps_answering(face):
    """Alone it says where it went; what lies beneath it is the other incident's."""
    face.incident(1)
    face.incident(2, status="merged", merged_into=1)
    face.incident(3, status="merged", merged_into=2)
    alone = await face.get("/api/v1/incidents/3")
    assert (alone.json["number"], alone.json["merged_into"]) == (3, 2)
    assert alone.headers["Link"] == '</api/v1/incidents/1>; rel="canonical"'
    draft = await face.get("/api/v1/incidents/3/postmortem.md")
    assert draft.body.startswith(b"# Incident 1 ")
    assert draft.headers["Content-Location"] == "/api/v1/incidents/1/postmortem.md"
    assert (await face.get("/api/v1/incidents/3/events")).json["incident"] == 1
    assert "Link" not in (await face.get("/api/v1/incidents/1")).headers


@pytest.mark.parametrize("path", ["", "/events", "/postmortem", "/postmortem.md", "/postmortem.json"])
async def test_an_unknown_incident_is_404_everywhere(face, path):
    """No incident, no answer, and the error says how to find one."""
    assert (await face.get(f"/api/v1/incidents/9{path}")).problem(404)["errors"][0]["pointer"] == "number"


async def test_merges_that_form_a_circle_end(face):
    """A circle of merges (which should never be) is an answer and not an endless loop."""
    face.incident(1, status="merged", merged_into=2)
    face.incident(2, status="merged", merged_into=1)
    assert (await face.get("/api/v1/incidents/1")).status == 200


@pytest.mark.parametrize("path", ["/api/v1/incidents/1", "/api/v1/incidents/1/postmortem.md", "/api/v1/events/1"])
async def test_what_did_not_change_is_304(face, path):
    """With the ETag it was given, a client hears that nothing changed, until something does."""
    await face.deliver(b'[{"name": "a"}]')
    face.incident(1)
    first = await face.get(path)
    again = await face.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status, again.body) == (200, 304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (await face.get(path, headers={"If-None-Match": '"another"'})).status == 200
    assert (await face.ask("HEAD", path, headers={"If-None-Match": f'"x", {first.headers["ETag"]}'})).status == 304


async def test_a_changed_incident_has_another_etag(face):
    """The tag covers what is shown."""
    face.incident(1)
    first = await face.get("/api/v1/incidents/1")
    face.incident(1, events=2)
    second = await face.get("/api/v1/incidents/1", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status == 200


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "text/markdown; charset=utf-8"),
        ("text/markdown", "text/markdown; charset=utf-8"),
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/markdown; charset=utf-8"),
        ("text/markdown;q=0.1, application/*;q=0.2", "application/json"),
        ("*/*, text/markdown;q=0", "application/json"),
    ],
)
async def test_a_postmortem_comes_in_the_format_asked_for(face, accept, media):
    """Accept chooses the format, by weight and by how specific it is; Markdown where it does not matter."""
    face.incident(1)
    headers = {"Accept": accept} if accept else {}
    answer = await face.get("/api/v1/incidents/1/postmortem", headers=headers)
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Vary"]) == (200, media, "Accept")


async def test_a_format_that_there_is_not_is_refused(face):
    """An Accept that nothing meets is 406, and another ending is 404."""
    face.incident(1)
    (await face.get("/api/v1/incidents/1/postmortem", headers={"Accept": "image/png"})).problem(406)
    (await face.get("/api/v1/incidents/1/postmortem", headers={"Accept": "text/markdown;q=0,junk;q=x"})).problem(406)
    (await face.get("/api/v1/incidents/1/postmortem.pdf")).problem(404)


async def test_a_postmortem_takes_its_options(face):
    """Time and options reach the renderer, and its own refusal names the parameter."""
    face.incident(1)
    path = "/api/v1/incidents/1/postmortem.md"
    answer = await face.get(f"{path}?as_of=2026-03-04T14:02:10Z&zone=Europe/Madrid&profile=rootly")
    assert answer.body.decode() == (f"# Incident 1 as of {NOW}, [('profile', 'rootly'), ('zone', 'Europe/Madrid')]\n")
    assert (await face.get(f"{path}?zone=Nowhere")).problem(422)["errors"][0]["pointer"] == "zone"
    (await face.get(f"{path}?as_of=2020-01-01T00:00:00Z")).problem(404)


async def test_signals_show_what_is_firing(face):
    """What fires now is listed with its incident and how often it was told."""
    known: dict[str, Any] = {"service": None, "environment": None, "severity": None, "notifications": 14}
    face.board.firing = [
        SignalRow(
            kind="alert", event="ab", source="bell", entity="a", title="a", state="firing", since=NOW, incident=1,
            last_at=NOW, **known,
        )
    ]  # fmt: skip
    [signal] = (await face.get("/api/v1/signals")).json["signals"]
    assert (signal["state"], signal["notifications"], signal["since"]) == ("firing", 14, "2026-03-04T14:02:10Z")


async def test_deliveries_are_listed_with_what_became_of_them(face):
    """Newest first, by pages, and by status; each leads to its headers and items."""
    await face.deliver(b'[{"name": "a"}]', Content_Type="application/json")
    await face.deliver(b"{}")
    await face.deliver(b"[")
    page = (await face.get("/api/v1/deliveries?limit=2")).json
    assert [kept["status"] for kept in page["deliveries"]] == ["malformed", "unrecognised"]
    rest = (await face.get(f"/api/v1/deliveries?limit=2&before={page['next']}")).json
    assert ([kept["status"] for kept in rest["deliveries"]], rest["next"]) == (["read"], None)
    assert len((await face.get("/api/v1/deliveries?status=unrecognised")).json["deliveries"]) == 1
    one = (await face.get(f"/api/v1/deliveries/{rest['deliveries'][0]['id']}")).json
    assert {"name": "content-type", "value": "application/json"} in one["headers"]
    assert one["items"][0]["position"] == 1


async def test_a_body_is_handed_out_as_a_file_no_browser_shows(face):
    """Raw bytes come back as they were, as an attachment of no type."""
    body = b"[]<script>alert(1)</script>"
    await face.deliver(body)
    [kept] = (await face.get("/api/v1/deliveries")).json["deliveries"]
    answer = await face.get(f"/api/v1/deliveries/{kept['id']}/body")
    assert (answer.body, answer.headers["Content-Type"]) == (body, "application/octet-stream")
    assert re.fullmatch(r'attachment; filename="delivery-\w+\.bin"', answer.headers["Content-Disposition"])
    for path in ("/api/v1/deliveries/d99", "/api/v1/deliveries/d99/body", "/api/v1/deliveries/%00"):
        (await face.get(path)).problem(404)


# What people state


async def test_a_note_is_stored_once_whatever_is_retried(face):
    """201 with the event; the same Idempotency-Key again is 200 and adds nothing; without one, each is new."""
    face.incident(1)
    said = {"text": "restarted the workers", "by": "Ada", "at": "2026-03-04T13:59:00Z"}
    first = await face.post("/api/v1/incidents/1/notes", said, headers={"Idempotency-Key": "k1"})
    face.now += 1_000_000
    again = await face.post("/api/v1/incidents/1/notes", said, headers={"Idempotency-Key": "k1"})
    assert (first.status, again.status) == (201, 200)
    assert first.json["event"] == again.json["event"]
    assert (first.json["known"], again.json["known"], first.json["incident"]) == (False, True, 1)
    assert first.headers["Location"] == f"/api/v1/events/{first.json['event']}"
    [fact] = await face.log.read()
    assert (fact.type, fact.title, fact.actor, fact.occurred_at) == (
        "note.added", "restarted the workers", "Ada", NOW - 190_000_000,
    )  # fmt: skip
    assert fact.refs == (f"incident:{1:032x}",)
    for _ in range(2):
        assert (await face.post("/api/v1/incidents/1/notes", said)).status == 201
    assert await face.log.head() == 3


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("1/notes", {"text": "b", "by": "Ada"}),
        ("1/notes", {"text": "a", "by": "Grace"}),
        ("1/notes", {"text": "a", "by": "Ada", "at": "2026-03-04T13:59:00Z"}),
        ("2/notes", {"text": "a", "by": "Ada"}),
        ("1/actions", {"text": "a", "by": "Ada"}),
    ],
    ids=["text", "person", "time", "incident", "kind"],
)
async def test_a_key_cannot_say_two_things(face, path, said):
    """An Idempotency-Key that was used for another statement is refused, and nothing is stored."""
    face.incident(1)
    face.incident(2)
    key = {"Idempotency-Key": "k1"}
    await face.post("/api/v1/incidents/1/notes", {"text": "a", "by": "Ada"}, headers=key)
    refused = await face.post(f"/api/v1/incidents/{path}", said, headers=key)
    assert refused.problem(422)["errors"][0]["pointer"] == "Idempotency-Key"
    assert await face.log.head() == 1


async def test_a_key_still_holds_when_the_incident_began_earlier(face):
    """A late event may become an incident's first; what was stated before is sent again without harm."""
    await face.deliver(b'[{"name": "a"}, {"name": "b"}]')
    first, second = await face.log.read()
    face.board.joined = {first.id: 1, second.id: 1}
    said, key = {"text": "a", "by": "Ada"}, {"Idempotency-Key": "k1"}
    face.incident(1, key=second.id)
    await face.post("/api/v1/incidents/1/notes", said, headers=key)
    face.incident(1, key=first.id)
    assert (await face.post("/api/v1/incidents/1/notes", said, headers=key)).status == 200


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9", "tab\there"])
async def test_an_odd_idempotency_key_is_refused(face, key):
    """A key has 1 to 200 printable characters."""
    face.incident(1)
    said = {"text": "a", "by": "Ada"}
    refused = await face.post("/api/v1/incidents/1/notes", said, headers={"Idempotency-Key": key})
    assert refused.problem(400)["errors"][0]["pointer"] == "Idempotency-Key"


STATEMENTS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("notes", {"text": "seen"}, "note.added", {}),
    ("actions", {"text": "add a limit", "owner": "Ada", "due": "2026-04-01"}, "action.added",
     {"owner": "Ada", "due": "2026-04-01", "state": "open"}),
    ("marks", {"mark": "mitigated", "at": "2026-03-04T14:00:00Z"}, "mark.set", {"mark": "mitigated"}),
    ("join", {"event": "1"}, "incident.joined", {}),
    ("leave", {"event": "1"}, "incident.left", {}),
    ("merge", {"other": 2}, "incident.merged", {"into": f"{1:032x}", "from": f"{2:032x}"}),
    ("resolve", {}, "incident.resolved", {}),
    ("reopen", {"at": "2026-03-04T14:00:00Z"}, "incident.reopened", {}),
    ("edit", {"field": "lead", "value": "Ada"}, "incident.edited", {"field": "lead", "value": "Ada"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "said", "kind", "data"), STATEMENTS, ids=[entry[0] for entry in STATEMENTS])
async def test_each_statement_becomes_its_event(face, path, said, kind, data):
    """What a person states is one event of its type, by that person, about that incident's opening event."""
    await face.deliver(b'[{"name": "a"}]')
    face.incident(1)
    face.incident(2)
    answer = await face.post(f"/api/v1/incidents/1/{path}", said | {"by": "Grace"})
    assert answer.status == 201, answer.body
    fact = (await face.log.read())[-1]
    assert (fact.id, fact.type, fact.source, fact.actor) == (answer.json["event"], kind, "people", "Grace")
    assert f"incident:{1:032x}" in fact.refs
    assert data.items() <= fact.data.items()


@pytest.mark.parametrize(("path", "said", "kind", "data"), STATEMENTS, ids=[entry[0] for entry in STATEMENTS])
async def test_each_statement_refuses_what_it_does_not_know(face, path, said, kind, data):
    """A field that is unknown, missing or of the wrong type is a 422 that names it, and stores nothing."""
    await face.deliver(b'[{"name": "a"}]')
    face.incident(1)
    address = f"/api/v1/incidents/1/{path}"
    unknown = await face.post(address, said | {"by": "Grace", "colour": "red"})
    assert unknown.problem(422)["errors"][0]["pointer"] == "colour"
    assert (await face.post(address, said)).problem(422)["errors"][0]["pointer"] == "by"
    assert (await face.post(address, said | {"by": 7})).problem(422)["errors"][0]["pointer"] == "by"
    (await face.post(f"/api/v1/incidents/9/{path}", said | {"by": "Grace"})).problem(404)
    assert await face.log.head() == 1


@pytest.mark.parametrize(
    ("path", "said", "status", "pointer"),
    [
        ("notes", {"text": " ", "by": "Ada"}, 422, "text"),
        ("notes", {"text": "x" * 10_001, "by": "Ada"}, 422, "text"),
        ("notes", {"text": "x", "by": "Ada", "at": "noon"}, 400, "at"),
        ("actions", {"text": "x", "by": "Ada", "due": "soon"}, 422, "due"),
        ("actions", {"text": "x", "by": "Ada", "state": "lost"}, 422, "state"),
        ("marks", {"mark": "nap", "at": "2026-03-04T14:00:00Z", "by": "Ada"}, 422, "mark"),
        ("edit", {"field": "number", "value": "8", "by": "Ada"}, 422, "field"),
        ("merge", {"other": 1, "by": "Ada"}, 422, "other"),
        ("merge", {"other": 0, "by": "Ada"}, 422, "other"),
        ("merge", {"other": 99, "by": "Ada"}, 404, "number"),
        ("join", {"event": "nonsense", "by": "Ada"}, 404, "event"),
    ],
)
async def test_a_statement_that_says_nothing_usable_names_the_field(face, path, said, status, pointer):
    """What cannot be recorded is refused by the field that is the matter."""
    face.incident(1)
    refused = await face.post(f"/api/v1/incidents/1/{path}", said)
    assert refused.problem(status)["errors"][0]["pointer"] == pointer
    assert await face.log.head() == 0


async def test_a_report_opens_an_incident(face):
    """A report is one event, and the answer names the incident it opened or joined, or null while none is known."""
    said = {"title": "checkout is slow", "service": "checkout", "by": "Ada", "reported_by": "support"}
    answer = await face.post("/api/v1/incidents", said, headers={"Idempotency-Key": "r1"})
    assert (answer.status, answer.json["incident"]) == (201, None)
    [fact] = await face.log.read()
    assert (fact.type, fact.title, fact.service, fact.data["by"]) == (
        "incident.opened", "checkout is slow", "checkout", "support",
    )  # fmt: skip
    face.board.joined[fact.id] = 4
    again = await face.post("/api/v1/incidents", said, headers={"Idempotency-Key": "r1"})
    assert (again.status, again.json["incident"]) == (200, 4)


async def test_a_statement_waits_for_the_lists(face):
    """A read that follows a write shows it: the answer comes once the lists have taken the event in."""
    face.incident(1)
    face.board.behind = 5
    await face.post("/api/v1/incidents/1/notes", {"text": "a", "by": "Ada"})
    assert face.board.behind == 0


async def test_a_statement_does_not_wait_for_ever(tmp_path, monkeypatch):
    """Lists that lag make an answer later, by the patience at most, and never an error."""
    async with running(tmp_path, limits=WebLimits(patience=0.05)) as face:
        face.incident(1)

        async def stuck() -> int:
            return 0

        monkeypatch.setattr(face.board, "position", stuck)
        answer = await face.post("/api/v1/incidents/1/notes", {"text": "a", "by": "Ada"})
    assert answer.status == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
async def test_a_write_takes_only_json(face, kind):
    """What a foreign page can send without asking (a form, plain text) is refused: 415."""
    face.incident(1)
    body = b'{"text": "a", "by": "Ada"}'
    answer = await face.ask("POST", "/api/v1/incidents/1/notes", data=body, headers={"Content-Type": kind})
    answer.problem(415)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"text": "\xed\xa0\x80", "by": "a"}', b'{"text": "\\ud800", "by": "a"}'],
    ids=["empty", "cut", "not-utf-8", "raw-surrogate", "escaped-surrogate"],
)
async def test_a_write_that_is_not_json_is_400(face, body):
    """Broken syntax is told from a wrong field."""
    face.incident(1)
    (await face.ask("POST", "/api/v1/incidents/1/notes", data=body, headers=JSON)).problem(400)


@pytest.mark.parametrize("body", [b"[" * 20_000, b'{"text":' * 5_000, b'{"by": "a", "text": ' + b"[" * 20_000])
async def test_a_deeply_nested_write_is_refused(face, body):
    """Nesting beyond reason is a refusal like any other."""
    face.incident(1)
    (await face.ask("POST", "/api/v1/incidents/1/notes", data=body, headers=JSON)).problem(422)


async def test_a_write_is_bounded(tmp_path):
    """A write that is too large, encoded or too slow is refused."""
    async with running(tmp_path, limits=WebLimits(command=100, read_timeout=0.05)) as face:
        face.incident(1)
        path = "/api/v1/incidents/1/notes"
        (await face.post(path, {"text": "x" * 100, "by": "Ada"})).problem(413)
        (await face.post(path, {}, headers={"Content-Encoding": "gzip"})).problem(415)
        stalled = await face.raw(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 9\r\n\r\n{".encode()
        )
    assert stalled.startswith(b"HTTP/1.1 503 ")


async def test_a_mistake_of_ours_in_the_api_is_a_500_that_tells_nothing(face, monkeypatch, caplog):
    """What nobody foresaw is logged whole, and answered in one sentence without its cause."""

    async def fail() -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(face.board, "signals", fail)
    answer = await face.get("/api/v1/signals")
    answer.problem(500)
    assert b"secret detail" not in answer.body
    assert "secret detail" in caplog.text


async def test_a_database_that_is_away_is_503_in_the_api(face, monkeypatch):
    """Reads that cannot be served now say so, and when to come again."""

    async def away() -> Any:
        raise Unavailable("cannot read the log: the disk is gone", 9)

    monkeypatch.setattr(face.board, "signals", away)
    answer = await face.get("/api/v1/signals")
    answer.problem(503)
    assert answer.headers["Retry-After"] == "9"


# All of it


def test_every_kind_of_problem_is_documented():
    """Each sort of error stands in the reference with its status."""
    text = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
    for kind in KINDS.values():
        assert re.search(rf"`{kind.name}` *\| *{kind.status}\b", text), kind.name


async def test_every_route_is_documented(face):
    """The reference lists exactly the addresses that the router serves."""
    text = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
    documented = set(re.findall(r"^#+ `([A-Z]+ /\S*)`$", text, re.MULTILINE))
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in face.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert documented == served


paths = st.one_of(
    st.text(max_size=40).map(lambda text: "/" + quote(text)),
    st.tuples(
        st.sampled_from(
            ["/webhooks/bell", "/webhooks/signed", "/api/v1/events", "/api/v1/incidents", "/api/v1/incidents/1",
             "/api/v1/incidents/1/notes", "/api/v1/incidents/1/merge", "/api/v1/incidents/1/postmortem",
             "/api/v1/deliveries", "/api/v1/why", "/api/v1/events/1"]
        ),
        st.sampled_from(["", "/"]),
        st.text(max_size=12).map(lambda text: quote(text, safe="")),
    ).map("".join),
)  # fmt: skip
names = st.sampled_from(["limit", "after", "before", "since", "as_of", "zone", "order", "type", "incident"]) | st.text()
queries = st.dictionaries(names, st.text(max_size=20) | st.integers().map(str), max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
)
statements = st.dictionaries(
    st.sampled_from(["text", "by", "at", "event", "other", "field", "value", "title", "mark"]), json_values
)
bodies = st.binary(max_size=200) | (json_values | statements).map(lambda value: json.dumps(value).encode())
header_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
headers = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Accept", "If-None-Match", "Idempotency-Key", "Authorization", "Content-Encoding"]
    ),
    st.sampled_from(["application/json", "gzip", "*/*"]) | header_values,
)


async def test_nothing_a_client_sends_is_a_5xx(face):
    """No path, query, header or body makes the daemon fail: it answers, and every refusal has its shape."""
    face.incident(1)
    loop = asyncio.get_running_loop()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS"]), paths, queries, headers, bodies)
    def check(method: str, path: str, query: dict[str, str], named: dict[str, str], body: bytes) -> None:
        clean = {name: text.encode("utf-8", "replace").decode() for name, text in query.items()}
        asked = face.ask(method, path, params=clean, headers=named, data=body)
        answer = asyncio.run_coroutine_threadsafe(asked, loop).result(20)
        assert answer.status < 500, answer.body
        if answer.status >= 400 and method != "HEAD":
            answer.problem(answer.status)

    await asyncio.to_thread(check)
