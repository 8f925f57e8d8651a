"""What is told of one duration over several incidents: how many know it, the median and the quartiles. Never a mean.

A few long incidents decide a mean and say nothing of the others. Of fewer than five known values nothing but the list
is told: a median of four is one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles

import msgspec

FEWEST = 5
"""How many values a median needs."""


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """One duration of several incidents, µs."""

    count: int
    """How many of them know it."""
    of: int
    """How many incidents there are."""
    lower: float | None
    """A quarter of the known values are at most this; None where fewer than five are known."""
    median: float | None
    upper: float | None
    """Three quarters of them are at most this."""


def distribution(values: Sequence[int | None]) -> Distribution:
    """The distribution of these values, of which some are not known. Between two values it is interpolated."""
    known = [value for value in values if value is not None]
    lower, median, upper = quantiles(known, n=4, method="inclusive") if len(known) >= FEWEST else (None, None, None)
    return Distribution(count=len(known), of=len(values), lower=lower, median=median, upper=upper)
