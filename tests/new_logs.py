"""An empty log and its lists, as their first opening makes them: made once in a process, and then copied.

Making the tables takes four times as long as opening what is there. All copies have the identity of one log: who needs
two logs that tell each other apart has each made by itself.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import itertools
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from collector.correlation import Rules
from collector.following.follower import Follower
from collector.projections import lists_path
from tests.lists import opened
from tests.postgres import Server

_SCHEMA = "log_to_copy"
_NAMES = itertools.count()


def place(path: Path, *, lists: bool = True) -> None:
    """Put a log where none is; with ``lists``, also lists that follow it."""
    if path.exists():
        return
    template = _template()
    path.parent.mkdir(parents=True, exist_ok=True)
    if lists:
        shutil.copy(lists_path(template), lists_path(path))
    shutil.copy(template, path)


def placed_in(server: Server) -> str:
    """The address of a schema of the asker's own on a server, with an empty log, and beside it lists that follow it."""
    name = f"placed_{next(_NAMES)}"
    server.execute(_script(server).replace(_SCHEMA, name), several=True)
    return f"{server.url('postgres')}&search_path={name}"


@functools.cache
def _script(server: Server) -> str:
    """What makes both there as their first opening does, in one question instead of two hundred."""
    url = f"{server.url('postgres')}&search_path={_SCHEMA}"
    server.execute(f"CREATE SCHEMA {_SCHEMA}")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _make(url)).result()
    schemas = ("-n", _SCHEMA, "-n", f"{_SCHEMA}_incidents")
    dump = server.run("pg_dump", "-h", str(server.folder), "-U", "owner", *schemas, "--inserts", "postgres")
    return "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))


@functools.cache
def _template() -> Path:
    """A log that nobody opens any more, which goes with this process."""
    folder = tempfile.mkdtemp(prefix="timelined-new-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "log.db"
    # Whoever asks may have an event loop that runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _make(path)).result()
    return path


async def _make(place: Path | str) -> None:
    async with opened(place) as (log, base):
        assert await log.lead()
        await Follower(base, log, Rules(), clock=lambda: 0).catch_up()
