"""The daemon as a process: what it promises to senders, to systemd and to whoever stops it."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import aiohttp
import msgspec
import pytest

from collector import daemon
from collector.daemon.process import keep_alive, unless
from collector.errors import InvalidSettings, Unavailable
from collector.settings import Api, Drafts, Settings, Storage, Web
from collector.sources import SOURCES
from collector.webhook import Reading, Webhook
from tests.processes import PATIENCE, Process, alert, eventually, get, post, refused


def test_a_resolved_incident_becomes_a_draft_without_asking(process: Process) -> None:
    """Two deliveries, and a file lies in the folder: that is the product."""
    address = process.start()
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    assert post(f"{address}/webhooks/alertmanager", alert("resolved"))[0] == 202
    draft = process.folder / "out" / "drafts" / "incident-1.md"
    assert "HighErrorRate" in eventually(lambda: draft.exists() and draft.read_text())
    assert process.end(signal.SIGTERM) == 0


def test_what_was_answered_survives_kill_9(process: Process) -> None:
    """An answer of 2xx means durable, whatever ends the process; the next start says that the stop is missing."""
    address = process.start()
    receipts = [post(f"{address}/webhooks/alertmanager", alert("firing", number=n))[1] for n in range(20)]
    process.end(signal.SIGKILL)
    address = process.start()
    for receipt in receipts:
        (item,) = receipt["items"]
        assert get(f"{address}/api/v1/events/{item['event']}")["events"][0]["position"] == item["position"]
    found = f"{address}/api/v1/events?type=collector.started&order=desc"
    started = eventually(lambda: len(events := get(found)["events"]) == 2 and events[0])
    assert started["data"]["previous_stop"] == "missing"
    assert started["data"]["last_received_at"]


def test_a_stop_on_purpose_is_recorded(process: Process) -> None:
    """A time without a collector is told from one without alerts. The first start logs no library's words."""
    process.start()
    assert process.end(signal.SIGTERM) == 0
    assert "serving" in process.said.read_text()
    assert "alembic" not in process.said.read_text()
    address = process.start()
    listed = f"{address}/api/v1/events?type=collector.*"
    events = eventually(lambda: len(found := get(listed)["events"]) == 3 and found)
    assert [event["type"] for event in events] == ["collector.started", "collector.stopped", "collector.started"]
    assert [events[0]["data"], events[2]["data"]] == [{"previous_stop": "first start"}, {"previous_stop": "recorded"}]


def test_sigterm_finishes_what_was_begun(process: Process) -> None:
    """A delivery whose body was still arriving when the daemon was told to stop is answered and stored."""
    address = process.start()
    body = alert("firing")
    host, port = address.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), PATIENCE)) as sender:
        head = f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: [::1]\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        sender.sendall(head + body[:50])
        # Its connection was accepted, as the answer to a later one shows.
        get(f"{address}/-/healthy")
        process.process.send_signal(signal.SIGTERM)
        eventually(lambda: refused(host, int(port)))
        sender.sendall(body[50:])
        assert b" 202 " in sender.recv(4096).split(b"\r\n")[0]
    assert process.process.wait(PATIENCE) == 0
    address = process.start()
    assert len(get(f"{address}/api/v1/events?type=alert.firing")["events"]) == 1


def test_a_second_signal_ends_the_process_at_once(process: Process) -> None:
    """Who does not want to wait for an open request need not; nothing that was answered is lost by it."""
    address = process.start()
    host, port = address.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), PATIENCE)) as sender:
        sender.sendall(b"POST /webhooks/alertmanager HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        get(f"{address}/-/healthy")
        process.process.send_signal(signal.SIGINT)
        eventually(lambda: refused(host, int(port)))
        assert process.end(signal.SIGINT) == 128 + signal.SIGINT


def test_systemd_is_told_how_the_daemon_is(tmp_path: Path) -> None:
    """READY once it serves, signs of life while it does, STOPPING when it was told to stop."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        process = Process(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="300000")
        address = process.start()
        try:
            assert told(manager, "READY=1").endswith(f"STATUS=serving {address}")
            told(manager, "WATCHDOG=1")
            told(manager, "WATCHDOG=1")
            assert process.end(signal.SIGTERM) == 0
            told(manager, "STOPPING=1")
        finally:
            process.kill()


def told(manager: socket.socket, prefix: str) -> str:
    """The next notice that begins so."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        notice = manager.recv(4096).decode()
        if notice.startswith(prefix):
            return notice
    raise AssertionError(f"{prefix} was not told")


# --- within this process ----------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A daemon on a free port, in a folder of its own."""
    return Settings(
        web=Web(listen_address=("127.0.0.1:0",)),
        storage=Storage(url=f"sqlite:///{tmp_path / 'data' / 'timelined.db'}"),
        drafts=Drafts(dir=str(tmp_path / "drafts")),
    )


async def test_the_port_it_really_got_is_published(settings: Settings) -> None:
    """Whoever finds the log held finds where to send writes; afterwards nobody holds it."""
    async with daemon.running(settings) as running:
        assert daemon.holder(settings) == running.address
        assert not running.address.endswith(":0")
    assert daemon.holder(settings) is None


def is_made(settings: Settings) -> bool:
    """Whether there is a log's file."""
    return Path(settings.storage.url.removeprefix("sqlite:///")).exists()


async def test_a_port_that_is_taken_is_said_and_nothing_stays_open(settings: Settings) -> None:
    """The message names the address; the log is let go, so that the next start is not refused for it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = msgspec.structs.replace(settings, web=Web(listen_address=(f"127.0.0.1:{port}",)))
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{port}: another process does; stop it"):
            async with daemon.running(taken):
                pass
    assert daemon.holder(settings) is None
    # A typing mistake leaves no log behind that somebody has to wonder about.
    assert not is_made(settings)


@pytest.mark.parametrize("second", ["127.0.0.1:{port}", "0.0.0.0:{port}", "localhost:{port}"])
async def test_one_address_twice_is_said_before_anything_is_made(settings: Settings, second: str) -> None:
    """Both names stand in the message, and no log is made."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    twice = (f"127.0.0.1:{port}", second.format(port=port))
    with pytest.raises(InvalidSettings) as refusal:
        async with daemon.running(msgspec.structs.replace(settings, web=Web(listen_address=twice))):
            pass
    assert all(named in str(refusal.value) for named in twice)
    assert not is_made(settings)


async def test_a_data_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """The message names the folder and what to do."""
    (tmp_path / "data").write_text("a file")
    settings = Settings(storage=Storage(url=f"sqlite:///{tmp_path}/data/deeper/timelined.db"))
    with pytest.raises(Unavailable, match=r"cannot make the data directory .*deeper: .*; make it yourself"):
        async with daemon.running(settings):
            pass


async def test_two_daemons_do_not_write_to_one_log(settings: Settings) -> None:
    """The second one is told who writes, and where."""
    async with daemon.running(settings) as first:
        with pytest.raises(Unavailable, match=re.escape(first.address)):
            async with daemon.running(settings):
                pass


async def test_ready_says_how_it_is(settings: Settings) -> None:
    """A balancer sees whether deliveries can be stored, and an operator how far the lists are behind."""
    async with daemon.running(settings) as running, aiohttp.ClientSession() as session:
        async with session.get(f"{running.address}/-/ready") as answer:
            said = await answer.json()
        assert (answer.status, said["ready"], said["queue"], said["writer"]) == (200, True, 0, "well")
        running.runtime.stopping = True
        async with session.get(f"{running.address}/-/ready") as answer:
            assert (answer.status, (await answer.json())["reason"]) == (503, "the daemon is stopping")


async def test_api_tokens_are_asked_for_where_they_are_set(settings: Settings) -> None:
    """A configured token closes the API, and not the webhooks."""
    guarded = msgspec.structs.replace(settings, api=Api(tokens=(b"a-token",)))
    async with daemon.running(guarded) as running, aiohttp.ClientSession() as session:
        async with session.get(f"{running.address}/api/v1/incidents") as answer:
            assert answer.status == 401
        headers = {"Authorization": "Bearer a-token"}
        async with session.get(f"{running.address}/api/v1/incidents", headers=headers) as answer:
            assert answer.status == 200
        async with session.post(f"{running.address}/webhooks/alertmanager", data=alert("firing")) as answer:
            assert answer.status == 202


async def test_commands_write_where_no_daemon_runs_and_read_where_one_does(settings: Settings) -> None:
    """One database, one writer at a time; a reader needs nobody's leave."""
    async with daemon.offline(settings):
        with pytest.raises(Unavailable, match="does not listen yet"):
            daemon.holder(settings)
    async with daemon.running(settings), daemon.read_only(settings):
        with pytest.raises(Unavailable):
            async with daemon.offline(settings):
                pass


async def test_a_stop_while_opening_closes_what_was_opened() -> None:
    """Who stops a daemon that is still reading its log does not wait for it, and nothing is left half open."""
    stop = asyncio.Event()
    closed: list[str] = []

    async def opening() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("the log")

    stop.set()
    await unless(stop, opening())
    assert closed == ["the log"]


async def test_a_writer_that_hangs_gives_no_sign_of_life() -> None:
    """systemd must start a daemon anew whose disk or writer is stuck; one whose disk is full it must not."""
    signs: list[float] = []
    stuck = asyncio.Event()

    class Manager:
        def alive(self) -> bool:
            signs.append(time.monotonic())
            return True

    class Log:
        hang = False

        async def transact(self, work: object, *, durable: bool = True) -> None:
            if self.hang:
                stuck.set()
                await asyncio.Event().wait()
            raise Unavailable("the disk is full")

    store = Log()
    task = asyncio.create_task(keep_alive(Manager(), store, 0.01))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(PATIENCE):
            while len(signs) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            store.hang = True
            await stuck.wait()
        told_before = len(signs)
        await asyncio.sleep(0.1)
        assert len(signs) == told_before
    finally:
        task.cancel()


def test_the_hints_can_be_pasted(settings: Settings) -> None:
    """What a person at a terminal is shown are three lines, and the one to try works as it stands."""
    output = daemon.hints(settings, "http://127.0.0.1:9720")
    assert len(output.splitlines()) == 3
    assert "url: 'http://127.0.0.1:9720/webhooks/alertmanager'" in output
    tried = re.search(r"curl (.*)$", output, re.MULTILINE)
    assert tried
    # The shell's own reading of the line, with a program that shows its arguments in place of curl.
    show = f"{shlex.quote(sys.executable)} -c 'import json, sys; print(json.dumps(sys.argv[1:]))'"
    done = subprocess.run(["sh", "-c", f"{show} {tried[1]}"], capture_output=True, text=True, check=True)
    body = json.loads(done.stdout)[-1].encode()
    (event,) = SOURCES["alertmanager"].parse(
        Webhook(source="alertmanager", headers={}, body=body, received_at=daemon.wall_clock()), Reading()
    )
    assert (event.type, event.title, event.time_quality) == ("alert.firing", "TryMe", "exact")
