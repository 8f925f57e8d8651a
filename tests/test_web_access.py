"""Who may ask: tokens, and the names under which a loopback address answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import structlog

from tests.face import Face, running


async def test_the_api_asks_for_a_token_where_one_is_set(tmp_path: Path) -> None:
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


async def test_every_address_asks_for_a_token_unless_it_is_open(tmp_path: Path) -> None:
    """Whatever is served and added later; health, the login, files of ours and webhooks alone answer without one."""
    async with running(tmp_path, api_tokens=(b"old",)) as face:
        paths = []
        for route in face.app.router.routes():
            address = route.resource.canonical if route.resource else ""
            if address.startswith(("/webhooks/", "/static/")) or address in (
                "/-/healthy",
                "/-/ready",
                "/login",
                "/logout",
            ):
                continue
            path = re.sub(r"{[^}]*}", "1", address)
            answer = await face.ask("GET" if route.method == "*" else route.method, path)
            assert answer.status == 401, (route.method, path, answer.status)
            paths.append(path)
        assert {"/analytics.csv", "/metrics", "/", "/api/v1/metrics"} <= set(paths)


async def test_a_token_of_stray_bytes_is_a_401(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are compared as bytes and refused."""
    async with running(tmp_path, api_tokens=(b"old",)) as face:
        answer = await face.raw(
            b"GET /api/v1/signals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n"
            b"Connection: close\r\n\r\n"
        )
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("path", ["/api/v1/signals", "/-/ready", "/", "/nowhere", "/webhooks/bell"])
async def test_on_loopback_everything_answers_only_under_local_names(face: Face, path: str) -> None:
    """A foreign name for the loopback address (DNS rebinding) opens nothing at all; health does not care."""
    for host in ("localhost", "localhost:9720", "127.0.0.1", "[::1]:9720", "LOCALHOST"):
        assert (await face.get(path, headers={"Host": host})).status in (200, 404, 405)
    for host in (
        "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:9720", "evil.example:80:1", "[::1", "",
    ):  # fmt: skip
        (await face.get(path, headers={"Host": host})).problem(421)
        assert (await face.get("/-/healthy", headers={"Host": host})).status == 200


async def test_no_delivery_is_taken_under_a_foreign_name(face: Face) -> None:
    """A page whose own name leads to this machine delivers nothing."""
    (await face.deliver(b"[]", Host="evil.example")).problem(421)
    assert await face.log.deliveries() == []


async def test_a_target_that_is_a_whole_url_names_its_host(face: Face) -> None:
    """What stands in the target goes before the header (RFC 9112): a foreign name there opens nothing either."""
    sent = b"GET http://%b/-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    for host, status in (
        (b"localhost", b"200"), (b"localhost:9720", b"200"), (b"[::1]:9720", b"200"), (b"LOCALHOST", b"200"),
        (b"evil.example", b"421"), (b"localhost@evil.example", b"421"), (b"evil.example:80", b"421"),
    ):  # fmt: skip
        assert (await face.raw(sent % host)).startswith(b"HTTP/1.1 %b " % status), host


async def test_a_daemon_answers_under_the_names_that_it_was_given(tmp_path: Path) -> None:
    """A proxy may hand on the host that was asked for; on an address that others reach any name will do."""
    for name, more in (("named", {"hosts": ("Timelined.Example", "[::2]")}), ("reached", {"local_only": False})):
        (tmp_path / name).mkdir()
        async with running(tmp_path / name, **more) as face:
            for host in ("timelined.example", "TIMELINED.example:443", "[::2]:80"):
                assert (await face.get("/api/v1/signals", headers={"Host": host})).status == 200
                assert (await face.deliver(b"[]", Host=host)).status in (200, 202)


async def test_a_request_without_a_host_is_no_page(face: Face) -> None:
    """Programs of HTTP/1.0 name no host, and browsers always do."""
    assert (await face.raw(b"GET /-/ready HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 200 ")


FOREIGN = [
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://localhost:1"},
    {"Origin": "data:"}, {"Origin": "http://localhost, http://localhost"}, {"Origin": "http://["},
    {"Origin": "http://localhost@evil.example"}, {"Origin": "http://localhost:x"}, {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "Cross-Site"}, {"Sec-Fetch-Site": "x"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
]  # fmt: skip
OURS = [
    {}, {"Origin": "http://localhost"}, {"Origin": "https://LOCALHOST", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost:80"},
]  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN)
async def test_an_open_source_takes_nothing_that_a_foreign_page_sends(face: Face, headers: dict[str, str]) -> None:
    """A browser that posts for a page of another origin is refused like any stranger; the log says why."""
    sent = {"Host": "localhost", "Content-Type": "text/plain", **headers}
    with structlog.testing.capture_logs() as lines:
        answer = await face.ask("POST", "/webhooks/bell", data=b"[]", headers=sent)
    answer.problem(401)
    assert answer.body == (await face.deliver(b"[]", "/webhooks/nobody")).body
    assert await face.log.deliveries() == []
    assert any("a browser sends it for a page of another site" in line.get("reason", "") for line in lines)


@pytest.mark.parametrize("headers", OURS)
async def test_an_open_source_takes_what_a_program_or_a_page_of_its_own_sends(
    face: Face, headers: dict[str, str]
) -> None:
    """Senders name no origin; a page of the very same place is no stranger."""
    sent = {"Host": "localhost", **headers}
    assert (await face.ask("POST", "/webhooks/bell", data=b"[]", headers=sent)).status == 202


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_sender_that_proves_itself_may_be_a_page(face: Face, headers: dict[str, str]) -> None:
    """What has the secret is let in, wherever it runs."""
    sent = {"Host": "localhost", **headers}
    assert (await face.ask("POST", "/webhooks/secret/letmein", data=b"[]", headers=sent)).status == 202


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_foreign_page_writes_nothing_through_an_open_api(face: Face, headers: dict[str, str]) -> None:
    """Reading is no matter, since a page cannot see the answer; a write is refused."""
    sent = {"Host": "localhost", "Content-Type": "application/json", **headers}
    body = b'{"by": "Ada", "title": "down"}'
    (await face.ask("POST", "/api/v1/incidents", data=body, headers=sent)).problem(403)
    assert (await face.get("/api/v1/incidents", headers=sent)).status == 200
    assert await face.log.head() == 0
