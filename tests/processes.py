"""A daemon as a process of its own, and what is sent to it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests import forks

PROJECT = Path(__file__).parent.parent
PATIENCE = 120.0
"""Seconds that anything may take before the test says that it did not happen: on a machine that has much else to do."""


def alert(status: str, name: str = "HighErrorRate", number: int = 1) -> bytes:
    """An Alertmanager delivery about one critical alert that began at 14:02:10, and ended at 14:23."""
    alert_json = {
        "status": status,
        "labels": {"alertname": name, "service": "checkout", "severity": "critical", "environment": "production"},
        "annotations": {"summary": "12% of requests fail."},
        "startsAt": "2026-03-04T14:02:10Z",
        "endsAt": "2026-03-04T14:23:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "fingerprint": f"{number:016x}",
    }
    body = {"version": "4", "groupKey": '{}:{alertname="x"}', "status": status, "receiver": "r", "alerts": [alert_json]}
    return json.dumps(body).encode()


def get(url: str) -> Any:
    """What a URL answers, as JSON."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as response:  # noqa: S310 - our own address
        return json.load(response)


def post(url: str, body: bytes, headers: Mapping[str, str] = {}) -> tuple[int, Any]:
    """The status and the JSON that a delivery is answered with."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})  # noqa: S310
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
        return response.status, json.load(response)


def eventually(condition: Callable[[], Any]) -> Any:
    """What ``condition`` gives once that is true; looks again and again, and fails after :data:`PATIENCE`."""
    began = time.monotonic()
    while not (answer := _unless_too_early(condition)):
        waited = time.monotonic() - began
        assert waited < PATIENCE, f"{condition} did not happen"
        time.sleep(pause(waited))
    return answer


def pause(waited: float) -> float:
    """Seconds until the next look at what was waited for so many seconds.

    The longer it takes the rarer is the look: each asks a daemon, or opens a database, and takes the processor from
    what is waited for.
    """
    return min(0.25, max(0.01, waited / 8))


def _unless_too_early(condition: Callable[[], Any]) -> Any:
    """None where a daemon that has only just started does not have its lists yet."""
    try:
        return condition()
    except urllib.error.HTTPError as refused:
        with refused:
            if refused.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
        return None


class Process:
    """One daemon as a process of its own, in a folder of its own."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.said = folder / "stderr"
        self._environ = {**os.environ, "PYTHONPATH": str(PROJECT), **environ}
        self._process: subprocess.Popen[bytes] | forks.Child | None = None
        self.listening: socket.socket | None = None
        """Handed to the daemon as systemd does it, instead of letting it listen by itself."""
        self.network = ""
        """The namespace that it has for its network, where that is not ours."""
        self.forked = True
        """Whether its followers may be forks, too, instead of interpreters of their own."""

    def start(self, *flags: str) -> str:
        """Start it on a free port; its address, once it serves."""
        before = self.said.stat().st_size if self.said.exists() else 0
        self.launch(*flags)

        def address() -> str:
            assert self.process.poll() is None, self.said.read_text()
            found = re.search(r"address=(http://\S+)", self.said.read_text()[before:])
            return found[1] if found else ""

        return str(eventually(address))

    def launch(self, *flags: str) -> None:
        """Start it on a free port, and do not wait."""
        command = [sys.executable, "-m", "collector", "serve", "--web.listen-address", "127.0.0.1:0", *flags]
        handed = () if self.listening is None else (self.listening.fileno(),)
        with self.said.open("ab") as log_file, Path(os.devnull).open("r+b") as nothing:
            if not forks.possible(self._environ):
                assert not handed, "only a fork is handed a socket"
                assert not self.network, "only a fork is in another network"
                self._process = subprocess.Popen(command, cwd=self.folder, env=self._environ, stderr=log_file)
                return
            streams = (nothing.fileno(), nothing.fileno(), log_file.fileno(), *handed)
            self._process = forks.start(
                command[3:], self.folder, self._environ, streams, follower=self.forked, network=self.network
            )

    @property
    def process(self) -> subprocess.Popen[bytes] | forks.Child:
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """End it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def end(self, number: int) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def refused(host: str, port: int) -> bool:
    """Whether nobody listens there any more."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) != 0
