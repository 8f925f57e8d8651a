"""``/api/v1/openapi.json``: held to the routes, to what is answered, to docs/api.md, and tried by schemathesis."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.web import Front, openapi, shapes
from collector.web.pages import ROUTES
from tests.face import NOW, Face, running
from tests.processes import Process, alert, post
from tests.tryapi import tried

MANUAL = Path(__file__).parent.parent / "docs" / "api.md"


def pages() -> set[str]:
    """The addresses of pages, which are for people."""
    return {f"{route.method} {route.path}" for routes in ROUTES for route in routes}  # type: ignore[attr-defined]


async def test_it_has_each_route_of_the_api_and_no_other(face: Face) -> None:
    """With the first words of its handler, under a name of its own."""
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in face.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert set(openapi.OPERATIONS) == served - pages()
    document = (await face.get(openapi.ADDRESS)).json
    described = [
        (place, method, each) for place, methods in document["paths"].items() for method, each in methods.items()
    ]
    assert {f"{method.upper()} {place}" for place, method, _ in described} == set(openapi.OPERATIONS)
    names = [each["operationId"] for *_, each in described]
    assert len(set(names)) == len(names)
    assert all(each["summary"].endswith(".") for *_, each in described)
    assert document["openapi"] == "3.1.0"


async def test_it_follows_the_path_of_the_daemon_and_has_an_etag(tmp_path: Path) -> None:
    """A client finds the API by it."""
    async with running(tmp_path, front=Front(prefix="/t")) as face:
        answer = await face.get(f"/t{openapi.ADDRESS}")
        assert answer.json["servers"] == [{"url": "/t"}]
        held = {"If-None-Match": answer.headers["ETag"]}
        assert (await face.get(f"/t{openapi.ADDRESS}", headers=held)).status == 304


def sections() -> Mapping[str, str]:
    """Heading of the manual → what stands beneath it."""
    parts = re.split(r"^### `([A-Z]+ /\S*)`$", MANUAL.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", sorted(openapi.OPERATIONS))
def test_the_manual_names_each_parameter_and_field(name: str) -> None:
    """What can be asked for, and what is stated by a write, stands under the same heading in docs/api.md."""
    section, operation = sections()[name], openapi.OPERATIONS[name]
    if "]" in section.split("\n\n")[0] and not operation.query:
        return
    missing = [each for each in operation.query if f"`{each}`" not in section and each not in _drafts(name)]
    assert missing == []
    table = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)
    named = {each for row in table for each in re.findall(r"`(\w+)`", row)}
    if operation.query and "| parameter | meaning |" in section:
        assert named == set(operation.query)


def _drafts(name: str) -> set[str]:
    """The negotiated postmortem takes what the named ones take, and says so."""
    return set(openapi.OPERATIONS[name].query) if name.endswith("/postmortem") else set()


READS: Mapping[str, Any] = {
    "/api/v1/incidents": shapes.Incidents,
    "/api/v1/incidents?before=1": shapes.Incidents,
    "/api/v1/incidents/1": shapes.Incident,
    "/api/v1/incidents/1/events": shapes.Events,
    "/api/v1/incidents/1/postmortem/summary": shapes.Section,
    "/api/v1/events": shapes.Events,
    "/api/v1/why/1": shapes.Why,
    "/api/v1/events/1": shapes.Whole,
    "/api/v1/incidents/1/publications": shapes.Publications,
    "/api/v1/signals": shapes.Signals,
    "/api/v1/sources": shapes.SourceList,
    "/api/v1/deliveries": shapes.Deliveries,
    "/api/v1/deliveries/d1": shapes.Delivery,
    "/-/healthy": shapes.Healthy,
    "/-/ready": shapes.Ready,
}


def test_each_answer_is_described_by_what_is_encoded() -> None:
    """No answer in JSON is an object of which nothing is said, but the description, which has a standard of its own."""
    bare = [
        name
        for name, operation in openapi.OPERATIONS.items()
        for shape in operation.answers.values()
        if isinstance(shape, dict) and name != f"GET {openapi.ADDRESS}"
    ]
    assert bare == []


async def test_answers_have_the_shapes_that_are_described(face: Face) -> None:
    """Each field, and no other; also of a list that is empty."""
    empty = await face.get("/api/v1/incidents")
    assert msgspec.json.decode(empty.body, type=shapes.Incidents).unjoined is not msgspec.UNSET
    await face.incident()
    for path, shape in READS.items():
        answer = await face.get(path)
        assert answer.status == 200, (path, answer.body)
        msgspec.json.decode(answer.body, type=shape)
    said = await face.post("/api/v1/incidents/1/notes", {"by": "Ada", "text": "seen"})
    msgspec.json.decode(said.body, type=shapes.Stated)
    stored = await face.deliver(json.dumps([{"name": "two", "at": NOW}]).encode())
    msgspec.json.decode(stored.body, type=shapes.Stored)


def test_schemathesis_finds_nothing(process: Process, tmp_path: Path) -> None:
    """What fits the description is answered as it says, what does not is refused, and nothing is a mistake of ours."""
    address = process.start()
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    trial = tried(address, tmp_path, phases="examples,fuzzing", examples=1)
    assert not trial.failures, trial.failures
    assert not trial.untried
    assert trial.cases >= 40


async def test_an_incidents_events_are_narrowed_as_all_events_are(face: Face) -> None:
    """By when they happened, and by service."""
    row = await face.incident(service="checkout")
    path = f"/api/v1/incidents/{row.number}/events"
    [event] = (await face.get(path)).json["events"]
    at = event["occurred_at"]
    for query, count in (
        ({"since": at}, 1), ({"until": at}, 0), ({"service": "checkout"}, 1), ({"service": "cart"}, 0),
    ):  # fmt: skip
        assert len((await face.get(path, params=query)).json["events"]) == count, query
