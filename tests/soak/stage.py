"""Everything of one run: the unit, its watchers, its senders, and what the run wants of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import yaml

from tests.faults.clients import Clients
from tests.faults.history import History
from tests.faults.shims import SlowSync
from tests.faults.stores import SqliteStore
from tests.faults.supervisor import until
from tests.soak.asking import text_of
from tests.soak.routine import People, Senders, Tokens
from tests.soak.rules import Pace
from tests.soak.unit import Unit
from tests.soak.watchers import Pager, Watchers

BACKUPS, DRAFTS = "backups", "drafts"
TOKENS = ("watch-a", "watch-b")


def config(folder: Path, pace: Pace, largest: int = 2) -> str:
    """The configuration of the daemon. ``largest`` is what reloads change: how many MiB one source may send."""
    alertmanager = {"kind": "alertmanager"}
    return yaml.safe_dump({
        # So that a queue may be filling for long before it is full.
        "web": {"queue_events": 40_000, "queue_bytes": "256MiB"},
        "sources": {
            "alertmanager": {"open": True},
            "quiet": alertmanager | {"open": True},
            "odd": alertmanager | {"open": True, "max_body": f"{largest}MiB"},
            "watch": alertmanager | {"bearer_token_file": [str(folder / name) for name in TOKENS]},
        },
        "proof": {"every": "10s"},
        # While it fails it does so within each window: seldomer, the alert on it would end and fire again.
        "backup": {"dir": str(folder / BACKUPS), "every": f"{min(pace.upkeep // 3, pace.window // 2)}s", "keep": 2},
        "drafts": {"dir": str(folder / DRAFTS)},
    })  # fmt: skip


class Stage:
    """What episodes and routine work on."""

    def __init__(self, folder: Path, disk: Path, pace: Pace, seed: str) -> None:
        self.folder, self.pace = folder, pace
        self.database = disk / "timelined.db"
        self.store = SqliteStore(self.database)
        for name in (BACKUPS, DRAFTS):
            (folder / name).mkdir()
        self.disk = SlowSync(folder)
        self.unit = Unit(folder / "unit", self.store.url, config=config(folder, pace), environ=self.disk.environ)
        self.history = History()
        self.clients = Clients([self.unit.address], self.history, seed, 1)
        self.astray = Clients([self.unit.address], History(), seed, 1)
        """Sends what is to be refused or not understood; nobody judges what became of it."""
        self.senders, self.people = Senders(self.clients, seed), People(self.unit, seed)
        self.pager = Pager()
        self.watchers = Watchers(folder / "watchers", pace, self.unit.address, self.pager)
        self.tokens = Tokens([folder / name for name in TOKENS], self.watchers.token, self.unit)
        self.configuring = asyncio.Lock()
        """Held by whoever changes the configuration."""
        self.quiet_sends, self.odd_sends, self.verified = asyncio.Event(), asyncio.Event(), asyncio.Event()
        """Whether the two sources that seldom send do so, and whether somebody verifies at intervals."""
        for event in (self.quiet_sends, self.odd_sends, self.verified):
            event.set()
        self.reloads = self.events = 0

    @property
    def beside(self) -> Path:
        """The folder beside the log."""
        return self.database.with_name(f"{self.database.name}.proof")

    @property
    def _patience(self) -> float:
        return 60 + 3 * self.pace.window + 1.5 * self.pace.upkeep

    async def fires(self, *names: str) -> None:
        """Wait until somebody was paged for each."""
        for name in names:
            await until(lambda name=name: bool(self.pager.fired[name]), f"{name} fires", self._patience)  # type: ignore[misc]

    async def ends(self, *names: str) -> None:
        """Wait until somebody was told of the end of each."""
        for name in names:
            await until(lambda name=name: not self.pager.firing(name), f"{name} ends", self._patience)  # type: ignore[misc]

    async def sealed(self) -> None:
        """Wait until something is sealed."""
        await until(self._sealed, "the log is sealed")

    async def _sealed(self) -> bool:
        lines = (await text_of(f"{self.unit.address}/metrics")).splitlines()
        (told,) = [line for line in lines if line.startswith("timelined_log_sealed_position ")]
        return float(told.split()[1]) > 0

    async def recorded(self, source: str) -> set[tuple[str, str]]:
        """The alerts of a source in the daemon's log: the name of each, and what was told of it."""
        text = await text_of(f"{self.unit.address}/api/v1/events?source={source}&type=alert.*&limit=1000")
        events = json.loads(text)["events"]
        return {(event["labels"]["alertname"], event["type"].partition(".")[2]) for event in events}

    async def heard(self, *names: str) -> bool:
        """Whether the daemon has in its log that these fired."""
        try:
            return {(name, "firing") for name in names} <= await self.recorded("watch")
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
