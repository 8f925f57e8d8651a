"""The schema of the log over time: its revisions, and what each version does with each of them.

``tests/schemas`` holds a database file of every revision and the draft it
replays to. ``python -m tests.test_schemas`` makes the file of the newest
revision where there is none, and writes the drafts anew; a file that is there
is never made again. The one of 0001 was written by timelined 0.1.0.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
import tempfile
from pathlib import Path

import aiohttp
import msgspec
import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import create_engine

from collector import cli, daemon
from collector.cli.output import UNAVAILABLE
from collector.errors import LogDamaged, Unavailable
from collector.log import HEAD, open_log, sqlite
from collector.schema import migrations, tables
from collector.schema.migrations.running import config
from collector.settings import Drafts, Settings, Storage, Web
from collector.verification.verify import Beyond, verify
from tests.conftest import timelined
from tests.earlier import REVISIONS, SCHEMAS, STORY, at_revision, change, made, made_events, opened, replayed, unpacked
from tests.scenario import played, submission, tell

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
    assert ran("upgrade")[0] == UNAVAILABLE


async def test_ready_says_that_the_schema_is_not_ours(tmp_path: Path) -> None:
    """Another version upgraded the database under a running daemon: 503 with both revisions, until they agree again."""
    path = tmp_path / "timelined.db"
    settings = Settings(
        web=Web(listen_address=("127.0.0.1:0",)),
        storage=Storage(url=f"sqlite:///{path}"),
        drafts=Drafts(dir=str(tmp_path / "drafts")),
    )
    async with daemon.running(settings) as running, aiohttp.ClientSession() as session:

        async def ready() -> tuple[int, str]:
            async with session.get(f"{running.address}/-/ready") as answer:
                return answer.status, (await answer.json())["reason"]

        assert await ready() == (200, "")
        for revision, sentence in (
            ("0999", "revision 0999 and this version knows up to"),
            ("0000", "revision 0000 and th"),
        ):
            change(path, at_revision(revision))
            status, reason = await ready()
            assert (status, sentence in reason) == (503, True)
        change(path, at_revision(HEAD))
        assert await ready() == (200, "")


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
