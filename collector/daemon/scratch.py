"""Lists for one command over a log that has none: a backup, a file that was moved aside.

Where no daemon runs that would make them, the command follows the log by
itself, into a folder that is gone afterwards. Nothing is written to the log.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from collector.correlation import Rules
from collector.following.follower import Follower
from collector.log import Answer, Submission
from collector.projections import Lists, SqliteLists


class _Nowhere:
    """Takes what a follower announces, and keeps none of it."""

    async def append(self, submissions: Sequence[Submission]) -> list[Answer]:
        return []

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


@asynccontextmanager
async def scratch_lists(
    path: Path, rules: Rules, say: Callable[[str], None] = lambda text: None
) -> AsyncIterator[Lists]:
    """The lists of the log in this file, for the length of the block; ``say`` is told that it takes its time."""
    say("This log has no lists: they are made for this command alone; a daemon makes and keeps them.")
    with tempfile.TemporaryDirectory(prefix="timelined-lists-") as folder:
        lists = SqliteLists(path, owner=True, file=Path(folder) / "incidents.db")
        try:
            await Follower(lists, _Nowhere(), rules).catch_up()
            yield lists
        finally:
            await lists.close()
