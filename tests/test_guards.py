"""Triggers, functions and indexes by their text: what is missing, altered or foreign is named, and stops the start."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import urllib.error
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from collector.cli import output
from collector.errors import LogDamaged, Unavailable
from collector.log import EventLog, open_log, upgrade
from collector.schema import guards, postgresql
from tests.conftest import make_log, timelined
from tests.log_facts import append, fact, told
from tests.postgres import Server
from tests.processes import Process, alert, post

IGNORING = "CREATE TRIGGER quiet BEFORE INSERT ON {} BEGIN SELECT RAISE(IGNORE); END"
"""Has an INSERT succeed that stores nothing."""

FOREIGN = {
    "a trigger that ignores": (IGNORING.format("event"), "the trigger quiet on event is not timelined's"),
    "a trigger on a table of others": (
        "CREATE TABLE notes (id TEXT); " + IGNORING.format("notes"), "the trigger quiet on notes is not timelined's"),
    "a unique index": (
        "CREATE UNIQUE INDEX one_of_a_kind ON event (type)", "the index one_of_a_kind on event is not timelined's"),
    "a trigger gone": ("DROP TRIGGER event_refuses_delete", "the trigger event_refuses_delete is gone"),
    "a trigger that never fires": (
        ("DROP TRIGGER event_refuses_delete; CREATE TRIGGER event_refuses_delete BEFORE DELETE ON event WHEN 0 "
        "BEGIN SELECT RAISE(ABORT, 'event: the log is append-only; DELETE refused'); END"),
        "the trigger event_refuses_delete is not as it was made"),
    "an index gone": ("DROP INDEX event_id_revision", "the index event_id_revision is gone"),
    "an index of half the rows": (
        "DROP INDEX event_id_revision; CREATE UNIQUE INDEX event_id_revision ON event (id, revision) WHERE item = 0",
        "the index event_id_revision is not as it was made"),
    "a table that ignores conflicts": (
        ("PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'PRIMARY KEY (position)', "
        "'PRIMARY KEY (position) ON CONFLICT IGNORE') WHERE name = 'event'"),
        "the table event is not as it was made"),
}  # fmt: skip


def altered(path: Path, statements: str) -> None:
    """What another program does to the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements)


async def filled(url: str) -> None:
    """A log with a few events."""
    log = await open_log(url)
    await append(log, told(fact("a"), fact("b")))
    await log.close()


@pytest.mark.parametrize("change", FOREIGN)
def test_what_guards_a_file_is_held_to_its_text(tmp_path: Path, change: str) -> None:
    """Verify names what differs and ends with 6, and the daemon refuses to start with the same words."""
    path = tmp_path / "timelined.db"
    url = f"sqlite:///{path}"
    make_log(url)
    started = timelined("note", "1", "x", "--storage.url", url, cwd=tmp_path)
    assert started.returncode == output.NOT_FOUND, started.stderr
    statement, message = FOREIGN[change]
    altered(path, statement)
    verified = timelined("verify", "--storage.url", url, cwd=tmp_path)
    assert (verified.returncode, message in verified.stdout) == (output.DAMAGED, True), verified.stdout
    served = timelined("serve", "--storage.url", url, "--web.listen-address", "127.0.0.1:0", cwd=tmp_path)
    assert (served.returncode, message in served.stderr) == (output.DAMAGED, True), served.stderr


@pytest.mark.parametrize("table", ["event", "delivery", "content", "head"])
def test_nothing_is_acknowledged_that_a_trigger_left_out(process: Process, table: str) -> None:
    """A trigger slipped in under a running daemon has deliveries answered 503; without it they are stored again."""
    address = process.start("--storage.url", "sqlite:///timelined.db")
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    ignoring = IGNORING.format(table).replace("INSERT", "UPDATE" if table == "head" else "INSERT")
    altered(process.folder / "timelined.db", ignoring)
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{address}/webhooks/alertmanager", alert("firing", number=2))
    assert refused.value.code == 503
    assert "a trigger that is not timelined's may be in it" in refused.value.read().decode()
    altered(process.folder / "timelined.db", "DROP TRIGGER quiet")
    assert post(f"{address}/webhooks/alertmanager", alert("firing", number=3))[0] == 202
    with closing(sqlite3.connect(process.folder / "timelined.db")) as connection:
        told_of = connection.execute("SELECT count(*) FROM event WHERE type = 'alert.firing'").fetchone()
    assert told_of == (2,)


def test_the_text_that_is_compared_is_what_the_revisions_make() -> None:
    """Every trigger, index and table of the log is compared; an empty list would find nothing."""
    kinds = [kind for kind, _ in guards.schema_objects()]
    assert (kinds.count("trigger"), kinds.count("table")) == (14, 8)
    assert kinds.count("index") == 4


# PostgreSQL

IGNORE = "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"

ALTERED = {
    "a trigger that ignores": (
        f"{IGNORE}; CREATE TRIGGER quiet BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION quiet()",
        "the trigger quiet on event is not timelined's"),
    "a rule": (
        "CREATE RULE quiet AS ON INSERT TO event DO INSTEAD NOTHING", "the rule quiet on event is not timelined's"),
    "a unique index": (
        "CREATE UNIQUE INDEX one_of_a_kind ON event (leaf)", "the index one_of_a_kind on event is not timelined's"),
    "a trigger disabled": (
        "ALTER TABLE event DISABLE TRIGGER event_refuses_update_delete_truncate",
        "the trigger event_refuses_update_delete_truncate is not as it was made, or is disabled"),
    "a trigger of fewer verbs": (
        ("CREATE OR REPLACE TRIGGER event_refuses_update_delete_truncate BEFORE UPDATE OR TRUNCATE ON event "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"),
        "the trigger event_refuses_update_delete_truncate is not as it was made"),
    "a trigger gone": ("DROP TRIGGER head_refuses_update ON head", "the trigger head_refuses_update is gone"),
    "a function that refuses nothing": (
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "the function refuse_change is not as it was made"),
    "a second function of a name": (
        "CREATE FUNCTION append_numbered(text) RETURNS void LANGUAGE sql AS 'SELECT'",
        "there are 2 of the function append_numbered"),
    "an index gone": ("DROP INDEX event_id_revision", "the index event_id_revision is gone"),
    "an exclusion": (
        "ALTER TABLE event ADD CONSTRAINT one_of_a_kind EXCLUDE USING btree (leaf WITH =)",
        "the index one_of_a_kind on event is not timelined's"),
    "a table that a crash empties": (
        "ALTER TABLE event SET UNLOGGED", "the table event is unlogged: a crash of the server empties it"),
    "row-level security": (
        "ALTER TABLE event ENABLE ROW LEVEL SECURITY", "the row-level security event on event is not timelined's"),
}  # fmt: skip


@pytest.fixture
async def server(url: str) -> AsyncIterator[EventLog]:
    """A log in a schema of its own, open."""
    log = await open_log(url)
    await append(log, told(fact("a")))
    yield log
    await log.close()


def within(url: str, statement: str) -> str:
    """A statement for the schema that an address names."""
    found = re.search(r"search_path=(\w+)", url)
    assert found is not None
    return f"SET search_path = {found[1]}; {statement}"


async def executed(postgres: Server, statement: str) -> None:
    """Run statements as the owner, on a connection of its own."""
    import asyncpg

    connection = await asyncpg.connect(host=str(postgres.folder), user="owner", database="postgres")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("change", ALTERED)
async def test_what_guards_a_database_is_held_to_its_text(
    postgres: Server, url: str, server: EventLog, change: str, tmp_path: Path
) -> None:
    """On a server too, verify names what differs, and nobody opens the log to write."""
    assert await server.query(guards.differing) == []
    statement, message = ALTERED[change]
    await executed(postgres, within(url, statement))
    assert any(message in line for line in await server.query(guards.differing))
    with pytest.raises(LogDamaged, match=re.escape(message)):
        await open_log(url)
    verified = await asyncio.to_thread(timelined, "verify", "--storage.url", url, cwd=tmp_path)
    assert (verified.returncode, message in verified.stdout) == (output.DAMAGED, True), (
        verified.stdout + verified.stderr
    )


async def test_an_upgrade_makes_anew_what_was_altered(postgres: Server, url: str, server: EventLog) -> None:
    """The owner's ``timelined db upgrade`` says triggers and functions again, as the message proposes."""
    for what in ("a trigger disabled", "a trigger gone", "a function that refuses nothing"):
        await executed(postgres, within(url, ALTERED[what][0]))
    assert len(await server.query(guards.differing)) == 3
    await upgrade(url)
    assert await server.query(guards.differing) == []


async def test_a_table_of_others_may_vanish_while_it_is_looked_at(postgres: Server, url: str, server: EventLog) -> None:
    """Another process drops its table, or makes it anew: nothing waits for that, and nothing fails over it."""
    import asyncpg

    other = await asyncpg.connect(host=str(postgres.folder), user="owner", database="postgres")
    trigger = "CREATE CONSTRAINT TRIGGER later AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    try:
        await other.execute(within(url, f"CREATE TABLE notes (id int PRIMARY KEY); {trigger}"))
        transaction = other.transaction()
        await transaction.start()
        await other.execute("DROP TABLE notes")
        looking = asyncio.create_task(server.query(guards.differing))
        # It would wait for the table's lock, and then ask for what is gone.
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not looking.done() and not await other.fetch(waits):
            await asyncio.wait({looking}, timeout=0.01)
        await transaction.commit()
        assert await looking == ["the trigger later on notes is not timelined's"]
        assert await server.query(guards.differing) == []
    finally:
        await other.close()


@pytest.mark.parametrize("table", ["event", "delivery", "content"])
@pytest.mark.parametrize("way", ["trigger", "rule"])
async def test_a_server_acknowledges_nothing_that_was_left_out(
    postgres: Server, url: str, server: EventLog, table: str, way: str
) -> None:
    """Row counts are compared inside ``append_numbered()``; nothing of such a batch stays."""
    if way == "trigger":
        rule = f"{IGNORE}; CREATE TRIGGER quiet BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION quiet()"
    else:
        rule = f"CREATE RULE quiet AS ON INSERT TO {table} DO INSTEAD NOTHING"
    head = await server.head()
    await executed(postgres, within(url, rule))
    with pytest.raises(Unavailable, match="rows that were to be stored"):
        await append(server, told(fact("b")))
    assert await server.head() == head


def test_the_server_writes_definitions_as_they_are_read() -> None:
    """Each trigger of ours is understood: one that is not would be compared by its bytes, and differ everywhere."""
    names = [guards._trigger(statement)[0] for statement in postgresql.TRIGGERS]
    assert all(names)
    assert len(set(names)) == len(names)
