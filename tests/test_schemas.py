"""The schema of the log over time: its revisions, what each version does with each of them, and its lists.

``tests/schemas`` holds a database file of every revision and the draft it
replays to. ``python -m tests.test_schemas`` makes the file of the newest
revision where there is none, and writes the drafts anew; a file that is there
is never made again. The one of 0001 was written by timelined 0.1.0.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import msgspec
import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import Column, Index, MetaData, Text, create_engine

from collector import cli, daemon, projections
from collector.backup import before_upgrade
from collector.errors import LogDamaged, Unavailable
from collector.follower import Follower
from collector.log import HEAD, EventLog, migrations, open_log, sqlite, tables
from collector.log.migrations.running import config
from collector.projections import shape
from collector.settings import Drafts, Settings, Storage, Web
from collector.verification.verify import Beyond, verify
from renderers.document import Options
from tests import lists as lists_of
from tests.conftest import timelined
from tests.scenario import Story, drafts, played, submission, tell

SCHEMAS = Path(__file__).parent / "schemas"
STORY = "deploy-rolled-back"
REVISIONS = [f"{number:04}" for number in range(1, int(HEAD) + 1)]


def unpacked(revision: str, folder: Path) -> Path:
    """A database file as the version of that revision left it."""
    path = folder / "timelined.db"
    path.write_bytes(gzip.decompress((SCHEMAS / f"{revision}.db.gz").read_bytes()))
    return path


def change(path: Path, *statements: str) -> None:
    """What another program, or another version, does to a file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def at_revision(revision: str) -> str:
    """What marks a database as being at a revision."""
    return f"UPDATE alembic_version SET version_num = '{revision}'"  # noqa: S608 - ours


def made(path: Path) -> dict[str, str]:
    """Everything a database file holds by name, and the words it was made with, white space apart."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: "".join(sql.split()) for name, sql in rows}


def made_events(path: Path) -> list[tuple[object, ...]]:
    """Every event of a file, as it stands there; making lists anew adds none."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            """SELECT position, id, revision, amendment, type, source, received_at, occurred_at, delivery, item, content
            FROM event ORDER BY position"""
        ).fetchall()


@asynccontextmanager
async def opened(path: Path, *, writable: bool = True) -> AsyncIterator[EventLog]:
    """A log for the length of a block."""
    log = await open_log(f"sqlite:///{path}", writable=writable, keep_copy=before_upgrade)
    try:
        yield log
    finally:
        await log.close()


async def replayed(path: Path, story: Story) -> list[str]:
    """The drafts of what a file holds, after whatever upgrading this version does."""
    async with played([], story.rules, path) as lists:
        return await drafts(lists, Options(zone=story.zone))


# The revisions


def test_head_is_the_newest_revision() -> None:
    """The constant that a start compares with, so that it need not load Alembic, is what ``versions/`` ends with."""
    scripts = ScriptDirectory.from_config(config())
    assert scripts.get_heads() == [HEAD]
    assert sorted(script.revision for script in scripts.walk_revisions()) == REVISIONS


def test_every_revision_has_a_file_and_a_draft() -> None:
    """No schema is released without a database of it that later versions are held to."""
    kept = {path.name for path in SCHEMAS.iterdir()}
    assert kept == {name for revision in REVISIONS for name in (f"{revision}.db.gz", f"{revision}.md")}


async def test_the_revisions_make_what_the_tables_describe(tmp_path: Path) -> None:
    """``tables.py`` shows the schema as it is now, triggers included; nobody has to add the revisions up."""
    async with opened(tmp_path / "migrated.db"):
        pass
    with create_engine(f"sqlite:///{tmp_path / 'described.db'}").begin() as connection:
        tables.metadata.create_all(connection)
        for trigger in tables.TRIGGERS:
            connection.exec_driver_sql(trigger)
    connection.engine.dispose()
    migrated = made(tmp_path / "migrated.db")
    assert migrated.pop("alembic_version")
    assert migrated == made(tmp_path / "described.db")


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_file_of_every_schema_replays_to_the_same_draft(revision: str, tmp_path: Path) -> None:
    """What any released version stored is opened, upgraded and rendered to the bytes that were approved."""
    path = unpacked(revision, tmp_path)
    events = made_events(path)
    assert await replayed(path, tell(STORY)) == [(SCHEMAS / f"{revision}.md").read_text("utf-8")]
    async with opened(path, writable=False) as log:
        assert await log.query(migrations.schema) == migrations.Schema(HEAD)
    assert made_events(path) == events


@pytest.mark.parametrize("revision", REVISIONS)
async def test_what_was_upgraded_verifies(revision: str, tmp_path: Path) -> None:
    """Every commitment and leaf is what this version computes out of what an earlier one stored."""
    async with opened(unpacked(revision, tmp_path)) as log:
        verdict = await log.query(lambda connection: verify(connection, beyond=Beyond()))
    assert (verdict.differences, verdict.size) == ((), len(made_events(tmp_path / "timelined.db")))


@pytest.mark.parametrize("revision", REVISIONS)
async def test_an_upgraded_file_has_the_schema_of_a_new_one(revision: str, tmp_path: Path) -> None:
    """No index, trigger or column is lost or left on the way."""
    (tmp_path / "new").mkdir()
    async with opened(unpacked(revision, tmp_path)), opened(tmp_path / "new" / "timelined.db"):
        pass
    upgraded, new = made(tmp_path / "timelined.db"), made(tmp_path / "new" / "timelined.db")
    assert {name: upgraded.get(name) for name in new} == new


def cut(*_: object) -> None:
    """The last step of opening a file fails, after the upgrade."""
    raise KeyboardInterrupt


async def test_an_upgrade_that_is_cut_off_never_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong up to the commit, the file is at the revision it was at, and the next try succeeds."""
    path = unpacked("0001", tmp_path)
    before = made(path)
    monkeypatch.setattr(sqlite, "_agree", cut)
    with pytest.raises(KeyboardInterrupt):
        await open_log(f"sqlite:///{path}")
    monkeypatch.undo()
    assert made(path) == before
    assert sqlite.schema_of(path) == migrations.Schema("0001", stamped=False)
    async with opened(path):
        assert sqlite.schema_of(path) == migrations.Schema(HEAD)


# What is found decides


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER event_refuses_update",
        "DROP INDEX event_id_revision",
        "ALTER TABLE event ADD COLUMN x TEXT",
        "DROP TABLE repeat",
    ],
)
async def test_what_0_1_0_did_not_make_is_not_adopted(statement: str, tmp_path: Path) -> None:
    """A file without a revision is taken for one of 0.1.0 only if it is one; the message names what differs."""
    path = unpacked("0001", tmp_path)
    change(path, statement)
    name = re.findall(r"TRIGGER (\w+)|INDEX (\w+)|TABLE (\w+)", statement)[0]
    for _ in range(2):
        with pytest.raises(LogDamaged, match=f"its {''.join(name)} is"):
            await open_log(f"sqlite:///{path}")


@pytest.mark.parametrize("revision", ["0999", "a-branch-of-somebody"])
async def test_a_later_schema_is_read_and_never_written(revision: str, tmp_path: Path) -> None:
    """An older version refuses to write, naming both revisions, and lets the lock go; reading goes on."""
    path = tmp_path / "timelined.db"
    story = tell(STORY)
    async with played([submission(arrival) for arrival in story.arrivals], story.rules, path):
        pass
    change(path, at_revision(revision))
    for _ in range(2):
        with pytest.raises(Unavailable, match=f"revision {revision} and this version knows up to {HEAD}; upgrade time"):
            await open_log(f"sqlite:///{path}")
    async with opened(path, writable=False) as log:
        assert await log.read()
    shown = await asyncio.to_thread(timelined, "incidents", "--storage.url", f"sqlite:///{path}", cwd=tmp_path)
    assert (shown.returncode, "HighErrorRate" in shown.stdout) == (0, True)


async def test_an_earlier_schema_is_not_read(tmp_path: Path) -> None:
    """Reading could miss what it looks for; the message says what to do."""
    path = tmp_path / "timelined.db"
    async with opened(path):
        change(path, at_revision("0000"))
        with pytest.raises(Unavailable, match=f"is revision 0000 and this version needs {HEAD}; run `timelined db up"):
            await open_log(f"sqlite:///{path}", writable=False)


async def test_0_1_0_refuses_what_a_later_schema_holds(tmp_path: Path) -> None:
    """It knows no revisions and looks at the file's user_version, which goes with them."""
    async with opened(unpacked("0001", tmp_path)) as log:
        assert await log.query(lambda c: c.exec_driver_sql("PRAGMA user_version").scalar()) == int(HEAD)


async def test_a_start_with_nothing_to_upgrade_does_not_load_alembic(tmp_path: Path) -> None:
    """Every command that writes opens the log; the tenth of a second it takes to load would be felt."""
    async with opened(tmp_path / "timelined.db"):
        pass
    program = (
        "import asyncio, sys, collector.cli; from collector.log import open_log; asyncio.run(open_log(sys.argv[1])); "
        "print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'timelined.db'}"]
    done = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=SCHEMAS.parent.parent)
    out, _ = await done.communicate()
    assert out.split() == [b"False"]


# The commands, and the daemon


def test_the_commands_show_and_upgrade(tmp_path: Path) -> None:
    """A file of 0.1.0 is unmarked, then current; a second upgrade has nothing to do; a later one is only shown."""
    url = f"sqlite:///{unpacked('0001', tmp_path)}"

    def ran(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli.timelined, ["db", *words, "--storage.url", url])
        return done.exit_code, done.stdout

    assert "unmarked" in ran("current")[1]
    assert ran("upgrade") == (0, f"0001, unmarked -> {HEAD}\n")
    assert ran("upgrade") == (0, "")
    found = msgspec.json.decode(ran("current", "-o", "json")[1])
    assert found == {"revision": HEAD, "head": HEAD, "state": "current"}
    change(tmp_path / "timelined.db", at_revision("0999"))
    assert "ahead" in ran("current")[1]
    assert ran("upgrade")[0] == cli.output.UNAVAILABLE


async def test_ready_says_that_the_schema_is_not_ours(tmp_path: Path) -> None:
    """Another version upgraded the database under a running daemon: 503 with both revisions, until they agree again."""
    path = tmp_path / "timelined.db"
    settings = Settings(
        web=Web(listen_address="127.0.0.1:0"),
        storage=Storage(url=f"sqlite:///{path}"),
        drafts=Drafts(dir=str(tmp_path / "drafts")),
    )
    async with daemon.running(settings) as running, aiohttp.ClientSession() as session:

        async def ready() -> tuple[int, str]:
            async with session.get(f"{running.address}/-/ready") as answer:
                return answer.status, (await answer.json())["reason"]

        assert await ready() == (200, "")
        for revision, said in (
            ("0999", "revision 0999 and this version knows up to"),
            ("0000", "revision 0000 and th"),
        ):
            change(path, at_revision(revision))
            status, reason = await ready()
            assert (status, said in reason) == (503, True)
        change(path, at_revision(HEAD))
        assert await ready() == (200, "")


# The lists, which are not migrated


async def test_lists_of_another_shape_are_made_anew(tmp_path: Path) -> None:
    """A table that changed, in whatever way, is dropped and filled from the log; numbers and drafts stay the same."""
    path, story = tmp_path / "timelined.db", tell("rollback-breaks-something-else")
    async with played([submission(arrival) for arrival in story.arrivals], story.rules, path) as lists:
        before = [(row.number, row.key, row.title) for row in await lists.incidents()]
        texts = await drafts(lists, Options(zone=story.zone))
    assert len(before) > 1
    events = made_events(path)
    for damage in (
        ["ALTER TABLE membership RENAME COLUMN rule TO law"],
        ["DROP TABLE incident", "CREATE TABLE incident (number TEXT)"],
        ["ALTER TABLE incident_number ADD COLUMN more TEXT"],
        ["DROP TABLE shape"],
    ):
        another = ["UPDATE shape SET digest = 'another'"] if "shape" not in damage[0] else []
        change(projections.lists_path(path), *damage, *another)
        async with played([], story.rules, path) as lists:
            assert [(row.number, row.key, row.title) for row in await lists.incidents()] == before
            assert await drafts(lists, Options(zone=story.zone)) == texts
    assert made_events(path) == events


async def test_lists_of_the_same_shape_are_left_alone(tmp_path: Path) -> None:
    """A second start goes on where the first one stopped."""
    path, story = tmp_path / "timelined.db", tell(STORY)
    async with played([submission(arrival) for arrival in story.arrivals], story.rules, path):
        pass
    async with lists_of.opened(path) as (log, base):
        assert await base.query(shape.fits)
        change(projections.lists_path(path), "INSERT INTO ignored VALUES ('a mark', 'of the first')")
        await Follower(base, log, story.rules).catch_up()
        assert await base.query(lambda c: c.exec_driver_sql("SELECT count(*) FROM ignored").scalar()) == 1


@pytest.mark.parametrize("what", ["a column", "an index", "the values", "what is packed"])
def test_every_change_of_the_lists_gives_another_shape(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changes a table, or what is packed into one, need not remember to say so."""
    with create_engine("sqlite://").connect() as connection:
        before = shape.digest(connection)
        assert shape.digest(connection) == before
        if what == "the values":
            monkeypatch.setattr(shape, "CONTENT", "another")
        elif what == "what is packed":
            monkeypatch.setattr(shape, "Unit", msgspec.defstruct("Unit", [("uid", str)]))
        else:
            other = MetaData()
            for table in projections.metadata.sorted_tables:
                table.to_metadata(other)
            column = Column("more", Text) if what == "a column" else other.tables["signal"].c.last
            other.tables["signal"].append_column(column) if what == "a column" else Index("more", column)
            monkeypatch.setattr(shape, "metadata", other)
        assert shape.digest(connection) != before
    connection.engine.dispose()


async def test_lists_in_the_logs_own_file_are_dropped_and_made_beside_it(tmp_path: Path) -> None:
    """A file of a version that kept both in one: nothing of the lists stays in the log, and numbers are as before."""
    path = unpacked("0004", tmp_path)
    former = {"cursor", "event_index", "incident", "incident_number", "signal", "outbox"}
    assert former <= made(path).keys()
    settings = Settings(
        web=Web(listen_address="127.0.0.1:0"),
        storage=Storage(url=f"sqlite:///{path}"),
        drafts=Drafts(dir=str(tmp_path / "drafts")),
    )
    async with (
        daemon.running(settings) as running,
        aiohttp.ClientSession() as session,
        session.get(f"{running.address}/api/v1/incidents/1") as answer,
    ):
        assert (answer.status, (await answer.json())["title"]) == (200, "checkout: HighErrorRate")
    assert not former & made(path).keys()
    assert former <= made(projections.lists_path(path)).keys()


async def test_a_reader_does_not_show_lists_of_another_shape(tmp_path: Path) -> None:
    """A command of this version beside a daemon says so, instead of showing what it misreads; alone it makes some."""
    path = unpacked(HEAD, tmp_path)
    await replayed(path, tell(STORY))
    change(projections.lists_path(path), "UPDATE shape SET digest = 'another'")
    url = f"sqlite:///{path}"
    alone = await asyncio.to_thread(timelined, "incidents", "--storage.url", url, cwd=tmp_path)
    assert (alone.returncode, "HighErrorRate" in alone.stdout) == (0, True)
    assert "This log has no lists" in alone.stderr
    async with opened(path) as log:
        log.announce("http://127.0.0.1:1")
        shown = await asyncio.to_thread(timelined, "incidents", "--storage.url", url, cwd=tmp_path)
    assert shown.returncode == cli.output.UNAVAILABLE
    assert "its lists are not those of this version" in shown.stderr


async def write() -> None:
    """The file of the newest revision where there is none, and the draft of each as it is now."""
    story = tell(STORY)
    newest = SCHEMAS / f"{HEAD}.db.gz"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        if not newest.exists():
            async with played([submission(arrival) for arrival in story.arrivals], story.rules, path):
                pass
            newest.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        for revision in REVISIONS:
            (draft,) = await replayed(unpacked(revision, Path(folder)), story)
            (SCHEMAS / f"{revision}.md").write_text(draft, "utf-8")


if __name__ == "__main__":
    asyncio.run(write())


# Backups, and files of earlier versions

EARLIER = [revision for revision in REVISIONS if revision != HEAD]
ALTERED = (
    "UPDATE event SET received_at = received_at + 1 WHERE position = 3",
    "UPDATE content SET bytes = x'00' WHERE number = (SELECT content FROM event WHERE position = 3)",
    "DELETE FROM event WHERE position = 3",
)


def run(*arguments: str) -> tuple[int, str]:
    """How a command ends, and what it prints."""
    done = CliRunner().invoke(cli.timelined, arguments)
    return done.exit_code, done.output + done.stderr


def lying(folder: Path) -> list[str]:
    """The names of what lies in a folder, but for what SQLite's readers leave."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm")))


@pytest.mark.parametrize("revision", EARLIER)
def test_an_earlier_file_verifies_as_what_it_is(revision: str, tmp_path: Path) -> None:
    """Nobody reads of damage in the middle of an upgrade; and nothing is changed in the file by looking."""
    path = unpacked(revision, tmp_path)
    before = path.read_bytes()
    code, said = run("verify", "--storage.url", f"sqlite:///{path}")
    assert code == 0, said
    assert "The schema is an earlier one" in said
    assert path.read_bytes() == before
    assert lying(tmp_path) == ["timelined.db"]


@pytest.mark.parametrize("revision", EARLIER)
@pytest.mark.parametrize("statement", ALTERED)
def test_an_earlier_file_that_was_altered_is_found(revision: str, statement: str, tmp_path: Path) -> None:
    """By verify, which names it; and neither a backup nor an upgrade is made of it."""
    path = unpacked(revision, tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
    code, said = run("verify", "--storage.url", f"sqlite:///{path}")
    assert code == 6
    assert "position 3" in said
    code, said = run("backup", str(tmp_path / "backup.db"), "--storage.url", f"sqlite:///{path}")
    assert (code, (tmp_path / "backup.db").exists()) == (6, False), said
    with pytest.raises(LogDamaged, match="no copy of it could be kept before"):
        sqlite.SqliteLog(path, keep_copy=before_upgrade)
    assert not list(tmp_path.glob("timelined.db.0*"))


@pytest.mark.parametrize("revision", EARLIER)
def test_an_earlier_file_is_backed_up_as_it_is(revision: str, tmp_path: Path) -> None:
    """The backup is a file that the earlier version opens."""
    path = unpacked(revision, tmp_path)
    events = made_events(path)
    target = tmp_path / "backup.db"
    code, said = run("backup", str(target), "--storage.url", f"sqlite:///{path}")
    assert code == 0, said
    assert (made(target), made_events(target)) == (made(path), events)
    assert sqlite.schema_of(target) == sqlite.schema_of(path)
    assert lying(tmp_path) == ["backup.db", "timelined.db"]


@pytest.mark.parametrize("revision", EARLIER)
async def test_an_upgrade_keeps_a_copy(revision: str, tmp_path: Path) -> None:
    """Verified, named after the revision, for the owner alone; once, unless the log went on from it."""
    path, copy = unpacked(revision, tmp_path), tmp_path / f"timelined.db.{revision}"
    before = made(path), made_events(path)
    async with opened(path):
        pass
    assert (made(copy), made_events(copy)) == before
    assert copy.stat().st_mode & 0o777 == 0o600
    # The same file again, as after an upgrade that was cut off.
    unpacked(revision, tmp_path)
    async with opened(path):
        pass
    assert [name for name in lying(tmp_path) if name.startswith("timelined.db.0")] == [copy.name]
    unpacked(revision, tmp_path)
    change(path, "UPDATE head SET content = content + 1")
    with pytest.raises(LogDamaged):
        sqlite.SqliteLog(path, keep_copy=before_upgrade)
    (tmp_path / f"timelined.db.{revision}").write_bytes(b"another file")
    unpacked(revision, tmp_path)
    async with opened(path):
        pass
    assert (made(tmp_path / f"timelined.db.{revision}-2"), (tmp_path / f"timelined.db.{revision}").read_bytes()) == (
        before[0],
        b"another file",
    )


@pytest.mark.parametrize("revision", EARLIER)
def test_an_upgrade_without_room_for_a_copy_says_what_to_do(
    revision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The file is left as it was; who has a backup elsewhere upgrades without a copy."""
    path = unpacked(revision, tmp_path)
    events = made_events(path)

    def no_room(source: Path, revision: str) -> Path:
        raise Unavailable("cannot back up: database or disk is full")

    monkeypatch.setattr("collector.backup.before_upgrade", no_room)
    code, said = run("db", "upgrade", "--storage.url", f"sqlite:///{path}")
    assert code == 4
    assert "database or disk is full" in said
    assert "timelined db upgrade --without-copy" in said
    assert made_events(path) == events
    assert sqlite.schema_of(path).behind
    assert run("db", "upgrade", "--without-copy", "--storage.url", f"sqlite:///{path}")[0] == 0
    assert sqlite.schema_of(path) == migrations.Schema(HEAD)
