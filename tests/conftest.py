"""What several test files share: a free port, a database of one's own, and a word on what must be installed."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog
from hypothesis import HealthCheck, settings

# Every process of a run would otherwise compile what it imports anew: collecting the tests alone took 25 s of processor
# time instead of 10.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Readline tells all that pytest starts how wide its terminal is: tables on a pipe would be fitted to that.
os.environ.pop("COLUMNS", None)
# Helpers that assert say what they compared, as tests do; said before any of them is imported.
pytest.register_assert_rewrite(
    "tests.copies",
    "tests.edited_drafts",
    "tests.face",
    "tests.faults",
    "tests.followed",
    "tests.forks",
    "tests.log_facts",
    "tests.page_checks",
    "tests.page_demands",
    "tests.page_reader",
    "tests.postgres",
    "tests.processes",
    "tests.published",
    "tests.recorded",
    "tests.scenario",
    "tests.served",
    "tests.tellings",
    "tests.token_forms",
    "tests.verified_logs",
    "tests.walkthrough",
)

from collector import daemon
from collector.settings import load_settings
from tests import compiled, examples, forks
from tests.face import face
from tests.postgres import TEMPLATE, postgres, url
from tests.processes import Process

__all__ = ["face", "postgres", "url"]

# What is logged in the tests' own process says where an error came from in plain words. By itself structlog would have
# rich draw every frame with its variables: half a second of processor time for each.
structlog.configure(
    processors=[structlog.processors.add_log_level, structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )],
)  # fmt: skip

compiled.share()

# How long an example takes says how much else the machine has to do.
settings.register_profile(
    "timelined", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=examples.TIMES == 1
)
settings.load_profile("timelined")


def pytest_configure(config: pytest.Config) -> None:
    """All processes of a run share what a server of PostgreSQL is copied from."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        # Not among pytest's folders, which only their owner may enter.
        folder = tempfile.mkdtemp(prefix="timelined-pg-")
        Path(folder).chmod(0o755)
        os.environ[TEMPLATE] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays to the end: no search for garbage goes through it, now or later.

    It took half of the collection, of which each process of a run has its own.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        # A module that a test parses is ten thousand objects; by Python's own measure the search for garbage took three
        # quarters of the time of parsing all of them.
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three processes more than processors: in each of them tests often wait for a disk, a clock or another process.

    With two more, a machine of two processors stood still for a fifth of a run.
    """
    return 3 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def require(program: str) -> str:
    """The path of a program the test starts; the test skips where it is absent.

    Unless ``TIMELINED_REQUIRE`` names it (by any part of its name, several separated by commas): then its absence is
    a failure, so that a build cannot turn green by skipping.
    """
    path = shutil.which(program)
    if path is None:
        wanted = [name.strip() for name in os.environ.get("TIMELINED_REQUIRE", "").split(",") if name.strip()]
        if any(name in program for name in wanted):
            pytest.fail(f"{program} is not installed, and TIMELINED_REQUIRE asks for it")
        pytest.skip(f"{program} is not installed")
    return path


@pytest.fixture
def free_port() -> int:
    """A loopback port nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of a database that does not exist yet, in a folder of this test's own."""
    return f"sqlite:///{tmp_path / 'timelined.db'}"


def make_log(url: str) -> None:
    """Make an empty log, as a daemon's start does."""

    async def made() -> None:
        async with daemon.offline(load_settings(None, {}, {"storage.url": url})):
            pass

    asyncio.run(made())


@pytest.fixture
def empty_log(database: str) -> str:
    """The URL of a database of this test's own that is there and holds no event."""
    make_log(database)
    return database


class Played(NamedTuple):
    """What one ``timelined demo`` left behind."""

    returncode: int
    stdout: str
    stderr: str
    folder: Path
    """Where it wrote its drafts."""
    url: str
    """The URL of the database it kept."""


def timelined(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, in a folder of the test's own.

    It is a fork of one that has imported everything; with ``PYTHONHASHSEED`` it is an interpreter of its own.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIMELINED_")}
    paths = {"PYTHONPATH": str(Path(__file__).parents[1])}
    # The demo starts a daemon, and waits for it.
    return forks.run(arguments, cwd, inherited | paths | environment, within=arguments[:1] == ("demo",))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One run of the demo, its database kept; all processes of a test run read it, and must not write to it."""
    mine = tmp_path_factory.getbasetemp()
    folder = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "demo"
    folder.mkdir(exist_ok=True)
    file = folder / "said.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            ran = timelined("demo", "--to", "out", "--database", "demo.db", cwd=folder)
            file.write_text(json.dumps([ran.returncode, ran.stdout, ran.stderr]), "utf-8")
    returncode, stdout, stderr = json.loads(file.read_text("utf-8"))
    return Played(returncode, stdout, stderr, folder / "out", f"sqlite:///{folder / 'demo.db'}")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """A daemon that is not started yet; whatever happens it is gone afterwards."""
    made = Process(tmp_path)
    yield made
    made.kill()
