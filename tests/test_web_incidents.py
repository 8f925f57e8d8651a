"""Reading incidents: lists, merged numbers, ETags, and postmortems in the format asked for."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from collector.projections import tables
from collector.times import rfc3339
from renderers.formats import POLICIES
from tests.face import NOW, Face


async def test_incidents_are_listed_newest_first_by_pages(face: Face) -> None:
    """Pages of incidents go back to the first one, and filters narrow them."""
    for number in range(1, 6):
        await face.incident(number, service="cart" if number == 4 else None)
    assert (await face.post("/api/v1/incidents/2/resolve", {"by": "Ada"})).status == 201
    first = await face.get("/api/v1/incidents?limit=3")
    second = await face.get(first.headers["Link"][1:].partition(">")[0])
    assert [row["number"] for row in first.json["incidents"] + second.json["incidents"]] == [5, 4, 3, 2, 1]
    assert (first.json["next"], second.json["next"]) == ("3", None)
    started = (await face.listed(3)).started_at
    for query, numbers in (
        ("status=resolved", [2]), ("status=open", [5, 4, 3, 1]), ("status=merged", []), ("service=cart", [4]),
        (f"since={rfc3339(started)}", [5, 4, 3]), (f"until={rfc3339(started)}", [2, 1]),
    ):  # fmt: skip
        shown = (await face.get(f"/api/v1/incidents?{query}")).json
        assert [row["number"] for row in shown["incidents"]] == numbers, query


async def test_an_empty_list_says_what_joined_nothing(face: Face) -> None:
    """Where there is no incident, the answer counts the events that opened none, with their reasons."""
    await face.deliver(b'[{"name": "a"}]')
    await face.followed()
    body = (await face.get("/api/v1/incidents")).json
    assert (body["incidents"], body["next"]) == ([], None)
    assert (body["unjoined"]["count"], body["unjoined"]["reasons"]) == (1, {"severity info opens no incident": 1})
    assert body["unjoined"]["newest"][0]["event"]["title"] == "a"
    await face.incident(1)
    assert "unjoined" not in (await face.get("/api/v1/incidents")).json


async def test_a_merged_number_keeps_answering(face: Face) -> None:
    """Alone it says where it went; what lies beneath it is the other incident's."""
    for number in (1, 2, 3):
        await face.incident(number)
    for into, other in ((2, 3), (1, 2)):
        assert (await face.post(f"/api/v1/incidents/{into}/merge", {"other": other, "by": "Ada"})).status == 201
    alone = await face.get("/api/v1/incidents/3")
    assert (alone.json["number"], alone.json["merged_into"]) == (3, 1)
    assert alone.headers["Link"] == '</api/v1/incidents/1>; rel="canonical"'
    draft = await face.get("/api/v1/incidents/3/postmortem.md")
    assert draft.body.startswith(b"# Incident 1 ")
    assert draft.headers["Content-Location"] == "/api/v1/incidents/1/postmortem.md"
    assert (await face.get("/api/v1/incidents/3/events")).json["incident"] == 1
    assert "Link" not in (await face.get("/api/v1/incidents/1")).headers


@pytest.mark.parametrize("path", ["", "/events", "/postmortem", "/postmortem.md", "/postmortem.json"])
async def test_an_unknown_incident_is_404_everywhere(face: Face, path: str) -> None:
    """No incident, no answer, and the error says how to find one."""
    assert (await face.get(f"/api/v1/incidents/9{path}")).problem(404)["errors"][0]["pointer"] == "number"


async def test_merges_that_form_a_circle_end(face: Face) -> None:
    """A circle of merges (which should never be) is an answer and not an endless loop."""
    for number in (1, 2):
        await face.incident(number)
    await face.stand_still()
    numbers = tables.incident_number
    await face.base.write(lambda c: c.execute(update(numbers).values(goes_by=3 - numbers.c.number)))
    row = await face.lists.incident(1)
    assert row is not None
    assert row.merged_into == 2
    assert (await face.get("/api/v1/incidents/1")).status == 200


@pytest.mark.parametrize("path", ["/api/v1/incidents/1", "/api/v1/incidents/1/postmortem.md", "/api/v1/events/1"])
async def test_what_did_not_change_is_304(face: Face, path: str) -> None:
    """With the ETag it was given, a client hears that nothing changed, until something does."""
    await face.deliver(b'[{"name": "a"}]')
    await face.incident(1)
    first = await face.get(path)
    again = await face.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status, again.body) == (200, 304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (await face.get(path, headers={"If-None-Match": '"another"'})).status == 200
    assert (await face.ask("HEAD", path, headers={"If-None-Match": f'"x", {first.headers["ETag"]}'})).status == 304


async def test_a_changed_incident_has_another_etag(face: Face) -> None:
    """The tag covers what is shown."""
    await face.incident(1)
    first = await face.get("/api/v1/incidents/1")
    await face.post("/api/v1/incidents/1/edit", {"field": "lead", "value": "Ada", "by": "Ada"})
    second = await face.get("/api/v1/incidents/1", headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status, second.json["lead"]) == (200, "Ada")


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "text/markdown; charset=utf-8"),
        ("text/markdown", "text/markdown; charset=utf-8"),
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("text/markdown;q=0.1, application/*;q=0.2", "application/json"),
        ("*/*, text/markdown;q=0", "application/json"),
    ],
)
async def test_a_postmortem_comes_in_the_format_asked_for(face: Face, accept: str | None, media: str) -> None:
    """Accept chooses the format, by weight and by how specific it is; Markdown where it does not matter."""
    await face.incident(1)
    headers = {"Accept": accept} if accept else {}
    answer = await face.get("/api/v1/incidents/1/postmortem", headers=headers)
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Vary"]) == (200, media, "Accept")


async def test_a_format_that_there_is_not_is_refused(face: Face) -> None:
    """An Accept that nothing meets is 406, and another ending is 404."""
    await face.incident(1)
    (await face.get("/api/v1/incidents/1/postmortem", headers={"Accept": "image/png"})).problem(406)
    (await face.get("/api/v1/incidents/1/postmortem", headers={"Accept": "text/markdown;q=0,junk;q=x"})).problem(406)
    (await face.get("/api/v1/incidents/1/postmortem.pdf")).problem(404)


async def test_what_a_browser_shows_has_a_policy_of_its_own(face: Face) -> None:
    """A picture may have its own style sheet; everything else is served with the policy that allows nothing."""
    await face.incident(1)
    picture = await face.get("/api/v1/incidents/1/postmortem.svg?width=360")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert picture.headers["Content-Security-Policy"] == POLICIES["svg"]
    text = await face.get("/api/v1/incidents/1/postmortem.md")
    assert text.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_a_postmortem_takes_its_options(face: Face) -> None:
    """Time and options reach the renderer, and its own refusal names the parameter."""
    await face.incident(1)
    path = "/api/v1/incidents/1/postmortem.md"
    answer = await face.get(f"{path}?as_of=2026-03-04T14:02:10Z&zone=Europe/Madrid&profile=rootly")
    assert answer.body.decode() == (f"# Incident 1 as of {NOW}, [('profile', 'rootly'), ('zone', 'Europe/Madrid')]\n")
    assert (await face.get(f"{path}?zone=Nowhere")).problem(422)["errors"][0]["pointer"] == "zone"
    (await face.get(f"{path}?as_of=2020-01-01T00:00:00Z")).problem(404)
