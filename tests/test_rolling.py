"""A daemon after the other is restarted behind a real HAProxy, as docs/postgresql.md says, and nobody is refused."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import require
from tests.postgres import Server
from tests.processes import PROJECT, Process, alert, eventually, get, post, refused

DOCS = (PROJECT / "docs" / "postgresql.md").read_text("utf-8")
BLOCK = re.search(r"^    backend timelined\n(?:    .*\n)+", DOCS, re.MULTILINE)
DRAIN = re.search(r"^    web:\n      drain: (\S+)\n", DOCS, re.MULTILINE)
RATE = 20.0
"""Deliveries a second."""

AROUND = """\
global
    stats socket {socket} mode 600 level user
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend senders
    bind 127.0.0.1:{port}
    default_backend timelined
"""
"""What HAProxy needs beside the block of the docs."""


class Balancer:
    """HAProxy over two daemons."""

    def __init__(self, folder: Path, port: int, daemons: list[str]) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._control = folder / "haproxy.sock"
        assert BLOCK is not None
        block = re.sub("^    ", "", BLOCK[0], flags=re.MULTILINE)
        for placeholder, address in zip(("192.0.2.11:9720", "192.0.2.12:9720"), daemons, strict=True):
            assert placeholder in block
            block = block.replace(placeholder, address.removeprefix("http://"))
        # These daemons listen on loopback, where one has to ask for localhost.
        block += "    http-check send hdr Host localhost\n"
        self.file = folder / "haproxy.cfg"
        self.file.write_text(AROUND.format(socket=self._control, port=port) + block, "utf-8")

    @contextmanager
    def running(self, program: str) -> Iterator[None]:
        """It balances for the length of the block."""
        checked = subprocess.run([program, "-c", "-f", self.file], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        with subprocess.Popen([program, "-f", self.file]) as process:
            try:
                yield
            finally:
                process.terminate()

    def up(self) -> list[bool]:
        """Which daemons it sends to."""
        with socket.socket(socket.AF_UNIX) as control:
            try:
                control.connect(str(self._control))
            except OSError:
                return []
            control.sendall(b"show stat\n")
            rows = [line.split(",") for line in control.makefile().read().splitlines() if line.startswith("timelined,")]
        return [row[17] == "UP" for row in rows if row[1] in ("a", "b")]


class Senders:
    """Deliveries at a bounded rate, each of an alert of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.acknowledged: list[int] = []
        self.failed: list[str] = []

    def __enter__(self) -> Senders:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        number = 0
        while not self._stop.wait(1 / RATE):
            number += 1
            try:
                status, _ = post(f"{self._address}/webhooks/alertmanager", alert("firing", number=number))
                assert status == 202
                self.acknowledged.append(number)
            except urllib.error.HTTPError as error:
                self.failed.append(f"{number}: {error.code}")
            except OSError as error:
                self.failed.append(f"{number}: {error}")

    def go_on(self) -> None:
        """Wait for some more to be sent."""
        count = len(self.acknowledged) + len(self.failed)
        eventually(lambda: len(self.acknowledged) + len(self.failed) >= count + 20)


def recorded(address: str) -> set[int]:
    """The numbers of the alerts that the log has."""
    numbers: set[int] = set()
    after = 0
    while True:
        page = get(f"{address}/api/v1/events?type=alert.firing&limit=500&after={after}")["events"]
        numbers |= {int(event["entity"].rpartition(":")[2] or event["entity"], 16) for event in page}
        if not page:
            return numbers
        after = page[-1]["position"]


def test_a_rolling_restart_refuses_nobody(postgres: Server, tmp_path: Path, free_port: int) -> None:
    """Each daemon stopped and started in turn under load, by the docs' block and drain: no 503, nothing lost."""
    program = require("haproxy")
    assert DRAIN is not None
    url = postgres.fresh()
    (tmp_path / "timelined.yml").write_text(f"web: {{drain: {DRAIN[1]}}}\n", "utf-8")
    flags = ("--config.file", str(tmp_path / "timelined.yml"), "--storage.url", url)
    daemons = [Process(tmp_path / name) for name in ("a", "b")]
    try:
        addresses = []
        for daemon_process in daemons:
            daemon_process.folder.mkdir()
            addresses.append(daemon_process.start(*flags))
        balancer = Balancer(tmp_path, free_port, addresses)
        with balancer.running(program):
            eventually(lambda: balancer.up() == [True, True])
            with Senders(balancer.address) as senders:
                for daemon_process, address in zip(daemons, addresses, strict=True):
                    senders.go_on()
                    assert daemon_process.end(signal.SIGTERM) == 0
                    daemon_process.start(*flags, "--web.listen-address", address.removeprefix("http://"))
                    eventually(lambda: balancer.up() == [True, True])
                senders.go_on()
        assert senders.failed == []
        assert len(senders.acknowledged) >= 60
        # What lists show is a moment behind what was acknowledged.
        eventually(lambda: set(senders.acknowledged) <= recorded(addresses[0]))
    finally:
        for daemon_process in daemons:
            daemon_process.kill()


def test_a_daemon_that_drains_takes_everything_but_readiness(process: Process) -> None:
    """For the length of ``web.drain`` only a balancer is told; then it stops as ever."""
    (process.folder / "timelined.yml").write_text("web: {drain: 3s}\n", "utf-8")
    address = process.start("--config.file", "timelined.yml", "--storage.url", "sqlite:///data/timelined.db")
    began = time.monotonic()
    process.process.send_signal(signal.SIGTERM)

    def not_ready() -> bool:
        try:
            get(f"{address}/-/ready")
        except urllib.error.HTTPError as error:
            return error.code == 503 and b"the daemon is stopping" in error.read()
        return False

    eventually(not_ready)
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    assert get(f"{address}/-/healthy") == {"healthy": True}
    assert process.process.wait(20) == 0
    assert time.monotonic() - began >= 3
    host, _, port = address.removeprefix("http://").rpartition(":")
    assert refused(host, int(port))


def test_the_interval_of_the_docs_is_a_tenth_of_their_drain() -> None:
    """What they say of the two is so."""
    assert BLOCK is not None
    assert DRAIN is not None
    interval = re.search(r"inter (\d+)ms", BLOCK[0])
    assert interval is not None
    assert pytest.approx(float(DRAIN[1].removesuffix("s")) * 1000) == 10 * int(interval[1])
