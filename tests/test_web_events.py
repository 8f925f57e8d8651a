"""Reading events: lists by pages, one event by each of its names, and why it is where it is."""

from __future__ import annotations

import json

from tests.face import NOW, Face


async def test_events_are_listed_by_pages_that_appends_do_not_disturb(face: Face) -> None:
    """Each page links to the next; following them shows every event once, those that came meanwhile too."""
    await face.deliver(b'[{"name": "a"}, {"name": "b"}, {"name": "c"}]')
    first = await face.get("/api/v1/events?limit=2&source=bell")
    await face.deliver(b'[{"name": "d"}]')
    second = await face.get(first.headers["Link"][1:].partition(">")[0])
    assert [fact["position"] for fact in first.json["events"] + second.json["events"]] == [1, 2, 3, 4]
    assert first.headers["Link"] == '</api/v1/events?limit=2&source=bell&after=2>; rel="next"'
    assert (first.json["next"], second.json["next"], "Link" in second.headers) == ("2", None, False)


async def test_events_newest_first_page_backwards(face: Face) -> None:
    """With order=desc the pages go back to the first event."""
    await face.deliver(b'[{"name": "a"}, {"name": "b"}, {"name": "c"}]')
    first = (await face.get("/api/v1/events?order=desc&limit=2")).json
    rest = (await face.get(f"/api/v1/events?order=desc&limit=2&before={first['next']}")).json
    assert [fact["position"] for fact in first["events"] + rest["events"]] == [3, 2, 1]
    assert rest["next"] is None


async def test_events_are_filtered_by_what_was_asked(face: Face) -> None:
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


async def test_an_event_is_found_by_id_citation_and_position(face: Face) -> None:
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


async def test_why_explains_one_event(face: Face) -> None:
    """The explanation carries the event, its incident, the rule and the reason."""
    await face.deliver(b'[{"name": "a"}]')
    why = (await face.get("/api/v1/why/1")).json
    assert (why["event"]["position"], why["incident"], why["rule"], why["reason"]) == (1, None, "opened", "it rang")
