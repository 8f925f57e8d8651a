"""Code of ours that failed over what a sender sent: said in the log, so that somebody can mend it.

A line names the class of the error and the way to it. It says nothing of the
error's message, which may repeat what the sender sent. One place of the code
is named once a minute, however often it fails.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

EVERY = 60.0
"""Seconds in which one place is named once."""
_FRAMES = 8
"""Steps of the way that are named, the last ones."""


class Crashes:
    """Says what failed. ``clock`` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._named_at: dict[str, float] = {}
        self._unnamed: dict[str, int] = {}
        """How often each place failed since it was named."""

    def note(self, event: str, source: str, error: Exception) -> None:
        """``event`` failed over a delivery from ``source``."""
        trace = way_of(error)
        crash = f"{event} {type(error).__name__} {trace[-1] if trace else ''}"
        now = self._clock()
        if now - self._named_at.get(crash, -EVERY) < EVERY:
            self._unnamed[crash] = self._unnamed.get(crash, 0) + 1
            return
        self._named_at[crash] = now
        more = {"more": unnamed} if (unnamed := self._unnamed.pop(crash, 0)) else {}
        log.error(event, source=source, error=type(error).__name__, trace=" > ".join(trace[-_FRAMES:]), **more)


def way_of(error: BaseException) -> list[str]:
    """The way to an error: file, line and function of each step, and nothing of what was worked on."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
