"""The follower as a process beside intake: whatever becomes of it, deliveries are taken and lists come back."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.correlation import Rules
from collector.daemon import follower_process
from collector.errors import InvalidInput, NotFound, Unavailable
from collector.following.reached import Reached
from collector.following.suspects import TRIES
from collector.following.wire import Answer, Channel, Commit, Failure, Forget, PeerEnded, Progress, Setup
from collector.projections import Projections, SqliteLists, lists_path
from tests import forked_follower
from tests.conftest import timelined
from tests.exposition import value
from tests.followed import submission
from tests.lists import opened
from tests.processes import PROJECT, Process, alert, eventually, get, post
from tests.stories import firing

POISON = """
import sys
if "collector.following.child" in " ".join(sys.orig_argv):
    import os, signal
    from collector.correlation.refolding import Refolding
    original = Refolding._sort_in
    def sorting(self, event, entities):
        if "Poison" in event.title:
            os.kill(os.getpid(), signal.SIGKILL)
        original(self, event, entities)
    Refolding._sort_in = sorting
"""
"""Run by the interpreter at its start: one event costs the follower its life, as a memory that it fills would."""


HINDERED = """
import sys
if "collector.following.child" in " ".join(sys.orig_argv):
    from collector.errors import Unavailable
    from collector.following.follower import Follower
    async def hindered(self):
        raise Unavailable("no lists today")
    Follower._open = hindered
"""


def scrape(address: str) -> str:
    """What /metrics says."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=10) as response:  # noqa: S310 - our own address
        return str(response.read(), "utf-8")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Makes daemons in one folder."""
    processes: list[Process] = []

    def process(early: str = "", **environ: str) -> Process:
        (tmp_path / "early").mkdir(exist_ok=True)
        (tmp_path / "early" / "sitecustomize.py").write_text(early)
        processes.append(Process(tmp_path, PYTHONPATH=f"{tmp_path / 'early'}:{PROJECT}", **environ))
        return processes[-1]

    yield process
    for process_ in processes:
        process_.kill()


def follower_of(process: Process) -> int:
    """The follower's process; 0 where there is none."""
    return forked_follower.follower_of(process.process.pid)


def another(process: Process, former: int) -> bool:
    """Whether another process follows."""
    return follower_of(process) not in (0, former)


def gone(pid: int) -> bool:
    """Whether there is no such process any more, or only its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def settled(address: str) -> Any:
    """Readiness, once the lists hold everything."""
    return eventually(lambda: (found := get(f"{address}/-/ready"))["lag"] == 0 and found["lists"] == "well" and found)


def test_a_follower_that_is_killed_is_started_again(make: Any) -> None:
    """Deliveries are taken while there is none, and the lists show them afterwards, each once."""
    process = make()
    address = process.start()
    for number in range(3):
        assert post(f"{address}/webhooks/alertmanager", alert("firing", number=number))[0] == 202
        first = eventually(lambda: follower_of(process))
        os.kill(first, signal.SIGKILL)
        assert post(f"{address}/webhooks/alertmanager", alert("firing", number=10 + number))[0] == 202
        eventually(partial(another, process, first))
    settled(address)
    (incident,) = get(f"{address}/api/v1/incidents")["incidents"]
    assert incident["events"] == 6
    assert "the follower ended" in process.said.read_text()
    assert process.end(signal.SIGTERM) == 0


IMPATIENT = """
import sys
if "collector.following.child" not in " ".join(sys.orig_argv):
    from collector.daemon import follower_process
    follower_process.SILENCE = 8
    # As long as readiness is looked at, at least.
    follower_process._SOON = 3.0
"""


def test_a_follower_that_stands_still_is_ended_and_started_again(make: Any) -> None:
    """It lives, and neither gets on nor says anything: deliveries are taken, and soon the lists show them."""
    process = make(IMPATIENT)
    address = process.start()
    settled(address)
    still = follower_of(process)
    os.kill(still, signal.SIGSTOP)
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    cause = "said nothing for 8 s and was ended"
    eventually(lambda: cause in get(f"{address}/-/ready")["lists"])
    assert cause in process.said.read_text()
    eventually(partial(another, process, still))
    assert gone(still)
    settled(address)
    (incident,) = get(f"{address}/api/v1/incidents")["incidents"]
    assert incident["events"] == 1
    assert process.end(signal.SIGTERM) == 0


async def test_a_follower_that_never_begins_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs before its first word gets longer, and not for ever."""
    monkeypatch.setattr(follower_process, "HEARTBEAT", 0.001)
    monkeypatch.setattr(follower_process, "BEGINNING", 3)
    setup = Setup(
        storage="", rules=Rules(), drafts=False, folder="", stale_after=1, options={}, template="", external_url="",
        level="info", format="logfmt",
    )  # fmt: skip
    hanging = await asyncio.create_subprocess_exec("sleep", "600")
    log: Any = None
    async with asyncio.timeout(60):
        await follower_process.FollowerProcess(setup, log, log, log)._watch(hanging)
        assert await hanging.wait() == -signal.SIGKILL


def test_an_event_that_kills_the_follower_is_set_aside(make: Any, tmp_path: Path) -> None:
    """Three times it is tried alone; then all others are grouped, and readiness, `why` and `check` say so."""
    process = make(POISON)
    url = f"sqlite:///{tmp_path}/log.db"
    address = process.start("--storage.url", url)
    for number in range(3):
        assert post(f"{address}/webhooks/alertmanager", alert("firing", number=number))[0] == 202
    eventually(lambda: value(scrape(address), "timelined_events_set_aside") == 0)
    receipt = post(f"{address}/webhooks/alertmanager", alert("firing", "Poison", 99))[1]
    began = time.monotonic()
    while "set aside" not in get(f"{address}/-/ready")["lists"]:
        assert post(f"{address}/webhooks/alertmanager", alert("firing", number=7))[0] in (200, 202)
        assert time.monotonic() - began < 60, process.said.read_text()
        time.sleep(0.1)
    eventually(lambda: get(f"{address}/-/ready")["lag"] == 0)
    scraped = scrape(address)
    assert value(scraped, "timelined_events_set_aside") == value(scraped, "timelined_lists_failed") == 1
    (incident,) = get(f"{address}/api/v1/incidents")["incidents"]
    assert incident["events"] == 4
    event = receipt["items"][0]["event"]
    assert "the process ended over it" in get(f"{address}/api/v1/events/{event}")["why"]["reason"]
    deaths = process.said.read_text().count("the follower ended; another is started")
    assert TRIES <= deaths <= TRIES + 2
    (tmp_path / "check.yml").write_text(f"storage: {{url: '{url}'}}\n")
    checked = timelined("check", str(tmp_path / "check.yml"), "-o", "json", cwd=tmp_path)
    assert json.loads(checked.stdout)["set_aside"] == 1
    assert process.end(signal.SIGTERM) == 0


def test_what_arrived_is_listed_without_a_follower(make: Any) -> None:
    """Deliveries lie in the log; what only lists have is named as missing, and the reason is the follower's own."""
    process = make(HINDERED)
    address = process.start()
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    eventually(lambda: "no lists today" in get(f"{address}/-/ready")["lists"])
    assert get(f"{address}/-/ready")["ready"]
    found = get(f"{address}/api/v1/deliveries")
    assert [each["status"] for each in found["deliveries"]] == ["read"]
    assert "refused" in found["not_listed"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"{address}/api/v1/incidents")
    assert refused.value.code == 503
    refused.value.close()
    assert process.end(signal.SIGTERM) == 0


def test_an_erasure_reaches_the_lists_beside_a_follower(make: Any, tmp_path: Path) -> None:
    """Intake erases, the follower takes it in and forgets: nothing of it stays in any file, and grouping goes on."""
    process = make()
    url = f"sqlite:///{tmp_path}/data/log.db"
    (tmp_path / "data").mkdir(mode=0o700)
    address = process.start("--storage.url", url)
    secret = "Mnemosyne"
    receipt = post(f"{address}/webhooks/alertmanager", alert("firing", secret, 1))[1]
    assert post(f"{address}/webhooks/alertmanager", alert("firing", "Other", 2))[0] == 202
    settled(address)
    eventually(lambda: secret in str(get(f"{address}/api/v1/incidents")))
    words = ("erase", receipt["items"][0]["event"], "--reason", "asked", "--by", "Ana", "--storage.url", url)
    erased = timelined(*words, "-o", "json", cwd=tmp_path)
    assert erased.returncode == 0, erased.stderr
    assert json.loads(erased.stdout)["remaining"] is None
    settled(address)
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {"log.db", "log.incidents.db"} <= {path.name for path in files}
    assert [path.name for path in files if secret.encode() in path.read_bytes()] == []
    assert post(f"{address}/webhooks/alertmanager", alert("firing", "Third", 3))[0] == 202
    settled(address)
    (incident,) = get(f"{address}/api/v1/incidents")["incidents"]
    assert incident["events"] == 3
    assert process.end(signal.SIGTERM) == 0


def test_the_follower_dies_with_its_daemon(make: Any) -> None:
    """kill -9 leaves no process behind that writes to anything."""
    process = make()
    # Here the follower is started as in the product, an interpreter of its own.
    process.forked = False
    process.start()
    follower = eventually(lambda: follower_of(process))
    process.end(signal.SIGKILL)
    eventually(lambda: gone(follower))


def test_a_stop_ends_whatever_the_follower_does(make: Any) -> None:
    """It may stand still: the daemon takes that long and no longer, and ends with 0."""
    process = make()
    address = process.start()
    settled(address)
    follower = follower_of(process)
    os.kill(follower, signal.SIGSTOP)
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    assert process.end(signal.SIGTERM) == 0
    assert gone(follower)


def test_no_secret_is_handed_down(make: Any, tmp_path: Path) -> None:
    """The follower's command line and environment hold nothing that is configured, and every line names its process."""
    secret = "-".join(("a", "made-up", "token"))
    (tmp_path / "token").write_text(secret)
    (tmp_path / "timelined.yml").write_text("api: {token_file: token}\n")
    process = make(TIMELINED_NOTHING=secret)
    # As in the product, an interpreter of its own.
    process.forked = False
    address = process.start("--config.file", str(tmp_path / "timelined.yml"))
    for status in ("firing", "resolved"):
        assert post(f"{address}/webhooks/alertmanager", alert(status))[0] == 202
    # The follower says so, and by then has a line of its own.
    eventually(lambda: "wrote a draft" in process.said.read_text())
    follower = eventually(lambda: follower_of(process))
    for name in ("cmdline", "environ"):
        assert secret.encode() not in Path(f"/proc/{follower}/{name}").read_bytes()
    assert process.end(signal.SIGTERM) == 0
    lines = [line for line in process.said.read_text().splitlines() if line.startswith("ts=")]
    named = [re.search(" process=(intake|follower) ", line) for line in lines]
    assert {found and found[1] for found in named} == {"intake", "follower"}


@pytest.mark.parametrize("harm", ["deleted", "written over", "another log's"])
def test_lists_come_back_under_a_running_daemon(make: Any, tmp_path: Path, harm: str) -> None:
    """Without a restart, and but for damage without a further delivery: the same incidents under the same numbers."""
    process = make()
    address = process.start("--storage.url", f"sqlite:///{tmp_path}/log.db")
    for number, name in enumerate(("First", "Second")):
        assert post(f"{address}/webhooks/alertmanager", alert("firing", name, number))[0] == 202
    settled(address)
    before = get(f"{address}/api/v1/incidents")
    path = lists_path(tmp_path / "log.db")
    inode = path.stat().st_ino
    if harm == "written over":
        for each in (path, Path(f"{path}-wal")):
            each.write_bytes(b"x" * each.stat().st_size)
        assert post(f"{address}/webhooks/alertmanager", alert("firing", "Second", 1))[0] == 200
        assert post(f"{address}/webhooks/alertmanager", alert("firing", "Third", 2))[0] == 202
        eventually(lambda: path.exists() and path.stat().st_ino != inode)
    else:
        path.unlink()
    if harm == "another log's":
        asyncio.run(_other_log(tmp_path))
        shutil.copy(lists_path(tmp_path / "other.db"), path)
    eventually(lambda: path.exists() and get(f"{address}/-/ready")["lists"] == "well")
    settled(address)
    after = get(f"{address}/api/v1/incidents")
    assert [row["number"] for row in after["incidents"]] == [row["number"] for row in before["incidents"]]
    assert harm == "written over" or after == before
    assert process.end(signal.SIGTERM) == 0


async def _other_log(folder: Path) -> None:
    from collector.following.follower import Follower

    async with opened(folder / "other.db") as (log, lists):
        await log.append([submission(firing("Other", number)) for number in range(5)])
        await Follower(lists, log, Rules()).catch_up()


async def test_lists_of_a_log_that_lost_events_are_not_gone_on_with(tmp_path: Path) -> None:
    """A backup that was put back is the same log with fewer events: what lists know beyond it is forgotten."""
    from collector.following.follower import Follower

    async with opened(tmp_path / "log.db") as (log, lists):
        await log.append([submission(firing("A", 0))])
        await Follower(lists, log, Rules()).catch_up()
    shutil.copy(tmp_path / "log.db", tmp_path / "backup.db")
    async with opened(tmp_path / "log.db") as (log, lists):
        await log.append([submission(firing("B", 900, "search"))])
        await Follower(lists, log, Rules()).catch_up()
        assert len(await Projections(lists).incidents()) == 2
    shutil.copy(tmp_path / "backup.db", tmp_path / "log.db")
    async with opened(tmp_path / "log.db") as (log, lists):
        assert "events that the log has not" in (await Projections(lists).state()).unusable
        with pytest.raises(Unavailable):
            await Projections(lists).incidents()
        await log.append([submission(firing("C", 900, "search"))])
        await Follower(lists, log, Rules()).catch_up()
        assert [row.number for row in await Projections(lists).incidents()] == [2, 1]
        assert all("B" not in row.title for row in await Projections(lists).incidents())


async def test_readers_of_lists_that_are_not_there_read_the_log(tmp_path: Path) -> None:
    """What is known of them is that they are not usable; nothing is made by who only reads."""
    async with opened(tmp_path / "log.db") as (log, _):
        await log.append([submission(firing("A", 0))])
        lists = SqliteLists(tmp_path / "log.db")
        assert (await Projections(lists).state()).unusable
        assert not lists.path.exists()
        await lists.close()


# What the two say to each other


async def _channels() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return await Channel.over(one), await Channel.over(other)


async def test_what_is_said_arrives_whole_and_in_order() -> None:
    """Frames of any size, and answers with their questions, in whatever order they are given."""
    ours, other = await _channels()
    texts = ["", "x" * 3_000_000, "é"]

    async def answering() -> None:
        numbers = []
        async for message in other.messages():
            assert isinstance(message, Forget)
            numbers.append(message.number)
            if len(numbers) == len(texts):
                for number in reversed(numbers):
                    other.send(Answer(number, text=texts[number - 1]))

    async def listening() -> None:
        async for _ in ours.messages():
            pass

    tasks = [asyncio.create_task(answering()), asyncio.create_task(listening())]
    answers = await asyncio.gather(*(ours.ask(Forget(ours.number())) for _ in texts))
    assert [answer.text for answer in answers if isinstance(answer, Answer)] == texts
    ours.close()
    other.close()
    await asyncio.wait(tasks)


async def test_who_waits_for_a_process_that_ended_hears_of_it() -> None:
    """No question waits for ever, and none is asked of nobody."""
    ours, other = await _channels()

    async def listening() -> list[Any]:
        return [message async for message in ours.messages()]

    listener = asyncio.create_task(listening())
    asking = asyncio.create_task(ours.ask(Forget(ours.number())))
    other.send(Progress(3, (1,)))
    await asyncio.sleep(0)
    other.close()
    with pytest.raises(PeerEnded):
        await asking
    assert await listener == [Progress(3, (1,))]
    ours.finish()
    ours.send(Commit())
    with pytest.raises(PeerEnded):
        await ours.ask(Forget(ours.number()))
    ours.close()


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (InvalidInput("a zone", "zone"), InvalidInput),
        (NotFound("no incident", "number"), NotFound),
        (Unavailable("later"), Unavailable),
        (ZeroDivisionError("a secret"), Unavailable),
    ],
)
def test_an_error_is_the_same_on_the_other_side(error: Exception, again: type[Exception]) -> None:
    """Its kind, its words and the field it is about; of a mistake of ours its class alone."""
    raised = msgspec.msgpack.decode(msgspec.msgpack.encode(Failure.of(error)), type=Failure).error()
    assert type(raised) is again
    if isinstance(error, ZeroDivisionError):
        assert "secret" not in str(raised)
    else:
        assert str(raised) == str(error)
        assert getattr(raised, "pointer", "") == getattr(error, "pointer", "")


async def test_a_position_is_waited_for() -> None:
    """Whoever waits is woken by the one that brings the lists there, and gives up in time."""
    reached = Reached()
    waiting = asyncio.create_task(reached.wait(5, 10))
    for position in (0, 3, 5):
        await asyncio.sleep(0)
        assert not waiting.done()
        reached.move(position)
    assert await waiting
    assert not await reached.wait(6, 0.01)
