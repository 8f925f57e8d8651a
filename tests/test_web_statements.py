"""What people state: each statement becomes one event, once, or a refusal that names the field."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.event import MINUTE, RecordedEvent
from collector.web import RequestLimits
from tests.face import JSON, NOW, Face, running


async def test_a_note_is_stored_once_whatever_is_retried(face: Face) -> None:
    """201 with the event; the same Idempotency-Key again is 200 and adds nothing; without one, each is new."""
    incident = await face.incident(1)
    body = {"text": "restarted the workers", "by": "Ada", "at": "2026-03-04T13:59:00Z"}
    first = await face.post("/api/v1/incidents/1/notes", body, headers={"Idempotency-Key": "k1"})
    face.now += 1_000_000
    again = await face.post("/api/v1/incidents/1/notes", body, headers={"Idempotency-Key": "k1"})
    assert (first.status, again.status) == (201, 200)
    assert first.json["event"] == again.json["event"]
    assert (first.json["known"], again.json["known"], first.json["incident"]) == (False, True, 1)
    assert first.headers["Location"] == f"/api/v1/events/{first.json['event']}"
    [fact] = await notes(face)
    assert (fact.type, fact.title, fact.actor, fact.occurred_at) == (
        "note.added", "restarted the workers", "Ada", NOW - 190_000_000,
    )  # fmt: skip
    assert fact.refs == (f"incident:{incident.key}",)
    for _ in range(2):
        assert (await face.post("/api/v1/incidents/1/notes", body)).status == 201
    assert len(await notes(face)) == 3


async def notes(face: Face) -> list[RecordedEvent]:
    """What people said, beside the events of senders and the daemon's own."""
    return [event for event in await face.log.read(limit=1000) if event.source == "people"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("1/notes", {"text": "b", "by": "Ada"}),
        ("1/notes", {"text": "a", "by": "Grace"}),
        ("1/notes", {"text": "a", "by": "Ada", "at": "2026-03-04T13:59:00Z"}),
        ("2/notes", {"text": "a", "by": "Ada"}),
        ("1/actions", {"text": "a", "by": "Ada"}),
    ],
    ids=["text", "person", "time", "incident", "kind"],
)
async def test_a_key_cannot_say_two_things(face: Face, path: str, body: dict[str, Any]) -> None:
    """An Idempotency-Key that was used for another statement is refused, and nothing is stored."""
    await face.incident(1)
    await face.incident(2)
    key = {"Idempotency-Key": "k1"}
    await face.post("/api/v1/incidents/1/notes", {"text": "a", "by": "Ada"}, headers=key)
    refused = await face.post(f"/api/v1/incidents/{path}", body, headers=key)
    assert refused.problem(422)["errors"][0]["pointer"] == "Idempotency-Key"
    assert len(await notes(face)) == 1


async def test_a_key_still_holds_when_the_incident_began_earlier(face: Face) -> None:
    """A late event may become an incident's first; what was stated before is sent again without harm."""
    later = await face.incident(1, service="checkout")
    body, key = {"text": "a", "by": "Ada"}, {"Idempotency-Key": "k1"}
    assert (await face.post("/api/v1/incidents/1/notes", body, headers=key)).status == 201
    late = {"name": "late", "at": later.started_at - MINUTE, "loud": True, "service": "checkout"}
    await face.deliver(json.dumps([late]).encode())
    assert (await face.listed(1)).key != later.key
    assert (await face.post("/api/v1/incidents/1/notes", body, headers=key)).status == 200


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9", "tab\there"])
async def test_an_odd_idempotency_key_is_refused(face: Face, key: str) -> None:
    """A key has 1 to 200 printable characters."""
    await face.incident(1)
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
    ("merge", {"other": 2}, "incident.merged", {"into": "the key of 1", "from": "the key of 2"}),
    ("resolve", {}, "incident.resolved", {}),
    ("reopen", {"at": "2026-03-04T14:00:00Z"}, "incident.reopened", {}),
    ("edit", {"field": "lead", "value": "Ada"}, "incident.edited", {"field": "lead", "value": "Ada"}),
]  # fmt: skip


BEFORE = {"leave": ["join"], "reopen": ["resolve"]}
"""What must have been stated before with the same words, so that a statement makes sense."""


@pytest.mark.parametrize(("path", "body", "kind", "data"), STATEMENTS, ids=[entry[0] for entry in STATEMENTS])
async def test_each_statement_becomes_its_event(
    face: Face, path: str, body: dict[str, Any], kind: str, data: dict[str, Any]
) -> None:
    """What a person states is one event of its type, by that person, about that incident's opening event."""
    await face.deliver(b'[{"name": "a"}]')
    keys = {f"the key of {number}": (await face.incident(number)).key for number in (1, 2)}
    for before in BEFORE.get(path, []):
        assert (await face.post(f"/api/v1/incidents/1/{before}", body | {"by": "Ada"})).status == 201
    answer = await face.post(f"/api/v1/incidents/1/{path}", body | {"by": "Grace"})
    assert answer.status == 201, answer.body
    fact = (await notes(face))[-1]
    assert (fact.id, fact.type, fact.source, fact.actor) == (answer.json["event"], kind, "people", "Grace")
    assert f"incident:{keys['the key of 1']}" in fact.refs
    assert {name: keys.get(value, value) for name, value in data.items()}.items() <= fact.data.items()


@pytest.mark.parametrize(("path", "body", "kind", "data"), STATEMENTS, ids=[entry[0] for entry in STATEMENTS])
async def test_each_statement_refuses_what_it_does_not_know(
    face: Face, path: str, body: dict[str, Any], kind: str, data: dict[str, Any]
) -> None:
    """A field that is unknown, missing or of the wrong type is a 422 that names it, and stores nothing."""
    await face.deliver(b'[{"name": "a"}]')
    await face.incident(1)
    address = f"/api/v1/incidents/1/{path}"
    unknown = await face.post(address, body | {"by": "Grace", "colour": "red"})
    assert unknown.problem(422)["errors"][0]["pointer"] == "colour"
    assert (await face.post(address, body)).problem(422)["errors"][0]["pointer"] == "by"
    assert (await face.post(address, body | {"by": 7})).problem(422)["errors"][0]["pointer"] == "by"
    (await face.post(f"/api/v1/incidents/9/{path}", body | {"by": "Grace"})).problem(404)
    assert await notes(face) == []


@pytest.mark.parametrize(
    ("path", "body", "status", "pointer"),
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
async def test_a_statement_that_says_nothing_usable_names_the_field(
    face: Face, path: str, body: dict[str, Any], status: int, pointer: str
) -> None:
    """What cannot be recorded is refused by the field that is the matter."""
    await face.incident(1)
    refused = await face.post(f"/api/v1/incidents/1/{path}", body)
    assert refused.problem(status)["errors"][0]["pointer"] == pointer
    assert await notes(face) == []


async def test_a_report_opens_an_incident(face: Face) -> None:
    """A report is one event, and the answer names the incident it opened or joined."""
    said = {"title": "checkout is slow", "service": "checkout", "by": "Ada", "reported_by": "support"}
    for status in (201, 200):
        answer = await face.post("/api/v1/incidents", said, headers={"Idempotency-Key": "r1"})
        assert (answer.status, answer.json["incident"]) == (status, 1)
    [fact] = await notes(face)
    assert (fact.type, fact.title, fact.service, fact.data["by"]) == (
        "incident.opened", "checkout is slow", "checkout", "support",
    )  # fmt: skip


async def test_a_report_is_taken_while_nobody_follows(tmp_path: Path) -> None:
    """While no incident is known, the answer says null for it."""
    async with running(tmp_path, limits=RequestLimits(patience=0.05)) as face:
        await face.followed()
        await face.stand_still()
        answer = await face.post("/api/v1/incidents", {"title": "checkout is slow", "by": "Ada"})
        assert (answer.status, answer.json["incident"]) == (201, None)


async def test_a_statement_waits_for_the_lists(tmp_path: Path) -> None:
    """A read that follows a write shows it: the answer comes once the lists have taken the event in."""
    async with running(tmp_path, limits=RequestLimits(patience=60.0)) as face:
        await face.incident(1)
        await face.stand_still()
        before = await face.log.head()
        path, said = "/api/v1/incidents/1/notes", {"text": "a", "by": "Ada"}
        request = asyncio.create_task(face.post(path, said))
        async with asyncio.timeout(60):
            while await face.log.head() == before:  # noqa: ASYNC110 - it is written by the server under test
                await asyncio.sleep(0.005)
        # It is stored, and another request is answered meanwhile; the statement is not.
        assert (await face.get("/-/healthy")).status == 200
        assert not request.done()
        face.follow()
        assert (await request).status == 201
        assert await face.lists.position() > before


async def test_a_statement_does_not_wait_for_ever(tmp_path: Path) -> None:
    """Lists that lag make an answer later, by the patience at most, and never an error."""
    async with running(tmp_path, limits=RequestLimits(patience=0.05)) as face:
        await face.incident(1)
        await face.stand_still()
        answer = await face.post("/api/v1/incidents/1/notes", {"text": "a", "by": "Ada"})
        assert answer.status == 201
        assert await face.lists.position() < await face.log.head()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
async def test_a_write_takes_only_json(face: Face, kind: str) -> None:
    """What a foreign page can send without asking (a form, plain text) is refused: 415."""
    await face.incident(1)
    body = b'{"text": "a", "by": "Ada"}'
    answer = await face.ask("POST", "/api/v1/incidents/1/notes", data=body, headers={"Content-Type": kind})
    answer.problem(415)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"text": "\xed\xa0\x80", "by": "a"}', b'{"text": "\\ud800", "by": "a"}'],
    ids=["empty", "cut", "not-utf-8", "raw-surrogate", "escaped-surrogate"],
)
async def test_a_write_that_is_not_json_is_400(face: Face, body: bytes) -> None:
    """Broken syntax is told from a wrong field."""
    await face.incident(1)
    (await face.ask("POST", "/api/v1/incidents/1/notes", data=body, headers=JSON)).problem(400)


@pytest.mark.parametrize("body", [b"[" * 20_000, b'{"text":' * 5_000, b'{"by": "a", "text": ' + b"[" * 20_000])
async def test_a_deeply_nested_write_is_refused(face: Face, body: bytes) -> None:
    """Nesting beyond reason is a refusal like any other."""
    await face.incident(1)
    (await face.ask("POST", "/api/v1/incidents/1/notes", data=body, headers=JSON)).problem(422)


async def test_a_write_is_bounded(tmp_path: Path) -> None:
    """A write that is too large, encoded or too slow is refused."""
    async with running(tmp_path, limits=RequestLimits(command=100, draft=300, read_timeout=0.05)) as face:
        await face.incident(1)
        path = "/api/v1/incidents/1/notes"
        (await face.post(path, {"text": "x" * 100, "by": "Ada"})).problem(413)
        for size, status in ((200, 422), (300, 413)):
            draft = {"text": "x" * size, "target": "a", "by": "Ada"}
            (await face.post("/api/v1/incidents/1/pull", draft)).problem(status)
        (await face.post("/api/v1/incidents/1/pull", {"text": " ", "by": "Ada"})).problem(422)
        (await face.post("/api/v1/incidents/1/pull", {"text": "x", "file": "a\nb", "by": "Ada"})).problem(422)
        (await face.post(path, {}, headers={"Content-Encoding": "gzip"})).problem(415)
        stalled = await face.raw(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 9\r\n\r\n{".encode()
        )
    assert stalled.startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/1/marks", {"mark": "mitigated"}), ("/1/resolve", {}), ("/1/reopen", {}),
        ("", {"title": "slow", "service": "search"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("minutes", "future", "status"), [(4, False, 201), (6, False, 422), (6, True, 201)])
async def test_a_moment_in_the_future_has_to_be_meant(
    face: Face, minutes: int, future: bool, status: int, path: str, body: dict[str, object]
) -> None:
    """A slip of the pen would be measured from; clocks that differ by a few minutes are none of it."""
    await face.incident(1)
    if path == "/1/reopen":
        await face.post("/api/v1/incidents/1/resolve", {"by": "Ada"})
    before = await notes(face)
    moment = datetime.fromtimestamp(NOW / 1_000_000 + 60 * minutes, UTC).isoformat()
    body = {**body, "at": moment, "by": "Ada"} | ({"future": True} if future else {})
    answer = await face.post(f"/api/v1/incidents{path}", body)
    assert answer.status == status
    if status == 422:
        assert " in the future; correct it" in str(answer.json)
        assert await notes(face) == before
