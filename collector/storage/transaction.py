"""One write transaction on the connection that writes to an SQLite file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from collector.errors import DiskFailed
from collector.storage import scrubbing
from collector.storage.disk import Disk, is_busy
from collector.storage.sql import driver_of

T = TypeVar("T")
A = TypeVar("A")

BUSY = 5.0
"""Seconds to wait for another program's write before answering that nothing can be stored now."""
_STILL_BUSY = 0.25
"""The same, while it was held for all of that time before: those who come now are refused soon."""


class Write(Generic[T, A]):
    """One write transaction. However it ends, the connection is ready for the next, unless the disk failed."""

    def __init__(self, disk: Disk, connection: Connection, work: Callable[[Connection], tuple[T, A]]) -> None:
        self._disk = disk
        self._connection = connection
        self._driver = driver_of(connection)
        self._work = work
        self._answer: T
        self.appended: A | None = None
        """What the work says that it added; None before it was done."""

    def whole(self, durable: bool) -> T:
        """All of it, waiting for another program's transaction if there is one."""
        if not durable:
            self._pragma("synchronous = NORMAL")
        try:
            self.begin(wait=True)
            self.work()
            return self.commit()
        finally:
            if not durable:
                self._pragma("synchronous = FULL")

    def begin(self, *, wait: bool) -> bool:
        """Take SQLite's write lock. Without ``wait`` the answer may be False: another program holds it."""
        if self._disk.failure:
            raise DiskFailed(self._disk.failure)
        patience = _STILL_BUSY if self._disk.locked else BUSY
        until = time.monotonic() + (patience if wait else 0)
        while True:
            try:
                self._driver.execute("BEGIN IMMEDIATE")
            except Exception as error:
                self._roll_back()
                busy = is_busy(error)
                if not busy or time.monotonic() >= until:
                    if busy and not wait:
                        return False
                    self._disk.locked = busy
                    raise self._disk.as_unavailable(error) from error
                time.sleep(0.01)
            else:
                self._disk.locked = False
                return True

    def work(self) -> None:
        """What the transaction is for."""
        try:
            self._answer, self.appended = self._work(self._connection)
        except Exception as error:
            self._roll_back()
            unavailable = self._disk.as_unavailable(error)
            if unavailable is error:
                raise
            raise unavailable from error

    def commit(self) -> T:
        """Make it last.

        Past SQLAlchemy, and nothing else: on the writer's thread each further call would have to get the interpreter
        back from a busy event loop.
        """
        try:
            self._driver.commit()
        except Exception as error:
            self._roll_back()
            raise self._disk.as_unavailable(error) from error
        if self._connection.in_transaction():
            # Where the work went through SQLAlchemy, that has to hear of the end as well.
            self._connection.commit()
        return self._answer

    def scrub(self) -> str:
        """What :func:`collector.storage.scrubbing.scrub` does, outside of any transaction."""
        if self._disk.failure:
            raise DiskFailed(self._disk.failure)
        return scrubbing.scrub(self._driver, self._disk)

    def _roll_back(self) -> None:
        """What goes wrong here says no more than what went wrong before; a full disk has rolled back already."""
        with suppress(DBAPIError):
            self._connection.rollback()
        if self._driver.in_transaction:
            with suppress(sqlite3.Error):
                self._driver.rollback()

    def _pragma(self, setting: str) -> None:
        self._driver.execute(f"PRAGMA {setting}")
