"""How the interpreter of a process that runs for long is set."""

from __future__ import annotations

import gc


def seldom_collect() -> None:
    """Have Python look for circles of garbage less often: what is taken in holds none, and each look costs.

    What is loaded by now stays, and is looked at no more.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
