"""How the lists are, and whether anything may be read of them now.

What is in lists that are being made is not what happened: whoever reads them then is asked to come again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, func, select

from collector.errors import Unavailable
from collector.projections.shape import hindrances, position, unusable
from collector.projections.tables import placement_due, set_aside

T = TypeVar("T")

_SET_ASIDE = select(func.count()).select_from(set_aside)
_UNPLACED = select(func.count()).select_from(placement_due)


class State(msgspec.Struct, frozen=True):
    """How the lists are."""

    unusable: str = ""
    """Why they cannot be read; empty where they can."""
    remaking: str = ""
    """How far they are where they are being made anew out of the log; empty where they are not."""
    position: int = 0
    """The last position that they have taken in."""
    set_aside: int = 0
    """How many events grouping could not take, and goes on without."""
    unplaced: int = 0
    """In how many incidents placing what nothing else ties to them is still to be done."""


def state_of(connection: Connection) -> State:
    """The state of the lists in a database."""
    not_made, half_made = hindrances(connection)
    if not_made:
        return State(unusable=not_made)
    aside, unplaced = (int(connection.execute(statement).scalar_one()) for statement in (_SET_ASIDE, _UNPLACED))
    return State("", half_made, position(connection), aside, unplaced)


def whole(connection: Connection, work: Callable[[Connection], T]) -> T:
    """What ``work`` gives over lists that are whole; :class:`collector.errors.Unavailable` where they are not."""
    not_made, half_made = hindrances(connection)
    if not_made:
        raise Unavailable("cannot read the lists: they are not made yet; try again")
    if half_made:
        raise Unavailable(f"cannot read the lists: {half_made}; try again")
    return work(connection)


def followed_to(connection: Connection) -> int:
    """The last position that the lists have taken in; 0 where they cannot be read."""
    return 0 if unusable(connection) else position(connection)
