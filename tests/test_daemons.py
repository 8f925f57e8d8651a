"""Several daemons over one PostgreSQL: one log, one who follows, and another when that one is gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector import daemon
from collector.cli import timelined
from collector.daemon.serving import Daemon
from collector.log.postgres import PostgresLog
from collector.settings import Drafts, Proof, Settings, Storage, Web
from tests import new_logs
from tests.conftest import make_log
from tests.postgres import Server, serving
from tests.processes import Process, alert, eventually, get, post
from tests.takeovers import TAKEOVER, follows


@pytest.fixture
def url(postgres: Server) -> str:
    """The address of an empty log and its lists on a server."""
    return new_logs.placed_in(postgres)


@pytest.fixture
def start(tmp_path: Path, url: str) -> Iterator[Callable[[], tuple[Process, str]]]:
    """Starts one more daemon over the same database, in a folder of its own; all are gone afterwards."""
    started_processes: list[Process] = []

    def started() -> tuple[Process, str]:
        folder = tmp_path / f"daemon-{len(started_processes)}"
        folder.mkdir()
        started_processes.append(Process(folder))
        return started_processes[-1], started_processes[-1].start("--storage.url", url)

    yield started
    for one in started_processes:
        one.kill()


def started(address: str, count: int) -> list[str]:
    """What the daemons said of the stop before each start, once there are so many starts."""
    listed = f"{address}/api/v1/events?type=collector.started"
    events = eventually(lambda: len(found := get(listed)["events"]) == count and found)
    return [event["data"]["previous_stop"] for event in events]


def test_one_webhook_to_both_is_one_event_and_both_show_it(start: Callable[[], tuple[Process, str]]) -> None:
    """A balancer, or a sender with two addresses: one fact, one incident, whichever daemon is asked."""
    addresses = [start()[1]]
    eventually(lambda: follows(addresses[0]))
    addresses.append(start()[1])
    assert [follows(address) for address in addresses] == [True, False]
    urls = [f"{address}/webhooks/alertmanager" for address in addresses]
    with ThreadPoolExecutor(8) as threads:
        for number in range(10):
            answers = list(threads.map(partial(post, body=alert("firing", number=number)), urls * 2))
            assert sorted(status for status, _ in answers) == [200, 200, 200, 202]
            assert len({receipt["items"][0]["position"] for _, receipt in answers}) == 1
    for address in addresses:
        events = eventually(partial(all_of, address, 10))
        # What one daemon received first and the other stored first has a revision that says so.
        assert {event["amendment"] for event in events if event["revision"]} <= {"earlier_delivery"}
        (incident,) = get(f"{address}/api/v1/incidents")["incidents"]
        assert incident["events"] == 10


def all_of(address: str, count: int) -> list[Any]:
    """The alerts' events a daemon shows, once they are about so many alerts."""
    events: list[Any] = get(f"{address}/api/v1/events?type=alert.*&limit=100")["events"]
    return events if len({event["id"] for event in events}) == count else []


def test_another_takes_over_when_the_one_that_follows_is_killed(start: Callable[[], tuple[Process, str]]) -> None:
    """kill -9: within five seconds the survivor follows, and what was sent to it meanwhile becomes an incident."""
    first, first_address = start()
    eventually(lambda: follows(first_address))
    _, other = start()
    post(f"{first_address}/webhooks/alertmanager", alert("firing", "First", 1))
    eventually(lambda: get(f"{other}/api/v1/incidents")["incidents"])
    first.end(signal.SIGKILL)
    since = time.monotonic()
    assert post(f"{other}/webhooks/alertmanager", alert("resolved", "First", 1))[0] == 202
    eventually(lambda: follows(other))
    assert time.monotonic() - since < TAKEOVER
    (incident,) = get(f"{other}/api/v1/incidents")["incidents"]
    assert eventually(lambda: get(f"{other}/api/v1/incidents/{incident['number']}")["status"] == "resolved")


def test_a_daemon_that_stops_hands_over_and_loses_nothing(start: Callable[[], tuple[Process, str]]) -> None:
    """A rolling restart: whoever is up takes webhooks all the time, and one of them follows."""
    first, first_address = start()
    eventually(lambda: follows(first_address))
    second, other = start()
    post(f"{first_address}/webhooks/alertmanager", alert("firing", number=1))
    assert first.end(signal.SIGTERM) == 0
    post(f"{other}/webhooks/alertmanager", alert("firing", number=2))
    eventually(lambda: follows(other))
    _, third = start()
    assert not follows(third)
    assert second.end(signal.SIGTERM) == 0
    post(f"{third}/webhooks/alertmanager", alert("firing", number=3))
    eventually(lambda: follows(third))
    (incident,) = eventually(
        lambda: (found := get(f"{third}/api/v1/incidents")["incidents"]) and found[0]["events"] == 3 and found
    )
    assert incident["number"] == 1


def test_what_is_said_of_earlier_stops_is_true_of_all_daemons(start: Callable[[], tuple[Process, str]]) -> None:
    """Only a time when none was there is one without a collector, and only then it matters how the last one stopped."""
    first, first_address = start()
    eventually(lambda: follows(first_address))
    second, other = start()
    assert started(first_address, 2) == ["first start", "others"]
    assert first.end(signal.SIGTERM) == 0
    _, again = start()
    assert started(other, 3)[-1] == "others"
    assert second.end(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: follows(again))


def test_after_all_stopped_the_next_start_says_how(start: Callable[[], tuple[Process, str]], url: str) -> None:
    """All on purpose: recorded. One of them killed: missing, whatever the others did."""
    first, _ = start()
    second, _ = start()
    assert first.end(signal.SIGTERM) == 0
    assert second.end(signal.SIGTERM) == 0
    third, address = start()
    assert started(address, 3)[-1] == "recorded"
    third.end(signal.SIGKILL)
    fourth, address = start()
    assert started(address, 4)[-1] == "missing"
    assert fourth.end(signal.SIGTERM) == 0


def run(*arguments: str) -> Any:
    """One command in this process; what it printed as JSON."""
    result = CliRunner(env={"TIMELINED_BY": "Ana"}).invoke(timelined, [*arguments, "-o", "json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_command_line_reads_and_writes_with_and_without_a_daemon(
    start: Callable[[], tuple[Process, str]], url: str
) -> None:
    """No writer keeps others out: a command writes directly, and whoever follows shows it."""
    make_log(url)
    run("open", "Payments fail", "--storage.url", url)
    assert [row["title"] for row in run("incidents", "--storage.url", url)["incidents"]] == ["Payments fail"]
    _, address = start()
    said = run("note", "1", "Pool exhausted", "--storage.url", url)
    assert said["incident"] == 1
    shown = eventually(lambda: len(found := get(f"{address}/api/v1/incidents/1/events")["events"]) == 2 and found)
    assert shown[1]["title"] == "Pool exhausted"
    assert run("incident", "1", "--storage.url", url) == run("incident", "1", "--server", address)
    assert eventually(lambda: follows(address))


def test_no_password_is_logged(tmp_path: Path, postgres: Server) -> None:
    """What a daemon says of its storage does not open it."""
    process = Process(tmp_path)
    url = postgres.fresh().replace("owner@", "owner:hunter2@")
    process.start("--storage.url", url, "--log.level", "debug")
    assert process.end(signal.SIGTERM) == 0
    said = process.said.read_text()
    assert "search_path=" in said
    assert "hunter2" not in said


def settings(url: str, folder: Path) -> Settings:
    """A daemon on a free port."""
    return Settings(
        web=Web(listen_address=("127.0.0.1:0",)),
        storage=Storage(url=url),
        drafts=Drafts(dir=str(folder / "drafts")),
        proof=Proof(dir=str(folder / "proof")),
    )


def replaced(running: Daemon, former: object) -> bool:
    """Whether what follows in this daemon is not what followed."""
    return running.runtime.follower is not former


async def within(seconds: float, condition: Callable[[], Any]) -> None:
    """Wait on this event loop until something holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what another daemon does
            await asyncio.sleep(0.02)


async def test_a_daemon_that_is_cut_off_lays_its_duties_down_at_once(
    url: str, postgres: Server, tmp_path: Path
) -> None:
    """Its session ended by the server, the holder stops following; one of them takes it up, and only one."""
    async with (
        daemon.running(settings(url, tmp_path / "one")) as first_daemon,
        daemon.running(settings(url, tmp_path / "other")) as other,
    ):
        for _ in range(3):
            holder, waiting = (first_daemon, other) if first_daemon.runtime.follower else (other, first_daemon)
            former = holder.runtime.follower
            assert waiting.runtime.follower is None
            assert isinstance(holder.log, PostgresLog)
            assert holder.log._leader is not None
            postgres.execute(f"SELECT pg_terminate_backend({holder.log._leader.pid})")
            await within(TAKEOVER, partial(replaced, holder, former))
            await within(TAKEOVER, lambda: bool(first_daemon.runtime.follower) != bool(other.runtime.follower))


async def test_a_database_that_is_away_makes_a_daemon_unready_and_then_ready_again(tmp_path: Path) -> None:
    """503 with the reason while it is away; afterwards it goes on by itself, and nothing acknowledged is missing."""
    with serving() as server:
        async with daemon.running(settings(server.url("postgres"), tmp_path)) as running:
            url = f"{running.address}/webhooks/alertmanager"
            assert (await asyncio.to_thread(post, url, alert("firing", number=1)))[0] == 202
            await asyncio.to_thread(server.stop, signal.SIGQUIT)
            began = time.monotonic()
            status, kind = await asyncio.to_thread(refused, url, alert("firing", number=2))
            assert (status, kind) == (503, "application/problem+json")
            assert "cannot reach the database" in await asyncio.to_thread(unready, running.address)
            assert time.monotonic() - began < 8
            await asyncio.to_thread(server.start)
            assert (await asyncio.to_thread(post, url, alert("firing", number=2)))[0] == 202
            await within(20, lambda: running.runtime.follower is not None)
            incidents = await asyncio.to_thread(
                eventually, lambda: (found := get(f"{running.address}/api/v1/incidents")["incidents"]) and found
            )
            assert incidents[0]["number"] == 1


async def test_readiness_has_one_shape(tmp_path: Path) -> None:
    """The same fields when all is well, while the lists are made anew, while it stops, and without a database."""
    with serving() as server:
        async with daemon.running(settings(server.url("postgres"), tmp_path)) as running:
            path = f"{running.address}/-/ready"
            status, well = await asyncio.to_thread(asked, path)
            assert (status, well["lists"]) == (200, "well")
            # Otherwise the follower may write the cursor as it knows it.
            assert running.runtime.follower is not None
            await running.runtime.follower.catch_up()
            await running.log.transact(
                lambda c: c.exec_driver_sql("UPDATE cursor SET quiet = position + 7"), leading=True
            )
            status, anew = await asyncio.to_thread(asked, path)
            assert status == 200
            assert "made anew" in anew["lists"]
            await running.log.transact(lambda c: c.exec_driver_sql("UPDATE shape SET digest = 'another'"), leading=True)
            status, unmade = await asyncio.to_thread(asked, path)
            # Who answers is who makes them: nobody is told to start it.
            assert (status, unmade["lists"]) == (200, "they are being made out of the log")
            running.runtime.stopping = True
            status, stopping = await asyncio.to_thread(asked, path)
            assert (status, stopping["reason"]) == (503, "the daemon is stopping")
            running.runtime.stopping = False
            await asyncio.to_thread(server.stop, signal.SIGQUIT)
            status, away = await asyncio.to_thread(asked, path)
            assert (status, away["position"]) == (503, None)
            assert well.keys() == anew.keys() == stopping.keys() == away.keys()


def asked(url: str) -> tuple[int, Any]:
    """The status and the JSON of an answer, whichever it is."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own address
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def test_a_database_that_hangs_is_told_and_ends_nobody(tmp_path: Path) -> None:
    """A server that is frozen, and not gone: nobody waits long, then nobody waits, and all goes on afterwards."""
    with serving() as server:
        async with daemon.running(settings(server.url("postgres"), tmp_path)) as running:
            url, lists = f"{running.address}/webhooks/alertmanager", f"{running.address}/api/v1/incidents"
            assert (await asyncio.to_thread(post, url, alert("firing", number=1)))[0] == 202
            # Every reader has its connection: one that has to be made first is given up after three seconds.
            slowly = partial(running.log.query, lambda c: c.exec_driver_sql("SELECT pg_sleep(0.1)").all())
            await asyncio.gather(*(slowly() for _ in range(16)))
            frozen = processes(server)
            try:
                for pid in frozen:
                    os.kill(pid, signal.SIGSTOP)
                began = time.monotonic()
                waiting = asyncio.create_task(asyncio.to_thread(refused, lists, None))
                assert "does not answer within 5 s" in await asyncio.to_thread(unready, running.address)
                assert time.monotonic() - began < 10
                assert (await waiting)[0] == 503
                assert time.monotonic() - began < 15
                began = time.monotonic()
                draft, more = f"{lists}/1/postmortem.md", alert("firing", number=3)
                for address, body in ((lists, None), (draft, None), (url, more)):
                    assert (await asyncio.to_thread(refused, address, body))[0] == 503
                assert "does not answer within 5 s" in await asyncio.to_thread(unready, running.address)
                assert time.monotonic() - began < 3
            finally:
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)
            ready = f"{running.address}/-/ready"
            await asyncio.to_thread(eventually, lambda: refused(ready, None)[0] == 200)
            assert (await asyncio.to_thread(post, url, alert("firing", number=2)))[0] == 202
            assert (await asyncio.to_thread(refused, lists, None))[0] == 200


def test_systemd_is_told_of_life_while_the_database_hangs(tmp_path: Path) -> None:
    """The process as systemd starts it: what feeds the watchdog there waits for no server."""
    with serving() as server, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(1)
        process = Process(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="300000")
        process.start("--storage.url", server.url("postgres"))
        frozen = processes(server)
        try:
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            until = time.monotonic() + 2
            while time.monotonic() < until:
                manager.recv(4096)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
            assert process.end(signal.SIGTERM) == 0


def processes(server: Server) -> list[int]:
    """The server's own and all that serve somebody."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    return [server.pid, *map(int, children.split())]


def unready(address: str) -> str:
    """Why a daemon says that it is not ready."""
    with pytest.raises(urllib.error.HTTPError, match="503") as refusal:
        get(f"{address}/-/ready")
    with refusal.value as answer:
        told = json.load(answer)
    assert told["ready"] is False
    return str(told["reason"])


def refused(url: str, body: bytes | None) -> tuple[int, str]:
    """The status and the kind of an answer that is an error."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type()
