"""Facts and deliveries for logs, and a log opened over either back end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.event import Event, event_id
from collector.log import EventLog, Receipt, Submission, open_log
from tests import new_logs
from tests.postgres import Server

AT = 1_772_633_530_000_000
"""4 March 2026, 14:12:10 UTC."""


@asynccontextmanager
async def opened(url: str, *, writable: bool = True) -> AsyncIterator[EventLog]:
    """A log for the length of a block."""
    log = await open_log(url, writable=writable)
    try:
        yield log
    finally:
        await log.close()


def fact(name: str, at: int = AT, **fields: object) -> Event:
    """An event whose id follows from its name and time."""
    given = {"type": "alert.firing", "source": "am", "entity": name, "occurred_at": at, "title": name} | fields
    return Event(id=event_id("test.1", "am", at, name), **given)  # type: ignore[arg-type]


def told(*events: Event, body: bytes | None = None, received_at: int = AT, source: str = "am") -> Submission:
    """A delivery that tells these events."""
    raw = json.dumps([event.title for event in events]).encode() if body is None else body
    return Submission(source=source, received_at=received_at, body=raw, events=events, authentication="bearer")


async def append(log: EventLog, *submissions: Submission) -> list[Receipt]:
    """Append in one batch, where every answer must be a receipt."""
    answers = await log.append(submissions)
    assert all(isinstance(answer, Receipt) for answer in answers), answers
    return answers  # type: ignore[return-value]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each back end."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'timelined.db'}"
    server: Server = request.getfixturevalue("postgres")
    return new_logs.placed_in(server)


@pytest.fixture
async def log(database: str) -> AsyncIterator[EventLog]:
    """An open, empty log."""
    opened = await open_log(database)
    yield opened
    await opened.close()
