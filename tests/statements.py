"""SQL statements that a log has to refuse, tried one after the other on one log."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy.exc import IntegrityError

from collector.errors import Unavailable
from collector.log import EventLog


async def not_refused(log: EventLog, statements: Iterable[str], words: str) -> list[str]:
    """Those that are not refused with an answer that these words (a pattern) are found in, each with its answer.

    Each is a transaction of its own, so that one that was refused leaves nothing to the next.
    """
    answers = {statement: await _refusal(log, statement) for statement in statements}
    return [f"{statement}: {answer or 'done'}" for statement, answer in answers.items() if not re.search(words, answer)]


async def _refusal(log: EventLog, statement: str) -> str:
    """What the database says against it; empty where it does it."""
    try:
        await log.transact(lambda connection: connection.exec_driver_sql(statement))
    except (IntegrityError, Unavailable) as refused:
        return str(refused)
    return ""
