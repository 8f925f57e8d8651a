"""How the interpreter of a process that runs for long is set, and how one that another started ends with it."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
_ARENAS = -8
"""M_ARENA_MAX of mallopt(3)."""
_NOT_HANDED_DOWN = ("TIMELINED_", "LISTEN_", "NOTIFY_SOCKET", "WATCHDOG_", "CREDENTIALS_DIRECTORY")
"""Beginnings of variables that are the daemon's alone: what is configured others are told, and systemd is its own."""


def tune_gc() -> None:
    """Have Python look for circles of garbage less often: what is taken in holds none, and each look costs.

    What is loaded by now stays, and is looked at no more. Where nothing was looked for while it was loaded, that begins
    now.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def loop_factory() -> Callable[[], AbstractEventLoop] | None:
    """What makes the fastest event loop there is; None for Python's own."""
    try:
        import uvloop  # every command imports this module, and runs no loop for long
    except ImportError:
        return None
    return uvloop.new_event_loop


def share_memory() -> None:
    """Have the threads of this process take their memory from one place, before there are any.

    glibc gives each thread a place of its own, and what is left free in one is of no use to another: of a daemon that
    is a tenth. They take turns for the interpreter anyway.
    """
    import ctypes  # as below

    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's own
    if set_option is not None:
        set_option(_ARENAS, 1)


def end_with_parent() -> None:
    """End this process with the one that started it, whatever ends that."""
    import ctypes  # every command imports this module, and none but a child of the daemon asks for this

    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)


def handed_down() -> dict[str, str]:
    """The variables of a process that the daemon starts."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_HANDED_DOWN)}
