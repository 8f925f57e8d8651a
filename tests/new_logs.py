"""An empty log and its lists, as their first opening makes them: made once in a process, and then copied.

Making the tables takes four times as long as opening what is there. All copies have the identity of one log: who needs
two logs that tell each other apart has each made by itself.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from collector.correlation import Rules
from collector.following.follower import Follower
from collector.projections import lists_path
from tests.lists import opened


def place(path: Path, *, lists: bool = True) -> None:
    """Put a log where none is; with ``lists``, also lists that follow it."""
    if path.exists():
        return
    template = _template()
    path.parent.mkdir(parents=True, exist_ok=True)
    if lists:
        shutil.copy(lists_path(template), lists_path(path))
    shutil.copy(template, path)


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


async def _make(path: Path) -> None:
    async with opened(path) as (log, base):
        assert await log.lead()
        await Follower(base, log, Rules(), clock=lambda: 0).catch_up()
