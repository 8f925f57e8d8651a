"""An incident that is private and one that is not, and all that is read of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from collector.drafting import versions
from collector.drafting.rendering import postmortem
from collector.event import MINUTE, SECOND
from collector.tokens import Token
from renderers.choices import FORMATS
from tests.face import NOW, Answer, Face, running

TOKENS = (
    b"everything",
    Token(secret=b"insider", name="Ines", role="write", groups=("security", "legal")),
    Token(secret=b"guard", name="Gus", role="write", groups=("security",)),
    Token(secret=b"outsider", name="Olga", role="write", groups=("shop",)),
    Token(secret=b"nobody", name="Nils", role="read"),
)
OUTSIDE = ("outsider", "nobody")
STREAMS = ("/api/v1/events/stream?after=0", "/api/v1/logs/stream?cursor=default.0")
LAST = 100 * 24 * 60 * MINUTE
"""How long ago the incidents were, µs."""


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def two_incidents(folder: Path) -> AsyncIterator[Face]:
    """A public incident of cart and, at the same time, one of the vault; each of a page and an alert."""
    box: list[Face] = []

    async def render(form: str, number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await postmortem(box[0].lists, number, format=form, as_of=as_of, options=asked)

    async def any_form(number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await render(form, number, as_of, asked)

    settings: dict[str, Any] = {
        "postmortems": {form: partial(render, form) for form in (*FORMATS, "marked")},
        "inlaid": partial(render, "page"), "standing": partial(render, versions.STANDING),
        "measures": partial(render, "measures"), "changes": partial(versions.changes, any_form),
    }  # fmt: skip
    async with running(folder, api_tokens=TOKENS, **settings) as face:
        box.append(face)
        for name, service in (("CartSlow", "cart"), ("VaultOpened", "vault")):
            rings = [{"name": name, "at": NOW - LAST, "loud": True, "service": service}]
            assert (await face.deliver(json.dumps(rings).encode())).status == 202
        await face.followed()
        yield face


async def asked(face: Face, path: str, token: str = "everything", **fields: Any) -> Answer:  # noqa: S107 - made up
    """Ask for something, or state it, a second after what came before."""
    face.now += SECOND
    head = bearer(token)
    return await (face.post(path, {"by": "Ada", **fields}, headers=head) if fields else face.get(path, headers=head))


async def vault(face: Face) -> int:
    """The number of the incident of the vault."""
    rows = (await asked(face, "/api/v1/incidents?service=vault")).json["incidents"]
    return int(rows[0]["number"])


async def made_private(face: Face, group: str = "security") -> int:
    """The same, once it is private."""
    number = await vault(face)
    assert (await asked(face, f"/api/v1/incidents/{number}/private", group=group)).status == 201
    await face.followed()
    return number


async def traces(face: Face, number: int) -> tuple[set[str], Mapping[str, str]]:
    """What would tell of the incident, words and ids; and what fills in the places in addresses."""
    events = (await asked(face, f"/api/v1/incidents/{number}/events")).json["events"]
    told = {event["id"] for event in events}
    first = next(event for event in events if event["type"] == "alert.firing")
    words = {"VaultOpened", "vault", "Locked the vault", *told, *(each[-8:] for each in told)}
    filling = {"number": str(number), "event": first["id"], "delivery": first["delivery"]}
    return words, {**filling, "section": "summary", "format": "md"}


def addresses(face: Face) -> list[str]:
    """Every address that is read, as the router has it."""
    found = {route.resource.canonical for route in face.app.router.routes() if route.method == "GET" and route.resource}
    assert len(found) > 30
    return sorted(found - {*(stream.partition("?")[0] for stream in STREAMS), "/static"})
