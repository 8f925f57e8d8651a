"""Whether it was the database or a value: the one question that decides what is answered.

A database that is away, full, locked or damaged is answered 503, and the sender
comes again. A value that breaks a batch would break it again: it is found and
kept apart. What is neither is a mistake of ours, and said.
"""

from __future__ import annotations

import sqlite3
from struct import error as StructError  # noqa: N812 - a class

from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError

_STATES = (
    "08",  # the connection
    "25006",  # a primary that became a standby
    "28",  # credentials that are not taken
    "3D000",  # no such database
    "40",  # serialization, deadlock
    "42501",  # a right that is missing
    "53",  # memory, disk, connections
    "55",  # a lock that another program holds
    "57",  # shut down, starting, cancelled
    "58",  # input and output
    "XX",  # the server's own faults, damaged pages among them
)
"""Beginnings of SQLSTATE that accuse the database (PostgreSQL, appendix A)."""


def is_outage(error: BaseException) -> bool:
    """Whether the database, and not a value, is why nothing was stored: full, locked, unreadable, damaged."""
    if isinstance(error, (OSError, TimeoutError, MemoryError)):
        return True
    state = _sqlstate(error)
    if state is not None:
        return state.startswith(_STATES)
    if getattr(error, "connection_invalidated", False):
        return True
    # The exact class: IntegrityError and DataError, which accuse a value, are kinds of DatabaseError.
    return isinstance(error, _CLASSES) or type(error) in (DatabaseError, sqlite3.DatabaseError)


def may_be_of_a_value(error: BaseException) -> bool:
    """Whether a value may be why something could not be stored: it was refused by the database, or on the way there.
    All else that is no outage is a mistake of ours."""
    return isinstance(error, _OF_A_VALUE) or _sqlstate(error) is not None


_OF_A_VALUE = (ValueError, OverflowError, StructError, DBAPIError, sqlite3.Error)
_CLASSES = (OperationalError, InternalError, sqlite3.OperationalError, sqlite3.InternalError)


def _sqlstate(error: BaseException) -> str | None:
    original = getattr(error, "orig", None) if isinstance(error, DBAPIError) else error
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else None
