"""Backups in a folder: made by the daemon when they are due, the latest few kept, and restored on trial."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from collector import daemon
from collector.backup import backup, folder
from collector.cli import timelined as command_line
from collector.daemon.backing_up import BackupJob
from collector.errors import InvalidSettings
from collector.event import HOUR, SECOND
from collector.proof import upkeep
from collector.settings import load_settings
from tests.conftest import make_log
from tests.processes import Process, alert, eventually, get, post

NOW = 1_700_000_000 * SECOND


def run(*arguments: str) -> Result:
    """What a command comes to."""
    return CliRunner().invoke(command_line, list(arguments))


def path_of(url: str) -> Path:
    """The file of a log."""
    return Path(url.removeprefix("sqlite:///"))


# --- which are kept ---------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=12, unique=True), st.integers(1, 14), st.integers(0, 11),
)  # fmt: skip
def test_the_latest_are_kept_and_the_one_just_made(
    tmp_path_factory: pytest.TempPathFactory, hours: list[int], most: int, choice: int
) -> None:
    """Whatever else lies there stays; a clock that was set back removes nothing that was made just now."""
    backup_folder = tmp_path_factory.mktemp("kept")
    paths = [folder.path_at(backup_folder, at * HOUR) for at in hours]
    for path in [*paths, backup_folder / "timelined-monday.db", backup_folder / "notes"]:
        path.touch()
    newest = paths[choice % len(paths)]
    removed = folder.keep(newest, most)
    left = [found.path for found in folder.backups(backup_folder)]
    assert newest in left
    assert len(left) == min(most, len(paths))
    others = sorted(set(paths) - {newest})
    assert left == sorted({newest, *others[len(others) - len(left) + 1 :]})
    assert sorted([*removed, *left]) == sorted(paths)
    assert {"timelined-monday.db", "notes"} <= {path.name for path in backup_folder.iterdir()}


def test_what_a_killed_run_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    """Nobody else would ever remove it: each run has a name of its own."""
    made_now, stale, unfinished = (folder.path_at(tmp_path, NOW + hours * HOUR) for hours in range(3))
    made_now.touch()
    for path in (stale, unfinished):
        path.with_name(f"{path.name}.partial").touch()
    with unfinished.with_name(f"{unfinished.name}.partial").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        folder.keep(made_now, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [made_now.name, f"{unfinished.name}.partial"]


def test_a_command_makes_them_and_keeps_as_many_as_it_is_told(empty_log: str, tmp_path: Path) -> None:
    """Into a folder that is there; a file takes its own name, and has nothing to keep."""
    backup_folder = tmp_path / "backups"
    refused = run("backup", str(backup_folder), "--keep", "2", "--storage.url", empty_log)
    assert (refused.exit_code, "it is no folder; make it" in refused.output) == (1, True), refused.output
    backup_folder.mkdir()
    old = [folder.path_at(backup_folder, NOW - hours * HOUR) for hours in (1, 2)]
    for path in old:
        path.touch()
    done = run("backup", str(backup_folder), "--keep", "2", "--storage.url", empty_log, "-o", "json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["removed"] == [str(old[1])]
    assert [found.path for found in folder.backups(backup_folder)] == [old[0], Path(told["path"])]


# --- restored on trial ------------------------------------------------------------------------------------------------


@pytest.fixture
def backup_folder(empty_log: str, tmp_path: Path) -> Path:
    """A folder with one backup of a log."""
    (tmp_path / "backups").mkdir()
    backup(path_of(empty_log), folder.path_at(tmp_path / "backups", NOW))
    return tmp_path / "backups"


def test_a_backup_is_restored_on_trial(backup_folder: Path, empty_log: str, tmp_path: Path) -> None:
    """The latest in a folder: what it holds, and how much the log has since. Neither of the two is written to."""
    assert run("open", "Search is down", "--service", "search", "--storage.url", empty_log).exit_code == 0
    latest = folder.path_at(backup_folder, NOW + HOUR)
    backup(path_of(empty_log), latest)
    assert run("note", "1", "Shards are back.", "--storage.url", empty_log).exit_code == 0
    content = latest.read_bytes()
    tried = run("backup", "verify", str(backup_folder), "--storage.url", empty_log, "-o", "json")
    assert tried.exit_code == 0, tried.output
    told = json.loads(tried.stdout)
    assert (told["path"], told["incident"], told["behind"] > 0) == (str(latest), 1, True)
    assert told["draft"] > 500
    assert latest.read_bytes() == content
    assert upkeep.read(Path(f"{path_of(empty_log)}.proof"))["restore"].well
    elsewhere = run("backup", "verify", str(latest), "--storage.url", f"sqlite:///{tmp_path / 'none.db'}")
    assert (elsewhere.exit_code, "Newest incident" in elsewhere.output) == (0, True), elsewhere.output
    assert "since" not in elsewhere.output
    assert not (tmp_path / "none.db").exists()


def _of_another_log(latest: Path) -> None:
    log = latest.with_name("other.db")
    url = f"sqlite:///{log}"
    make_log(url)
    assert run("open", "Another", "--service", "x", "--storage.url", url).exit_code == 0
    latest.unlink()
    backup(log, latest)


def _cut(latest: Path) -> None:
    os.truncate(latest, latest.stat().st_size // 2)


@pytest.mark.parametrize(("how", "sentence"), [(_of_another_log, "it is of another log"), (_cut, "")])
def test_what_is_no_backup_of_the_log_is_named(
    how: Callable[[Path], None], sentence: str, backup_folder: Path, empty_log: str
) -> None:
    """With the exit code of damage or of what cannot be read; and word is left that it did not go well."""
    how(folder.latest(backup_folder))
    tried = run("backup", "verify", str(folder.latest(backup_folder)), "--storage.url", empty_log)
    assert tried.exit_code in (4, 6), tried.output
    assert sentence in tried.output
    assert not upkeep.read(Path(f"{path_of(empty_log)}.proof"))["restore"].well


def test_a_folder_without_one_is_named(tmp_path: Path, empty_log: str) -> None:
    """And so is a command that names none."""
    tried = run("backup", "verify", str(tmp_path), "--storage.url", empty_log)
    assert (tried.exit_code, f"cannot find a backup in {tmp_path}" in tried.output) == (3, True)
    tried = run("backup", "verify", str(tmp_path / "monday"), "--storage.url", empty_log)
    assert (tried.exit_code, f"cannot try the backup {tmp_path / 'monday'}" in tried.output) == (3, True)
    tried = run("backup", "verify", "--storage.url", empty_log)
    assert (tried.exit_code, "backup.dir is not set" in tried.output) == (1, True)


# --- by the daemon ----------------------------------------------------------------------------------------------------


def _job(url: str, where: Path, clock: Callable[[], int]) -> tuple[BackupJob, Path]:
    settings = load_settings(None, {}, {"storage.url": url})
    wanted = msgspec.structs.replace(settings.backup, dir=str(where), every=HOUR, keep=2)
    beside = daemon.proof_folder_of(settings).folder
    return BackupJob(msgspec.structs.replace(settings, backup=wanted), beside, clock), beside


async def test_a_backup_is_made_when_it_is_due(empty_log: str, tmp_path: Path) -> None:
    """By the age of the latest, whoever made it, so that starts and other daemons make none too many."""
    backup_folder = tmp_path / "backups"
    clock = [daemon.wall_clock()]
    job, beside = _job(empty_log, backup_folder, lambda: clock[0])
    assert await job.run() is True
    assert await job.run() is None
    (made_file,) = folder.backups(backup_folder)
    assert upkeep.read(beside)["backup"].well
    # What is dated after now says nothing of when the last was made.
    made_file.path.rename(folder.path_at(backup_folder, clock[0] + 48 * HOUR))
    assert await job.run() is True
    clock[0] += HOUR // 2
    assert await job.run() is None
    assert len(folder.backups(backup_folder)) == 2


async def test_a_backup_that_fails_is_said_and_tried_again(empty_log: str, tmp_path: Path) -> None:
    """After a pause, or when the clock is set back; when the last good one was made stays known."""
    backup_folder = tmp_path / "backups"
    clock = [daemon.wall_clock()]
    job, beside = _job(empty_log, backup_folder, lambda: clock[0])
    backup_folder.write_text("a file in the way")
    assert await job.run() is False
    assert (upkeep.read(beside)["backup"].well, upkeep.read(beside)["backup"].at) == (False, 0)
    backup_folder.unlink()
    assert await job.run() is False, "what waits to be tried again is not done"
    assert not backup_folder.exists()
    backup_folder.write_text("a file in the way")
    clock[0] -= 24 * HOUR
    assert await job.run() is False
    backup_folder.unlink()
    clock[0] += HOUR
    assert await job.run() is True
    good = upkeep.read(beside)["backup"]
    assert good.well
    path_of(empty_log).rename(tmp_path / "away.db")
    clock[0] += 2 * HOUR
    assert await job.run() is False
    assert upkeep.read(beside)["backup"] == upkeep.Upkeep(good.at, False, good.position)


def test_a_daemon_backs_up_and_says_so(process: Process, tmp_path: Path) -> None:
    """In /-/ready, /metrics, status and doctor; the backup restores."""
    backup_folder = tmp_path / "backups"
    (tmp_path / "timelined.yml").write_text(f"backup: {{dir: {backup_folder}, every: 1h}}\n")
    url = "sqlite:///data/timelined.db"
    address = process.start("--config.file", "timelined.yml", "--storage.url", url)
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    at = eventually(lambda: get(f"{address}/-/ready")["backup"])
    with urllib.request.urlopen(f"{address}/metrics") as answer:  # noqa: S310 - our own
        told = answer.read().decode()
    assert "timelined_last_backup_success 1.0" in told
    assert 'timelined_job_runs_total{outcome="done",task="backup"}' in told
    where = ["--storage.url", f"sqlite:///{tmp_path}/data/timelined.db"]
    assert at[11:16] in next(line for line in run("status", *where).output.splitlines() if "Last backup" in line)
    found = json.loads(run("doctor", *where, "-o", "json").stdout)["findings"]
    assert [each["well"] for each in found if each["what"] == "backup"] == [True]
    tried = run("backup", "verify", str(backup_folder), *where)
    assert (tried.exit_code, "The log has since" in tried.output) == (0, True), tried.output
    assert process.end(signal.SIGTERM) == 0


def test_postgresql_is_not_for_this_job(tmp_path: Path) -> None:
    """It is said before a daemon starts that would fail at it once a day."""
    (tmp_path / "timelined.yml").write_text("backup: {dir: /backups}\n")
    environ = {"TIMELINED_STORAGE_URL": "postgresql://db.example.com/timelined"}
    with pytest.raises(InvalidSettings, match=r"backup\.dir is set, and storage\.url names PostgreSQL"):
        load_settings(tmp_path / "timelined.yml", environ)
