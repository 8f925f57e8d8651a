"""Disks that are full, held by others, or fail: what is answered, what stays up, and what ends the process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from collector.jobs.loss_check import watch
from collector.log import Receipt, open_log
from collector.proof import acknowledged
from collector.proof.acknowledged import Acknowledged, Last
from collector.storage.disk import Disk, is_uncertain
from tests.conftest import require
from tests.log_facts import fact, told
from tests.processes import PATIENCE, PROJECT, Process, alert, eventually, get, post

ROOT = Path(__file__).parent
LEAF = b"\x07" * 32


def answer(address: str, body: bytes) -> tuple[int, str]:
    """The status of a delivery and its Retry-After; 0 where the connection broke off."""
    try:
        return post(f"{address}/webhooks/alertmanager", body)[0], ""
    except urllib.error.HTTPError as refused:
        with closing(refused):
            return refused.code, str(refused.headers["Retry-After"])
    except (urllib.error.URLError, ConnectionError):
        return 0, ""


def ready(address: str) -> tuple[int, str]:
    """What readiness answers: the status and the reason."""
    try:
        return 200, get(f"{address}/-/ready")["reason"]
    except urllib.error.HTTPError as refused:
        with closing(refused):
            return refused.code, refused.read().decode()


def events(address: str, of_type: str) -> list[Any]:
    """Events of a type or a family of types, newest first."""
    found: list[Any] = get(f"{address}/api/v1/events?type={of_type}&order=desc&limit=1000")["events"]
    return found


# A disk that fails


@pytest.fixture(scope="module")
def failing_sync(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library that makes a sync fail, once, when it is told to."""
    library = tmp_path_factory.mktemp("shim") / "failing_sync.so"
    command = [require("cc"), "-shared", "-fPIC", "-O1", "-o", str(library), str(ROOT / "failing_sync.c")]
    subprocess.run(command, check=True, capture_output=True)
    return str(library)


@pytest.fixture
def on_failing_disk(tmp_path: Path, failing_sync: str) -> Iterator[Process]:
    """A daemon that is not started yet, whose next sync fails once ``armed`` exists in its folder."""
    made = Process(tmp_path, LD_PRELOAD=failing_sync, FAIL_SYNC=str(tmp_path / "armed"))
    yield made
    made.kill()


def test_a_failed_sync_ends_the_process(on_failing_disk: Process, process: Process) -> None:
    """Not one delivery is acknowledged after it, though later syncs would succeed; the next start goes on."""
    failing, again = on_failing_disk, process
    address = failing.start()
    for number in range(3):
        assert answer(address, alert("firing", number=number))[0] == 202
    (failing.folder / "armed").touch()
    answers = [answer(address, alert("firing", number=number))[0] for number in range(10, 20)]
    assert set(answers) <= {0, 503}
    assert failing.process.wait(PATIENCE) == 4
    assert not (failing.folder / "armed").exists()
    assert "the disk failed to keep a write" in failing.said.read_text()
    address = again.start()
    assert answer(address, alert("firing", number=30))[0] == 202
    wanted = {f"{number:016x}" for number in (0, 1, 2, 30)}
    eventually(lambda: wanted <= {event["entity"] for event in events(address, "alert.firing")})
    assert events(address, "collector.*")[0]["data"]["previous_stop"] == "missing"
    assert again.end(signal.SIGTERM) == 0


_CHECKPOINT = """
import asyncio, contextlib, pathlib, sys
from collector.errors import DiskFailed
from collector.log import open_log
from collector.storage import disk
from tests.log_facts import fact, told
disk._CHECKPOINT = 10
async def main():
    log = await open_log(sys.argv[1])
    for number in range(5):
        await log.append([told(fact(str(number)))])
    # A transaction that is not synced: the next sync is the checkpoint's.
    pathlib.Path(sys.argv[2]).touch()
    with contextlib.suppress(DiskFailed):
        for _ in range(30):
            await log.transact(lambda c: c.exec_driver_sql("UPDATE head SET one = one"), durable=False)
    async with asyncio.timeout(60):
        print(await log.broken())
    try:
        await log.append([told(fact("after"))])
    except DiskFailed:
        print("refused")
    await log.close()
asyncio.run(main())
import os; os._exit(0)
"""


def test_a_failed_sync_of_a_checkpoint_is_not_kept_quiet(tmp_path: Path, failing_sync: str) -> None:
    """SQLite's automatic checkpoints swallow it, and a commit after it would rest on pages that are not on the disk."""
    armed = tmp_path / "armed"
    environ = os.environ | {"PYTHONPATH": str(PROJECT), "LD_PRELOAD": failing_sync, "FAIL_SYNC": str(armed)}
    command = [sys.executable, "-c", _CHECKPOINT, f"sqlite:///{tmp_path / 'timelined.db'}", str(armed)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert "the disk failed to keep a write" in done.stdout, done.stderr
    assert done.stdout.endswith("refused\n")
    # Nothing was closed properly, so the file is as a dead process leaves it: with its write-ahead log.
    assert (tmp_path / "timelined.db-wal").stat().st_size > 0


def failed(code: int) -> sqlite3.OperationalError:
    """An error of SQLite's with this code."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "uncertain"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_IOERR_DIR_FSYNC, True),
        (sqlite3.SQLITE_IOERR_WRITE, True),
        (sqlite3.SQLITE_FULL, False),
        (sqlite3.SQLITE_BUSY, False),
        (sqlite3.SQLITE_IOERR_SHMSIZE, False),
        (sqlite3.SQLITE_IOERR_READ, False),
        (sqlite3.SQLITE_CANTOPEN, False),
    ],
)
def test_only_what_leaves_the_disk_in_doubt_is_final(code: int, uncertain: bool, tmp_path: Path) -> None:
    """Full, locked and unreadable pass, and starting anew would not help; a write that was not kept does not."""
    disk = Disk(tmp_path / "timelined.db")
    disk.notice(failed(code))
    assert (is_uncertain(failed(code)), bool(disk.failure)) == (uncertain, uncertain)


# A disk that is full


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB of the test's own."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("a small file system of one's own can only be mounted as root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_and_passes(process: Process, small: Path) -> None:
    """503 with Retry-After and a reason while it is full, reads stay up, and with space again all is as before."""
    address = process.start("--storage.url", f"sqlite:///{small}/timelined.db")
    # What is large is refused first; what is small as well, once nothing at all is left.
    acknowledged = _fill(address, "x" * 100_000)
    acknowledged += _fill(address, "", acknowledged)
    status, patience = answer(address, alert("firing", number=999))
    assert (status, int(patience) >= 1) == (503, True)
    status, reason = ready(address)
    assert (status, "full" in reason) == (503, True)
    assert len(_stored(address)) == acknowledged
    _make_room(small)
    assert ready(address) == (200, "")
    assert answer(address, alert("firing", number=999))[0] == 202
    assert len(_stored(address)) == acknowledged + 1
    assert process.end(signal.SIGTERM) == 0


def test_a_small_delivery_that_still_fits_makes_no_daemon_ready(process: Process, small: Path) -> None:
    """What is large is refused and what is small is stored after it: there is no room, and readiness says so."""
    address = process.start("--storage.url", f"sqlite:///{small}/timelined.db")
    # Lists take room as well: they are made before anything is measured.
    statuses = [answer(address, alert("firing", number=number))[0] for number in range(5)]
    eventually(lambda: get(f"{address}/-/ready")["lag"] == 0)
    assert statuses == [202] * 5
    _take_all(small, but=300_000)
    assert answer(address, alert("firing", name="x" * 600_000, number=5))[0] == 503
    assert answer(address, alert("firing", number=6))[0] == 202
    status, reason = ready(address)
    assert (status, "full" in reason) == (503, True)
    _make_room(small)
    assert ready(address) == (200, "")
    assert process.end(signal.SIGTERM) == 0


def test_a_start_over_a_full_disk_serves_what_it_has(process: Process, small: Path) -> None:
    """Not one byte is free: reads work, deliveries are told to come again, and with room all goes on by itself."""
    url = f"sqlite:///{small}/timelined.db"
    address = process.start("--storage.url", url)
    for number in range(3):
        assert answer(address, alert("firing", number=number))[0] == 202
    eventually(lambda: get(f"{address}/-/ready")["lag"] == 0)
    assert process.end(signal.SIGTERM) == 0
    _take_all(small)
    address = process.start("--storage.url", url)
    status, reason = ready(address)
    assert (status, "full" in reason) == (503, True)
    status, patience = answer(address, alert("firing", name="x" * 200_000, number=999))
    assert (status, int(patience) >= 1) == (503, True)
    assert len(_stored(address)) == 3
    assert get(f"{address}/api/v1/incidents")["incidents"][0]["events"] == 3
    begun = time.time()
    _make_room(small)
    eventually(lambda: ready(address) == (200, ""))
    assert answer(address, alert("firing", number=999))[0] == 202
    (started, _) = eventually(lambda: len(found := _by_position(address, "collector.started")) == 2 and found)
    assert started["data"]["previous_stop"] == "recorded"
    assert datetime.fromisoformat(started["occurred_at"]).timestamp() < begun
    assert process.end(signal.SIGTERM) == 0


def test_a_killed_daemon_starts_over_a_full_disk(process: Process, small: Path) -> None:
    """What it acknowledged lies in the write-ahead log, which has to be read without room to copy it."""
    url = f"sqlite:///{small}/timelined.db"
    address = process.start("--storage.url", url)
    acknowledged = _fill(address, "x" * 10_000)
    process.end(signal.SIGKILL)
    _take_all(small)
    address = process.start("--storage.url", url)
    assert ready(address)[0] == 503
    assert len(_stored(address)) == acknowledged
    _make_room(small)
    eventually(lambda: ready(address) == (200, ""))
    assert answer(address, alert("firing", number=999))[0] == 202
    eventually(lambda: get(f"{address}/-/ready")["lag"] == 0)
    assert len(_stored(address)) == acknowledged + 1
    (started, _) = eventually(lambda: len(found := _by_position(address, "collector.started")) == 2 and found)
    assert started["data"]["previous_stop"] == "missing"
    assert process.end(signal.SIGTERM) == 0


def test_a_start_that_can_make_no_file_says_why(process: Process, small: Path) -> None:
    """Where there is no log yet a full disk ends the start, with the reason and what to do."""
    _take_all(small)
    with pytest.raises(AssertionError):
        process.start("--storage.url", f"sqlite:///{small}/timelined.db")
    output = process.said.read_text()
    assert process.process.wait(PATIENCE) == 4
    assert "the disk is full, 0 bytes are left" in output
    assert "Traceback" not in output


def test_a_full_disk_keeps_the_record_of_what_was_acknowledged(small: Path) -> None:
    """Its place is taken when the file is made, so each event is recorded, and an accepted loss as well."""
    path = small / "acknowledged"
    record = Acknowledged(path)
    record.record(1, LEAF)
    _take_all(small)
    for position in range(2, 6):
        record.record(position, LEAF)
        assert acknowledged.read(path) == Last(position, LEAF)
    record.restart(Last(3, LEAF))
    record.close()
    again = Acknowledged(path)
    assert again.read() == Last(3, LEAF)
    again.record(4, LEAF)
    again.close()
    assert acknowledged.read(path) == Last(4, LEAF)


async def test_a_record_that_could_not_be_written_claims_no_loss(small: Path, tmp_path: Path) -> None:
    """Made on a full disk it names nothing, which every log has; with room it names what was acknowledged last."""
    log = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    _take_all(small)
    path = small / "acknowledged"
    async with watch(log, path, lambda: 1, accept_loss=False):
        for number in range(3):
            (receipt,) = await log.append([told(fact(str(number)))])
            assert isinstance(receipt, Receipt)
        assert acknowledged.read(path) is None
    async with watch(log, path, lambda: 1, accept_loss=False) as lost:
        assert lost is None
        await log.append([told(fact("more"))])
        _make_room(small)
    assert acknowledged.read(path) == await log.query(acknowledged.last)
    await log.close()


def test_a_record_of_an_earlier_event_is_not_a_loss(small: Path) -> None:
    """A line that finds no room leaves the line before it, and the next one that is written takes its place."""
    path = small / "acknowledged"
    path.write_bytes(b"")
    _take_all(small)
    record = Acknowledged(path)
    record.record(1, LEAF)
    assert record.read() is None
    _make_room(small)
    record.sync()
    assert acknowledged.read(path) == Last(1, LEAF)
    record.close()


def _make_room(folder: Path) -> None:
    """Enlarge a small file system."""
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


def _take_all(folder: Path, but: int = 0) -> None:
    """Fill a file system up to the last byte, as another program might; or leave so many of them."""
    file = folder / "another program's"
    with file.open("ab", buffering=0) as opened, suppress(OSError):
        while True:
            opened.write(bytes(4096))
    os.truncate(file, file.stat().st_size - but)


def _by_position(address: str, of_type: str) -> list[Any]:
    """The events of a type, newest first."""
    return sorted(events(address, of_type), key=lambda event: -int(event["position"]))


def _fill(address: str, padding: str, first: int = 0) -> int:
    """Deliver until there is no room; how many deliveries were acknowledged."""
    for number in range(first, first + 1000):
        status, _ = answer(address, alert("firing", name=f"{number}{padding}", number=number))
        if status == 503:
            return number - first
        assert status == 202
    raise AssertionError("the disk never became full")


def _stored(address: str) -> list[Any]:
    """What was taken; the list shows as well how many were refused."""
    listed = get(f"{address}/api/v1/deliveries?limit=1000")["deliveries"]
    return [each for each in listed if not each["id"].startswith("refused-")]


# A database that another program holds


def test_a_lock_of_another_program_is_said_and_passes(process: Process) -> None:
    """The first who comes waits for it, the next are refused soon, reads stay up, and afterwards all is as before."""
    address = process.start("--storage.url", "sqlite:///timelined.db")
    assert answer(address, alert("firing", number=1))[0] == 202
    with closing(sqlite3.connect(process.folder / "timelined.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert answer(address, alert("firing", number=2))[0] == 503
        began = time.monotonic()
        assert answer(address, alert("firing", number=3))[0] == 503
        assert time.monotonic() - began < 3
        assert "locked" in ready(address)[1]
        assert len(_stored(address)) == 1
        other.execute("ROLLBACK")
    assert ready(address) == (200, "")
    assert answer(address, alert("firing", number=2))[0] == 202
    assert process.end(signal.SIGTERM) == 0
