"""A timeline that people wrote as a table, as the statements that it makes.

The same row always makes the same statement, so a table may be brought in
again, or with more rows; a row that was changed is another one.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import BinaryIO
from zoneinfo import ZoneInfo

import msgspec

from collector.cli import inputs, logs, naming
from collector.errors import InvalidInput
from collector.people import MARKS, is_day, moments
from collector.settings import DEFAULT_LOG

COLUMNS = ("time", "text", "by", "kind", "incident", "owner", "due")
"""The columns that a table may have."""
NEEDED = ("time", "text")
KINDS = ("note", "action", *MARKS)
SHOWN = 10
"""Mistakes that are named one by one."""

_DATED = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d?:\d\d.*", re.ASCII)
_OFFSET = re.compile(r".*\d ?([Zz]|UTC|[+-]\d\d:?\d\d)", re.ASCII)


class TimelineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One statement."""

    path: str
    body: Mapping[str, object]
    key: str
    """Names it: made of all that the row says."""


class _WrongRow(ValueError):
    """What is wrong with a row, as the end of a sentence."""


class TimelineTable:
    """A table in a file, read row by row as often as needed. ``incident``, ``by`` and ``zone`` stand for what a row
    does not say."""

    def __init__(self, file: BinaryIO, name: str, *, incident: int | None, by: str, zone: str | None) -> None:
        self._file, self._name = file, name
        self._incident, self._by, self._zone = incident, by, zone

    def checked(self) -> int:
        """How many rows it has. Raises :class:`InvalidInput` with the first mistakes and their lines."""
        count, mistakes, messages = 0, 0, []
        for row in self._read():
            if isinstance(row, str):
                mistakes += 1
                messages += [row] if mistakes <= SHOWN else []
            else:
                count += 1
        if mistakes > SHOWN:
            messages.append(f"and {mistakes - SHOWN} more")
        if mistakes or not count:
            raise InvalidInput(
                f"cannot import {self._name}: {'; '.join(messages) or 'it has no rows'}; nothing was recorded"
            )
        return count

    def rows(self) -> Iterator[TimelineRow]:
        """Every row that has no mistake, as what it states."""
        return (found for found in self._read() if isinstance(found, TimelineRow))

    def _read(self) -> Iterator[TimelineRow | str]:
        """Each row, or what is wrong with it."""
        with inputs.lines_of(self._file, self._name) as lines:
            first = lines.readline()
            table = csv.reader(chain([first], lines), delimiter=_delimiter(first), strict=True)
            try:
                columns = _columns(next(table, []), self._name)
                for cells in table:
                    if any(cell.strip() for cell in cells):
                        yield self._row(columns, cells, table.line_num)
            except csv.Error as error:
                raise InvalidInput(
                    f"cannot import {self._name}: line {table.line_num} is no CSV ({error}); nothing was recorded"
                ) from error

    def _row(self, columns: list[str], cells: list[str], line: int) -> TimelineRow | str:
        try:
            return _row(_by_column(columns, cells), self._incident, self._by, self._zone)
        except _WrongRow as error:
            return f"line {line}: {error}"


def _delimiter(first: str) -> str:
    """What stands between the names of the first line: spreadsheets of some languages write semicolons."""
    return max(",;\t", key=first.count)


def _columns(cells: list[str], name: str) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    columns_known = ", ".join(COLUMNS)
    if wrong := next((each for each in columns if each not in COLUMNS), None):
        raise InvalidInput(
            f"cannot import {name}: its first line has {wrong!r}, which is no column; there is {columns_known}"
        )
    if missing := next((each for each in NEEDED if each not in columns), None):
        raise InvalidInput(
            f"cannot import {name}: its first line names no column {missing!r}; there is {columns_known}"
        )
    if len(set(columns)) < len(columns):
        raise InvalidInput(f"cannot import {name}: its first line names a column twice")
    return columns


def _by_column(columns: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) > len(columns):
        raise _WrongRow("it has more cells than the first line names; put texts with commas into quotes")
    return {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}


def _row(cells: Mapping[str, str], incident: int | None, by: str, zone: str | None) -> TimelineRow:
    kind = cells.get("kind", "").lower() or "note"
    if kind not in KINDS:
        raise _WrongRow(f"kind is {kind!r}; use one of {', '.join(KINDS)}")
    if not cells.get("text") and kind in ("note", "action"):
        raise _WrongRow("text is empty")
    number = _incident(cells.get("incident", ""), incident)
    author = cells.get("by") or by
    if not author:
        raise _WrongRow("it does not say by whom; name the author in the column by, or with --by")
    at = _time(cells.get("time", ""), zone)
    body: dict[str, object] = {"text": cells.get("text", ""), "by": author}
    if kind == "action":
        where = "actions"
        if cells.get("due") and not is_day(cells["due"]):
            raise _WrongRow(f"due is {cells['due']!r}; write it as YYYY-MM-DD, a day that there is")
        body |= {"owner": cells.get("owner", ""), "due": cells.get("due", "")}
    elif kind == "note":
        where = "notes"
        body["at"] = at
    else:
        where = "marks"
        body |= {"mark": kind, "at": at}
    named = "\x1f".join([str(number), where, at, *(f"{name}={value}" for name, value in sorted(body.items()))])
    key = f"csv-{hashlib.sha256(named.encode('utf-8', 'replace')).hexdigest()[:40]}"
    return TimelineRow(path=f"/api/v1/incidents/{number}/{where}", body=body, key=key)


def _incident(text: str, otherwise: int | None) -> int:
    if not text:
        if otherwise is None:
            raise _WrongRow("it does not say which incident; name it in the column incident, or with --incident")
        return otherwise
    log, name = naming.split_log(text, incident=True)
    target = logs.chosen() or DEFAULT_LOG
    if log and log != target:
        raise _WrongRow(
            f"incident is {text!r}, and rows are brought into the log {target!r}; bring those of {log} in by a table "
            f"of their own, with --log {log}"
        )
    number = naming.number(name)
    if number is None:
        raise _WrongRow(f"incident is {text!r}; write its number, such as 12")
    return number


def _time(text: str, zone: str | None) -> str:
    """The time in RFC 3339; one without an offset is never guessed."""
    if not _DATED.fullmatch(text):
        raise _WrongRow(f"time is {text!r}; write it like 2026-03-04 14:02 or 2026-03-04T14:02:10Z")
    if zone is None and not _OFFSET.fullmatch(text):
        raise _WrongRow(f"time is {text!r}, which has no offset; say which zone that is with --zone")
    try:
        return moments.read(text, ZoneInfo(zone) if zone else UTC, datetime.fromtimestamp(0, UTC))
    except moments.UnreadableMoment as error:
        raise _WrongRow(f"time is {text!r}, which is none: {error}") from error
