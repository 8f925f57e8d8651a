"""The unit file, and what the daemon tells systemd."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.cli.serve import serve
from collector.daemon.systemd_notify import Notifier
from collector.settings import Web
from collector.settings.values import duration
from collector.web import server_kwargs
from tests.conftest import require

UNIT = Path(__file__).parent.parent / "systemd" / "timelined.service"
SOCKET = UNIT.with_suffix(".socket")
EXPOSED_AT_MOST = 1.0
"""systemd's own score, 0 to 10; distributions ship their daemons at 9."""


def value(name: str) -> str:
    """What the unit sets a directive to, the last time if it does so often."""
    values: list[str] = re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    return values[-1]


DROP_IN = UNIT.with_name("timelined.service.d") / "postgres.conf"


@pytest.fixture(params=["alone", "with PostgreSQL"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit with a program that exists on every machine in place of ours, which is all that is changed."""
    copy = tmp_path / UNIT.name
    if request.param != "alone":
        (tmp_path / DROP_IN.parent.name).mkdir()
        shutil.copy(DROP_IN, tmp_path / DROP_IN.parent.name)
    program = shlex.split(value("ExecStart"))[0]
    copy.write_text(UNIT.read_text(encoding="utf-8").replace(program, sys.executable), encoding="utf-8")
    return copy


def test_systemd_accepts_the_unit(unit: Path) -> None:
    """No directive is unknown, misspelt or ignored."""
    done = subprocess.run(
        [require("systemd-analyze"), "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_systemd_accepts_the_socket(unit: Path) -> None:
    """It belongs to the service beside it, and no directive is unknown, misspelt or ignored."""
    copy = unit.with_suffix(".socket")
    copy.write_text(SOCKET.read_text(encoding="utf-8"), encoding="utf-8")
    command = [require("systemd-analyze"), "verify", str(copy), str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.stem in line]) == (0, [])


def test_the_socket_listens_where_the_daemon_would() -> None:
    """Enabling it changes nothing for senders, and nothing that has to be authenticated."""
    told = re.findall(r"^ListenStream=(.*)$", SOCKET.read_text(encoding="utf-8"), re.MULTILINE)
    assert told == [*Web().listen_address]


def test_the_socket_lets_in_whom_the_service_lets_in() -> None:
    """What a service may talk to does not hold for a socket that it inherits: the socket has to say it itself."""
    told = [re.findall(r"^IPAddress\w+=.*$", unit.read_text(encoding="utf-8"), re.MULTILINE) for unit in (UNIT, SOCKET)]
    assert told == [["IPAddressDeny=any", "IPAddressAllow=localhost"]] * 2


def test_the_unit_exposes_little(unit: Path) -> None:
    """The daemon may do what it needs and hardly anything else, by systemd's own measure."""
    command = [require("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a unit that is not loaded")
    score = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert score, done.stderr
    assert float(score[1]) <= EXPOSED_AT_MOST


def test_the_unit_starts_the_daemon_with_flags_that_exist() -> None:
    """What the unit types, the command line understands."""
    _, command, *flags = shlex.split(value("ExecStart"))
    known = {name for option in serve.params for name in option.opts}
    assert command == serve.name
    assert {flag for flag in flags if flag.startswith("--")} <= known


def test_systemd_waits_long_enough_for_the_queue_to_be_written() -> None:
    """aiohttp may spend its patience twice; what was accepted is committed after that."""
    assert duration(value("TimeoutStopSec")) / 1_000_000 >= 2 * server_kwargs()["shutdown_timeout"] + 10


def test_systemd_gives_a_drain_its_time_on_top(listener: socket.socket) -> None:
    """What the unit allows for a stop is left whole, however long ``web.drain`` is."""
    assert Notifier({"NOTIFY_SOCKET": str(listener.getsockname())}).draining(90)
    extended = listener.recv(4096).decode().splitlines()[0].partition("=")
    assert extended[0] == "EXTEND_TIMEOUT_USEC"
    assert int(extended[2]) >= 90_000_000 + duration(value("TimeoutStopSec"))


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(60)
        listening.bind(str(tmp_path / "notify"))
        yield listening


def test_each_notice_is_one_datagram(listener: socket.socket) -> None:
    """systemd reads what sd_notify(3) describes, line by line; a status never makes a line of its own."""
    notifier = Notifier({"NOTIFY_SOCKET": str(listener.getsockname())})
    assert notifier.ready("serving\nREADY=0") and notifier.alive() and notifier.stopping("stopping")  # noqa: PT018
    got = [listener.recv(4096).decode() for _ in range(3)]
    assert got == ["READY=1\nSTATUS=serving READY=0", "WATCHDOG=1", "STOPPING=1\nSTATUS=stopping"]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_an_abstract_socket_is_found() -> None:
    """systemd may name a socket that has no file; an @ stands for its first byte."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(60)
        listening.bind(f"\0timelined-test-{os.getpid()}")
        assert Notifier({"NOTIFY_SOCKET": f"@timelined-test-{os.getpid()}"}).alive()
        assert listening.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_without_a_listener_nothing_happens(environ: dict[str, str]) -> None:
    """The daemon runs the same where systemd is not."""
    assert Notifier(environ).ready("serving") is False


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_signs_of_life_are_given_only_if_they_are_expected_of_us(
    environ: dict[str, str], seconds: float | None
) -> None:
    """A child that inherits the environment does not keep its parent alive."""
    assert Notifier({"NOTIFY_SOCKET": "/run/notify", **environ}).watchdog == seconds
