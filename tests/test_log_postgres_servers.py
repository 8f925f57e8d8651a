"""Which server a log in PostgreSQL is read from and written to, and getting over one that is away or lost something."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from collector.errors import Unavailable
from collector.log import EventLog, Receipt, Submission
from collector.log.postgres.connecting import PATIENCE, Database
from collector.storage.urls import each_host
from tests.log_facts import AT, append, fact, opened, told
from tests.postgres import Server, eventually, serving


@pytest.fixture
def database(postgres: Server) -> str:
    """The name of an empty database."""
    return postgres.database()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that this test may stop and start."""
    with serving() as server:
        yield server


# Which server


async def test_a_server_that_lacks_what_was_acknowledged_is_not_used(postgres: Server, database: str) -> None:
    """A standby promoted too early, or an old primary that is back: refused until the log is there again, and said."""
    behind, ahead = f"{database}_behind", f"{database}_ahead"
    async with opened(postgres.url(database)) as log:
        log.acknowledge(lambda position, leaf: None)
        await append(log, told(fact("a")))
        _disconnect(postgres, database)
        postgres.execute(f"CREATE DATABASE {behind} TEMPLATE {database}")
        assert await _answer(log, "b") == ""
        for now, then in ((database, ahead), (behind, database)):
            _disconnect(postgres, now)
            postgres.execute(f"ALTER DATABASE {now} RENAME TO {then}")
        assert "acknowledged events are lost there, position 2" in await _answer(log, "c")
        with pytest.raises(Unavailable, match="acknowledged events are lost"):
            await log.head()
        for now, then in ((database, behind), (ahead, database)):
            _disconnect(postgres, now)
            postgres.execute(f"ALTER DATABASE {now} RENAME TO {then}")
        assert await _answer(log, "c") == ""
        assert [event.title for event in await log.read()] == ["a", "b", "c"]


async def test_who_only_saw_what_others_added_misses_it_as_well(postgres: Server, database: str) -> None:
    """A daemon that took nothing itself refuses a server without it, as the one does that acknowledged it."""
    behind, url = f"{database}_behind", postgres.url(database)
    recorded: list[int] = []
    async with opened(url) as busy, opened(url) as idle:
        await append(busy, told(fact("a")))
        _disconnect(postgres, database)
        postgres.execute(f"CREATE DATABASE {behind} TEMPLATE {database}")
        idle.acknowledge(lambda position, leaf: recorded.append(position))
        await eventually(lambda: recorded == [1])
        assert await _answer(busy, "b") == ""
        await eventually(lambda: recorded == [1, 2])
        _disconnect(postgres, database)
        postgres.execute(f"ALTER DATABASE {database} RENAME TO {database}_ahead")
        postgres.execute(f"ALTER DATABASE {behind} RENAME TO {database}")
        assert "acknowledged events are lost there, position 2" in await _answer(idle, "c")


async def test_a_host_that_says_nothing_is_passed_by(postgres: Server, database: str) -> None:
    """Neither one that takes a connection and is silent nor one that is not there keeps us from the next."""

    folder = postgres.folder / f"silent-{database}"
    folder.mkdir()
    folder.chmod(0o755)
    absent = postgres.folder / "absent"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / ".s.PGSQL.5432"))
        silent.listen()
        there = f"postgresql://owner@/{database}?host={folder},{absent},{postgres.folder}"
        address = Database(there)
        for patience in (PATIENCE + 5, PATIENCE - 1):
            # The second connection tries the silent one last.
            connection = await asyncio.wait_for(address.connect(), patience)
            assert await connection.fetchval("SELECT current_database()") == database
            await connection.close()
        with pytest.raises(Unavailable, match=f"{folder}: TimeoutError; {absent}: .*No such file"):
            await Database(f"postgresql://owner@/{database}?host={folder},{absent}").connect()


@pytest.mark.parametrize("wanted", ["any", "primary", "read-write"])
async def test_what_only_reads_is_let_in_where_writing_is_asked_for(url: str, wanted: str) -> None:
    """``target_session_attrs`` is about the server; that a session of ours only reads is our own doing."""
    async with opened(f"{url}&target_session_attrs={wanted}") as log:
        await append(log, told(fact("a")))
        assert await log.query(lambda c: c.exec_driver_sql("SHOW transaction_read_only").scalar_one()) == "on"
        assert await log.head() == 1


async def test_a_machine_that_vanishes_is_noticed_soon(postgres: Server) -> None:
    """All that bounds it is asked for. Over this socket it says 0, since it means nothing there."""
    connection = await Database(postgres.url("postgres")).connect()
    rows = await connection.fetch("SELECT name FROM pg_settings WHERE source = 'client' AND name LIKE 'tcp_%'")
    await connection.close()
    bounds = {"tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"}
    assert {row["name"] for row in rows} == bounds


@pytest.mark.parametrize(
    ("url", "each"),
    [
        ("//db/t", [("db", "//db/t")]),
        ("//a:b@one:6,two/t?x=1", [("one:6", "//a:b@one:6/t?x=1"), ("two", "//a:b@two/t?x=1")]),
        ("//one,two/t?port=5,6", [("one", "//one/t?port=5"), ("two", "//two/t?port=6")]),
        ("//one,two/t?port=5", [("one", "//one/t?port=5"), ("two", "//two/t?port=5")]),
        ("///t?host=%2Fa,b&port=5,6", [("/a", "///t?host=/a&port=5"), ("b", "///t?host=b&port=6")]),
        ("///t?host=a,a&port=5,6", [("a", "///t?host=a&port=5"), ("a", "///t?host=a&port=6")]),
        ("//[::1]:5,[::2]/t", [("[::1]:5", "//[::1]:5/t"), ("[::2]", "//[::2]/t")]),
        ("//a,b/t?target_session_attrs=prefer-standby", [("a", "//a,b/t?target_session_attrs=prefer-standby")]),
    ],
)
def test_each_host_has_an_address_of_its_own(url: str, each: list[tuple[str, str]]) -> None:
    """Whatever else the address says stays as it is; one that prefers a standby is left to the driver."""
    assert each_host(f"postgresql:{url}") == [(name, f"postgresql:{one}") for name, one in each]


async def _answer(log: EventLog, name: str) -> str:
    """Empty once a fact is stored; why not, where that is more than that the old connection is gone."""
    while True:
        try:
            await append(log, told(fact(name)))
        except Unavailable as error:
            if "connection was closed" not in str(error):
                return str(error)
        else:
            return ""


def _disconnect(postgres: Server, database: str) -> None:
    """Cut everybody off from a database, and wait until nobody is there."""
    there = f"FROM pg_stat_activity WHERE datname = '{database}'"
    postgres.execute(f"SELECT pg_terminate_backend(pid) {there}")
    until = time.monotonic() + 20
    while postgres.execute(f"SELECT 1 {there}"):
        assert time.monotonic() < until


# A database that is away


async def test_a_foreign_lock_refuses_soon_and_all_is_well_after_it(
    url: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another session holds the head row the answer is Unavailable; reading goes on, and then all is well."""
    from collector.log.postgres import connecting

    monkeypatch.setitem(connecting._SETTINGS, "lock_timeout", "200ms")
    async with opened(url) as log, opened(url) as other:
        locked, release = asyncio.Event(), asyncio.Event()

        def hold(connection: Connection) -> None:
            connection.exec_driver_sql("SELECT * FROM lock_head()")
            locked.set()
            await_only(release.wait())

        holding = asyncio.create_task(other.transact(hold))
        await locked.wait()
        with pytest.raises(Unavailable, match="lock timeout"):
            await log.append([told(fact("a"))])
        assert await log.read() == []
        release.set()
        await holding
        await append(log, told(fact("a")))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_a_server_that_restarts_loses_nothing_and_needs_no_restart_of_ours(
    own_server: Server, how: signal.Signals
) -> None:
    """Stopped or crashed under load: Unavailable soon, everything acknowledged is there, and we go on by ourselves."""
    acknowledged: dict[str, int] = {}
    refused = 0
    async with opened(own_server.url("postgres")) as log:

        async def client(number: int) -> None:
            nonlocal refused
            for turn in itertools.count():
                if over.is_set():
                    return
                name = f"{number}-{turn}"
                try:
                    async with asyncio.timeout(8):
                        (receipt,) = await append(log, told(fact(name), body=name.encode()))
                except Unavailable:
                    refused += 1
                    await asyncio.sleep(0.01)
                else:
                    acknowledged[name] = receipt.items[0].position

        over = asyncio.Event()
        clients = [asyncio.create_task(client(number)) for number in range(4)]
        await eventually(lambda: len(acknowledged) > 100)
        await asyncio.to_thread(own_server.stop, how)
        await eventually(lambda: refused > 20)
        with pytest.raises(Unavailable):
            await log.head()
        with pytest.raises(Unavailable):
            await log.transact(lambda c: None)
        count = len(acknowledged)
        await asyncio.to_thread(own_server.start)
        await eventually(lambda: len(acknowledged) > count + 100)
        over.set()
        await asyncio.gather(*clients)
        events = await log.read(limit=1_000_000)
        assert await log.lead()
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    found = {event.title: event.position for event in events}
    assert len(found) == len(events)
    assert acknowledged.items() <= found.items()


CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


async def _cancelled(server: Server, log: EventLog, submission: Submission) -> None:
    """Cancel the commit of a submission that waits for the synchronous standby, until that is what is said of it."""
    why = ""
    async with asyncio.timeout(60):
        # The first may meet a connection that one before it gave up.
        while "cancelled while it waited for the synchronous standby" not in why:
            appending = asyncio.create_task(log.append([submission]))
            # Those before it wait as well, each with the head row.
            while not appending.done():
                await asyncio.to_thread(server.execute, CANCEL)
            with pytest.raises(Unavailable) as refusal:
                await appending
            why = str(refusal.value)


async def test_without_the_standby_that_is_waited_for_nothing_is_acknowledged(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that no synchronous standby has is no promise: Unavailable until there is one, and then all of it. Nor
    is one that the server does not wait for since it read its configuration again."""
    monkeypatch.setattr("collector.log.postgres.connecting.APPEND", 0.5)
    monkeypatch.setattr("collector.log.postgres.waking.EVERY", 0.2)
    async with opened(own_server.url("postgres")) as log:
        unsubscribe = log.subscribe(lambda: None)
        await append(log, told(fact("a")))
        own_server.configure("synchronous_standby_names = 'nobody'")
        own_server.reload()
        await eventually(lambda: own_server.execute("SHOW synchronous_standby_names")[0][0] == "nobody")
        # Each process of the server hears of it when it gets to it, and the one that matters shows nothing of that.
        before = 1
        with suppress(Unavailable):
            while True:
                await log.append([told(fact(f"before {before}"))])
                before += 1
        for _ in range(2):
            with pytest.raises(Unavailable):
                await log.append([told(fact("b"), body=b"b", received_at=AT + 1)])

        async def says_why() -> bool:
            with pytest.raises(Unavailable) as refusal:
                await log.append([told(fact("b"), body=b"b", received_at=AT + 1)])
            return "the synchronous standby does not answer" in str(refusal.value)

        async with asyncio.timeout(20):
            while not await says_why():
                pass
        # Cancelled by somebody, such a commit is answered like any other, and this server alone has it.
        monkeypatch.setattr("collector.log.postgres.connecting.APPEND", 60.0)
        async with opened(own_server.url("postgres")) as patient:
            await _cancelled(own_server, patient, told(fact("cancelled")))
        own_server.configure("synchronous_standby_names = ''")
        own_server.reload()

        async def again() -> Receipt:
            while True:
                try:
                    return (await append(log, told(fact("b"), body=b"b", received_at=AT + 2)))[0]
                except Unavailable:
                    await asyncio.sleep(0.05)

        receipt = await asyncio.wait_for(again(), 20)
        stored = [event.title for event in await log.read()]
        assert stored[receipt.items[0].position - 1] == "b"
        own_server.configure("synchronous_commit = off")
        own_server.reload()
        async with asyncio.timeout(20):
            while "synchronous_commit=off there" not in await _answer(log, "b"):
                pass
        with pytest.raises(Unavailable, match="synchronous_commit=off there"):
            await log.transact(lambda connection: None)
        own_server.configure("synchronous_commit = on")
        own_server.reload()
        async with asyncio.timeout(20):
            while await _answer(log, "b"):
                pass
        unsubscribe()
        known = [title for title in stored if not title.startswith(("before", "cancelled"))]
        assert known == ["a", "b"]
        assert len(stored) == len(set(stored))
