"""Deliveries: the table of answers, row by row."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.errors import Unavailable
from collector.intake import Endpoint, Intake
from collector.log import Submission
from collector.sources import SOURCES
from collector.web import keys
from tests.face import SHAPE, Connect, Face, running, signed
from tests.recorded import RECEIVED, RECORDINGS, SIGNED


async def test_a_sender_that_tries_the_address_gets_its_challenge_back(
    tmp_path: Path, aiohttp_client: Connect
) -> None:  # fmt: skip
    """A signed challenge is answered 200 with itself alone; an unsigned one is refused like anything else."""
    challenge = RECORDINGS / "slack" / "challenge"
    headers, body = json.loads((challenge / "headers.json").read_text("utf-8")), (challenge / "body").read_bytes()
    endpoint = Endpoint(source=SOURCES["slack"], credentials=SIGNED)
    async with running(tmp_path, connect=aiohttp_client, endpoints={"slack": endpoint}) as face:
        face.now = RECEIVED
        answer = await face.ask("POST", "/webhooks/slack", data=body, headers=headers)
        assert (answer.status, answer.body.decode()) == (200, json.loads(body)["challenge"])
        assert answer.headers["Content-Type"].startswith("text/plain")
        (await face.ask("POST", "/webhooks/slack", data=body)).problem(401)
        assert await face.log.read() == []


async def test_what_was_stored_is_answered_202_with_a_receipt(face: Face) -> None:
    """A delivery is in the log when its receipt says so, with each event's id and position."""
    answer = await face.deliver(b'[{"name": "a"}, {"name": "b"}]')
    stored = await face.log.read()
    assert answer.status == 202
    assert answer.json["status"] == "read"
    assert answer.json["items"] == [{"event": fact.id, "position": fact.position, "known": False} for fact in stored]
    delivery = await face.log.delivery(answer.json["delivery"])
    assert delivery is not None
    assert delivery.source == "bell"


async def test_what_was_all_known_is_answered_200(face: Face) -> None:
    """The same delivery again adds nothing and says so; one with something new is 202 again."""
    await face.deliver(b'[{"name": "a"}]')
    again = await face.deliver(b'[{"name": "a"}]')
    more = await face.deliver(b'[{"name": "a"}, {"name": "b"}]')
    assert (again.status, [item["known"] for item in again.json["items"]]) == (200, [True])
    assert (more.status, [item["known"] for item in more.json["items"]]) == (202, [True, False])


async def test_what_is_not_understood_is_kept_and_answered_202(face: Face) -> None:
    """An authentic delivery of an unknown kind is stored with its reason."""
    answer = await face.deliver(b'{"kind": "novel"}')
    [kept] = await face.log.deliveries()
    assert (answer.status, answer.json["status"], answer.json["reason"]) == (202, "unrecognised", kept.reason)
    assert await face.log.body(kept.id) == b'{"kind": "novel"}'


async def test_a_parser_that_fails_loses_nothing_and_answers_202(face: Face) -> None:
    """A mistake of ours in reading a delivery keeps its bytes and is not the sender's concern."""
    answer = await face.deliver(b'"crash"')
    assert (answer.status, answer.json["status"]) == (202, "unrecognised")
    assert await face.log.body(answer.json["delivery"]) == b'"crash"'


@pytest.mark.parametrize(
    ("body", "pointer"),
    [(b'[{"name": "a"', "byte 13"), (b"", "byte 0"), (b"\xff\xfe", "byte 0"), (b"[" * 2000, "level 65")],
    ids=["cut", "empty", "not-utf-8", "deep"],
)
async def test_broken_json_is_answered_400_and_kept(face: Face, body: bytes, pointer: str) -> None:
    """A body that is not even the source's syntax is refused with the place, and listed all the same."""
    answer = await face.deliver(body)
    problem = answer.problem(400)
    assert problem["errors"] == [{"pointer": pointer, "detail": problem["detail"]}]
    [kept] = await face.log.deliveries(status="malformed")
    assert (kept.size, await face.log.head()) == (len(body), 0)


async def test_every_refusal_of_a_sender_is_the_same_401(face: Face) -> None:
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


async def test_a_signature_of_stray_bytes_is_a_401(face: Face) -> None:
    """Bytes in a signature header that are not UTF-8 prove nothing and break nothing."""
    answer = await face.raw(
        b"POST /webhooks/signed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n"
        b"X-Bell-Signature: sha256=\xff\xe9\xc3\x28\r\n\r\n[]"
    )
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_what_is_signed_or_sent_to_a_secret_address_is_taken(face: Face) -> None:
    """The right signature and the right secret address are let in."""
    by_signature = await face.deliver(b"[]", "/webhooks/signed", X_Bell_Signature=signed(b"[]"))
    by_address = await face.deliver(b"[]", "/webhooks/secret/letmein")
    assert (by_signature.status, by_address.status) == (202, 202)


async def test_a_body_that_is_too_large_is_413(face: Face) -> None:
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


async def test_one_gzip_member_is_inflated(face: Face) -> None:
    """A gzipped delivery is read and kept as what it holds."""
    answer = await face.deliver(gzip.compress(b'[{"name": "a"}]'), Content_Encoding="GZIP")
    assert answer.status == 202
    assert await face.log.body(answer.json["delivery"]) == b'[{"name": "a"}]'


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"[]")[:-3], gzip.compress(b"[]") + b"x", gzip.compress(b"[]") * 2, b"[]", b""],
    ids=["cut", "trailing-junk", "two-members", "not-gzip", "empty"],
)
async def test_damaged_gzip_is_400_with_the_place(face: Face, body: bytes) -> None:
    """What is not exactly one whole gzip member is refused and says at which byte."""
    problem = (await face.deliver(body, Content_Encoding="gzip")).problem(400)
    assert problem["errors"][0]["pointer"].startswith("byte ")


@pytest.mark.parametrize("proof", ["none", "path", "signature"])
async def test_a_damaged_gzip_of_an_authentic_sender_is_kept(face: Face, proof: str) -> None:
    """What came is listed with the reason, where the sender proves itself without it or signed these very bytes."""
    body = gzip.compress(b"[]")[:-3]
    address = {"none": "/webhooks/bell", "path": "/webhooks/secret/letmein", "signature": "/webhooks/signed"}[proof]
    headers = {"X_Bell_Signature": signed(body)} if proof == "signature" else {}
    (await face.deliver(body, address, Content_Encoding="gzip", **headers)).problem(400)
    (kept,) = await face.log.deliveries(status="malformed")
    assert (kept.authentication, await face.log.body(kept.id)) == (proof, body)
    assert "gzip" in kept.reason


async def test_a_damaged_gzip_of_a_stranger_is_401_and_leaves_nothing(face: Face) -> None:
    """Damage is told only to those who prove themselves."""
    body = gzip.compress(b"[]")[:-3]
    for address in ("/webhooks/signed", "/webhooks/secret/wrong", "/webhooks/nobody"):
        (await face.deliver(body, address, Content_Encoding="gzip")).problem(401)
    assert await face.log.deliveries() == []


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate", "zstd"])
async def test_another_encoding_is_415(face: Face, encoding: str) -> None:
    """Only identity and one gzip are taken."""
    (await face.deliver(b"[]", Content_Encoding=encoding)).problem(415)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense", None])
async def test_the_content_type_of_a_delivery_is_not_looked_at(face: Face, kind: str | None) -> None:
    """Senders label JSON as they like."""
    headers = {"Content_Type": kind} if kind else {}
    assert (await face.deliver(b"[]", **headers)).status == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "PROPFIND"])
async def test_another_method_is_405(face: Face, method: str) -> None:
    """A webhook's address takes POST and OPTIONS, and says so."""
    answer = await face.ask(method, "/webhooks/bell")
    assert answer.status == 405
    assert answer.headers["Allow"] == "OPTIONS,POST"
    if method != "HEAD":
        answer.problem(405)
    (refused,) = face.app[keys.REFUSALS].pending()
    # There is a source of this name: what is recorded must not say otherwise.
    assert (refused.status, refused.reason) == (405, "Method Not Allowed")


async def test_a_full_queue_is_503_and_says_when_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_a_log_that_cannot_write_is_503_whatever_it_raises(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, a lost database, a bug below: the sender hears to come again, and never a 500."""
    for error in (Unavailable("cannot write: the disk is full", 17), OSError(28, "No space left"), KeyError("a bug")):

        async def fail(submissions: Sequence[Submission], error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(face.log, "append", fail)
        answer = await face.deliver(b"[]")
        answer.problem(503)
        assert int(answer.headers["Retry-After"]) == (17 if isinstance(error, Unavailable) else 5)


async def test_a_mistake_of_ours_before_the_log_is_503_without_a_traceback(
    face: Face, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw on a webhook's way is logged whole, and the sender comes again."""

    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Intake, "receive", fail)
    answer = await face.deliver(b"[]")
    answer.problem(503)
    assert b"secret detail" not in answer.body
    assert "ZeroDivisionError" in caplog.text


async def test_a_stopping_daemon_refuses_with_503(face: Face) -> None:
    """Once the writer is closed a delivery is refused, and can come again elsewhere."""
    await face.writer.close()
    (await face.deliver(b"[]")).problem(503)


async def test_a_body_that_stalls_is_503_within_its_time(tmp_path: Path) -> None:
    """A sender that stops in the middle of a body is let go, and asked to come again."""
    async with running(tmp_path, seconds=0.05) as face:
        answer = await face.raw(b"POST /webhooks/bell HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n[")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: " in answer


async def test_a_sender_that_hangs_up_leaves_nothing(face: Face) -> None:
    """A connection that ends within a body stores nothing and disturbs nobody."""
    await face.raw(b"POST /webhooks/bell HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n[", half_close=True)
    assert (await face.deliver(b"[]")).status == 202
    assert len(await face.log.deliveries()) == 1


async def test_broken_chunks_are_refused(tmp_path: Path) -> None:
    """A body whose chunks are malformed stores nothing: 400 at once, or once its time is over where it broke later."""
    head = b"POST /webhooks/bell HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"
    async with running(tmp_path, seconds=0.05) as face:
        at_once = await face.raw(head + b"zzz\r\n")
        later = await face.raw(head, lambda: face.app[keys.INTAKE].bodies.in_flight, b"zzz\r\n")
        assert await face.log.deliveries() == []
    for answer, statuses in ((at_once, b"400"), (later, b"400|503")):
        assert re.match(rb"HTTP/1\.[01] (%s) " % statuses, answer)
        assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == SHAPE


async def test_a_webhook_consents_to_cloudevents(face: Face) -> None:
    """The handshake of the CloudEvents webhook profile is met, the same for every source, and nothing is called."""
    for source in ("bell", "nobody", "secret/letmein"):
        asked = {"WebHook-Request-Origin": "events.example", "WebHook-Request-Callback": "http://127.0.0.1:1/"}
        answer = await face.ask("OPTIONS", f"/webhooks/{source}", headers=asked)
        assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, "*")
        assert answer.headers["WebHook-Allowed-Rate"] == "*"
    plain = await face.ask("OPTIONS", "/webhooks/bell")
    assert (plain.status, plain.headers["Allow"]) == (204, "POST, OPTIONS")
    assert "WebHook-Allowed-Origin" not in plain.headers
