"""Who may do what to a log in PostgreSQL: the owner makes it, the daemon appends, erasure removes content."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from collector import projections
from collector.correlation import Rules
from collector.errors import NotPermitted, Unavailable
from collector.event import PEOPLE
from collector.following.follower import Follower
from collector.jobs.retention import RetentionJob
from collector.log import EventLog, Submission, open_log, upgrade
from collector.schema.postgresql import DAEMON_ROLE, ERASURE_ROLE, statements
from collector.web import problems
from tests.conftest import timelined
from tests.followed import submission
from tests.log_facts import AT, append, fact, told
from tests.postgres import Server, serving
from tests.statements import not_refused
from tests.stories import firing

# ruff: noqa: S608 - tables of our own

FORBIDDEN = (
    *(f"UPDATE {table} SET {column} = {column}" for table, column in
      [("event", "type"), ("delivery", "status"), ("content", "bytes"), ("head", "position")]),
    *(f"DELETE FROM {table}" for table in ("event", "delivery", "head")),
    *(f"TRUNCATE {table}" for table in ("event", "delivery", "content", "head")),
    "INSERT INTO head VALUES (2, 0, 0, 0)",
    "INSERT INTO content VALUES (99, 'x', 'x')",
    "INSERT INTO event SELECT 99, id, 9, amendment, type, source, received_at, occurred_at, delivery, item, content, content_commitment, commitment, leaf FROM event",  # noqa: E501
    "ALTER TABLE event DISABLE TRIGGER ALL",
    "DROP TABLE event",
    "DROP TRIGGER event_refuses_update_delete_truncate ON event",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "SET session_replication_role = replica",
)  # fmt: skip

NO_RIGHT = "permission denied|must be owner"


@pytest.fixture(scope="session")
def roles(postgres: Server) -> Server:
    """A server with the two roles, and somebody who logs in as each."""
    for role, member in ((DAEMON_ROLE, "dora"), (ERASURE_ROLE, "erik")):
        postgres.execute(f"CREATE ROLE {role}")
        postgres.execute(f"CREATE ROLE {member} LOGIN IN ROLE {role}")
    return postgres


@pytest.fixture
async def database(roles: Server) -> str:
    """A database whose owner made the log in it."""
    name = roles.database()
    await upgrade(roles.url(name), [projections.metadata], projections.fitted)
    return name


@pytest.fixture
async def log(roles: Server, database: str) -> AsyncIterator[EventLog]:
    """The log, opened by the daemon's role."""
    opened = await open_log(roles.url(database, "dora"), extra_metadata=[projections.metadata])
    yield opened
    await opened.close()


async def test_the_daemon_appends_and_follows_with_a_role_that_may_not_write_facts(log: EventLog) -> None:
    """Both ways in, repeats, readers, the lease and the projections work without a right to the log's tables."""
    await append(log, told(fact("a")), told(fact("b")))
    await append(log, told(fact("a"), body=b"again", received_at=AT + 1))
    await append(log, told(fact("a", title="early"), received_at=AT - 1))
    correction = fact("b", title="corrected", revision=1, amendment="correction")
    await append(log, Submission(source=PEOPLE, received_at=AT, events=(correction,)))
    assert [event.title for event in await log.read()] == ["a", "b", "early", "corrected"]
    assert await log.lead()
    await log.append([submission(firing("A", 0))])
    lists = projections.open_lists(log, owner=True)
    follower = Follower(lists, log, Rules())
    assert await follower.catch_up() >= 5
    await follower.rebuild()
    assert [row.number for row in await projections.Projections(lists, Rules()).incidents()] == [3, 2, 1]


async def test_the_daemon_may_change_nothing(log: EventLog) -> None:
    """No fact, no head, no trigger, by a role that somebody may have got hold of."""
    await append(log, told(fact("a")))
    assert await not_refused(log, FORBIDDEN, NO_RIGHT) == []
    assert await log.head() == 1


async def test_the_daemon_may_not_remove_content(log: EventLog) -> None:
    """Erasure and retention have a role of their own."""
    await append(log, told(fact("a")))
    with pytest.raises(Unavailable, match="permission denied"):
        await log.transact(lambda c: c.exec_driver_sql("DELETE FROM content"))


async def test_a_table_in_the_way_does_not_redirect_the_owners_functions(log: EventLog) -> None:
    """What runs with the owner's rights finds the owner's tables, whatever the caller put before them."""
    statement = "CREATE TEMPORARY TABLE head AS SELECT 1 AS one, 7 AS position, 7 AS delivery, 7 AS content"
    await log.transact(lambda c: c.exec_driver_sql(statement))
    correction = fact("a", title="corrected", revision=1, amendment="correction")
    (receipt,) = await append(log, told(fact("a")))
    (second,) = await append(log, Submission(source=PEOPLE, received_at=AT, events=(correction,)))
    assert (receipt.items[0].position, second.items[0].position) == (1, 2)


async def test_erasure_may_change_nothing_else(roles: Server, database: str) -> None:
    """Its role is no way around the log either."""
    log = await open_log(roles.url(database, "erik"), extra_metadata=[projections.metadata])
    await append(log, told(fact("a")))
    assert await not_refused(log, FORBIDDEN, NO_RIGHT) == []
    assert await log.head() == 1
    await log.close()


async def test_erasure_removes_content_and_says_so(roles: Server, database: str) -> None:
    """It appends what records the erasure, and deletes contents, in one transaction."""
    log = await open_log(roles.url(database, "erik"), extra_metadata=[projections.metadata])
    (receipt,) = await append(log, told(fact("a"), body=b"a secret"))
    await log.transact(lambda c: c.exec_driver_sql("DELETE FROM content WHERE bytes = ?", (b"a secret",)))
    assert await log.body(receipt.delivery) is None
    await log.close()


async def test_strangers_get_nothing(roles: Server, database: str) -> None:
    """Who has neither role may not even call the functions."""
    roles.execute("CREATE ROLE zoe LOGIN")
    for statement in ("SELECT * FROM lock_head()", "SELECT * FROM event", "SELECT * FROM content"):
        with pytest.raises(Exception, match="permission denied"):
            roles.execute(statement, database, "zoe")
    with pytest.raises(Unavailable, match="permission denied"):
        await open_log(roles.url(database, "zoe"))


async def test_a_role_that_makes_nothing_says_who_has_to(roles: Server) -> None:
    """In an empty database the daemon's role cannot begin; the error says what to do."""
    with pytest.raises(Unavailable, match="owner"):
        await open_log(roles.url(roles.database(), "dora"))


def test_every_function_that_runs_with_the_owners_rights_is_closed_to_the_public() -> None:
    """Each has a search path of its own, and is taken from PUBLIC; what the daemon may not do by itself is in them."""
    whole = statements()
    names = []
    for statement in whole:
        if "SECURITY DEFINER" in statement:
            name = statement.split("FUNCTION ")[1].split("(")[0]
            names.append(name)
            assert 'SET search_path = "public", pg_temp' in statement
            assert f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" in whole
    assert sorted(names) == ["append_numbered", "lock_head"]


async def test_the_file_that_makes_the_roles_makes_what_is_needed() -> None:
    """``config/postgresql/roles.sql``, as it stands: the owner makes the log, and a daemon works in it."""
    statements = Path(__file__).parents[1] / "config" / "postgresql" / "roles.sql"
    with serving() as server:
        copy = server.folder / "roles.sql"
        copy.write_text(statements.read_text("utf-8"), "utf-8")
        server.run("psql", "-X", "-v", "ON_ERROR_STOP=1", "-h", str(server.folder), "-U", "owner", "-d", "postgres",
                   "-f", str(copy))  # fmt: skip
        with pytest.raises(Unavailable, match="not its owner"):
            await open_log(server.url("timelined", "timelined"))
        await upgrade(server.url("timelined", "timelined_owner"), [projections.metadata], projections.fitted)
        log = await open_log(server.url("timelined", "timelined"), extra_metadata=[projections.metadata])
        await append(log, told(fact("a")))
        assert await log.lead()
        with pytest.raises(Unavailable, match="permission denied"):
            await log.transact(lambda c: c.exec_driver_sql("DELETE FROM content"))
        await log.close()


async def test_a_missing_right_to_erase_says_what_to_grant(roles: Server, database: str, tmp_path: Path) -> None:
    """No waiting brings a right: the command ends with 1 and the API with 403, and both say what to grant."""
    log = await open_log(roles.url(database, "dora"), extra_metadata=[projections.metadata])
    (receipt,) = await append(log, told(fact("a")))
    assert await log.lead()
    await Follower(projections.open_lists(log, owner=True), log, Rules()).catch_up()
    await log.close()
    url = roles.url(database, "dora")
    words = ("erase", receipt.items[0].event_id, "--reason", "asked", "--storage.url", url)
    done = await asyncio.to_thread(timelined, *words, cwd=tmp_path)
    assert (done.returncode, "GRANT timelined_erasure TO dora" in done.stderr) == (1, True), done.stderr
    answer = problems.answer(NotPermitted("cannot erase"), "/api/v1/erasures")
    assert (answer.status, "Retry-After" in answer.headers) == (403, False)


async def test_retention_without_its_right_says_so_and_stops_nothing(roles: Server, database: str) -> None:
    """The first pass, which is at the start, names the right; where no age is set nothing is said."""
    log = await open_log(roles.url(database, "dora"), extra_metadata=[projections.metadata])
    with capture_logs() as lines:
        assert await RetentionJob(log, {"x": {"deliveries": 1}}, lambda: AT).run() == 0
    assert any("GRANT timelined_erasure TO dora" in str(line["reason"]) for line in lines)
    assert not await RetentionJob(log, {}, lambda: AT).hindered()
    await log.close()
