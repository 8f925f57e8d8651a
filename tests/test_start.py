"""A start: deliveries are taken as soon as the log is open, and whatever is slow keeps no signal from being seen."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.correlation import Rules
from collector.daemon.follower_process import PATIENCE
from collector.following.follower import Follower
from collector.projections import lists_path
from collector.tasks import in_thread
from tests.bench.follower import START, alert
from tests.lists import opened
from tests.processes import PROJECT, Process, eventually, get, post
from tests.processes import alert as delivered

_HELD = """
import importlib, time
from pathlib import Path

module, owner, name = {where!r}
made = getattr(importlib.import_module(module), owner)
original = getattr(made, name)

def waiting(*given, **named):
    while not Path("go").exists():
        time.sleep(0.01)
    return original(*given, **named)

setattr(made, name, waiting)
"""
"""Run by the interpreter at its start: one method waits until there is a file."""

TAKING = ("collector.following.follower", "Follower", "_take")
"""What reads a round of events, on a reader's thread."""
BEGINNING = ("collector.following.follower", "Follower", "_open")
"""What makes sure that there are lists, before any event is read."""
OPENING = ("collector.log.sqlite", "SqliteLog", "_make_ready")
"""What recovers the file and brings it to its schema."""


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Any]:
    """Makes a process of which one method is slow, until :func:`go`."""
    processes: list[Process] = []

    def make(where: tuple[str, str, str]) -> Process:
        (tmp_path / "early").mkdir(exist_ok=True)
        (tmp_path / "early" / "sitecustomize.py").write_text(_HELD.format(where=where))
        processes.append(Process(tmp_path, PYTHONPATH=f"{tmp_path / 'early'}:{PROJECT}"))
        return processes[-1]

    yield make
    for process in processes:
        process.kill()


def go(process: Process) -> None:
    """Let it go on."""
    (process.folder / "go").touch()


def read(url: str) -> tuple[int, Any]:
    """The status and the JSON of an answer, whatever it is."""
    try:
        return 200, get(url)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def followed(path: Path, count: int) -> None:
    """A log of so many alerts, and its lists."""
    async with opened(path) as (log, lists):
        await log.append([alert("firing", f"pod-{n}", "checkout", START, START, START) for n in range(count)])
        await Follower(lists, log, Rules()).catch_up()


def test_deliveries_are_taken_while_the_follower_is_behind(slow: Any) -> None:
    """A start waits for no grouping: deliveries are stored, readiness tells the lag, and the lists come later."""
    process = slow(TAKING)
    address = process.start()
    for number in range(3):
        assert post(f"{address}/webhooks/alertmanager", delivered("firing", number=number))[0] == 202
    ready = eventually(lambda: (found := get(f"{address}/-/ready"))["lists"] == "well" and found)
    assert (ready["ready"], ready["lag"]) == (True, ready["position"])
    assert get(f"{address}/api/v1/incidents")["incidents"] == []
    go(process)
    eventually(lambda: get(f"{address}/-/ready")["lag"] == 0)
    assert len(get(f"{address}/api/v1/incidents")["incidents"]) == 1
    assert process.end(signal.SIGTERM) == 0


def test_deliveries_are_taken_while_lists_are_made_anew(slow: Any, tmp_path: Path) -> None:
    """After an upgrade that keeps lists in another shape nothing is refused; lists say that they are not there yet."""
    path = tmp_path / "data" / "timelined.db"
    path.parent.mkdir()
    asyncio.run(followed(path, 50))
    with closing(sqlite3.connect(lists_path(path))) as database, database:
        database.execute("UPDATE shape SET digest = 'of another version'")
    process = slow(TAKING)
    address = process.start("--storage.url", f"sqlite:///{path}")
    assert post(f"{address}/webhooks/alertmanager", delivered("firing"))[0] == 202
    eventually(lambda: "made anew" in get(f"{address}/-/ready")["lists"])
    ready = get(f"{address}/-/ready")
    assert ready["ready"]
    assert re.search("0 of [0-9]+ events", ready["lists"])
    status, said = read(f"{address}/api/v1/incidents")
    assert status == 503
    assert "being made anew out of the log" in said["detail"]
    assert not list((tmp_path / "drafts").glob("*.md"))
    go(process)
    eventually(lambda: get(f"{address}/-/ready")["lists"] == "well" and get(f"{address}/-/ready")["lag"] == 0)
    (row,) = get(f"{address}/api/v1/incidents")["incidents"]
    assert (row["number"], row["events"]) == (1, 51)
    started = get(f"{address}/api/v1/events?type=collector.started")["events"]
    assert started[-1]["data"]["previous_stop"] == "first start"


def test_readers_wait_for_a_follower_that_is_slow_to_begin(slow: Any) -> None:
    """On a busy machine its process takes seconds to come up; the first list of a new log is answered all the same."""
    process = slow(BEGINNING)
    address = process.start()
    assert post(f"{address}/webhooks/alertmanager", delivered("firing"))[0] == 202
    timer = threading.Timer(PATIENCE + 0.5, go, (process,))
    timer.start()
    try:
        assert get(f"{address}/api/v1/incidents")["next"] is None
    finally:
        timer.join()


def test_the_stop_before_is_known_without_lists(slow: Any) -> None:
    """How the last daemon ended is read from the log itself, so a follower that is behind does not hide it."""
    process = slow(TAKING)
    process.start()
    go(process)
    assert process.end(signal.SIGTERM) == 0
    (process.folder / "go").unlink()
    process.start()
    process.end(signal.SIGKILL)
    address = process.start()
    go(process)
    listed = f"{address}/api/v1/events?type=collector.started"
    started = eventually(lambda: len(found := get(listed)["events"]) == 3 and found)
    assert [event["data"]["previous_stop"] for event in started] == ["first start", "recorded", "missing"]


def test_a_stop_is_seen_while_the_log_is_being_opened(slow: Any) -> None:
    """A disk that hangs at the start keeps no SIGTERM from being seen: the process ends, and in good order."""
    process = slow(OPENING)
    process.launch()
    lock = process.folder / "data" / "timelined.db.lock"
    eventually(lock.exists)
    assert process.end(signal.SIGTERM) == 0


async def test_work_on_a_thread_is_given_up() -> None:
    """Who is cancelled does not wait for the thread; what it made is handed over to be closed."""
    gate, closed = threading.Event(), asyncio.Event()

    def slowly() -> str:
        gate.wait(10)
        return "made"

    waiting = asyncio.create_task(in_thread(slowly, lambda made: closed.set()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not closed.is_set()
    gate.set()
    async with asyncio.timeout(60):
        await closed.wait()


async def test_work_on_a_thread_gives_what_it_gives() -> None:
    """Its result, or its error."""
    assert await in_thread(lambda: 12, print) == 12
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0, print)
