"""How many examples a property is tried on: few in ``make test``, which runs often, many in ``make properties``.

``make test`` draws the same ones every time: whether a change may land hangs on the change. Each run of
``make properties`` draws others, so what few of them miss today others find later.
"""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, settings

T = TypeVar("T")
TIMES = int(os.environ.get("TIMELINED_EXAMPLES", "1"))
"""By how much the number of examples is multiplied."""


def examples(count: int, *, allowed: Collection[HealthCheck] = ()) -> settings:
    """The settings of a property that opens a database, or renders a draft, for each example: no one has a deadline."""
    return settings(max_examples=count * TIMES, deadline=None, suppress_health_check=allowed)


def sample(cases: Sequence[T], count: int) -> list[T]:
    """So many of the cases; all of them in the long form, if it tries as many."""
    drawing = random.Random(0 if TIMES == 1 else None)  # noqa: S311 - which ones are tried is no secret
    return drawing.sample(cases, min(len(cases), count * TIMES))
