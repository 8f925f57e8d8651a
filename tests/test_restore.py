"""Restoring, and losses: what was acknowledged and is missing is said on any machine, by processes over real files."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from collector.cli import output
from tests.copies import URL, facts, run, take
from tests.postgres import Server
from tests.processes import Process, get


def refused(folder: Path, url: str = URL) -> str:
    """Why the daemon does not start."""
    served = run(folder, "serve", "--web.listen-address", "127.0.0.1:0", url=url)
    assert served.returncode == output.DAMAGED, served.stderr
    return served.stderr


@pytest.fixture
def old(process: Process, tmp_path: Path) -> Path:
    """A machine that was lost: a backup (``monday.db``) and 20 deliveries acknowledged after it."""
    address = process.start("--storage.url", URL)
    take(address, *range(1, 6))
    made = run(tmp_path, "backup", "monday.db")
    assert made.returncode == 0, made.stderr
    take(address, *range(10, 30))
    process.end(signal.SIGKILL)
    return tmp_path


def acknowledged(folder: Path) -> int:
    """The last position of the record beside the database."""
    lines = (folder / "data" / "timelined.db.proof" / "acknowledged").read_bytes()
    return max(int(lines[at : at + 20]) for at in (0, 103))


def test_a_restore_says_what_is_lost_and_goes_on_once_that_is_accepted(old: Path, process: Process) -> None:
    """In the place of the old file: an exact number, a refused start, one command, and then all is well again."""
    restored = run(old, "restore", "monday.db", "--move-aside", "-o", "json")
    reported = facts(restored)
    missing = acknowledged(old) - reported["position"]
    assert restored.returncode == output.DAMAGED
    assert f"{missing} lost" in reported["lost"]
    assert all(Path(old, path).exists() for path in reported["moved"])
    assert f"{missing} lost" in refused(old)
    accepted = run(old, "accept-loss")
    assert (accepted.returncode, f"{missing} lost" in accepted.stderr) == (0, True), accepted.stderr

    address = process.start("--storage.url", URL)
    take(address, *range(10, 15))
    ready = get(f"{address}/-/ready")
    assert (ready["ready"], ready["sealing"], f"{missing} lost" in ready["lost"]) == (True, "well", True)
    assert process.end(signal.SIGTERM) == 0
    verified = run(old, "verify", "-o", "json")
    assert verified.returncode == 0, verified.stdout
    assert f"{missing} lost" in facts(verified)["lost"]
    assert facts(verified)["sealed"] == facts(verified)["events"]["size"]
    again = run(old, "accept-loss")
    assert (again.returncode, "Nothing is lost" in again.stderr) == (0, True)


def test_a_restore_on_another_machine_says_that_nobody_knows_what_is_lost(old: Path, tmp_path: Path) -> None:
    """Without the record it names where that was, and the daemon does not start; with it the number is exact."""
    new = tmp_path / "new"
    (new / "data").mkdir(parents=True)
    restored = run(new, "restore", "../monday.db", "-o", "json")
    record_path = str(old / "data" / "timelined.db.proof" / "acknowledged")
    assert restored.returncode == output.DAMAGED
    assert record_path in facts(restored)["lost"]
    assert record_path in refused(new)
    shutil.rmtree(new / "data")
    (new / "data").mkdir()
    record = "../data/timelined.db.proof/acknowledged"
    exact = run(new, "restore", "../monday.db", "--record", record, "-o", "json")
    missing = acknowledged(old) - facts(exact)["position"]
    assert (exact.returncode, f"{missing} lost" in facts(exact)["lost"]) == (output.DAMAGED, True)
    assert f"{missing} lost" in refused(new)


def test_a_loss_of_unknown_size_can_be_accepted(old: Path, tmp_path: Path, process: Process) -> None:
    """The event says that events may be missing, and from where on, and claims no number."""
    new = tmp_path / "new"
    (new / "data").mkdir(parents=True)
    assert run(new, "restore", "../monday.db").returncode == output.DAMAGED
    assert run(new, "accept-loss").returncode == 0
    process.folder = new
    address = process.start("--storage.url", URL)
    (event,) = get(f"{address}/api/v1/events?type=collector.lost")["events"]
    assert event["data"]["known"] is False
    assert "acknowledged" not in event["data"]
    assert "is not known here" in event["title"]


def test_a_restore_that_lost_nothing_starts_at_once(process: Process, tmp_path: Path) -> None:
    """A backup made after the last event, with its record, is the whole log."""
    address = process.start("--storage.url", URL)
    take(address, 1, 2, 3)
    assert process.end(signal.SIGTERM) == 0
    assert run(tmp_path, "backup", "monday.db").returncode == 0
    (tmp_path / "new" / "data").mkdir(parents=True)
    restored = run(tmp_path / "new", "restore", "../monday.db", "--record", "../data/timelined.db.proof/acknowledged")
    assert restored.returncode == 0, restored.stderr
    process.folder = tmp_path / "new"
    assert take(process.start("--storage.url", URL), 4)


def test_a_plain_copy_of_a_live_file_is_not_taken_for_the_log(process: Process, tmp_path: Path) -> None:
    """``cp`` under a running daemon: beside the old record it is older, elsewhere it is said to be unprovable."""
    address = process.start("--storage.url", URL)
    take(address, *range(1, 6))
    copy = tmp_path / "copy" / "data"
    copy.mkdir(parents=True)
    for name in ("timelined.db", "timelined.db-wal"):
        shutil.copy(tmp_path / "data" / name, copy / name)
    take(address, *range(10, 20))
    process.end(signal.SIGKILL)
    assert "this is a copy that ends at position" in refused(tmp_path / "copy")
    verified = run(tmp_path / "copy", "verify", "-o", "json")
    assert verified.returncode == 0, verified.stdout
    assert any("there is no record of it" in line for line in facts(verified)["not_looked_at"])
    shutil.copytree(tmp_path / "data" / "timelined.db.proof", copy / "timelined.db.proof", dirs_exist_ok=True)
    assert " lost" in refused(tmp_path / "copy")
    assert run(tmp_path / "copy", "verify").returncode == output.DAMAGED


def test_nothing_is_written_over_and_no_running_daemon_is_robbed(process: Process, tmp_path: Path) -> None:
    """A restore onto a database is refused without ``--move-aside``, and with it while a daemon writes there."""
    address = process.start("--storage.url", URL)
    take(address, 1)
    assert run(tmp_path, "backup", "monday.db").returncode == 0
    refusal = run(tmp_path, "restore", "monday.db")
    assert (refusal.returncode, "is there already; --move-aside renames it" in refusal.stderr) == (output.FAILED, True)
    robbing = run(tmp_path, "restore", "monday.db", "--move-aside")
    assert robbing.returncode == output.UNAVAILABLE, robbing.stderr
    assert run(tmp_path, "accept-loss").returncode == output.UNAVAILABLE
    assert take(address, 2)


def test_verify_says_what_it_did_not_look_at(process: Process, tmp_path: Path) -> None:
    """The record and the copies of checkpoints that are not there are named, and the lists always."""
    take(process.start("--storage.url", URL), 1, 2)
    assert process.end(signal.SIGTERM) == 0
    whole = facts(run(tmp_path, "verify", "-o", "json"))["not_looked_at"]
    assert [line.split(":")[0] for line in whole] == ["signatures", "the lists"]
    shutil.rmtree(tmp_path / "data" / "timelined.db.proof")
    result = run(tmp_path, "verify")
    assert result.returncode == 0
    assert "there is no record of it in" in " ".join(result.stdout.split())
    assert "checkpoints have no copy in" in " ".join(result.stdout.split())


# A server's log, whatever its address


@pytest.fixture
def server_log(postgres: Server, process: Process) -> tuple[str, str]:
    """A log of a server and, under another address, the same as it was some acknowledged events before."""
    name, before = postgres.database(), f"{postgres.database()}_before"
    address = process.start("--storage.url", postgres.url(name))
    take(address, 1, 2)
    assert process.end(signal.SIGTERM) == 0
    postgres.execute(f"CREATE DATABASE {before} TEMPLATE {name}")
    address = process.start("--storage.url", postgres.url(name))
    take(address, 3, 4, 5)
    ready = get(f"{address}/-/ready")
    assert "system" in ready["server"]
    assert ready["timeline"] == 1
    assert len(ready["log"]) == 32
    assert process.end(signal.SIGTERM) == 0
    return postgres.url(name), postgres.url(before)


def test_a_server_that_lacks_what_was_acknowledged_is_refused_under_any_address(
    process: Process, server_log: tuple[str, str], tmp_path: Path
) -> None:
    """The record goes by the log and not by its address: an old primary under a new one is known at the start."""
    whole, before = server_log
    assert " lost" in refused(tmp_path, before)
    assert " lost" in refused(tmp_path, f"{before}&application_name=another-spelling")
    address = process.start("--storage.url", f"{whole}&application_name=another-spelling")
    assert take(address, 6)
    assert process.end(signal.SIGTERM) == 0
    accepted = run(tmp_path, "accept-loss", url=before)
    assert (accepted.returncode, " lost" in accepted.stderr) == (0, True), accepted.stderr
    address = process.start("--storage.url", before)
    assert " lost" in get(f"{address}/-/ready")["lost"]
    assert get(f"{address}/-/ready")["sealing"] == "well"


def test_another_log_behind_the_same_address_is_refused(
    postgres: Server, process: Process, server_log: tuple[str, str], tmp_path: Path
) -> None:
    """An empty database where a log was is not a new beginning that nobody is told of."""
    whole, _ = server_log
    name = whole.partition("?")[0].rpartition("/")[2]
    postgres.execute(f"DROP DATABASE {name}")
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    assert "this is another log than the one that was served from here" in refused(tmp_path, whole)


def test_daemons_of_one_folder_keep_a_record_each(process: Process, postgres: Server, tmp_path: Path) -> None:
    """Two daemons over one log, started in one place: neither writes into the other's record."""
    url = postgres.url(postgres.database())
    other = Process(tmp_path)
    try:
        take(process.start("--storage.url", url), 1, 2)
        take(other.start("--storage.url", url), 3)
        (folder,) = (tmp_path / "data").glob("*.proof")
        assert sorted(path.name for path in folder.glob("acknowledged*")) == ["acknowledged", "acknowledged-2"]
    finally:
        other.kill()
