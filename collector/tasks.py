"""Ending tasks of the event loop, and work on threads that nobody has to wait for.

Who cancels a task and waits for it with ``suppress(CancelledError)`` also swallows a cancellation of its own, and then
never ends. This is the one place that waits for a cancelled task.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


_LOOK = 0.05
"""Seconds between two looks at whether a task that is to end was cancelled."""


async def ended(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it has ended; raises what it raised.

    A task that was cancelled before is only waited for: what it does at its end is not cut off. Cancelled itself while
    it waits, this raises :class:`asyncio.CancelledError` at once, and the task ends without it.
    """
    if task is None:
        return
    while not task.done():
        # A timeout that has just run out within the task counts as a cancellation too, and the task goes on after it:
        # so it is looked at again.
        if not task.cancelling():
            task.cancel()
        await asyncio.wait([task], timeout=_LOOK)
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


async def all_ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    """:func:`ended` for several at once: they end together, and what the first of them raised is raised."""
    for task in tasks:
        # At once: who waits here may be cancelled before it gets any further.
        if not task.cancelling():
            task.cancel()
    for error in await asyncio.gather(*map(ended, tasks), return_exceptions=True):
        if error is not None:
            raise error


async def in_thread(work: Callable[[], T], abandoned: Callable[[T], object]) -> T:
    """Do work that may hang, on a thread of its own; raises what it raises.

    Cancelled, this ends at once, and what the work comes to goes to ``abandoned`` on the event loop, if that still
    runs. The thread does not keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if not answer.done():
            if error is None:
                answer.set_result(result)  # type: ignore[arg-type]
            else:
                answer.set_exception(error)
        elif error is None:
            abandoned(result)  # type: ignore[arg-type]

    def whole() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:
            error = caught
        with suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(partial(settle, result, error))

    threading.Thread(target=whole, name="opening", daemon=True).start()
    return await answer
