"""How much memory the daemon holds after 200,000 events, its follower having read them all.

Run as ``python -m tests.bench.memory``. The daemon is a process of its own and
takes everything over HTTP: one hundred services, each with an incident of ten
episodes every twelve hours, in bodies of a hundred alerts. The goal: under
150 MB resident. What it holds is printed again and again on the way, the
follower having caught up each time, so that a leak shows as a slope.
"""

# ruff: noqa: T201, S310 - printing the result is what a benchmark does, and it talks to loopback only

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

GOAL = 150
"""MB resident."""
ALERTS = 100
PATIENCE = 30.0
"""Seconds that the daemon may take to begin or to end."""
LONGEST = 300.0
"""Seconds that the follower may take to catch up."""
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


def send(address: str, first: int, last: int) -> None:
    """Post some of the bodies, one after the other."""
    for number in range(first, last):
        sent = urllib.request.Request(f"{address}/webhooks/alertmanager", body_of(number))
        urllib.request.urlopen(sent, timeout=60).close()


@contextmanager
def serving() -> Iterator[tuple[int, str]]:
    """A daemon over a temporary log: its process id and address. However this ends, the daemon ends with it."""
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = (sys.executable, "-m", "collector", "serve", "--web.listen-address", address,
                   "--storage.url", f"sqlite:///{folder}/events.db")  # fmt: skip
        environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
        with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.DEVNULL) as daemon:
            try:
                yield daemon.pid, f"http://{address}"
            finally:
                daemon.terminate()
                try:
                    daemon.wait(PATIENCE)
                except (subprocess.TimeoutExpired, KeyboardInterrupt):
                    daemon.kill()


def measure(events: int, every: int) -> tuple[float, object]:
    """Print what the daemon holds after each ``every`` events; the last of it, in MB, and the follower's lag."""
    with serving() as (pid, address):
        wait(address, PATIENCE)
        held, began = resident(pid), time.monotonic()
        print(f"{'events':>8} {'resident':>11} {'seconds':>8}\n{0:>8} {held:>8.0f} MB {0:>8.0f}", flush=True)
        for done in range(0, events, every):
            after = min(done + every, events)
            send(address, done // ALERTS, after // ALERTS)
            told, held = wait(address, LONGEST), resident(pid)
            print(f"{after:>8} {held:>8.0f} MB {time.monotonic() - began:>8.0f}", flush=True)
    return held, told.get("lag")


def main() -> int:
    """Print the memory on the way and at the end; 1 where the goal was missed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--every", type=int, default=20_000)
    asked = parser.parse_args()
    # A stop asked for politely unwinds like an interrupt, so that no daemon is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    held, lag = measure(asked.events, asked.every)
    print(f"resident after {asked.events} events: {held:.0f} MB, goal: below {GOAL}; follower's lag: {lag}")
    return 0 if held < GOAL and lag == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
