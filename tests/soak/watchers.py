"""What watches the daemon in a run: a real Prometheus, a real Alertmanager, and whoever is paged by it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from tests.faults.supervisor import die_with_parent, free_port, until
from tests.soak.asking import ready, text_of
from tests.soak.rules import FILES, MIXIN, Pace, shortened

JOB = "timelined"
_THE_SAME = ("alertname", "job", "severity")
"""Labels that all series of an alert have in common."""


class Pager:
    """Whoever is told of alerts, and is always there: each firing of each, and its end."""

    def __init__(self) -> None:
        self.fired: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
        """Name of an alert → its firings, each by its labels and when it began → when it ended; empty until then."""
        self.port = free_port()

    def firing(self, name: str) -> bool:
        """Whether it was told and its end was not."""
        return not all(self.fired[name].values())

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """It answers for the length of the block."""
        app = web.Application()
        app.router.add_post("/", self._told)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _told(self, request: web.Request) -> web.Response:
        for alert in (await request.json())["alerts"]:
            firings = self.fired[alert["labels"]["alertname"]]
            labels = [f"{key}={value}" for key, value in sorted(alert["labels"].items()) if key not in _THE_SAME]
            end = alert["endsAt"] if alert["status"] == "resolved" else ""
            firing = (" ".join(labels), alert["startsAt"])
            firings[firing] = end or firings.get(firing, "")
        return web.Response()


class Watchers:
    """Prometheus and Alertmanager in a folder of their own."""

    def __init__(self, folder: Path, pace: Pace, daemon: str, pager: Pager) -> None:
        self.folder, self._pager = folder, pager
        folder.mkdir(parents=True)
        self.prometheus, self.alertmanager = free_port(), free_port()
        self.token = folder / "token"
        """What Alertmanager proves itself to the daemon by; read for each delivery."""
        for name in FILES:
            (folder / name).write_text(shortened((MIXIN / name).read_text("utf-8"), pace))
        self._write("watchdog.yml", {"groups": [{"name": "watchdog", "rules": [
            {"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "none"}}]}]})  # fmt: skip
        self._write("prometheus.yml", self._scraping())
        self._write("alertmanager.yml", self._routing(daemon))
        self.scrape(daemon)

    def scrape(self, *addresses: str) -> None:
        """These are the daemons of the job."""
        targets = [address.removeprefix("http://") for address in addresses]
        self._write("targets.new", [{"targets": targets}])
        (self.folder / "targets.new").replace(self.folder / "targets.yml")

    def _scraping(self) -> dict[str, Any]:
        return {
            "global": {"scrape_interval": "2s", "evaluation_interval": "1s", "scrape_timeout": "2s"},
            "rule_files": [*FILES, "watchdog.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self.alertmanager}"]}]}]},
            "scrape_configs": [
                {"job_name": JOB, "file_sd_configs": [{"files": ["targets.yml"], "refresh_interval": "1s"}]}
            ],
        }

    def _routing(self, daemon: str) -> dict[str, Any]:
        proof = {"authorization": {"credentials_file": str(self.token)}}
        hooks = [
            {"url": f"{daemon}/webhooks/watch", "http_config": proof},
            {"url": f"http://127.0.0.1:{self._pager.port}/"},
        ]
        heartbeat = {"matchers": ['alertname="Watchdog"'], "receiver": "all", "repeat_interval": "5s"}
        return {
            "route": {
                "receiver": "all", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s",
                "repeat_interval": "12h", "routes": [heartbeat],
            },
            "receivers": [{"name": "all", "webhook_configs": hooks}],
        }  # fmt: skip

    def _write(self, name: str, value: Any) -> None:
        (self.folder / name).write_text(yaml.safe_dump(value))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both, ready, for the length of the block."""
        commands = (
            ("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
             f"--web.listen-address=127.0.0.1:{self.prometheus}", "--rules.alert.resend-delay=5s"),
            ("prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=am",
             "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{self.alertmanager}"),
        )  # fmt: skip
        processes = [self._begin(command) for command in commands]
        try:
            for port in (self.prometheus, self.alertmanager):
                await until(lambda port=port: ready(port), f"what listens on port {port} is ready")  # type: ignore[misc]
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                await asyncio.to_thread(process.wait, 60)

    def _begin(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{command[0]}.log").open("ab") as said:
            return subprocess.Popen(
                command, cwd=self.folder, stdout=said, stderr=said,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - as in the supervisor
            )  # fmt: skip

    async def scraped(self, since: float) -> bool:
        """Whether a daemon of the job was scraped that started after a time, in seconds since 1970."""
        asked = f"http://127.0.0.1:{self.prometheus}/api/v1/query?query=process_start_time_seconds%3E{since:.0f}"
        return bool(json.loads(await text_of(asked))["data"]["result"])

    def given_up(self) -> int:
        """How many deliveries of Alertmanager were refused for good, which it does not send again: by its log, since
        not every version counts them by their reason."""
        return (self.folder / "prometheus-alertmanager.log").read_text("utf-8").count("unrecoverable error")
