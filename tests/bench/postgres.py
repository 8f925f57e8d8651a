"""A PostgreSQL server of the benchmarks' own, in a temporary folder, as a user that is not root.

Its settings are PostgreSQL's defaults, ``fsync`` and ``synchronous_commit``
among them: what answers has to be on the disk.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.results import workplace
from tests.bench.servers import PATIENCE, end


def absent() -> str:
    """Why there can be no server here; empty where there can be one."""
    return "" if _binaries() is not None else "PostgreSQL is not installed (initdb was not found)"


def no_back_end() -> str:
    """Why timelined cannot be measured on PostgreSQL here; empty where it can."""
    if importlib.util.find_spec("collector.log.postgres") is None:
        return "this version of timelined has no PostgreSQL back end"
    return absent() or ("" if importlib.util.find_spec("asyncpg") else "asyncpg is not installed")


def _binaries() -> Path | None:
    beside = shutil.which("initdb")
    found = [Path(beside).resolve().parent] if beside else []
    found += Path("/usr/lib/postgresql").glob("*/bin")
    usable = [folder for folder in found if (folder / "postgres").exists() and (folder / "initdb").exists()]
    return max(usable, key=lambda folder: [int(n) for n in folder.parts if n.isdigit()], default=None)


class Server:
    """A running server. Its superuser is ``owner``, whom it takes everybody for who reaches its socket."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self._binaries, self._numbers = folder, binaries, itertools.count()
        # PostgreSQL refuses to run as root.
        names = {entry.pw_name for entry in pwd.getpwall()}
        self.user = ("postgres" if "postgres" in names else "nobody") if os.geteuid() == 0 else None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The postmaster's; every session is a child of it."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Make a cluster and serve it."""
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        self.folder.chmod(0o755)
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "owner", "--auth=trust", "--encoding=UTF8")
        command = [str(self._binaries / "postgres"), "-D", data, "-k", str(self.folder), "-c", "listen_addresses="]
        with (self.folder / "log").open("wb") as said:
            self.process = subprocess.Popen(
                command, user=self.user, cwd=self.folder, env=self._environment, stdout=said, stderr=said
            )
        until = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"cannot measure: PostgreSQL did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; nothing of it is needed any longer."""
        if self.process is not None:
            end(self.process, signal.SIGQUIT)

    def database(self) -> str:
        """A fresh, empty database's name."""
        name = f"bench_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}", "postgres")
        return name

    def url(self, database: str, driver: str = "postgresql+asyncpg") -> str:
        """A database's address."""
        return f"{driver}://owner@/{database}?host={self.folder}"

    def sql(self, statement: str, database: str) -> str:
        """Run one statement; what it answered."""
        return self._run("psql", "-h", str(self.folder), "-U", "owner", "-d", database, "-qAtc", statement).strip()

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(
            command, user=self.user, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"cannot measure: {program} failed: {done.stderr}")
        return done.stdout

    def _answers(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", str(self.folder)]
        return subprocess.run(command, env=self._environment, check=False).returncode == 0

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.folder)}


@contextmanager
def running() -> Iterator[Server]:
    """A server for the length of the block; ask :func:`absent` before."""
    binaries = _binaries()
    assert binaries is not None
    with workplace() as folder:
        server = Server(folder, binaries)
        try:
            server.start()
            yield server
        finally:
            server.stop()
