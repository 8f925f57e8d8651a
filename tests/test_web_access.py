"""Who may ask: tokens, and the names under which a loopback address answers."""

from __future__ import annotations

from tests.face import running


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
