"""Backups of files of earlier versions, and what verifying says of them."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector import cli
from collector.backup import before_upgrade
from collector.errors import LogDamaged, Unavailable
from collector.log import HEAD, sqlite
from collector.schema import migrations
from tests.earlier import REVISIONS, change, made, made_events, opened, unpacked
from tests.processes import PROJECT

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
    code, output = run("verify", "--storage.url", f"sqlite:///{path}")
    assert code == 6
    assert "position 3" in output
    code, output = run("backup", str(tmp_path / "backup.db"), "--storage.url", f"sqlite:///{path}")
    assert (code, (tmp_path / "backup.db").exists()) == (6, False), output
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
    code, output = run("db", "upgrade", "--storage.url", f"sqlite:///{path}")
    assert code == 4
    assert "database or disk is full" in output
    assert "timelined db upgrade --without-copy" in output
    assert made_events(path) == events
    assert sqlite.schema_of(path).behind
    assert run("db", "upgrade", "--without-copy", "--storage.url", f"sqlite:///{path}")[0] == 0
    assert sqlite.schema_of(path) == migrations.Schema(HEAD)


def test_the_notes_on_upgrading_have_each_release_and_the_newest_schema() -> None:
    """Each heading of the changelog; what a revision is called in a file's name is a revision that there was."""
    notes = (PROJECT / "docs" / "upgrading.md").read_text("utf-8")
    releases = re.findall(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert re.findall(r"^## (.+)$", notes, re.MULTILINE) == ["Every release", *releases]
    assert f"The schema is revision {HEAD}." in notes.partition("\n## Unreleased\n")[2]
    assert set(re.findall(r"timelined\.db\.(\d{4})", notes)) <= set(EARLIER)
