"""A PostgreSQL server of one's own, for tests, for benchmarks and for faults.

It runs as a user that is not root, on a socket in a folder of its own that is
gone afterwards. Tests share one that is made once a session, with the settings
timelined asks for. Where PostgreSQL is not installed they skip, and say so;
with ``CI=true``, or where ``TIMELINED_REQUIRE`` names postgresql, that is a
failure.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 120.0
"""Seconds that starting or stopping may take."""
_AT_ONCE = 24
"""Schemas that are made at once."""
TEMPLATE = "POSTGRESQL_TEMPLATE"
"""The variable that names a folder for what every server is copied from. One of a name that starts with ours would not
reach what tests start."""
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
_PLACE = """
listen_addresses = ''
unix_socket_directories = '{folder}'
"""
_TESTING = """
max_connections = 200
shared_buffers = 32MB
# Tests end servers by force, and look whether anything is missing.
fsync = on
synchronous_commit = on
log_min_messages = warning
# Nothing happens that a test did not ask for.
autovacuum = off
"""


def programs() -> Path | None:
    """Where initdb and postgres are: the newest there is; None where PostgreSQL is not installed."""
    beside = shutil.which("initdb")
    folders = [Path(beside).resolve().parent] if beside else []
    for place in _PLACES:
        folders += Path("/").glob(place.removeprefix("/"))
    usable = [folder for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists()]
    return max(usable, key=lambda folder: [int(n) for n in folder.as_posix().split("/") if n.isdigit()], default=None)


def absent() -> str:
    """Why there can be no server here that timelined could use; empty where there can be one."""
    if programs() is None:
        return "PostgreSQL is not installed (initdb was not found)"
    return "" if importlib.util.find_spec("asyncpg") else "asyncpg is not installed"


def unprivileged() -> str | None:
    """The user the server runs as where we are root, which it refuses to be; None where we are not."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Server:
    """One server. Its superuser is ``owner``; everybody on this machine may connect as anybody."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.user = unprivileged()
        self._binaries = binaries
        self._names = itertools.count()
        self._schemas: list[str] = []
        """Empty ones that nobody has yet."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's first process."""
        assert self._process is not None
        return self._process.pid

    def run(self, program: str, *arguments: str) -> str:
        """One of PostgreSQL's own programs, as the server's user; what it printed."""
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(
            command, user=self.user, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.folder)}

    def initialise(self) -> None:
        """Make the cluster by PostgreSQL's own program, with its own settings."""
        self.run("initdb", "-D", str(self.data), "-U", "owner", "--auth=trust", "--encoding=UTF8", "--no-sync")

    def make(self) -> None:
        """Make the cluster, with PostgreSQL's own settings but for where it listens."""
        subprocess.run(["cp", "-a", str(_template()), str(self.data)], user=self.user, check=True)
        self.configure(_PLACE.format(folder=self.folder))

    def configure(self, lines: str) -> None:
        """Add to the configuration; it counts from the next start, or :meth:`reload`."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(lines + "\n")

    def start(self, *options: str) -> None:
        """Start it and wait until it takes connections."""
        with (self.folder / "log").open("ab") as log_file:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", str(self.data), *options],
                user=self.user, cwd=self.folder, env=self._environment, stdout=log_file, stderr=log_file,
            )  # fmt: skip
        until = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, "PostgreSQL did not start"
            time.sleep(0.05)

    def _answers(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", str(self.folder), "-U", "owner", "-d", "postgres"]
        return subprocess.run(command, env=self._environment, check=False).returncode == 0

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT as ``-m fast``, SIGQUIT as ``-m immediate``, which is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    def reload(self) -> None:
        """Have it read its configuration again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def url(self, database: str, user: str = "owner", driver: str = "postgresql+asyncpg") -> str:
        """The address of a database, for timelined or whoever uses another driver."""
        return f"{driver}://{user}@/{database}?host={self.folder}"

    def fresh(self) -> str:
        """The address of an empty schema of the asker's own: a database would be a thousand files."""
        if not self._schemas:
            # A connection for each would take the server longer than what it is for.
            self._schemas = [f"test_{next(self._names)}" for _ in range(_AT_ONCE)]
            made = "".join(f"CREATE SCHEMA {name};" for name in self._schemas)
            self.execute(f"DO $$ BEGIN {made} END $$")
        return f"{self.url('postgres')}&search_path={self._schemas.pop(0)}"

    def database(self) -> str:
        """A fresh, empty database's name; for what concerns a whole database."""
        name = f"test_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def execute(
        self, statement: str, database: str = "postgres", user: str = "owner", *, several: bool = False
    ) -> list[Any]:  # fmt: skip
        """Run one statement on a connection of its own, or ``several`` that answer nothing."""
        import asyncpg

        async def run() -> list[Any]:
            connection = await asyncpg.connect(host=str(self.folder), user=user, database=database)
            try:
                run_it = connection.execute if several else connection.fetch
                return list(await run_it(statement))
            finally:
                await connection.close()

        # From a test that has an event loop of its own.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, run()).result(PATIENCE)


@contextlib.contextmanager
def placed(within: Path | None = None) -> Iterator[Server]:
    """A folder for a server; it is stopped and removed at the end, whoever made and started it.

    Ask :func:`absent` before. Not among pytest's folders, which only their owner may enter; and short, as names of
    sockets have to be.
    """
    binaries = programs()
    assert binaries is not None, absent()
    folder = Path(tempfile.mkdtemp(prefix="timelined-pg-", dir=within))
    server = Server(folder, binaries)
    try:
        if server.user is not None:
            shutil.chown(folder, server.user)
        folder.chmod(0o755)
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _template() -> Path:
    """A cluster that never ran: to copy it takes a tenth of what making it takes.

    Where :data:`TEMPLATE` names a folder, all processes of a run share it; else it goes with this process.
    """
    if shared := os.environ.get(TEMPLATE):
        return _shared(Path(shared))
    made = placed()
    server = made.__enter__()
    atexit.register(made.__exit__, None, None, None)
    server.initialise()
    return server.data


def _shared(folder: Path) -> Path:
    """Made by whoever needs it first."""
    binaries = programs()
    assert binaries is not None, absent()
    server = Server(folder, binaries)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            shutil.rmtree(server.data, ignore_errors=True)
            if server.user is not None:
                shutil.chown(folder, server.user)
            server.initialise()
            (folder / "whole").touch()
    return server.data


@contextlib.contextmanager
def plain(within: Path | None = None) -> Iterator[Server]:
    """A server with PostgreSQL's default settings, ``fsync`` and ``synchronous_commit`` among them."""
    with placed(within) as server:
        server.make()
        server.start()
        yield server


@contextlib.contextmanager
def tested(**settings: str) -> Iterator[Server]:
    """A small server with the settings of the tests, and these."""
    with placed() as server:
        server.make()
        server.configure(_TESTING + "\n".join(f"{name} = {value}" for name, value in settings.items()))
        server.start()
        yield server


@contextlib.contextmanager
def serving(**settings: str) -> Iterator[Server]:
    """A server for the length of a test; skips where there can be none."""
    if reason := absent():
        wanted = os.environ.get("TIMELINED_REQUIRE", "").split(",")
        if os.environ.get("CI") == "true" or "postgresql" in wanted:
            pytest.fail(f"{reason}, and CI or TIMELINED_REQUIRE asks for it")
        pytest.skip(reason)
    with tested(**settings) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server that tests share."""
    with serving() as server:
        yield server


@pytest.fixture
def url(postgres: Server) -> str:
    """An address there where nothing is yet."""
    return postgres.fresh()


async def eventually(condition: Callable[[], Any], patience: float = 60.0) -> None:
    """Wait until something holds, on this event loop."""
    until = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        await asyncio.sleep(0.01)
