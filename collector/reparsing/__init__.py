"""Deriving events again from stored deliveries with today's parsers.

The bytes as stored are the record, and what was read out of them follows from
a parser that may have been wrong. So the deliveries are read once more, some at
a time, and what differs is appended: a changed fact as its next revision, a
fact that nobody had understood as a new one, and what is told no more as taken
back. Nothing is changed in place, and a second run finds nothing to do.

``values`` says what is asked and what came of it, ``matching`` decides (pure),
``reading`` looks stored deliveries and facts up, and ``work`` puts it together.
"""

from __future__ import annotations

from collector.reparsing.values import ReparseResult, RereadDifference, Selection
from collector.reparsing.work import Derive, look, reparse

__all__ = ["Derive", "ReparseResult", "RereadDifference", "Selection", "look", "reparse"]
