"""Reading events: lists by pages, one event by each of its names, and why it is where it is."""

from __future__ import annotations

import json
from datetime import datetime

from collector.event import SECOND
from tests.face import NOW, Face


async def test_events_are_listed_by_pages_that_appends_do_not_disturb(face: Face) -> None:
    """Each page links to the next; following them shows every event once, those that came meanwhile too."""
    await face.deliver(b'[{"name": "a"}, {"name": "b"}, {"name": "c"}]')
    await face.followed()
    first = await face.get("/api/v1/events?limit=2&source=bell")
    await face.deliver(b'[{"name": "d"}]')
    await face.followed()
    second = await face.get(first.headers["Link"][1:].partition(">")[0])
    assert [fact["position"] for fact in first.json["events"] + second.json["events"]] == [1, 2, 3, 4]
    assert first.headers["Link"] == '</api/v1/events?limit=2&source=bell&after=2>; rel="next"'
    assert (first.json["next"], second.json["next"], "Link" in second.headers) == ("2", None, False)


async def test_events_newest_first_page_backwards(face: Face) -> None:
    """With order=desc the pages go back to the first event."""
    await face.deliver(b'[{"name": "a"}, {"name": "b"}, {"name": "c"}]')
    await face.followed()
    first = (await face.get("/api/v1/events?order=desc&limit=2")).json
    rest = (await face.get(f"/api/v1/events?order=desc&limit=2&before={first['next']}")).json
    assert [fact["position"] for fact in first["events"] + rest["events"]] == [3, 2, 1]
    assert rest["next"] is None


async def test_events_are_filtered_by_what_was_asked(face: Face) -> None:
    """Source, type (and family), service, entity, incident and times narrow the list."""
    for number in range(3):
        rings = [{"name": f"a{number}", "at": NOW + number * SECOND, "service": "cart" if number == 2 else None}]
        await face.deliver(json.dumps(rings).encode())
    first, second = await face.incident(1), await face.incident(2)
    assert (await face.post("/api/v1/incidents/1/merge", {"other": 2, "by": "Ada"})).status == 201

    async def positions(query: str) -> list[int]:
        return [fact["position"] for fact in (await face.get(f"/api/v1/events?source=bell&{query}")).json["events"]]

    opening = [(await face.log.read_ids([row.key]))[0].position for row in (first, second)]
    assert (await face.get("/api/v1/events?source=elsewhere")).json["events"] == []
    assert await positions("type=alert.*") == [1, 2, 3, *opening]
    assert await positions("type=alert.firing&service=Cart") == [3]
    assert await positions("type=page.triggered") == []
    assert await positions("entity=a2") == [3]
    assert await positions("incident=1") == await positions("incident=2") == opening
    assert await positions("since=2026-03-04T14:02:11Z") == [2, 3]
    assert await positions("since=2026-03-04T14:02:10Z&until=2026-03-04T15:02:11%2B01:00") == [1]
    assert await positions("since=2026-03-04T14:02:10Z&until=2026-03-04T15:02:11+01:00") == [1]


async def test_an_event_is_found_by_id_citation_and_position(face: Face) -> None:
    """Each of its names leads to all its revisions, how often it was told, and why it is where it is."""
    for _ in range(3):
        await face.deliver(b'[{"name": "a", "loud": true}]')
    await face.followed()
    fact = (await face.log.read())[0]
    for name in (fact.id, fact.id[-6:], fact.id.upper(), "1"):
        event = (await face.get(f"/api/v1/events/{name}")).json
        assert (event["id"], [revision["position"] for revision in event["events"]]) == (fact.id, [1])
        assert event["repeats"]["count"] == 2
        assert (event["why"]["incident"], event["why"]["rule"]) == (1, "opened")
        assert "severity critical" in event["why"]["reason"]
    for name in ("99", "0" * 32, "nonsense", "%FF", "f" * 400):
        (await face.get(f"/api/v1/events/{name}")).problem(404)


async def test_why_explains_one_event(face: Face) -> None:
    """The explanation carries the event, its incident, the rule and the reason; or why it is in none."""
    await face.deliver(b'[{"name": "a"}]')
    await face.followed()
    why = (await face.get("/api/v1/why/1")).json
    assert (why["event"]["position"], why["incident"], why["rule"], why["reason"]) == (
        1,
        None,
        "",
        "severity info opens no incident",
    )
    opening = (await face.incident(1)).key
    why = (await face.get(f"/api/v1/why/{opening}")).json
    assert (why["event"]["id"], why["incident"], why["rule"]) == (opening, 1, "opened")


async def rung(face: Face, *names: str) -> None:
    """Deliver rings, and have them in the lists."""
    await face.deliver(json.dumps([{"name": name} for name in names]).encode())
    await face.followed()


async def test_a_page_is_json_lines_where_that_is_asked_for(face: Face) -> None:
    """A row on each line, the next page by Link; JSON where a client would rather have that, or says nothing."""
    await rung(face, "a", "b", "c")
    whole = (await face.get("/api/v1/events?limit=2")).json
    for accept in ("application/x-ndjson", "application/jsonl", "application/json;q=0.5, application/x-ndjson"):
        lines = await face.get("/api/v1/events?limit=2", headers={"Accept": accept})
        assert [json.loads(line) for line in lines.body.splitlines()] == whole["events"]
        assert lines.headers["Content-Type"].split(";")[0] in accept
        assert f"after={whole['next']}" in lines.headers["Link"]
        assert lines.headers["Vary"] == "Accept"
    for accept in ("*/*", "application/json, application/x-ndjson;q=0.9", "text/html", "application/*"):
        assert (await face.get("/api/v1/events?limit=2", headers={"Accept": accept})).json == whole
    empty = await face.get("/api/v1/events?type=none.such", headers={"Accept": "application/x-ndjson"})
    assert (empty.status, empty.body) == (200, b"")


async def test_a_page_has_an_etag(face: Face) -> None:
    """Unchanged it is answered 304, for either form by itself; changed it is sent."""
    await rung(face, "a")
    for path in ("events", "incidents", "signals", "deliveries"):
        first = await face.get(f"/api/v1/{path}")
        tag = {"If-None-Match": first.headers["ETag"]}
        again = await face.get(f"/api/v1/{path}", headers=tag)
        assert (again.status, again.body) == (304, b""), path
    lines = await face.get("/api/v1/events", headers={"Accept": "application/x-ndjson"})
    tag = {"If-None-Match": lines.headers["ETag"]}
    assert (await face.get("/api/v1/events", headers=tag)).status == 200
    await rung(face, "b")
    changed = await face.get("/api/v1/events", headers=tag | {"Accept": "application/x-ndjson"})
    assert (changed.status, len(changed.body.splitlines()) > 1) == (200, True)


async def test_an_incidents_events_are_shown_in_a_zone(face: Face) -> None:
    """With the offset of that moment; a zone that nobody knows is named."""
    await face.incident()
    event = (await face.get("/api/v1/incidents/1/events?zone=Europe/Madrid")).json["events"][0]
    plain = (await face.get("/api/v1/incidents/1/events")).json["events"][0]
    assert event["occurred_at"].endswith("+01:00")
    assert datetime.fromisoformat(event["occurred_at"]) == datetime.fromisoformat(plain["occurred_at"])
    assert datetime.fromisoformat(event["received_at"]) == datetime.fromisoformat(plain["received_at"])
    refused = await face.get("/api/v1/incidents/1/events?zone=Mars/Olympus")
    assert (refused.status, "Mars/Olympus" in refused.json["detail"]) == (422, True)
