"""What holds of the HTTP face as a whole: no address, whatever it is sent, fails or answers out of shape."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from collector.errors import Unavailable
from collector.web import server_kwargs
from collector.web.problems import KINDS
from tests.examples import examples
from tests.face import SHAPE, Face, running


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03OFFENDING\r\n\r\n",
        b"GET /OFFENDING HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Header OFFENDING: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: OFFENDING\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"OFFENDING" * 1000 + b"\r\n\r\n",
        b"GET /" + b"OFFENDING" * 1000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nX: OFFENDING\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\nX: OFFENDING\r\n\r\n",
        b"GET /caf\xc3\xa9OFFENDING HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: OFFENDING\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: OFFENDING\r\n\r\n",
    ],
    ids=[
        "tls", "version", "header-name", "nul", "long-header", "long-line", "two-lengths", "negative-length",
        "raw-path", "no-host", "two-hosts",
    ],
)  # fmt: skip
async def test_what_is_not_http_is_a_problem_that_repeats_nothing(face: Face, request_bytes: bytes) -> None:
    """Malformed HTTP is refused in the usual shape, the connection ends, and no byte of it comes back."""
    head, _, body = (await face.raw(request_bytes)).partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] 400 ", head)
    assert b"application/problem+json" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert list(json.loads(body)) == SHAPE
    assert b"OFFENDING" not in head + body


async def test_headers_that_never_end_are_let_go(tmp_path: Path) -> None:
    """A client that sends half its headers holds a connection for the idle time at most, which is 15 s."""
    assert server_kwargs()["keepalive_timeout"] == 15
    async with running(tmp_path, server=server_kwargs(idle=0.05)) as face:
        assert await face.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Ha") == b""
        assert (await face.get("/-/healthy")).status == 200


async def test_an_unknown_address_or_expectation_is_a_problem(face: Face) -> None:
    """What aiohttp itself refuses, before any handler, has the shape of every other error."""
    (await face.get("/OFFENDING")).problem(404)
    told = (await face.get("/api/v1/UNKNOWN%00?OFFENDING")).problem(404)
    assert told["instance"] == "/api/v1/UNKNOWN%00"
    assert "OFFENDING" not in str(told)
    (await face.post("/api/v1/signals")).problem(405)
    answer = await face.raw(b"GET /x HTTP/1.1\r\nHost: localhost\r\nExpect: OFFENDING\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 417 ")
    assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == SHAPE
    assert b"OFFENDING" not in answer + (await face.get("/OFFENDING")).body


@pytest.mark.parametrize("path", ["/", "/-/healthy", "/api/v1/incidents", "/nowhere", "/api/v1/events?x=1"])
async def test_every_answer_is_hardened(face: Face, path: str) -> None:
    """No answer may be sniffed, framed, linked from or used by a page, and none names its software."""
    headers = (await face.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Server"] == "timelined"


@pytest.mark.parametrize("path", ["/", "/-/healthy", "/-/ready", "/api/v1/incidents", "/api/v1/incidents/9", "/nope"])
async def test_head_answers_as_get_without_a_body(face: Face, path: str) -> None:
    """HEAD has GET's status, type and length, and nothing after the headers."""
    got, head = await face.get(path), await face.ask("HEAD", path)
    assert (head.status, head.body) == (got.status, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


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
        ("/api/v1/incidents/1/events?since=yesterday", "since"),
        ("/api/v1/incidents/1/events?before=7", "before"),
        ("/api/v1/incidents/1/postmortem.md?as_of=now", "as_of"),
        ("/api/v1/signals?all=1", "all"),
        ("/api/v1/deliveries?status=lost", "status"),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_named(face: Face, path: str, name: str) -> None:
    """Each mistake in a request is a 400 that says which parameter, and none is ignored."""
    await face.incident(1)
    assert (await face.get(path)).problem(400)["errors"][0]["pointer"] == name


async def test_a_mistake_of_ours_in_the_api_is_a_500_that_tells_nothing(
    face: Face, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw is logged whole, and answered in one sentence without its cause."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(face.lists, "signals", fail)
    answer = await face.get("/api/v1/signals")
    answer.problem(500)
    assert b"secret detail" not in answer.body
    assert "secret detail" in caplog.text


async def test_a_database_that_is_away_is_503_in_the_api(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads that cannot be served now say so, and when to come again."""

    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("cannot read the log: the disk is gone", 9)

    monkeypatch.setattr(face.lists, "signals", away)
    answer = await face.get("/api/v1/signals")
    answer.problem(503)
    assert answer.headers["Retry-After"] == "9"


def test_every_kind_of_problem_is_documented() -> None:
    """Each sort of error stands in the reference with its status."""
    text = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
    for kind in KINDS.values():
        assert re.search(rf"`{kind.name}` *\| *{kind.status}\b", text), kind.name


async def test_every_route_is_documented(face: Face) -> None:
    """The reference of the API and that of the pages list exactly the addresses that the router serves."""
    docs = Path(__file__).parent.parent / "docs"
    documented = set(re.findall(r"^#+ `([A-Z]+ /\S*)`$", (docs / "api.md").read_text(), re.MULTILINE))
    documented |= set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", (docs / "page.md").read_text(), re.MULTILINE))
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


async def test_nothing_a_client_sends_is_a_5xx(face: Face) -> None:
    """No path, query, header or body makes the daemon fail: it answers, and every refusal has its shape."""
    await face.incident(1)
    loop = asyncio.get_running_loop()

    @examples(60, allowed=list(HealthCheck))
    @given(st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS"]), paths, queries, headers, bodies)
    def check(method: str, path: str, query: dict[str, str], named: dict[str, str], body: bytes) -> None:
        clean = {name: text.encode("utf-8", "replace").decode() for name, text in query.items()}
        asked = face.ask(method, path, params=clean, headers=named, data=body)
        answer = asyncio.run_coroutine_threadsafe(asked, loop).result(20)
        assert answer.status < 500, answer.body
        if answer.status >= 400 and method != "HEAD":
            answer.problem(answer.status)

    await asyncio.to_thread(check)
