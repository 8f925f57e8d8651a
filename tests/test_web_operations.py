"""What an operator asks: whether the daemon is well, what is firing, and what arrived."""

from __future__ import annotations

import re

from collector.web import Readiness
from tests.face import Face


async def test_the_daemon_is_healthy_and_says_whether_it_is_ready(face: Face) -> None:
    """Healthy is 200 while the loop runs; ready is 503 with the reason where work cannot be done."""
    face.state = Readiness(ready=False, reason="the disk is full", facts={"lag": 4})
    assert (await face.get("/-/healthy")).status == 200
    answer = await face.get("/-/ready")
    told = {name: value for name, value in answer.json.items() if value is not None}
    assert (answer.status, told) == (503, {"ready": False, "reason": "the disk is full", "lag": 4})
    face.state = Readiness(ready=True)
    assert (await face.get("/-/ready")).status == 200


async def test_signals_show_what_is_firing(face: Face) -> None:
    """What fires now is listed with its incident and how often it was told."""
    for _ in range(3):
        await face.deliver(b'[{"name": "a", "loud": true, "service": "checkout"}]')
    await face.followed()
    [signal] = (await face.get("/api/v1/signals")).json["signals"]
    assert (signal["state"], signal["notifications"], signal["since"]) == ("firing", 3, "2026-03-04T14:02:10Z")
    assert (signal["entity"], signal["service"], signal["incident"]) == ("a", "checkout", 1)


async def test_deliveries_are_listed_with_what_became_of_them(face: Face) -> None:
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


async def test_each_source_is_listed_with_what_became_of_its_deliveries(face: Face) -> None:
    """Repeats, what told nothing, what nobody understood, what was refused; and sources that were never heard."""
    for body in (b'[{"name": "a"}]', b'[{"name": "a"}]', b"[]", b"{}", b"["):
        await face.deliver(body)
    listed = (await face.get("/api/v1/sources")).json
    assert (listed["deliveries"], listed["since"]) == (5, None)
    ((name, counts),) = [(one["source"], one) for one in listed["sources"] if one["received"]]
    told = ("received", "stored", "repeats", "set_aside", "unrecognised", "malformed", "refused")
    assert [counts[each] for each in told] == [5, 5, 1, 1, 1, 1, 0]
    [latest] = (await face.get("/api/v1/deliveries?limit=1")).json["deliveries"]
    assert counts["last_received_at"] == latest["received_at"]
    assert all(one["last_received_at"] is None for one in listed["sources"] if one["source"] != name)
    assert (await face.deliver(b"{}", "/webhooks/nobody")).status == 401
    [refused] = [one for one in (await face.get("/api/v1/sources")).json["sources"] if one["refused"]]
    assert (refused["received"], refused["stored"], refused["kind"]) == (1, 0, None)


async def test_a_body_is_handed_out_as_a_file_no_browser_shows(face: Face) -> None:
    """Raw bytes come back as they were, as an attachment of no type."""
    body = b"[]<script>alert(1)</script>"
    await face.deliver(body)
    [kept] = (await face.get("/api/v1/deliveries")).json["deliveries"]
    answer = await face.get(f"/api/v1/deliveries/{kept['id']}/body")
    assert (answer.body, answer.headers["Content-Type"]) == (body, "application/octet-stream")
    assert re.fullmatch(r'attachment; filename="delivery-\w+\.bin"', answer.headers["Content-Disposition"])
    for path in ("/api/v1/deliveries/d99", "/api/v1/deliveries/d99/body", "/api/v1/deliveries/%00"):
        (await face.get(path)).problem(404)
