"""Stopping and starting under load: what was accepted is answered, and behind systemd's socket nobody is refused."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

import pytest

from collector import daemon
from collector.daemon import systemd_sockets
from collector.errors import InvalidSettings
from collector.settings import Settings, Storage, Web
from tests.processes import PATIENCE, Process, alert, eventually, get

CLIENTS = 8


class Clients:
    """Senders at work: each delivers one alert after the other and notes what became of it."""

    def __init__(self, host: str, port: int, *, kept: bool) -> None:
        self._where = (host, port)
        self._kept = kept
        """Whether a client keeps its connection; otherwise each delivery has its own."""
        self._lock = threading.Lock()
        self._next = 0
        self._stop = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.acknowledged: set[str] = set()
        self.unanswered: list[str] = []

    def have(self, more_than: int) -> bool:
        """Whether they heard more answers than that."""
        return sum(self.statuses.values()) > more_than

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For the length of the block, and until each has its last answer."""
        work = self._keeping if self._kept else self._connecting
        threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(2 * PATIENCE)
            assert not any(thread.is_alive() for thread in threads)

    def _connecting(self) -> None:
        while not self._stop.is_set():
            with closing(http.client.HTTPConnection(*self._where, timeout=PATIENCE)) as connection:
                self._deliver(connection, {"Connection": "close"})

    def _keeping(self) -> None:
        with closing(http.client.HTTPConnection(*self._where, timeout=PATIENCE)) as connection:
            while not self._stop.is_set() and self._deliver(connection, {}):
                pass

    def _deliver(self, connection: http.client.HTTPConnection, headers: dict[str, str]) -> bool:
        """Whether another delivery may follow on the same connection."""
        with self._lock:
            self._next += 1
            number = self._next
        try:
            connection.request("POST", "/webhooks/alertmanager", alert("firing", number=number), headers)
            answer = connection.getresponse()
            answer.read()
        except OSError as error:
            self.unanswered.append(f"{number}: {error!r}")
            return False
        except http.client.HTTPException as error:
            self.unanswered.append(f"{number}: {error!r}")
            return False
        with self._lock:
            self.statuses[answer.status] += 1
            if answer.status in (200, 202):
                self.acknowledged.add(f"{number:016x}")
        return answer.getheader("Connection") != "close"


def stored(address: str) -> set[str]:
    """The alerts that the log holds."""
    entities: set[str] = set()
    listed = get(f"{address}/api/v1/events?type=alert.firing&limit=1000")
    while True:
        entities |= {event["entity"] for event in listed["events"]}
        if not listed.get("next"):
            return entities
        listed = get(f"{address}/api/v1/events?type=alert.firing&limit=1000&after={listed['next']}")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """The socket that a parent (systemd) keeps open over every restart."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as made:
        yield made


def test_a_restart_behind_a_socket_loses_no_connection(process: Process, listening: socket.socket) -> None:
    """Clients that connect while the daemon stops, is gone, and starts are all answered; what was answered is there."""
    process.listening = listening
    process.start()
    clients = Clients(*listening.getsockname()[:2], kept=False)
    with clients.at_work():
        for _ in range(2):
            before = sum(clients.statuses.values())
            eventually(partial(clients.have, before + 50))
            assert process.end(signal.SIGTERM) == 0
            address = process.start()
    assert clients.unanswered == []
    assert set(clients.statuses) <= {202, 503}
    eventually(lambda: clients.acknowledged <= stored(address))
    assert process.end(signal.SIGTERM) == 0


def test_who_connects_while_the_daemon_is_dead_is_answered(process: Process, listening: socket.socket) -> None:
    """After SIGKILL the kernel keeps those who come; the next start answers them."""
    process.listening = listening
    process.start()
    process.end(signal.SIGKILL)
    clients = Clients(*listening.getsockname()[:2], kept=False)
    with clients.at_work():
        eventually(lambda: clients._next == CLIENTS)
        process.start()
    assert clients.unanswered == []
    assert clients.statuses[202] >= CLIENTS
    assert process.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("turn", range(2))
def test_sigterm_under_load_answers_every_request(turn: int, process: Process) -> None:
    """On connections that were open each request sent is answered, the last with `Connection: close`; exit code 0."""
    address = process.start()
    host, port = address.removeprefix("http://").split(":")
    clients = Clients(host, int(port), kept=True)
    with clients.at_work():
        eventually(lambda: clients.statuses[202] > 100 * (turn + 1))
        assert process.end(signal.SIGTERM) == 0
    assert clients.unanswered == []
    assert set(clients.statuses) <= {200, 202, 503}
    address = process.start()
    eventually(lambda: clients.acknowledged <= stored(address))
    assert process.end(signal.SIGTERM) == 0


def test_a_request_that_is_still_on_its_way_is_answered(process: Process) -> None:
    """A connection that was accepted before the stop and speaks only after it is not closed in its sender's face."""
    address = process.start()
    host, port = address.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), PATIENCE)) as sender:
        get(f"{address}/-/healthy")
        process.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping" in process.said.read_text())
        body = alert("firing")
        head = f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: [::1]\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        sender.sendall(head + body)
        answer = b""
        while more := sender.recv(4096):
            answer += more
    assert b" 202 " in answer.split(b"\r\n")[0]
    assert b"Connection: close" in answer
    assert process.process.wait(PATIENCE) == 0


# What is handed over


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x", "LISTEN_PID": "ours"}],
)
def test_what_was_meant_for_another_process_is_not_taken(environ: dict[str, str]) -> None:
    """A child that inherits the variables has no sockets of its own."""
    ours = {name: value.replace("ours", str(os.getpid())) for name, value in environ.items()}
    assert systemd_sockets.sockets(ours) == ()


def taken(what: int, monkeypatch: pytest.MonkeyPatch) -> tuple[socket.socket, ...]:
    """What is taken where a file descriptor stands for the one that systemd hands over."""
    monkeypatch.setattr(systemd_sockets, "_FIRST", os.dup(what))
    return systemd_sockets.sockets({"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())})


def test_a_listening_socket_is_taken_and_not_inherited_further(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon serves on it; programs it might start do not hold it open."""
    (got,) = taken(listening.fileno(), monkeypatch)
    with closing(got):
        assert got.getsockname() == listening.getsockname()
        assert not got.get_inheritable()
        assert systemd_sockets.is_loopback(got)


@pytest.mark.parametrize("kind", ["datagrams", "connected", "a local file", "a plain file"])
def test_anything_else_is_refused_with_what_to_write(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket unit with another kind of address is a mistake of the configuration, and said so."""
    file: socket.socket | TextIO
    if kind == "a plain file":
        file = (tmp_path / "file").open("w")
    elif kind == "a local file":
        file = listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
    else:
        file = socket.socket(type=socket.SOCK_DGRAM if kind == "datagrams" else socket.SOCK_STREAM)
    with closing(file), pytest.raises(InvalidSettings, match="write ListenStream=ADDRESS:PORT"):
        taken(file.fileno(), monkeypatch)


async def test_a_socket_that_others_reach_needs_an_address_that_says_so(tmp_path: Path) -> None:
    """Who may send and who may ask is checked for the address in the settings, so that must not be a narrower one."""
    settings = Settings(
        web=Web(listen_address=("127.0.0.1:9720",)), storage=Storage(url=f"sqlite:///{tmp_path / 'timelined.db'}")
    )
    told = r"others reach 0\.0\.0\.0, and web\.listen_address is 127"
    with socket.create_server(("0.0.0.0", 0)) as wide, pytest.raises(InvalidSettings, match=told):  # noqa: S104
        async with daemon.running(settings, sockets=[wide]):
            pass
    assert daemon.holder(settings) is None
