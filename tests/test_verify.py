"""Verifying the log: whatever one changes in what is stored, it is found and named."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import IntegrityError

from collector.log import EventLog, open_log
from collector.proof import seal
from collector.proof.checkpoint import TREES
from collector.schema.tables import metadata
from collector.verification.verify import Verdict, verify
from tests.examples import sample
from tests.faults import bits
from tests.verified_logs import AT, Inline, asked_of, beyond, both_ways, fact, fill, told, unguarded, verified
from tests.verified_logs import copy as copy
from tests.verified_logs import verified_log as verified_log

TABLES = {
    "event": "position",
    "delivery": "number",
    "content": "number",
    "head": "one",
    "checkpoint": "size",
}


def said(verdict: Verdict) -> str:
    """All differences as text."""
    return "\n".join(map(str, verdict.differences))


def flipped(value: Any, bit: int) -> Any:
    """The value with one bit changed; None where it has no such bit."""
    if isinstance(value, int):
        return value ^ (1 << bit) if bit < 63 else None
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    if bit >= len(raw) * 8:
        return None
    raw[bit // 8] ^= 1 << bit % 8
    return raw.decode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(raw)


def columns() -> list[tuple[str, str]]:
    """Every column of every table of facts; where the record of what was acknowledged lies is none."""
    return [(table.name, column.name) for table in metadata.sorted_tables for column in table.columns
            if table.name in TABLES and column.name != "record"]  # fmt: skip


def test_a_log_that_nobody_touched_verifies(verified_log: Path) -> None:
    """No difference, both trees over everything, and what an erasure removed is counted and not missed."""
    verdict = verified(verified_log)
    assert said(verdict) == ""
    assert (verdict.size, verdict.sealed, verdict.deliveries) == (10, 10, 7)
    assert (verdict.checkpoints, verdict.removed) == (4, 2)


@pytest.fixture
def taken_back(copy: Path) -> Iterator[Connection]:
    """The database in one transaction without what refuses changes, for changes that are taken back."""
    driver = sqlite3.connect(copy / "log.db", isolation_level=None)
    with create_engine("sqlite://", creator=lambda: driver).connect() as connection:
        connection.exec_driver_sql("BEGIN")
        for name in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        yield connection


@pytest.mark.parametrize(("table", "column"), columns())
def test_one_flipped_bit_of_any_column_is_found_and_named(
    verified_log: Path, taken_back: Connection, table: str, column: str
) -> None:
    """In each row of each table of facts, low and high bits of each column."""
    key = TABLES[table]
    tree = "tree" if table == "checkpoint" else "''"
    statement = f"SELECT {key}, {tree}, {column} FROM {table}"  # noqa: S608 - names of our own
    rows = taken_back.exec_driver_sql(statement).fetchall()
    checked = 0
    for number, of, value in rows:
        for bit in (0, 2, 5, 40 if isinstance(value, int) else max(0, len(value) * 8 - 3)):
            changed = flipped(value, bit)
            if changed is not None:
                checked += flip(verified_log, taken_back, table, column, (number, of, value), changed)
    assert checked >= sum(value != "" for _, _, value in rows) > 0


def flip(original: Path, connection: Connection, table: str, column: str, row: tuple[Any, ...], changed: Any) -> bool:
    """Change the value, verify, and take it back; False where another row has that number already."""
    number, tree, _ = row
    condition = f"{TABLES[table]} = ? AND ? = {'tree' if table == 'checkpoint' else chr(39) * 2}"
    value = changed.encode("utf-8", "surrogateescape") if isinstance(changed, str) else changed
    new = "CAST(? AS TEXT)" if isinstance(changed, str) else "?"
    statement = f"UPDATE {table} SET {column} = {new} WHERE {condition}"  # noqa: S608 - names of our own
    connection.exec_driver_sql("SAVEPOINT flip")
    try:
        connection.exec_driver_sql(statement, (value, number, tree))
    except IntegrityError:
        return False
    else:
        differences = both_ways(connection, beyond=beyond(original)).differences
        differing = [each for each in differences if not each.description.startswith("the trigger")]
        assert differing, f"{table}.{column} of {number} became {changed!r}"
        if table in ("event", "delivery"):
            assert number in [each.number for each in differing if each.table == table], differing
        return True
    finally:
        connection.exec_driver_sql("ROLLBACK TO flip")


def facts(path: Path) -> Any:
    """Everything that is to be kept, as SQLite reads it; None where it cannot."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = bytes
    try:
        statements = [f"SELECT * FROM {table} ORDER BY {key}" for table, key in TABLES.items()]  # noqa: S608
        return [connection.execute(statement).fetchall() for statement in statements]
    except sqlite3.DatabaseError:
        return None
    finally:
        connection.close()


def test_one_flipped_bit_anywhere_in_the_file_is_found_or_changes_no_fact(verified_log: Path, copy: Path) -> None:
    """In 120 places of the database file: what is read differs only where verifying says so."""
    whole = (verified_log / "log.db").read_bytes()
    before, places, count = facts(verified_log / "log.db"), random.Random(7), 0  # noqa: S311 - repeatable
    for _ in range(120):
        changed, bit = bytearray(whole), places.randrange(len(whole) * 8)
        changed[bit // 8] ^= 1 << bit % 8
        (copy / "log.db").write_bytes(changed)
        if verified(copy).differences:
            count += 1
        else:
            assert facts(copy / "log.db") == before, f"bit {bit}"
    assert count > 10


CHANGES: dict[str, tuple[str, str]] = {
    "a missing event": ("DELETE FROM event WHERE position = 4", "position 4: it is missing"),
    "several missing events": (
        "DELETE FROM event WHERE position BETWEEN 4 AND 6", "position 4: it is missing, and all up to 6"),
    "a missing delivery": ("DELETE FROM delivery WHERE number = 2", "delivery d2: it is missing"),
    "a lost content": (
        "DELETE FROM content WHERE number = (SELECT content FROM event WHERE position = 3)",
        "position 3: its content is missing and no erasure of it is recorded\n"),
    "a lost body": (
        "DELETE FROM content WHERE number = (SELECT content FROM delivery WHERE number = 4)",
        "delivery d4: its body is missing and no removal of it is recorded"),
    "a content nobody names": ("INSERT INTO content VALUES (99, zeroblob(32), 'x')", "content 99: no event"),
    "a doubled content": (
        "INSERT INTO content SELECT 99, salt, bytes FROM content WHERE number = 2", "content 99: no event"),
    "an event added behind the last": (
        ("INSERT INTO event SELECT 11, randomblob(16), revision, amendment, type, source, received_at, occurred_at, "
        "delivery, item, content, content_commitment, commitment, leaf FROM event WHERE position = 10"),
        "position 11: "),
    "a cut tail": ("DELETE FROM event WHERE position = 10", "position 10: it is missing: the head says"),
    "a cut tail and its head": (
        "DELETE FROM event WHERE position = 10; UPDATE head SET position = 9", "checkpoint at 10: the log ends at 9"),
    "a head that fell back": ("UPDATE head SET position = 9", "head: it says that the last event is 9, and 10 is"),
    "a head too many": ("INSERT INTO head VALUES (2, 10, 7, 20, NULL, NULL)", "head: it has 2 rows"),
    "a missing checkpoint": (
        "DELETE FROM checkpoint WHERE size = 1 AND tree = 'event'", "checkpoint at 1: the database does not have it"),
    "no head": ("DELETE FROM head", "head: it has 0 rows"),
    "two events exchanged": (
        ("UPDATE event SET position = 99 WHERE position = 2; UPDATE event SET position = 2 WHERE position = 3; "
        "UPDATE event SET position = 3 WHERE position = 99"),
        "position 2: its row is not what its leaf was computed"),
    "two contents exchanged": (
        ("UPDATE content SET number = 99 WHERE number = 2; UPDATE content SET number = 2 WHERE number = 5; "
        "UPDATE content SET number = 5 WHERE number = 99"),
        "is not as it was"),
    "a rewritten title": (
        ("UPDATE content SET bytes = CAST(replace(CAST(bytes AS TEXT), 'title', 'titel') AS BLOB) WHERE number = "
        "(SELECT content FROM event WHERE position = 3)"),
        "position 3: its salt, its content"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_named(copy: Path, change: str) -> None:
    """Each kind of loss, addition and exchange is named where it is."""
    statement, expected = CHANGES[change]
    with unguarded(copy) as connection:
        connection.executescript(statement)
    assert expected in f"{said(verified(copy))}\n"


def test_an_index_that_lies_is_found(copy: Path) -> None:
    """An event that the index of ids does not lead to is there and cannot be found; SQLite's own check says so."""
    with unguarded(copy) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'revision)', 'revision) WHERE position <> 4') "
                           "WHERE name = 'event_id_revision'")  # fmt: skip
    assert "database: " in said(verified(copy))


def test_what_no_longer_refuses_changes_is_named(copy: Path) -> None:
    """A trigger that was dropped and not put back is a difference, though no fact was changed yet."""
    connection = sqlite3.connect(copy / "log.db")
    connection.execute("DROP TRIGGER event_refuses_update")
    connection.close()
    assert said(verified(copy)) == "database: the trigger event_refuses_update is gone: changes are no longer refused"


def rewrite(folder: Path, work: Callable[[EventLog], Any]) -> None:
    """A log of ten events made anew, with checkpoints of its own, in place of the database."""
    for name in ("log.db", "log.db-wal", "log.db-shm"):
        (folder / name).unlink(missing_ok=True)

    async def run() -> None:
        log = await open_log(f"sqlite:///{folder / 'log.db'}")
        await work(log)
        for tree in TREES:
            sealed = await log.query(partial(seal.extended, tree=tree, origin="test", signer=None))
            assert sealed is not None
            await log.transact(partial(seal.keep, sealed=sealed))
        await log.close()

    asyncio.run(run())


def test_a_whole_log_exchanged_is_shown_by_what_lies_beside_it(copy: Path) -> None:
    """A database that agrees with itself and is another one: checkpoints and the acknowledged event tell."""

    async def other(log: EventLog) -> None:
        await log.append([told(fact("0", title="another"), at=AT)])
        await fill(log)

    rewrite(copy, other)
    assert said(verified(copy, beside=False)) == ""
    differences = said(verified(copy))
    assert "checkpoint at 10: the file event-00000000000000000010 beside the database is another one" in differences
    assert "acknowledged: this is another log than the one of which position 10 was acknowledged" in differences


def test_a_shorter_log_is_shown_by_what_was_acknowledged(copy: Path) -> None:
    """Without any checkpoint beyond it, the last acknowledged event names what a restored backup lacks."""
    shutil.rmtree(copy / "beside" / "checkpoints")

    async def shorter(log: EventLog) -> None:
        await log.append([told(fact("0"), at=AT)])

    (identity,) = sqlite3.connect(copy / "log.db").execute("SELECT identity FROM head").fetchone()
    rewrite(copy, shorter)
    with unguarded(copy) as connection:
        connection.execute("UPDATE head SET identity = ?", (identity,))
    expected = "acknowledged: it ends at position 1, and position 10 was acknowledged: 9 lost"
    assert said(verified(copy)) == expected


def test_a_file_that_is_no_database_is_named(copy: Path) -> None:
    """Where nothing can be read at all, that is the difference, and no traceback."""
    (copy / "log.db").write_bytes(b"not a database" * 1000)
    assert said(verified(copy)) == "database: SQLite cannot read its schema: file is not a database"


def test_a_range_names_what_is_in_it_and_nothing_else(copy: Path) -> None:
    """Rows outside are not verified; the deliveries of those inside are; the trees are always whole."""
    with unguarded(copy) as connection:
        connection.execute("UPDATE event SET occurred_at = occurred_at + 1 WHERE position IN (2, 5)")
        connection.execute("UPDATE delivery SET reason = 'x' WHERE number IN (2, 6)")
    numbers = [(each.table, each.number) for each in verified(copy, [(2, 3)]).differences]
    assert numbers == [("event", 2), ("delivery", 2)]


def test_erased_content_is_missed_where_nothing_records_it(copy: Path) -> None:
    """The erasure's own content, and a revision above the erasure, may not be gone."""
    with unguarded(copy) as connection:
        connection.execute("DELETE FROM content WHERE number = (SELECT content FROM event WHERE amendment = 'erasure')")
    assert "position 9: its content is missing" in said(verified(copy))


def test_an_erased_row_that_was_changed_is_not_said_to_lack_its_erasure(copy: Path) -> None:
    """What is recorded is not told as missing; only the row differs."""
    with unguarded(copy) as connection:
        connection.execute("UPDATE event SET received_at = received_at + 1 "
                           "WHERE content NOT IN (SELECT number FROM content)")  # fmt: skip
    found = said(verified(copy))
    assert ": its row" in found
    assert "no erasure of it is recorded" not in found


def test_so_much_damage_ends_the_search(copy: Path) -> None:
    """A log of which nothing is left is said once, not row by row for ever."""
    with unguarded(copy) as connection:
        connection.execute("UPDATE head SET position = 2000000")
    assert len(verified(copy).differences) < 10


@pytest.mark.slow
@pytest.mark.parametrize("table", ["event", "delivery", "content"])
def test_a_row_that_sqlite_cannot_take_apart_stops_nothing(copy: Path, table: str) -> None:
    """The high bits of a row's head say where its parts are: turned, each is found, also where the records of
    removals cannot be read through it, and only what that damage hides is named besides."""
    database, beside = copy / "log.db", beyond(copy)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        removals = "SELECT position FROM event WHERE amendment = 'erasure' OR type = 'delivery.erased'"
        records = {row for (row,) in connection.execute(removals)}
    heads: dict[int, bits.Piece] = {}
    turned: list[bits.BitPosition] = []
    for piece in bits.pieces_of(database, table):
        heads.setdefault(piece.row, piece)
        offsets = range(piece.offset, piece.offset + min(piece.size, 12))
        turned += [bits.BitPosition(table, piece.row, offset, 0x80) for offset in offsets]
    for bit in sample(turned, 24):
        bit.flip(database)
        differences = asyncio.run(asked_of(copy, partial(verify, beyond=beside))).differences
        helped = asyncio.run(asked_of(copy, lambda one: verify(one, beyond=beside, helpers=Inline(one))))
        bit.flip(database)
        # Where SQLite itself loses its way, what it can still be brought to read depends on how it is asked.
        assert differences, bit
        assert helped.differences, bit
        # Another size or number of a row hides its neighbours from SQLite; what its record is made of does not.
        hides = bit.offset < heads[bit.row].offset + heads[bit.row].size - 1
        others = [each for each in differences if each.number != bit.row and "is recorded" in each.description]
        excused = table == "event" and bit.row in records
        assert hides or excused or table == "content" or not others, (bit, others)
    assert verified(copy).differences == ()
