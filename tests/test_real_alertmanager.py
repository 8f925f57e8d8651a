"""Two real Alertmanagers, as an HA pair, against the real daemon, which is killed in between."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import forks
from tests.alertmanagers import ROOT, free_port, get, pair, post, until
from tests.conftest import require


class Daemon:
    """The real daemon in a process of its own."""

    def __init__(self, tmp_path: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.log = tmp_path / "daemon.log"
        self.command = (
            "serve", f"--web.listen-address=127.0.0.1:{port}", f"--storage.url=sqlite:///{tmp_path / 'events.db'}",
        )  # fmt: skip
        self.cwd = tmp_path

    def start(self) -> None:
        with self.log.open("ab") as out:
            environ = os.environ | {"PYTHONPATH": str(ROOT)}
            with Path(os.devnull).open("rb") as nothing:
                streams = (nothing.fileno(), out.fileno(), out.fileno())
                self.process = forks.start(self.command, self.cwd, environ, streams, follower=True)
        until(lambda: get(f"{self.address}/-/ready"), "the daemon's readiness")

    def stop(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(20)

    def events(self, **query: str) -> list[dict[str, Any]]:
        terms = "&".join(f"{key}={value}" for key, value in query.items())
        found: list[dict[str, Any]] = get(f"{self.address}/api/v1/events?limit=1000&{terms}")["events"]
        return found


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def prometheus_alerts(started: datetime, ended: datetime | None) -> list[dict[str, Any]]:
    """Alerts as Prometheus pushes them: two of one service, with the query's address."""
    alerts = []
    for number in (1, 2):
        alert = {
            "labels": {
                "alertname": "HighErrorRate",
                "service": "checkout",
                "environment": "production",
                "severity": "critical",
                "instance": f"co-{number}",
            },
            "annotations": {"summary": "12% of requests fail."},
            "generatorURL": "http://prometheus.example:9090/graph?g0.expr=ratio+%3E+0.05&g0.tab=1",
            "startsAt": stamp(started),
        }
        alerts.append(alert | ({"endsAt": stamp(ended)} if ended else {}))
    return alerts


@pytest.mark.alertmanager
def test_a_real_pair_fires_repeats_and_resolves_across_a_kill(tmp_path: Path) -> None:
    """Each transition is in the draft once, at the alert's own time, whoever sent it and however often."""
    require("prometheus-alertmanager")
    port = free_port()
    daemon = Daemon(tmp_path, port)
    daemon.start()
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    try:
        with pair(tmp_path, port) as peers:
            for peer in peers:
                post(f"{peer}/api/v2/alerts", prometheus_alerts(started, None))
            until(lambda: len(daemon.events(type="alert.firing")) == 2, "both firing alerts")
            signals = until(
                lambda: [s for s in get(f"{daemon.address}/api/v1/signals")["signals"] if s["notifications"] > 1],
                "a repeated notification",
            )
            assert {s["title"] for s in signals} == {"HighErrorRate"}

            daemon.stop(signal.SIGKILL)
            ended = datetime.now(UTC).replace(microsecond=0)
            for peer in peers:
                post(f"{peer}/api/v2/alerts", prometheus_alerts(started, ended))
            daemon.start()
            until(lambda: len(daemon.events(type="alert.resolved")) == 2, "both resolves")
            incident = until(
                lambda: next(
                    (i for i in get(f"{daemon.address}/api/v1/incidents")["incidents"] if i["status"] == "resolved"),
                    None,
                ),
                "the resolved incident",
            )

        alerts = daemon.events(type="alert.*")
        assert sorted((e["type"], e["labels"]["instance"]) for e in alerts) == [
            ("alert.firing", "co-1"),
            ("alert.firing", "co-2"),
            ("alert.resolved", "co-1"),
            ("alert.resolved", "co-2"),
        ]
        for event in alerts:
            expected = started if event["type"] == "alert.firing" else ended
            assert datetime.fromisoformat(event["occurred_at"]) == expected
        draft = get(f"{daemon.address}/api/v1/incidents/{incident['number']}/postmortem.md")
        assert "**Status:** Resolved" in draft
        detection = draft.partition("## Detection")[2].partition("## Root Causes")[0]
        assert "HighErrorRate" in detection
        assert "ratio > 0.05" in detection
        rows = [line for line in draft.splitlines() if line.startswith("| 20")]
        assert len([row for row in rows if "HighErrorRate" in row]) <= 4
    finally:
        code = daemon.stop(signal.SIGTERM)
    assert code == 0
