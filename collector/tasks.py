"""Ending tasks of the event loop.

Who cancels a task and waits for it with ``suppress(CancelledError)`` also swallows a cancellation of its own, and then
never ends. This is the one place that waits for a cancelled task.
"""

from __future__ import annotations

import asyncio
from typing import Any


async def ended(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it has ended; raises what it raised.

    A task that was cancelled before is only waited for: what it does at its end is not cut off. Cancelled itself while
    it waits, this raises :class:`asyncio.CancelledError` at once, and the task ends without it.
    """
    if task is None:
        return
    if not task.cancelling():
        task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
