"""How much memory the daemon holds after 200,000 events, its follower having read them all.

Run as ``python -m tests.bench.memory``. The daemon is a process of its own and
takes everything over HTTP: one hundred services, each with an incident of ten
episodes every twelve hours, in bodies of a hundred alerts. The goal: under
150 MB resident.
"""

# ruff: noqa: T201, S310 - printing the result is what a benchmark does, and it talks to loopback only

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

GOAL = 150
"""MB resident."""
ALERTS = 100
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def body_of(number: int) -> bytes:
    """The firing (even numbers) or the end (odd ones) of a hundred alerts, one of each service."""
    step, ended = divmod(number, 2)
    evening, episode = divmod(step, 10)
    since = BEGIN + timedelta(hours=12 * evening, minutes=10 * episode)
    until = since + timedelta(minutes=5)
    alerts = [
        {
            "status": "resolved" if ended else "firing",
            "labels": {"alertname": "HighLatency", "service": f"service-{n}", "severity": "critical"},
            "annotations": {"summary": "p99 is above 2 s."},
            "startsAt": since.isoformat(),
            "endsAt": until.isoformat() if ended else "0001-01-01T00:00:00Z",
            "fingerprint": f"{n:016x}",
            "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        }
        for n in range(ALERTS)
    ]
    group = {"groupKey": '{}:{alertname="HighLatency"}', "groupLabels": {"alertname": "HighLatency"}}
    return json.dumps({"version": "4", "status": "firing", "receiver": "t", "alerts": alerts, **group}).encode()


def resident(pid: int) -> float:
    """MB of memory a process holds."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kilobytes) / 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ready(address: str) -> dict[str, object]:
    """What the daemon says of itself; empty while it does not answer."""
    try:
        with urllib.request.urlopen(f"{address}/-/ready", timeout=5) as answer:
            told: dict[str, object] = json.load(answer)
            return told
    except OSError:
        return {}


def wait(address: str, seconds: float) -> dict[str, object]:
    """Wait until the daemon answers and its follower has read everything."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        told = ready(address)
        if told and told.get("lag") == 0:
            return told
        time.sleep(0.2)
    return ready(address)


def main() -> int:
    """Print the memory before and after; 1 where the goal was missed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    asked = parser.parse_args()
    address = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, "-m", "collector", "serve", "--web.listen-address", address.removeprefix("http://"),
                   "--storage.url", f"sqlite:///{folder}/events.db")  # fmt: skip
        environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
        with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.DEVNULL) as daemon:
            try:
                wait(address, 30)
                before = resident(daemon.pid)
                for number in range(asked.events // ALERTS):
                    sent = urllib.request.Request(f"{address}/webhooks/alertmanager", body_of(number))
                    urllib.request.urlopen(sent, timeout=60).close()
                told = wait(address, 300)
                after = resident(daemon.pid)
            finally:
                daemon.terminate()
    print(f"events            {asked.events:>8}")
    print(f"follower's lag    {told.get('lag')!s:>8}")
    print(f"resident, empty   {before:>8.0f} MB")
    print(f"resident, after   {after:>8.0f} MB   goal: below {GOAL}")
    return 0 if after < GOAL and told.get("lag") == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
