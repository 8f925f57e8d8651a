"""Headers that say something of their own, kept where they can be removed.

A CloudEvent in binary mode tells its attributes in ``ce-*`` headers: they are as
much content as the body is. A delivery's row can never be changed, so it names
in their place the row of ``content`` that holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from collector.log.appending import HEADERS_IN_CONTENT
from collector.proof.merkle import delivery_commitment
from collector.schema.tables import content, delivery
from collector.storage.sql import AMONG, select_among

_CONTENTS = select(content).where(content.c.number.in_(AMONG))

Headers = tuple[tuple[str, str], ...]

_UNREADABLE = ("timelined", "headers unreadable: run timelined verify")

_decode = msgspec.json.Decoder(Headers).decode


def content_of(row: bytes) -> int:
    """The number of the content that a delivery's row of headers names; 0 where it names none."""
    return _content_number(_decode(row))


def _content_number(plain: Headers) -> int:
    number = next((value for name, value in plain if name == HEADERS_IN_CONTENT), "0").partition(":")[0]
    return int(number) if number.isdecimal() else 0


def headers_of(connection: Connection, rows: Sequence[bytes]) -> list[Headers]:
    """Each row's headers, whole; without those that were removed."""
    plain = [_read(row) for row in rows]
    numbers = [_content_number(row) for row in plain]
    contents = select_among(connection, _CONTENTS, sorted({*numbers} - {0}))
    found = {row.number: _read(row.bytes) for row in contents}
    return [_whole(row, found.get(number, ())) for row, number in zip(plain, numbers, strict=True)]


def _read(stored: bytes) -> Headers:
    """Headers as they are stored; where they were damaged, one that says so."""
    try:
        return _decode(stored)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return (_UNREADABLE,)


def _whole(plain: Headers, said: Headers) -> Headers:
    return (*(pair for pair in plain if pair[0] != HEADERS_IN_CONTENT), *said)


def differing(connection: Connection) -> tuple[int, list[tuple[int, str]]]:
    """How many rows of content hold headers, and the deliveries of which these are not as they were, with a reason.

    They were removed rightly if they went with the body.
    """
    count, wrong = 0, []
    for number, row, body in _elsewhere(connection):
        where, _, commitment = next(value for name, value in _decode(row) if name == HEADERS_IN_CONTENT).partition(":")
        contents = select_among(connection, _CONTENTS, [int(where), body])
        rows = {content.number: (content.salt, content.bytes) for content in contents}
        earlier = rows.get(int(where))
        count += earlier is not None
        if earlier is not None and delivery_commitment(*earlier).hex() != commitment:
            wrong.append((number, "its headers are not what was committed"))
        elif earlier is None and body in rows:
            wrong.append((number, "its headers are missing and no removal of them is recorded"))
    return count, wrong


def _elsewhere(connection: Connection) -> list[Any]:
    """Number, headers and content of each delivery whose headers lie elsewhere."""
    statement = select(delivery.c.number, delivery.c.headers, delivery.c.content)
    return list(connection.execute(statement.where(contains(connection, HEADERS_IN_CONTENT))))


def contains(connection: Connection, name: str) -> ColumnElement[bool]:
    """Whether a delivery's row of headers has this in it."""
    find = func.instr if connection.dialect.name == "sqlite" else func.pg_catalog.position
    condition: ColumnElement[bool] = find(delivery.c.headers, name.encode()) > 0
    return condition


def contents(connection: Connection) -> set[int]:
    """The numbers of all rows of content that hold headers."""
    return {content_of(row) for _, row, _ in _elsewhere(connection)}
