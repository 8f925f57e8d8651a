"""A daemon in this process over a file of its own, and the alerts it is sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from collector import daemon
from collector.log import EventLog
from collector.settings import Drafts, Settings, Storage, Web
from tests import new_logs, senders

SECRET = "kestrel-7741"
"""What must be gone. Nothing else in these tests holds it."""
DRAFTS = "drafts"


class Rig:
    """A daemon in a folder of its own, and a client of it."""

    def __init__(self, folder: Path, served: daemon.Daemon, client: aiohttp.ClientSession) -> None:
        self.folder, self.served, self.client = folder, served, client
        self.drafts = folder / DRAFTS

    @property
    def log(self) -> EventLog:
        return self.served.log

    async def sent(self, delivery: senders.Sent) -> dict[str, Any]:
        """What a delivery was answered with."""
        url = f"{self.served.address}/webhooks/{delivery.source}"
        async with self.client.post(url, data=delivery.body, headers=delivery.headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()  # type: ignore[no-any-return]

    async def post(self, path: str, **said: Any) -> Any:
        """What a statement was answered with."""
        async with self.client.post(f"{self.served.address}/api/v1/{path}", json=said) as answer:
            return await answer.json() | {"answered": answer.status}

    async def erase(self, *events: str, **more: Any) -> Any:
        """Erase; it must come to its end."""
        erasure = await self.post("erasures", events=list(events), by="Ana", reason="a token was logged", **more)
        assert erasure["answered"] in (200, 201), erasure
        assert erasure["remaining"] is None
        return erasure

    async def get(self, path: str) -> Any:
        async with self.client.get(f"{self.served.address}/api/v1/{path}") as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return json.loads(text) if "json" in answer.content_type else text

    async def caught_up(self) -> None:
        """Have the follower take in everything."""
        assert self.served.runtime.follower is not None
        await self.served.runtime.follower.catch_up()

    async def drawn(self) -> None:
        """Have every draft written that is due."""
        await self.caught_up()
        await self.served.runtime.drafts.run()

    def found(self, secret: str = SECRET) -> list[str]:
        """The files that hold the secret, of all that the daemon keeps."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        assert len(files) > 2
        return sorted(str(path.relative_to(self.folder)) for path in files if secret.encode() in content(path))


def content(path: Path) -> bytes:
    """What a file holds; nothing where it was only there on the way to another name."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


@asynccontextmanager
async def serving(folder: Path, url: str = "") -> AsyncIterator[Rig]:
    """A daemon over a log (at ``url``, else in a folder of its own) and drafts."""
    if not url:
        new_logs.place(folder / "timelined.db")
    settings = Settings(
        storage=Storage(url=url or f"sqlite:///{folder / 'timelined.db'}"),
        web=Web(listen_address=("127.0.0.1:0",)),
        drafts=Drafts(dir=str(folder / DRAFTS)),
    )
    async with daemon.running(settings) as served, aiohttp.ClientSession() as client:
        yield Rig(folder, served, client)


def alert(name: str = "HighErrorRate", *, until: str | None = None, **more: Any) -> senders.Alert:
    """One alert that began at 14:02."""
    return replace(senders.alert(name, since="14:02", **more), until=until)
