"""What only a log in PostgreSQL promises: it stores what a file would, and what it must keep and refuse."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from collector.errors import InvalidInput, LogDamaged, Unavailable
from collector.event import PEOPLE
from collector.log import Answer, EventLog, Receipt, Refused, Submission, open_log
from collector.log.appending import ITEMS
from collector.log.postgres.connecting import Database
from collector.proof.merkle import delivery_leaf, event_commitment, leaf
from collector.schema import tables
from collector.verification.scan import Scan, StoredDifference
from collector.verification.verify import Beyond, verify
from tests import new_logs
from tests.examples import examples
from tests.log_facts import AT, append, fact, opened, told
from tests.postgres import Server, eventually, serving
from tests.statements import not_refused


@pytest.fixture
def database(postgres: Server) -> str:
    """The name of an empty database."""
    return postgres.database()


@pytest.fixture
def url(postgres: Server) -> str:
    """The address of an empty log and its lists on a server."""
    return new_logs.placed_in(postgres)


@pytest.fixture
async def log(url: str) -> AsyncIterator[EventLog]:
    """An open, empty log."""
    async with opened(url) as made:
        yield made


# It stores what a file stores


_names = st.sampled_from("abc")
_received = st.integers(0, 4)


@st.composite
def submissions(draw: st.DrawFn) -> Submission:
    """A delivery or a person's statement about a few facts, at a few times."""
    titles = draw(st.lists(_names, max_size=3))
    if draw(st.integers(0, 5)) == 0:
        kind = draw(st.sampled_from(["correction", "erasure"]))
        events = tuple(fact(name, revision=draw(st.integers(1, 2)), amendment=kind) for name in titles[:1])
        return Submission(source=PEOPLE, received_at=AT + draw(_received), events=events)
    source = draw(st.sampled_from(["am", "am", "am", PEOPLE]))
    events = tuple(fact(name, title=draw(st.sampled_from(["x", "y"]))) for name in titles)
    body = b"" if source == PEOPLE else draw(st.sampled_from([b"1", b"2", b"3"]))
    return Submission(source=source, received_at=AT + draw(_received), body=body, events=events)


def renamed(submission: Submission, mark: str) -> Submission:
    """The same about facts of this example's own."""
    events = tuple(
        fact(f"{mark}{event.entity}", title=event.title, revision=event.revision, amendment=event.amendment)
        for event in submission.events
    )
    return Submission(
        source=submission.source, received_at=submission.received_at, body=submission.body, events=events
    )  # fmt: skip


def stored(position: int, delivery: int) -> Callable[[Connection], Any]:
    """Everything after these numbers, counted from them; salts and what follows from them left out."""

    def work(connection: Connection) -> Any:
        execute = connection.exec_driver_sql
        events = execute(
            "SELECT event.position, id, revision, amendment, type, source, received_at, occurred_at, delivery, item, "
            "content.bytes FROM event JOIN content ON content.number = event.content WHERE position > ? ORDER BY 1",
            (position,),
        ).all()
        deliveries = execute(
            "SELECT delivery.number, source, received_at, size, authentication, status, reason, headers, told, bytes "
            "FROM delivery LEFT JOIN content ON content.number = delivery.content WHERE delivery.number > ? ORDER BY 1",
            (delivery,),
        ).all()
        repeats = execute("SELECT id, count, last_at FROM repeat ORDER BY id").all()
        ids = {row[1] for row in events}
        return (
            [(row[0] - position, *row[1:8], max(0, row[8] - delivery), *row[9:]) for row in events],
            [
                (row[0] - delivery, *row[1:8], [(i, p - position, k) for i, p, k in ITEMS.iter_unpack(row[8])], row[9])
                for row in deliveries
            ],
            [tuple(row) for row in repeats if row[0] in ids],
        )

    return work


def shown(answers: list[Answer], position: int, delivery: int) -> list[Any]:
    """Receipts, counted from these numbers."""
    return [
        type(answer).__name__
        if isinstance(answer, Refused)
        else (
            int(answer.delivery[1:] or delivery) - delivery if answer.delivery else 0,
            [(item.event_id, item.position - position, item.stored_before) for item in answer.items],
            answer.status,
        )
        for answer in answers
    ]


@examples(12, allowed=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(submissions(), min_size=1, max_size=4), min_size=1, max_size=4))
async def test_both_back_ends_decide_alike(log: EventLog, tmp_path: Path, batches: list[list[Submission]]) -> None:
    """Whatever is told in whatever batches, PostgreSQL and SQLite store and answer the same."""
    mark = os.urandom(8).hex()
    async with opened(f"sqlite:///{tmp_path / mark}.db") as other:
        heads = "SELECT position, delivery FROM head"
        position, delivery = await log.query(lambda c: c.exec_driver_sql(heads).one())
        for batch in batches:
            mine = [renamed(one, mark) for one in batch]
            answers, others = await log.append(mine), await other.append(mine)
            assert shown(answers, position, delivery) == shown(others, 0, 0)
        assert await log.query(stored(position, delivery)) == await other.query(stored(0, 0))


async def test_a_batch_is_one_transaction(log: EventLog, postgres: Server) -> None:
    """Many deliveries, repeats among them, take one transaction number."""
    await append(log, told(fact("a")))
    batch = [told(fact(str(n)), fact("a"), body=str(n).encode(), received_at=AT + 1 + n) for n in range(40)]
    ((before,),) = postgres.execute("SELECT txid_current()")
    await append(log, *batch)
    ((after,),) = postgres.execute("SELECT txid_current()")
    assert after == before + 2
    assert await log.head() == 41


async def test_leaves_are_stored_as_they_were_made(log: EventLog) -> None:
    """What the rows say makes the leaves beside them, for every width of their parts."""
    kinds = ["x", "alert.firing", "ü" * 200, "y" * 60_000]
    events = [fact(str(n), type=kind, source="ä" * n, at=-5 if n % 2 else AT) for n, kind in enumerate(kinds)]
    texts: dict[str, Any] = {"headers": (("user-agent", "ü"),), "reason": "ö" * 70_000, "status": "unrecognised"}
    delivered = [told(event, received_at=-7 + n, body=b"z" * n) for n, event in enumerate(events)]
    await append(log, *delivered, Submission(source="gh", received_at=AT, **texts))
    await append(log, *(told(event, body=b"again", received_at=AT) for event in events))
    events_sql = "SELECT position, id, revision, received_at, type, commitment, leaf FROM event"
    committed_sql = """SELECT occurred_at, delivery, item, content, source, amendment, content_commitment, commitment
        FROM event"""
    deliveries_sql = """SELECT number, received_at, size, content, source, authentication, status, reason, headers,
        told, commitment, leaf FROM delivery"""
    hashes: tuple[tuple[str, Callable[..., bytes], int], ...] = (
        (events_sql, leaf, 4), (committed_sql, event_commitment, 4), (deliveries_sql, delivery_leaf, 9),
    )  # fmt: skip
    for statement, computed, count in hashes:
        rows: Sequence[Row[Any]] = await log.query(partial(rows_of, statement))
        assert len(rows) == count
        for row in rows:
            assert row[-1] == computed(*row[:-1])


def rows_of(statement: str, connection: Connection) -> Sequence[Row[Any]]:
    return connection.exec_driver_sql(statement).all()


async def test_what_was_committed_is_kept_before_it_is_answered(log: EventLog) -> None:
    """The position and the leaf of the last event; repeats commit none."""
    recorded: list[tuple[int, bytes]] = []
    log.acknowledge(lambda position, leaf: recorded.append((position, leaf)))
    await append(log, told(fact("a")), told(fact("b")))
    await append(log, told(fact("a"), body=b"again", received_at=AT + 1))
    await append(log, told(fact("a", title="early"), received_at=AT - 1))
    leaves = await log.query(lambda c: c.exec_driver_sql("SELECT position, leaf FROM event ORDER BY 1").all())
    assert recorded == [tuple(leaves[1]), tuple(leaves[2])]


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ("ALTER TABLE event DISABLE TRIGGER {}", "is not as it was made, or is disabled"),
        ("DROP TRIGGER {} ON event", "is gone or disabled"),
    ],
)
async def test_verify_names_what_no_longer_refuses_changes(
    postgres: Server, database: str, how: str, state: str
) -> None:
    """On PostgreSQL a trigger can also be there and switched off. Nothing was changed yet, and the rest is in order."""
    async with opened(postgres.url(database)) as log:
        await append(log, told(fact("a")))
        assert not (await log.query(partial(verify, beyond=Beyond()))).differences
        postgres.execute(how.format("event_refuses_update_delete_truncate"), database)
        (found,) = (await log.query(partial(verify, beyond=Beyond()))).differences
        said = f"the trigger event_refuses_update_delete_truncate {state}: changes are no longer refused"
        assert (found.table, found.description) == ("database", said)


# A database that refuses


CHANGES = (
    "UPDATE event SET type = 'x'",
    "UPDATE event SET type = 'x' WHERE position = 99",
    "DELETE FROM event",
    "TRUNCATE event",
    "INSERT INTO event SELECT * FROM event ON CONFLICT (position) DO UPDATE SET type = 'x'",
    "INSERT INTO event SELECT * FROM event ON CONFLICT (id, revision) DO UPDATE SET position = 99",
    "UPDATE delivery SET status = 'x'",
    "DELETE FROM delivery",
    "TRUNCATE delivery",
    "UPDATE content SET bytes = 'x'",
    "TRUNCATE content",
    "INSERT INTO content SELECT * FROM content ON CONFLICT (number) DO UPDATE SET bytes = 'x'",
    "UPDATE head SET position = position - 1",
    "DELETE FROM head",
    "TRUNCATE head",
    "INSERT INTO head VALUES (2, 0, 0, 0)",
    "UPDATE checkpoint SET size = 1",
    "DELETE FROM checkpoint",
    "TRUNCATE checkpoint",
)


async def test_no_fact_is_changed_or_removed(log: EventLog) -> None:
    """The database itself refuses, also its owner."""
    await append(log, told(fact("a"), fact("b")))
    assert await not_refused(log, CHANGES, "append-only") == []
    assert [event.title for event in await log.read()] == ["a", "b"]


@pytest.mark.parametrize("table", ["event", "delivery", "content"])
async def test_no_row_is_inserted_twice(log: EventLog, table: str) -> None:
    """An existing position, number, or id and revision is refused."""
    await append(log, told(fact("a")))
    with pytest.raises(IntegrityError):
        await log.transact(lambda c: c.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM {table}"))  # noqa: S608


async def test_numbers_that_do_not_go_on_from_the_head_are_refused(log: EventLog) -> None:
    """Whoever decided without holding the head row, or leaves a gap, inserts nothing."""
    await append(log, told(fact("a")))
    empty = ",".join(["'{}'"] * 27)
    statement = f"SELECT append_numbered('{{9}}', '{{x}}', '{{x}}', {empty}, '{{}}')"
    with pytest.raises(IntegrityError, match="do not go on"):
        await log.transact(lambda c: c.exec_driver_sql(statement))


async def test_an_amendment_is_refused_or_stored(log: EventLog) -> None:
    """A correction of a known event is stored beside deliveries; one of an unknown event is refused by itself."""
    await append(log, told(fact("a")))
    correction = fact("a", title="corrected", revision=1, amendment="correction")
    stated = Submission(source=PEOPLE, received_at=AT, events=(correction,))
    wrong = Submission(source=PEOPLE, received_at=AT, events=(fact("z", revision=1, amendment="correction"),))
    first, second, third = await log.append([told(fact("b")), stated, wrong])
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert isinstance(third, Refused)
    assert isinstance(third.error(), InvalidInput)
    assert [event.title for event in await log.read()] == ["a", "b", "corrected"]


# What the server must keep


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit"])
async def test_a_server_that_forgets_is_refused(setting: str) -> None:
    """With fsync or synchronous_commit off an acknowledgement would be a promise that nobody keeps."""
    with serving(**{setting: "off"}) as server, pytest.raises(Unavailable, match=f"{setting}=off"):
        await open_log(server.url("postgres"))


async def test_a_database_in_another_encoding_is_refused(postgres: Server) -> None:
    """Not every text could be stored there."""
    postgres.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(Unavailable, match="UTF8"):
        await open_log(postgres.url("latin"))


async def test_what_is_not_durable_does_not_weaken_what_is(log: EventLog) -> None:
    """Only the transaction that need not wait for the disk does not wait."""

    def level(connection: Connection) -> Any:
        return connection.exec_driver_sql("SHOW synchronous_commit").scalar()

    assert await log.transact(level, durable=False) == "off"
    assert await log.transact(level) == "on"
    await append(log, told(fact("a")))


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
async def test_the_databases_own_defaults_do_not_matter(postgres: Server, database: str, isolation: str) -> None:
    """A database set to another isolation level by default is appended to by two as any other."""
    url = postgres.url(database)
    postgres.execute(f"ALTER DATABASE {database} SET default_transaction_isolation = '{isolation}'")
    async with opened(url) as one, opened(url) as other:
        await asyncio.gather(*(append(log, told(fact(f"{n}"))) for n in range(20) for log in (one, other)))
        assert await one.head() == 20


async def test_a_log_of_a_later_version_is_read_and_never_written(postgres: Server, database: str) -> None:
    """A newer schema is refused; an older program does not touch it."""
    url = postgres.url(database)
    async with opened(url) as log:
        await append(log, told(fact("a")))
    postgres.execute("UPDATE alembic_version SET version_num = '9999'", database)
    with pytest.raises(Unavailable, match="upgrade timelined"):
        await open_log(url)
    async with opened(url, writable=False) as log:
        assert await log.head() == 1


async def test_a_log_of_an_earlier_version_waits_for_its_owner(postgres: Server, database: str) -> None:
    """Other daemons may be running: no start upgrades what they use."""
    url = postgres.url(database)
    await (await open_log(url)).close()
    postgres.execute("UPDATE alembic_version SET version_num = '0001'", database)
    for writable in (True, False):
        with pytest.raises(Unavailable, match="timelined db upgrade"):
            await open_log(url, writable=writable)


async def test_the_revisions_make_what_the_tables_describe(postgres: Server, database: str) -> None:
    """Column by column, index by index: what is in the database is what ``tables.py`` says."""
    url = postgres.url(database)
    async with opened(url) as log:
        schema = await log.query(described)
    postgres.execute("CREATE SCHEMA other", database)
    async with opened(f"{url}&search_path=other") as log:
        await log.transact(made_by_the_tables)
        assert await log.query(described) == schema


def made_by_the_tables(connection: Connection) -> None:
    """In the place of what the revisions made."""
    tables.metadata.drop_all(connection)
    tables.metadata.create_all(connection)


def described(connection: Connection) -> dict[str, Any]:
    """The columns and indexes of the log's tables."""
    columns = connection.exec_driver_sql(
        "SELECT table_name, column_name, data_type, is_nullable, collation_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND table_name <> 'alembic_version' ORDER BY 1, ordinal_position"
    ).all()
    indexes = connection.exec_driver_sql(
        "SELECT tablename, indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes "
        "WHERE schemaname = current_schema() AND tablename <> 'alembic_version' ORDER BY 1, 2"
    ).all()
    return {"columns": [tuple(row) for row in columns], "indexes": [tuple(row) for row in indexes]}


async def test_a_head_that_contradicts_the_events_stops_the_start(postgres: Server, database: str) -> None:
    """A cut tail is found when the log is opened."""
    url = postgres.url(database)
    async with opened(url) as log:
        await append(log, told(fact("a"), fact("b")))
    postgres.execute("ALTER TABLE event DISABLE TRIGGER ALL", database)
    postgres.execute("DELETE FROM event WHERE position = 2", database)
    with pytest.raises(LogDamaged, match="2 events and the last one is 1"):
        await open_log(url)


async def test_reading_what_is_not_there_says_so(postgres: Server) -> None:
    """An empty database is not made into a log by whoever only reads."""
    url = postgres.fresh()
    for _ in range(2):
        with pytest.raises(Unavailable, match="there is no log in it yet"):
            await open_log(url, writable=False)


async def test_no_password_stands_in_a_message() -> None:
    """An address is shown without who and what opens it."""
    for url in (
        "postgresql+asyncpg://ana:hunter2@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=ana&password=hunter2&sslmode=disable",
        "postgresql://ana:hunter2%40x@127.0.0.1:1,127.0.0.1:2/db",
    ):
        with pytest.raises(Unavailable) as refused:
            await open_log(url)
        assert "hunter2" not in str(refused.value) + Database(url).public_dsn
        assert "127.0.0.1:1" in str(refused.value)


async def test_ids_are_found_by_their_index_in_a_log_that_grew(postgres: Server, database: str) -> None:
    """The plans that were made over an empty log are right for a long one: no scan of all events."""
    url = postgres.url(database)
    statement = "SELECT n_tup_ins, seq_scan FROM pg_stat_user_tables WHERE relname = 'event'"

    async def scans(rows: int) -> int:
        # The server counts when a session ends, or a little later.
        await eventually(lambda: postgres.execute(statement, database)[0][0] == rows)
        return int(postgres.execute(statement, database)[0][1])

    async with opened(url) as log:
        await append(log, told(*(fact(f"first {n}") for n in range(10))))
    before = await scans(10)
    async with opened(url) as log:
        for turn in range(8):
            await append(log, told(*(fact(f"{turn} {n}") for n in range(200)), body=str(turn).encode()))
            await append(log, told(*(fact(f"first {n}") for n in range(10)), body=b"again", received_at=AT + turn + 1))
    assert await scans(1610) == before


# Proof


async def test_the_log_verifies_and_a_changed_row_is_named(postgres: Server, database: str) -> None:
    """What was appended holds, to the last column; what somebody with every right changed does not."""
    url = postgres.url(database)
    async with opened(url) as log:
        await append(log, *(told(fact(str(n)), fact(f"{n}b"), body=str(n).encode()) for n in range(1200)))
        await append(log, told(fact("1", title="early"), received_at=AT - 1))
        await append(log, Submission(source="am", received_at=AT, body=b"{", status="malformed", reason="cut"))
        assert await log.query(differences) == []
        postgres.execute("ALTER TABLE event DISABLE TRIGGER ALL", database)
        postgres.execute("UPDATE event SET occurred_at = occurred_at + 1 WHERE position = 1100", database)
        assert [(one.table, one.number) for one in await log.query(differences)] == [("event", 1100)]


def differences(connection: Connection) -> list[StoredDifference]:
    """What is not as it was stored."""
    scan = Scan(connection, lambda count: None)
    assert scan.events(lambda leaves: None) == 2401
    assert scan.deliveries(lambda leaves: None) == 1202
    return scan.differences
