"""``timelined db compact``: the same log in smaller files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner, Result

from collector.cli import output, timelined
from tests.conftest import Played
from tests.processes import Process


def run(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(timelined, list(arguments))


def test_a_file_with_room_of_removed_rows_becomes_smaller_and_is_the_same_log(played: Played, tmp_path: Path) -> None:
    """The room is given back, and verify finds the log as it was."""
    before = Path(played.url.removeprefix("sqlite:///"))
    for file in before.parent.glob(f"{before.name}*"):
        (shutil.copytree if file.is_dir() else shutil.copy)(file, tmp_path / file.name)
    path, url = tmp_path / before.name, f"sqlite:///{tmp_path / before.name}"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ballast AS SELECT randomblob(400000) AS x")
        connection.execute("DROP TABLE ballast")
        connection.commit()
    large = path.stat().st_size
    done = run("db", "compact", "--storage.url", url)
    assert done.exit_code == 0, done.stderr
    assert path.stat().st_size <= large - 400_000
    assert run("verify", "--lists", "--storage.url", url).exit_code == 0
    assert run("incidents", "--storage.url", url).stdout == run("incidents", "--storage.url", played.url).stdout


def test_nothing_is_compacted_under_a_daemon_or_where_nothing_is(tmp_path: Path, process: Process) -> None:
    """The daemon is named; no file is made."""
    url = f"sqlite:///{tmp_path}/log.db"
    address = process.start("--storage.url", url)
    refused = run("db", "compact", "--storage.url", url)
    assert refused.exit_code == output.UNAVAILABLE
    assert address in refused.stderr
    missing = run("db", "compact", "--storage.url", f"sqlite:///{tmp_path}/none.db")
    assert missing.exit_code == output.NOT_FOUND
    assert not (tmp_path / "none.db").exists()
