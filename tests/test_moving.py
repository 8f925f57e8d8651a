"""A whole log between SQLite and PostgreSQL: the same rows, the same roots, the same drafts; or nothing."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import Connection

from collector import daemon, log, projections
from collector.backup import copying, moving
from collector.cli import timelined as command_line
from collector.daemon import Daemon
from collector.errors import InvalidInput, LogDamaged, NotFound, Unavailable
from collector.schema import tables
from collector.settings import Drafts, Settings, Storage, Web
from collector.storage.lock import WriterLock
from collector.verification import verify as verification
from tests import senders
from tests.examples import examples
from tests.postgres import Server

Post = Callable[[str, Any], Awaitable[Any]]


def run(*arguments: str) -> Result:
    """What a command comes to."""
    return CliRunner().invoke(command_line, list(arguments))


def settings(url: str) -> Settings:
    """A daemon over a log, on any port, that writes no drafts."""
    web = Web(listen_address=("127.0.0.1:0",))
    return Settings(storage=Storage(url=url), web=web, drafts=Drafts(enabled=False))


def rows(path: Path) -> dict[str, list[Any]]:
    """Every row of the log in a file. Where what was acknowledged is recorded is the file's own business."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        told = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables.metadata.tables}  # noqa: S608
    told["head"] = [row[:-1] for row in told["head"]]
    return {name: sorted(found) for name, found in told.items()}


# --- a log with everything in it --------------------------------------------------------------------------------------


async def happened(url: str, steps: list[tuple[str, int]]) -> None:
    """Have a daemon over a log take what the steps say: alerts, repeats, notes, corrections, retractions, erasures and
    seals. What makes no sense at its place is refused, and that is as well."""
    async with daemon.running(settings(url)) as served, aiohttp.ClientSession() as client:

        async def post(path: str, body: Any) -> Any:
            async with client.post(f"{served.address}/{path}", json=body) as answer:
                return await answer.json()

        # The lists of a log that was just moved are not made yet, and what is said of an incident needs them.
        assert served.runtime.follower is not None
        await served.runtime.follower.level()

        for what, which in steps:
            await _step(served, post, what, which)
        # What it was given last is in its lists, and what they say in the log.
        await served.runtime.follower.catch_up()


async def _step(served: Daemon, post: Post, kind: str, number: int) -> None:
    alert = senders.alert(("HighErrorRate", "SlowCart", "DiskFilling")[number % 3], since="14:02", service="checkout")
    ids = [event.id for event in await served.log.read()]
    event = ids[number % len(ids)] if ids else ""
    if kind == "alert":
        await post("webhooks/alertmanager", json.loads(senders.alertmanager(alert).body))
    elif kind == "note":
        await post("api/v1/incidents/1/notes", {"text": f"seen {number}", "by": "Ana", "at": "2026-03-04T14:05:00Z"})
    elif kind == "correct":
        await post(f"api/v1/events/{event}/correct", {"title": f"{number} é", "reason": "r", "by": "Ana"})
    elif kind == "retract":
        await post(f"api/v1/events/{event}/retract", {"reason": "a test", "by": "Ana"})
    elif kind == "erase":
        await post("api/v1/erasures", {"events": [event], "reason": "a token", "by": "Ana"})
    else:
        await served.runtime.sealing.run()


KINDS = ("alert", "note", "correct", "retract", "erase", "seal")
steps = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 9)), min_size=3, max_size=14)


async def moved(source: Path, url: str, back: Path) -> tuple[bytes, bytes]:
    """Bring a file into an empty database, and that into another file; both roots."""
    await log.upgrade(url, [projections.metadata], projections.fitted)
    store = await log.open_log(url, extra_metadata=[projections.metadata])
    try:
        there = await moving.bring_in(source, store)
        return there.root, (await moving.export(store, back)).root
    finally:
        await store.close()


@given(steps)
@examples(4, allowed=[HealthCheck.function_scoped_fixture])
def test_a_log_comes_back_from_postgresql_as_it_was(postgres: Server, more_steps: list[tuple[str, int]]) -> None:
    """Row for row, checkpoints and counts of repeats included, whatever was revised, erased and sealed."""
    with tempfile.TemporaryDirectory() as folder:
        source, back = Path(folder) / "timelined.db", Path(folder) / "back.db"
        asyncio.run(happened(f"sqlite:///{source}", [("alert", 0), *more_steps]))
        there, here = asyncio.run(moved(source, postgres.fresh(), back))
        assert there == here
        assert rows(back) == rows(source)
        assert copying.backup(back, Path(folder) / "again.db").root == here


ALL = [
    ("alert", 0), ("alert", 1), ("alert", 0), ("note", 3), ("seal", 0), ("correct", 2), ("note", 4), ("erase", 4),
    ("retract", 3), ("seal", 0), ("alert", 2),
]  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A log with something of everything."""
    asyncio.run(happened(f"sqlite:///{tmp_path / 'timelined.db'}", ALL))
    return tmp_path / "timelined.db"


def test_a_moved_log_gives_the_same_drafts_and_goes_on(
    source: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the commands, there and back. A daemon then goes on with it on either side: it is the same log."""
    # Over PostgreSQL a daemon keeps its proofs below where it runs.
    monkeypatch.chdir(tmp_path)
    there = run("import", "log", str(source), "--storage.url", url, "-o", "json")
    assert there.exit_code == 0, there.output
    asyncio.run(happened(url, [("note", 7)]))
    back = tmp_path / "back.db"
    here = run("export", str(back), "--storage.url", url, "-o", "json")
    assert here.exit_code == 0, here.output
    assert json.loads(here.stdout)["position"] > json.loads(there.stdout)["position"]
    drafts = {where: run("draft", "1", "--storage.url", where).stdout for where in (url, f"sqlite:///{back}")}
    assert "seen 7" in drafts[url]
    assert len(set(drafts.values())) == 1
    asyncio.run(happened(f"sqlite:///{back}", [("note", 8)]))
    verified = run("verify", "--storage.url", f"sqlite:///{back}")
    assert verified.exit_code == 0, verified.output
    once = rows(source)["event"]
    assert rows(back)["event"][: len(once)] == once


def test_no_transaction_waits_while_the_copy_is_verified(
    source: Path, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends one in which nothing is asked for half a minute, and a large log takes longer than that."""
    waiting, verify = [], verification.verify

    def watched(connection: Connection, **more: Any) -> Any:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        waiting.append((connection.dialect.name, postgres.execute(asked)[0][0]))
        return verify(connection, **more)

    monkeypatch.setattr(moving, "verify", watched)
    asyncio.run(moved(source, postgres.fresh(), tmp_path / "back.db"))
    (into, _), (out, open_meanwhile) = waiting
    assert (into, out, open_meanwhile) == ("postgresql", "sqlite", 0)


def test_a_file_is_exported_as_it_is_backed_up(source: Path, tmp_path: Path) -> None:
    """Whoever exports need not know where the log is."""
    done = run("export", str(tmp_path / "copy.db"), "--storage.url", f"sqlite:///{source}", "-o", "json")
    assert done.exit_code == 0, done.output
    assert rows(tmp_path / "copy.db") == rows(source)
    root = b64encode(copying.backup(source, tmp_path / "backup.db").root).decode()
    assert json.loads(done.stdout)["root"] == root


# --- or nothing -------------------------------------------------------------------------------------------------------


def empty(url: str) -> bool:
    """Whether nothing is in a database of ours."""

    async def head() -> int:
        store = await log.open_log(url, writable=False)
        try:
            return await store.query(
                lambda c: sum(c.exec_driver_sql("SELECT position, delivery, content FROM head").one())
            )
        finally:
            await store.close()

    return asyncio.run(head()) == 0


def test_what_cannot_be_imported_leaves_the_database_empty(source: Path, url: str, tmp_path: Path) -> None:
    """A file that is not there, that a daemon writes to, or that was changed; and a database that holds a log."""
    with pytest.raises(NotFound):
        asyncio.run(moved(tmp_path / "none.db", url, tmp_path / "back.db"))
    lock = WriterLock(source, "http://127.0.0.1:1")
    try:
        with pytest.raises(InvalidInput, match="stop it first"):
            asyncio.run(moved(source, url, tmp_path / "back.db"))
    finally:
        lock.release()
    bad = tmp_path / "bad.db"
    copying.backup(source, bad)
    with closing(sqlite3.connect(bad, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER event_refuses_update")
        connection.execute("UPDATE event SET received_at = received_at + 1 WHERE position = 3")
    with pytest.raises(LogDamaged, match="position 3"):
        asyncio.run(moved(bad, url, tmp_path / "back.db"))
    assert empty(url)
    asyncio.run(moved(source, url, tmp_path / "back.db"))
    with pytest.raises(InvalidInput, match="there is a log in it already"):
        asyncio.run(moved(source, url, tmp_path / "again.db"))
    assert not empty(url)


def test_a_text_that_postgresql_cannot_hold_is_named(source: Path, url: str, tmp_path: Path) -> None:
    """It has no character NUL. The log stays where it is, whole."""
    bad = tmp_path / "nul.db"
    copying.backup(source, bad)
    with closing(sqlite3.connect(bad, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER delivery_refuses_update")
        connection.execute("UPDATE delivery SET reason = 'a' || char(0)")
    with pytest.raises((InvalidInput, Unavailable), match="delivery"):
        asyncio.run(moved(bad, url, tmp_path / "back.db"))
    assert empty(url)


def test_an_export_is_never_written_over_a_file(source: Path, url: str, tmp_path: Path) -> None:
    """Nor is a half of one left where it fails."""
    (tmp_path / "there.db").write_text("mine")
    asyncio.run(moved(source, url, tmp_path / "back.db"))
    done = run("export", str(tmp_path / "there.db"), "--storage.url", url)
    assert (done.exit_code, "is there already" in done.output) == (1, True), done.output
    done = run("export", str(tmp_path / "away" / "x.db"), "--storage.url", url)
    assert (done.exit_code, "No such file or directory" in done.output) == (4, True), done.output
    assert (tmp_path / "there.db").read_text() == "mine"
    assert not list(tmp_path.rglob("*.partial"))
