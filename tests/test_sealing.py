"""Sealing by the daemon, and what it does about a log that lost what it acknowledged."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from collector import daemon
from collector.daemon import leader_tasks
from collector.errors import LogDamaged
from collector.event import MACHINE, Event
from collector.jobs.loss_check import watch
from collector.jobs.sealing import SealJob
from collector.log import EventLog, open_log, receipt_of
from collector.proof import acknowledged, lost
from collector.proof.acknowledged import Acknowledged
from collector.proof.checkpoint import TREES, Signer, parse
from collector.proof.folder import ProofFolder
from collector.settings import Drafts, Settings, Storage, Web
from tests.conftest import Played, timelined
from tests.verified_logs import AT, fact, told

LEAF = bytes(range(32))


def said(name: str) -> Event:
    """An event that opens no incident, so that nothing follows from it."""
    return fact(name, type="chat.message")


def settings(folder: Path) -> Settings:
    """A daemon over a database of its own, on any port, without drafts."""
    return Settings(
        web=Web(listen_address=("127.0.0.1:0",)),
        storage=Storage(url=f"sqlite:///{folder / 'timelined.db'}"),
        drafts=Drafts(enabled=False),
    )


def beside(folder: Path) -> ProofFolder:
    """What lies beside that database."""
    return ProofFolder(folder / "timelined.db.proof", "timelined")


async def lived(folder: Path, *, accept_loss: bool = False, events: int = 0) -> list[str]:
    """A daemon that starts, takes some events and stops; the types of all events then."""
    async with daemon.running(settings(folder), clock=lambda: AT, accept_loss=accept_loss) as running:
        for number in range(events):
            await running.log.append([told(said(str(number)))])
        return [event.type for event in await running.log.read()]


def set_aside(folder: Path) -> None:
    """Copy the database as it is now: a backup."""
    shutil.copy(folder / "timelined.db", folder / "backup.db")


def restore(folder: Path) -> None:
    """Put the backup in place of the database."""
    for name in ("timelined.db-wal", "timelined.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(folder / "backup.db", folder / "timelined.db")


# --- the daemon -------------------------------------------------------------------------------------------------------


async def test_a_daemon_seals_what_it_took_when_it_stops(tmp_path: Path) -> None:
    """The last checkpoint, in the database and beside it, covers the recorded stop, which is the last event."""
    types = await lived(tmp_path, events=3)
    latest = beside(tmp_path).latest("event")
    assert latest is not None
    assert latest.size == len(types) + 1
    connection = sqlite3.connect(tmp_path / "timelined.db")
    (size,) = connection.execute("SELECT max(size) FROM checkpoint WHERE tree = 'event'").fetchone()
    connection.close()
    assert size == latest.size
    known = acknowledged.read(beside(tmp_path).acknowledged)
    assert known is not None
    assert known.position == latest.size


async def test_a_resolved_incident_is_sealed_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof of what a draft cites need not wait for the hour."""
    monkeypatch.setattr(leader_tasks, "SEAL_AFTER", 0)
    about: dict[str, Any] = {"entity": "pod", "service": "checkout", "severity": "critical"}
    firing = fact("a", type="alert.firing", data={"starts_at": AT}, **about)
    end = fact("b", type="alert.resolved", data={"starts_at": AT, "ends_at": AT + 1}, **about)
    async with daemon.running(settings(tmp_path), clock=lambda: AT) as running:
        await running.log.append([told(firing), told(end)])
        async with asyncio.timeout(60):
            while running.runtime.sealing.size < 3:  # noqa: ASYNC110 - the job tells nobody
                await asyncio.sleep(0.01)


async def test_a_daemon_refuses_a_log_that_lost_what_it_acknowledged(tmp_path: Path) -> None:
    """After a restore of an older backup the start is refused, and the message says what is missing and what to do."""
    await lived(tmp_path)
    set_aside(tmp_path)
    await lived(tmp_path, events=3)
    restore(tmp_path)
    with pytest.raises(LogDamaged, match=r"ends at position 2, and position 7 was acknowledged: 5 lost.*accept-loss"):
        await lived(tmp_path)
    async with daemon.read_only(settings(tmp_path)):
        """Reading goes on."""


async def test_an_accepted_loss_is_the_first_fact_after_it(tmp_path: Path) -> None:
    """It is recorded before anything else, said by readiness, and not asked about again."""
    await lived(tmp_path)
    set_aside(tmp_path)
    await lived(tmp_path, events=3)
    restore(tmp_path)
    async with daemon.running(settings(tmp_path), clock=lambda: AT + 1, accept_loss=True) as running:
        _, _, lost, started = (await running.log.read())[:4]
        assert (lost.type, lost.source, lost.data) == ("collector.lost", MACHINE, {"acknowledged": 7, "found": 2})
        assert (started.type, started.data["previous_stop"]) == ("collector.started", "missing")
        ready = await running.runtime.readiness()
        assert ready.ready
        assert "5 lost" in ready.facts["lost"]
    assert "collector.lost" in await lived(tmp_path)
    async with daemon.running(settings(tmp_path), clock=lambda: AT + 2) as running:
        assert "5 lost" in (await running.runtime.readiness()).facts["lost"]


async def test_another_log_under_the_same_name_is_refused(tmp_path: Path) -> None:
    """A log that is as long but has another event at that position is a loss too."""
    await lived(tmp_path, events=1)
    for name in ("timelined.db", "timelined.db-wal", "timelined.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    log = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    await log.append([told(*(fact(str(number)) for number in range(9)))])
    await log.close()
    with pytest.raises(LogDamaged, match="this is another log than the one of which position 3 was acknowledged"):
        await lived(tmp_path)


async def test_sealing_goes_on_after_an_accepted_loss(tmp_path: Path) -> None:
    """The log is another history from there on and is sealed under a name of its own: two histories share none."""
    await lived(tmp_path)
    set_aside(tmp_path)
    await lived(tmp_path, events=3)
    names = []
    for _ in range(2):
        restore(tmp_path)
        async with daemon.running(settings(tmp_path), accept_loss=True, clock=lambda: AT) as running:
            await running.log.append([told(*(said(f"new{number}") for number in range(9)))])
            await running.runtime.sealing.run()
            assert (await running.runtime.readiness()).facts["sealing"] == "well"
            (lost,) = [event for event in await running.log.read() if event.type == "collector.lost"]
            names.append(running.runtime.sealing.beside.checkpoints.name)
            latest = running.runtime.sealing.beside.latest("event")
            assert latest is not None
            assert latest.size == await running.log.head()
            assert lost.position == 3
    assert len(set(names)) == 2
    assert all(name.startswith("timelined%2Fafter-2-") for name in names)


# --- the job ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    """An open, empty log."""
    opened = await open_log(f"sqlite:///{tmp_path / 'log.db'}")
    yield opened
    await opened.close()


async def test_a_pass_seals_only_what_is_new(tmp_path: Path, log: EventLog) -> None:
    """Each pass adds one checkpoint a tree, and none where nothing came; the folder has every one of them."""
    job = SealJob(log=log, beside=ProofFolder(tmp_path / "beside", "x"), origin="x", signer=None)
    await job.run()
    assert list(job.beside.checkpoint_files()) == []
    for number in range(3):
        await log.append([told(fact(str(number)))])
        await job.run()
        await job.run()
    names = [name for tree, name, _ in job.beside.checkpoint_files() if tree == "event"]
    assert names == [*(f"event-{size:020}" for size in (1, 2, 3)), "event-latest"]
    assert (job.size, job.failure) == (3, "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE checkpoint SET root = zeroblob(32)",
        "DELETE FROM checkpoint",
        "INSERT OR REPLACE INTO checkpoint SELECT * FROM checkpoint",
        "INSERT INTO checkpoint SELECT tree, size - 1, root, frontier, note, digest FROM checkpoint",
    ],
)
async def test_a_checkpoint_is_never_changed_nor_one_put_before_it(
    tmp_path: Path, log: EventLog, statement: str
) -> None:
    """The table itself refuses: what was sealed stays, and only a larger size comes after it."""
    await log.append([told(fact("a"), fact("b"))])
    await SealJob(log=log, beside=ProofFolder(tmp_path / "beside", "x"), origin="x", signer=None).run()
    with pytest.raises(IntegrityError, match="append-only"):
        await log.transact(lambda connection: connection.exec_driver_sql(statement))


async def test_the_folder_gets_what_it_lacks(tmp_path: Path, log: EventLog) -> None:
    """Checkpoints that could not be written beside the database are written by the next pass."""
    folder = tmp_path / "beside"
    job = SealJob(log=log, beside=ProofFolder(folder, "x"), origin="x", signer=None)
    await log.append([told(fact("a"))])
    folder.write_text("a file in the way")
    await job.run()
    assert job.failure != ""
    await log.append([told(fact("b"))])
    await job.run()
    folder.unlink()
    await job.run()
    assert job.failure == ""
    assert [name for tree, name, _ in job.beside.checkpoint_files() if tree == "event"][-1] == "event-latest"
    assert job.beside.latest("event") == parse((job.beside.checkpoints / f"event-{job.size:020}").read_text())


async def test_a_damaged_frontier_is_never_sealed_on(tmp_path: Path, log: EventLog) -> None:
    """A checkpoint that contradicts itself ends the sealing, with what to do, before anything is signed."""
    job = SealJob(log=log, beside=ProofFolder(tmp_path / "beside", "x"), origin="x", signer=None)
    await log.append([told(fact("a"))])
    await job.run()
    await log.append([told(fact("b"))])
    await log.transact(lambda c: c.exec_driver_sql("DROP TRIGGER checkpoint_refuses_update"))
    await log.transact(lambda c: c.exec_driver_sql("UPDATE checkpoint SET frontier = zeroblob(32)"))
    await job.run()
    assert "contradicts itself; run timelined verify" in job.failure


async def test_a_missing_event_is_never_sealed_over(tmp_path: Path, log: EventLog) -> None:
    """A gap in the stored leaves is named and nothing is sealed."""
    job = SealJob(log=log, beside=ProofFolder(tmp_path / "beside", "x"), origin="x", signer=None)
    await log.append([told(fact("a"), fact("b"), fact("c"))])
    await log.transact(lambda c: c.exec_driver_sql("DROP TRIGGER event_refuses_delete"))
    await log.transact(lambda c: c.exec_driver_sql("DELETE FROM event WHERE position = 2"))
    await job.run()
    assert "event 2 is missing" in job.failure
    assert list(job.beside.checkpoint_files()) == []


# --- what was acknowledged --------------------------------------------------------------------------------------------


async def test_a_power_cut_before_the_first_sync_loses_nothing(tmp_path: Path) -> None:
    """A record that names its log and no event yet, as such a cut leaves it, refuses no start."""
    await lived(tmp_path, events=3)
    record = beside(tmp_path).acknowledged
    record.write_bytes(bytes(206) + record.read_bytes()[206:])
    last = acknowledged.read(record)
    assert last is not None
    assert (last.position, len(last.log)) == (0, 16)
    assert await lived(tmp_path, events=1)
    last = acknowledged.read(record)
    assert last is not None
    assert last.position > 4
    record.write_bytes(bytes(281))
    with pytest.raises(LogDamaged, match="what was acknowledged is not known here"):
        await lived(tmp_path)


async def test_a_log_names_its_record_only_once_that_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the record cannot be synced, the log does not count on it; the next start tries again."""

    def fail(_: Acknowledged) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Acknowledged, "settle", fail)
        await lived(tmp_path, events=1)
    log = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}", writable=False)
    assert await log.query(lost.record_location) == ""
    await log.close()
    await lived(tmp_path)
    log = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}", writable=False)
    assert str(beside(tmp_path).acknowledged) in await log.query(lost.record_location)
    await log.close()


async def test_an_answer_is_given_only_after_it_was_noted(tmp_path: Path, log: EventLog) -> None:
    """Whoever has a receipt finds its position in the file, without waiting for anything."""
    path = tmp_path / "acknowledged"
    async with watch(log, path, lambda: AT, accept_loss=False) as lost:
        assert lost is None
        for number in range(20):
            receipt = receipt_of(*await log.append([told(fact(str(number)))]))
            known = acknowledged.read(path)
            assert known is not None
            assert known.position == receipt.items[0].position
    assert acknowledged.read(path) == await log.query(acknowledged.last)


async def test_a_process_that_is_killed_loses_nothing_of_it(tmp_path: Path) -> None:
    """The page cache outlives the process: what an unclean end leaves is as new as the last answer."""
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from collector.log import open_log\n"
        "from collector.jobs.loss_check import watch\n"
        "from tests.test_verify import AT, fact, told\n"
        "async def main():\n"
        "    log = await open_log('sqlite:///log.db')\n"
        "    async with watch(log, Path('acknowledged'), lambda: AT, accept_loss=False):\n"
        "        for number in range(9):\n"
        "            await log.append([told(fact(str(number)))])\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    import os
    import sys

    ended = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    )
    assert await ended.wait() == -9
    known = acknowledged.read(tmp_path / "acknowledged")
    assert known is not None
    assert known.position == 9


# --- the command line -------------------------------------------------------------------------------------------------


async def test_the_command_line_verifies_and_proves(tmp_path: Path) -> None:
    """From a stopped daemon's log to a proof that holds; one changed bit, and both say so with exit code 6."""
    await lived(tmp_path, events=3)
    url = ("--storage.url", settings(tmp_path).storage.url)
    assert "Events: 5, root " in " ".join(timelined("verify", *url, cwd=tmp_path).stdout.split())
    made = timelined("proof", "--position", "3", "--content", "--to", "p.json", *url, cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "Proof written to p.json\n")
    assert "1 event was in the log timelined of 5" in timelined("verify", "--proof", "p.json", cwd=tmp_path).stdout
    (tmp_path / "p.json").write_text((tmp_path / "p.json").read_text().replace("chat.message", "chat.messagf"))
    refused = timelined("verify", "--proof", "p.json", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (6, "")
    connection = sqlite3.connect(tmp_path / "timelined.db")
    connection.execute("DROP TRIGGER event_refuses_update")
    connection.execute("UPDATE event SET received_at = received_at + 1 WHERE position = 3")
    connection.commit()
    connection.close()
    found = timelined("verify", *url, cwd=tmp_path)
    assert found.returncode == 6
    assert "position 3: its row is not what its leaf was computed from\n" in found.stdout
    assert timelined("verify", "--from", "4", "--to", "9", *url, cwd=tmp_path).returncode == 3
    assert timelined("proof", "--position", "99", *url, cwd=tmp_path).returncode == 3
    assert timelined("proof", "nowhere", *url, cwd=tmp_path).returncode == 3
    assert timelined("proof", *url, cwd=tmp_path).returncode == 2


async def test_the_proof_of_a_draft_is_of_what_it_cites(played: Played) -> None:
    """The demo's draft: the file lies beside it, and proves each cited event and no other."""
    import json

    folder = played.folder.parent
    url = ("--storage.url", played.url)
    made = timelined("proof", "1", "--to", "out/incident-1.proof.json", *url, cwd=folder)
    assert made.returncode == 0
    proof_json = json.loads((folder / "out/incident-1.proof.json").read_text())
    cited = json.loads(timelined("draft", "1", "-o", "json", *url, cwd=folder).stdout)["events"]
    assert sorted(each["id"] for each in proof_json["events"]) == sorted(cited)
    assert proof_json["subject"] == "the draft of incident 1"
    held = timelined("verify", "--proof", "out/incident-1.proof.json", cwd=folder)
    assert held.stdout.startswith(f"{len(cited)} events were in the log timelined of ")


async def test_a_checkpoint_that_a_person_kept_is_held_to_the_tree_it_is_of(tmp_path: Path) -> None:
    """Of events and of deliveries, whatever its file is called; another log's is refused, a contradiction is named."""
    await lived(tmp_path, events=3)
    url = ("--storage.url", settings(tmp_path).storage.url)
    (folder,) = (tmp_path / "timelined.db.proof" / "checkpoints").iterdir()
    for tree in TREES:
        checkpoint = tmp_path / f"what I kept of {tree}"
        checkpoint.write_bytes((folder / f"{tree}-latest").read_bytes())
        held = timelined("verify", "--checkpoint", str(checkpoint), *url, cwd=tmp_path)
        assert held.returncode == 0, held.stdout
    origin, size, root, *rest = checkpoint.read_text().split("\n")
    turned = ("A" if root[0] != "A" else "B") + root[1:]
    checkpoint.write_text("\n".join([origin, size, turned, *rest]))
    contradicted = timelined("verify", "--checkpoint", str(checkpoint), *url, cwd=tmp_path)
    assert contradicted.returncode == 6
    assert f"checkpoint at {size}: of deliveries: its root is not that" in contradicted.stdout
    assert f"of deliveries: {checkpoint} says another root than the database" in contradicted.stdout
    checkpoint.write_text("\n".join(["example.org/other", size, root, *rest]))
    foreign = timelined("verify", "--checkpoint", str(checkpoint), *url, cwd=tmp_path)
    assert foreign.returncode not in (0, 6)
    assert "it is a checkpoint of example.org/other, and this log is timelined" in foreign.stderr
    checkpoint.write_text("nothing of the kind")
    assert "it is not a checkpoint" in timelined("verify", "--checkpoint", str(checkpoint), *url, cwd=tmp_path).stderr


async def test_signed_checkpoints_are_held_to_their_key(tmp_path: Path) -> None:
    """With a key in the configuration the signatures are verified, and the key for others is printed."""
    pytest.importorskip("cryptography")
    pem = (
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
        "-----END PRIVATE KEY-----\n"
    )
    (tmp_path / "key.pem").write_text(pem)
    database = f"sqlite:///{tmp_path / 'log.db'}"
    (tmp_path / "t.yml").write_text(
        f"storage: {{url: '{database}'}}\nproof: {{origin: example.com/t, signing_key_file: key.pem}}\n"
    )
    log = await open_log(database)
    await log.append([told(fact("a"))])
    by = Signer.load("example.com/t", pem.encode())
    folder = ProofFolder(tmp_path / "log.db.proof", "example.com/t")
    await SealJob(log=log, beside=folder, origin="example.com/t", signer=by).run()
    await log.close()
    configured = ("--config.file", "t.yml")
    assert timelined("proof", "--verifier-key", *configured, cwd=tmp_path).stdout == f"{by.verifier_key}\n"
    assert timelined("verify", *configured, cwd=tmp_path).returncode == 0
    latest = (folder.checkpoints / "event-latest").read_text()
    checkpoint, text = tmp_path / "kept", latest.rpartition("\n\n")[0] + "\n"
    forged = f"{text}\n{Signer('example.com/t', by._public, lambda _: bytes(64)).line(text)}"
    witness = "\u2014 witness.example Az3grlgtzPICa5OS8npVmf1M\n"
    for note, code in ((latest, 0), (latest + witness, 0), (forged, 6)):
        checkpoint.write_text(note)
        held = timelined("verify", "--checkpoint", str(checkpoint), *configured, cwd=tmp_path)
        assert (held.returncode, "the signature in" in held.stdout) == (code, code == 6)
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("DROP TRIGGER checkpoint_refuses_update")
    flipped = latest[:-6] + ("A" if latest[-6] != "A" else "B") + latest[-5:]
    connection.execute("UPDATE checkpoint SET note = ? WHERE tree = 'event'", (flipped,))
    connection.commit()
    connection.close()
    assert "checkpoint at 1: " in timelined("verify", *configured, cwd=tmp_path).stdout
