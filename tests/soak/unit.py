"""The daemon as systemd runs it: ready when it says so, started again when it ends, ended when it shows no life."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

from tests.faults.history import now
from tests.faults.supervisor import Supervisor, die_with_parent, until
from tests.soak.asking import text_of

_PAUSE = 0.5
"""``RestartSec``."""
_EXCHANGED = b"took exchanged secrets in"
_WATCHDOG = 30.0
"""``WatchdogSec``."""


class Unit(Supervisor):
    """``Type=notify``, ``Restart=always``, ``WatchdogSec=30``, and standard error appended to a file."""

    def __init__(self, folder: Path, url: str, *, config: str, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, url, config=config, environ=environ)
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._notices.bind(str(folder / "notify"))
        self.environ |= {
            "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(round(_WATCHDOG * 1e6)),
            "TIMELINED_LOG_LEVEL": "info",
        }  # fmt: skip
        self.interpreter = (sys.executable, "-m", "collector")
        self.wanted = False
        self.readies = self.restarts = self.ended_without_life = self.rotations = 0
        self.rotated_bytes = 0
        self._exchanged_before = 0
        self._heard = now()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, keep it alive from now on, and wait until it says that it is ready."""
        self.wanted = True
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        readies = self.readies
        if not self.alive:
            self.launch()
        await until(lambda: self.readies > readies, "the daemon says that it is ready")

    async def stop(self) -> int:
        """Stop it and let it rest; its exit code."""
        self.wanted = False
        return await self.terminate()

    async def restart(self) -> int:
        """As ``systemctl restart``; the exit code of the life that ended."""
        code = await self.stop()
        await self.start()
        return code

    async def reload(self, config: str | None = None) -> None:
        """As ``systemctl reload``: SIGHUP, until its metrics say another thing of its last reload, or it ended."""
        before, starts = await self._reloaded(), self.starts
        if config is not None:
            self._config.write_text(config)
        if self.alive:
            self.process.send_signal(signal.SIGHUP)

        async def said() -> bool:
            return self.starts > starts or await self._reloaded() != before

        await until(said, "the daemon says what became of a reload")

    async def _reloaded(self) -> list[str]:
        """What its metrics say of the last reload; nothing while it does not answer."""
        try:
            lines = (await text_of(f"{self.address}/metrics")).splitlines()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return []
        return [line for line in lines if line.startswith("timelined_config_last_reload")]

    def rotate(self) -> None:
        """As logrotate does with ``copytruncate``."""
        self.rotations += 1
        copy = self.said.with_name(f"stderr.{self.rotations}")
        shutil.copyfile(self.said, copy)
        os.truncate(self.said, 0)
        self.rotated_bytes += copy.stat().st_size
        self._exchanged_before += copy.read_bytes().count(_EXCHANGED)

    @property
    def exchanges(self) -> int:
        """How often it took exchanged secrets in, by its log."""
        return self._exchanged_before + self.said.read_bytes().count(_EXCHANGED)

    async def end(self) -> None:
        """Nothing of it goes on."""
        self.wanted = False
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self.close()
        self._notices.close()

    async def _keep(self) -> None:
        while True:
            self._hear()
            if self.wanted and not self.alive:
                await asyncio.sleep(_PAUSE)
                if self.wanted and not self.alive:
                    self.restarts += 1
                    self.launch()
            elif self.alive and now() - self._heard > _WATCHDOG:
                self.ended_without_life += 1
                self.kill()
            await asyncio.sleep(0.05)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                told = self._notices.recv(4096).decode().splitlines()
                self.readies += "READY=1" in told
                self._heard = now()

    def _launched(self, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        self._heard = now()
        with self.said.open("ab") as said:
            return subprocess.Popen(
                self._command(), cwd=self.folder, env=environ, stderr=said,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - as in the supervisor
            )  # fmt: skip

    def _command(self) -> Sequence[str]:
        command = super()._command()
        return command[: command.index("--log.level")]
