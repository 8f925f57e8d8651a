"""Real Alertmanagers, as processes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
PATIENCE = 60
"""How long a condition may take, in seconds; the test goes on as soon as it holds."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(holds: Callable[[], Any], event: str) -> Any:
    """Wait for a condition, and say which one never came."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            answer = holds()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            answer = None
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{event} did not come within {PATIENCE} s")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - loopback
        body = answer.read()
    return json.loads(body) if body[:1] in b"{[" else body.decode()


def answers(address: str) -> bool:
    """Whether an Alertmanager is ready."""
    return get(f"{address}/-/ready") is not None


def paired(address: str) -> bool:
    """Whether it knows the other of the pair."""
    return len(get(f"{address}/api/v2/status")["cluster"]["peers"]) == 2


def post(url: str, value: Any) -> None:
    request = urllib.request.Request(  # noqa: S310 - loopback
        url, json.dumps(value).encode(), {"content-type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310


@contextmanager
def process(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        running = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT)
        try:
            yield running
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGTERM)
                running.wait(20)


def routing(port: int, **more: Any) -> str:
    """What ``config/senders/alertmanager.yml`` says, in a hurry and to another port."""
    text = (ROOT / "config/senders/alertmanager.yml").read_text().replace("127.0.0.1:9720", f"127.0.0.1:{port}")
    config = yaml.safe_load(text)
    config["route"] |= {"group_wait": "1s", "group_interval": "2s", "repeat_interval": "3s"}
    return yaml.safe_dump(config | more)


@contextmanager
def pair(tmp_path: Path, port: int, **more: Any) -> Iterator[list[str]]:
    """Two Alertmanagers that gossip with each other; their API addresses. ``more`` is what else they are told."""
    (tmp_path / "alertmanager.yml").write_text(routing(port, **more))
    web, gossip = [free_port(), free_port()], [free_port(), free_port()]
    with ExitStack() as stack:
        for me, other in ((0, 1), (1, 0)):
            command = (
                "prometheus-alertmanager",
                f"--config.file={tmp_path / 'alertmanager.yml'}",
                f"--storage.path={tmp_path / f'am-{me}'}",
                f"--web.listen-address=127.0.0.1:{web[me]}",
                f"--cluster.listen-address=127.0.0.1:{gossip[me]}",
                f"--cluster.advertise-address=127.0.0.1:{gossip[me]}",
                f"--cluster.peer=127.0.0.1:{gossip[other]}",
                "--cluster.peer-timeout=1s",
                "--cluster.settle-timeout=1s",
            )
            stack.enter_context(process(*command, log=tmp_path / f"am-{me}.log"))
        addresses = [f"http://127.0.0.1:{one}" for one in web]
        for address in addresses:
            until(partial(answers, address), f"Alertmanager at {address}")
            until(partial(paired, address), "the pair's gossip")
        yield addresses
