"""Where an error happened: its path where that is one of ours, elsewhere one and the same text."""

from __future__ import annotations

import pytest

from tests.face import Face


@pytest.mark.parametrize(
    ("method", "path", "status", "instance"),
    [
        ("DELETE", "/api/v1/incidents/1", 405, "/api/v1/incidents/1"),
        ("GET", "/api/v1/nowhere", 404, "/api/v1/nowhere"),
        ("GET", "/api/v1/incidents/77", 404, "/api/v1/incidents/77"),
        ("DELETE", "/metrics", 405, "/metrics"),
        ("POST", "/-/reload", 403, "/-/reload"),
        ("GET", "/incidents/77", 404, "/incidents/77"),
        ("GET", "/static/none.js", 404, "/static/none.js"),
        ("GET", "/nowhere/secret", 404, "/"),
        ("DELETE", "/webhooks/bell", 405, "/webhooks"),
    ],
)
async def test_an_error_names_the_path_of_its_request(
    face: Face, method: str, path: str, status: int, instance: str
) -> None:
    """Also where no handler ever saw it; what may hold a secret is not repeated."""
    assert (await face.ask(method, path)).problem(status)["instance"] == instance
