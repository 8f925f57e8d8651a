"""A log in PostgreSQL that several daemons have open: all write, and by a lease one of them leads."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from collector.cli.status import over_server
from collector.errors import Unavailable
from collector.log import EventLog
from collector.log.postgres import PostgresLog
from collector.log.postgres.connecting import READING
from collector.settings import Settings
from collector.settings.schema import Storage
from tests import new_logs
from tests.log_facts import AT, append, fact, opened, told
from tests.postgres import Server, eventually

# Several writers


async def test_two_daemons_number_one_log(url: str) -> None:
    """Two instances append the same facts and others: gapless, each fact once; a reader sees each position once."""
    positions: list[int] = []
    clock = itertools.count(AT)
    rounds, clients = 15, 4
    total = 2 * clients * rounds + rounds

    async def client(log: EventLog, name: str) -> list[int]:
        new = []
        for turn in range(rounds):
            both = [fact(f"{name}-{turn}"), fact(f"shared-{turn}")]
            (receipt,) = await append(log, told(*both, body=name.encode(), received_at=next(clock)))
            new += [item.position for item in receipt.items if not item.stored_before]
        return new

    async def reader(log: EventLog) -> None:
        while len(positions) < total:
            events = await log.read(after=positions[-1] if positions else 0, limit=7)
            positions.extend(event.position for event in events)

    async with opened(url) as one, opened(url) as other, opened(url, writable=False) as third, asyncio.timeout(60):
        clients_of = [client(log, f"{n}{log is one}") for log in (one, other) for n in range(clients)]
        results, _ = await asyncio.gather(asyncio.gather(*clients_of), reader(third))
        shared = [fact(f"shared-{turn}").id for turn in range(rounds)]
        repeats = await third.repeats(shared)
        revisions = [event for event in await third.read_ids(shared) if event.revision]
    news = sorted(itertools.chain(*results))
    assert len(set(news)) == len(news) == total
    assert positions == list(range(1, len(positions) + 1))
    assert {event.amendment for event in revisions} <= {"earlier_delivery"}
    assert all(repeats[one].count == 2 * clients - 1 for one in shared)


async def test_a_webhook_sent_to_two_daemons_at_once_is_one_event(url: str) -> None:
    """The same body at the same moment through two instances: one event, two deliveries, one repeat."""
    async with opened(url) as first, opened(url) as second:
        for turn in range(20):
            event = fact(str(turn))
            both = await asyncio.gather(*(append(log, told(event, received_at=AT + turn)) for log in (first, second)))
            assert sorted(receipt.items[0].stored_before for (receipt,) in both) == [False, True]
            assert len({receipt.items[0].position for (receipt,) in both}) == 1
        assert await first.head() == 20
        assert len(await first.deliveries()) == 40


async def test_a_commit_of_another_daemon_wakes(url: str) -> None:
    """Who follows here hears of what was appended there, at once."""
    async with opened(url) as one, opened(url) as other:
        woken: list[float] = []
        unsubscribe = one.subscribe(lambda: woken.append(time.monotonic()))
        turns = itertools.count()

        async def until_heard() -> None:
            while not woken:
                await append(other, told(fact(str(next(turns)))))
                await asyncio.sleep(0.05)

        await asyncio.wait_for(until_heard(), 60)
        begun = time.monotonic()
        woken.clear()
        await append(other, told(fact("now")))
        await eventually(lambda: woken)
        assert woken[0] - begun < 2
        unsubscribe()


@pytest.fixture
def url(postgres: Server) -> str:
    """The address of an empty log and its lists on a server."""
    return new_logs.placed_in(postgres)


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> str:
    """Commits of this log are not heard of, only looked for; what is listened to instead."""
    monkeypatch.setattr("collector.log.postgres.waking.EVERY", 0.05)
    monkeypatch.setattr("collector.log.postgres.waking.CHANNEL", "another_channel")
    return "another_channel"


async def test_a_wake_up_that_was_missed_is_made_up_for(url: str, unheard: str) -> None:
    """NOTIFY is a hint: a look at the head finds what nobody announced."""
    async with opened(url) as one, opened(url) as other:
        woken: list[int] = []
        one.subscribe(lambda: woken.append(1))
        await append(other, told(fact("a")))
        await eventually(lambda: woken)


async def test_who_cannot_listen_says_so_once_and_hears_what_was_missed(
    url: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the server lets nobody listen it is tried again, and said once; what another added meanwhile is heard of as
    soon as it does."""
    monkeypatch.setattr("collector.log.postgres.waking.EVERY", 0.05)
    listening: list[asyncpg.Connection] = []
    add_listener = asyncpg.Connection.add_listener

    async def noted(connection: asyncpg.Connection, *more: Any) -> None:
        listening.append(connection)
        await add_listener(connection, *more)

    monkeypatch.setattr(asyncpg.Connection, "add_listener", noted)

    def refusals() -> list[str]:
        said = [line["error"] for line in lines if line["event"].startswith("cannot listen for other daemons' events")]
        return [error for error in said if 'role "nobody"' in error]

    async with opened(url) as one, opened(url) as other:
        woken: list[int] = []
        one.subscribe(lambda: woken.append(1))
        with capture_logs() as lines:
            for times in (1, 2):
                await eventually(lambda: len(listening) == times)  # noqa: B023 - asked within this turn
                with monkeypatch.context() as refusing:
                    refusing.setitem(READING, "role", "nobody")
                    postgres.execute(f"SELECT pg_terminate_backend({listening[-1].get_server_pid()})")
                    await eventually(lambda: len(refusals()) == times)  # noqa: B023 - asked within this turn
                    await append(other, told(fact(f"missed {times}")))
                    # Ten attempts more.
                    await asyncio.sleep(0.5)
                    assert len(refusals()) == times
                    woken.clear()
                await eventually(lambda: woken)


async def test_another_log_of_the_database_hides_nothing(url: str, unheard: str) -> None:
    """Its commits are heard of as well, and say nothing of how far this one is."""
    async with opened(url) as one, opened(url) as other:
        woken: list[int] = []
        one.subscribe(lambda: woken.append(1))
        notify = f"SELECT pg_notify('{unheard}', '1000000')"

        async def until_heard() -> None:
            while not woken:
                await other.transact(lambda c: c.exec_driver_sql(notify) and None)
                await asyncio.sleep(0.05)

        await asyncio.wait_for(until_heard(), 60)
        woken.clear()
        # The last one on its way: what comes after it is of this log.
        await asyncio.wait_for(until_heard(), 60)
        woken.clear()
        await append(other, told(fact("a")))
        await eventually(lambda: woken)


# The lease


async def test_one_of_several_leads_and_another_takes_over(url: str) -> None:
    """The lease is held by one; when its holder is gone, the next who asks has it."""
    async with opened(url) as first, opened(url) as second:
        assert await first.lead()
        assert not await second.lead()
        assert await first.lead()
        await first.close()
        assert await second.lead()


async def test_who_does_not_lead_cannot_write_projections(url: str) -> None:
    """A transaction that needs the lease is refused without it; others are not."""
    async with opened(url) as one, opened(url) as other:
        assert await one.lead()
        await one.transact(lambda c: None, leading=True)
        assert not await other.lead()
        with pytest.raises(Unavailable, match="does not follow"):
            await other.transact(lambda c: c.exec_driver_sql("DELETE FROM repeat"), leading=True)
        await other.transact(lambda c: c.exec_driver_sql("DELETE FROM repeat"))


async def test_a_lost_connection_is_a_lost_lease(url: str, postgres: Server) -> None:
    """Cut off by the server, the former holder writes no projection again until it asked for the lease anew."""
    async with opened(url) as first, opened(url) as second:
        assert await first.lead()
        assert isinstance(first, PostgresLog)
        assert first._leader is not None
        postgres.execute(f"SELECT pg_terminate_backend({first._leader.pid})")
        with pytest.raises(Unavailable):
            await first.transact(lambda c: c.exec_driver_sql("DELETE FROM repeat"), leading=True)
        until = time.monotonic() + 5
        while not await second.lead():
            assert time.monotonic() < until
        with pytest.raises(Unavailable, match="connection to the database was lost"):
            await first.transact(lambda c: None, leading=True)
        assert not await first.lead()
        with pytest.raises(Unavailable, match="does not follow"):
            await first.transact(lambda c: None, leading=True)
        await append(first, told(fact("a")))


async def test_who_gives_up_asking_for_the_lease_keeps_it(url: str) -> None:
    """The question is put to the end, wherever it was cut off: the connection that holds the lease stays whole."""
    async with opened(url) as log:
        assert await log.lead()
        for turns in range(12):
            asking = asyncio.create_task(log.lead())
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait([asking])
            assert await log.lead()


async def test_a_lease_that_was_lost_is_said_to_be_lost_before_it_is_held_again(url: str, postgres: Server) -> None:
    """Also where nobody else took it: whoever follows has to begin anew, since somebody might have."""
    async with opened(url) as log:
        assert await log.lead()
        assert isinstance(log, PostgresLog)
        assert log._leader is not None
        postgres.execute(f"SELECT pg_terminate_backend({log._leader.pid})")
        assert [await log.lead() for _ in range(3)] == [False, True, True]
        await log.transact(lambda c: None, leading=True)


async def test_daemons_see_each_other(url: str) -> None:
    """Who announced itself is counted by the others, for as long as it is there."""
    async with opened(url) as first, opened(url) as second, opened(url, writable=False) as reader:
        assert [await log.others() for log in (first, second, reader)] == [0, 0, 0]
        first.announce("http://127.0.0.1:1")
        await first.lead()
        assert [await log.others() for log in (first, second, reader)] == [0, 1, 1]
        second.announce("http://127.0.0.1:2")
        await second.lead()
        assert [await log.others() for log in (first, second, reader)] == [1, 1, 2]
        found = await asyncio.to_thread(over_server, Settings(storage=Storage(url=url)))
        assert (found.well, found.found) == (True, "2 run over this log, as its server says")
        await first.close()
        assert [await log.others() for log in (second, reader)] == [0, 1]


async def test_the_lease_cannot_change_hands_within_a_transaction(url: str, postgres: Server) -> None:
    """Cut off in the middle of its work, the holder commits nothing."""
    async with opened(url) as log:
        assert await log.lead()
        assert isinstance(log, PostgresLog)
        assert log._leader is not None
        leader = log._leader

        def work(connection: Connection) -> None:
            connection.exec_driver_sql("INSERT INTO repeat VALUES (?, 1, 1)", (b"x",))
            postgres.execute(f"SELECT pg_terminate_backend({leader.pid})")
            connection.exec_driver_sql("INSERT INTO repeat VALUES (?, 1, 1)", (b"y",))

        with pytest.raises(Unavailable):
            await log.transact(work, leading=True)
        assert await log.query(lambda c: c.exec_driver_sql("SELECT count(*) FROM repeat").scalar()) == 0
