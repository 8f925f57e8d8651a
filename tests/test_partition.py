"""A machine that falls off the network: it says no goodbye, and whoever is left must not wait for one.

The daemon that follows runs in a network of its own; the cable between it and
the database can be pulled. Root alone may lay such cables.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import serving
from tests.processes import Process, alert, eventually, get, post
from tests.takeovers import TAKEOVER, follows

HERE, THERE = "198.18.113.1", "198.18.113.2"
"""Both ends of the cable, out of the addresses kept for trying networks (RFC 2544)."""


class Cable:
    """Between this machine and a network of its own."""

    def __init__(self) -> None:
        self.network = f"timelined-{os.getpid()}"

    def lay(self) -> None:
        near, far = f"tl{os.getpid()}a", f"tl{os.getpid()}b"
        self.far = far
        ip("netns", "add", self.network)
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.network)
        ip("addr", "add", f"{HERE}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", self.network, "addr", "add", f"{THERE}/30", "dev", far)
        ip("-n", self.network, "link", "set", "lo", "up")
        self.plug(up=True)

    def plug(self, *, up: bool) -> None:
        """Have it carry something, or nothing: no side is told."""
        ip("-n", self.network, "link", "set", self.far, "up" if up else "down")

    def remove(self) -> None:
        """The network goes, and the cable with it."""
        subprocess.run(("ip", "netns", "del", self.network), capture_output=True, check=False)


def ip(*arguments: str) -> None:
    done = subprocess.run(("ip", *arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@pytest.fixture
def cable() -> Iterator[Cable]:
    """One that is plugged in; skips where there can be none."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network of one's own needs root and ip(8)")
    link = Cable()
    try:
        link.lay()
    except OSError as error:
        link.remove()
        pytest.skip(f"no network of one's own can be made here: {error}")
    yield link
    link.remove()


def test_another_takes_over_when_the_machine_of_the_one_that_follows_is_cut_off(cable: Cable, tmp_path: Path) -> None:
    """Within five seconds, though nothing closed a connection; the one cut off says so, and comes back as the other."""
    with serving(listen_addresses=f"'{HERE}'") as server:
        with (server.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {HERE}/30 trust\n")
        server.reload()
        url = f"postgresql+asyncpg://owner@{HERE}/postgres"
        far, near = (Process(tmp_path / name) for name in ("far", "near"))
        far.network = cable.network
        for process in (far, near):
            process.folder.mkdir()
        try:
            far.start("--storage.url", url)
            address = near.start("--storage.url", url)
            assert not follows(address)
            cable.plug(up=False)
            since = time.monotonic()
            assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
            eventually(lambda: follows(address))
            assert time.monotonic() - since < TAKEOVER
            assert eventually(lambda: get(f"{address}/api/v1/incidents")["incidents"])
            eventually(lambda: "the database does not answer" in far.said.read_text())
            cable.plug(up=True)
            eventually(lambda: "the database answers again" in far.said.read_text())
            assert "the lease is ours" not in far.said.read_text()
            assert follows(address)
            assert (near.end(signal.SIGTERM), far.end(signal.SIGTERM)) == (0, 0)
            assert "cannot record the stop" not in far.said.read_text()
        finally:
            for process in (far, near):
                process.kill()
