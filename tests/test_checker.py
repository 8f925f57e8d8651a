"""The checker, checked: a store that is broken on purpose is found out, and what is found is named.

A checker that never failed proves nothing, so each way to break a promise is
tried on the log of a real run: by statements that the log itself refuses, by
receipts that say something else, and by a store that numbers before it commits.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collector.projections import lists_path
from tests.faults import stored, tree
from tests.faults.checker import KINDS, Checkpoint, Observation, Verdict, check
from tests.faults.clients import Clients
from tests.faults.deliveries import several
from tests.faults.history import Attempt, History, Outcome, outcome_of
from tests.faults.rig import everything, rigged
from tests.faults.sequence import sequence_log
from tests.faults.stored import StoredEvent
from tests.faults.stores import SqliteStore, alter, view
from tests.faults.wrong import Toy, race
from tests.postgres import Server


class Recorded(NamedTuple):
    """A run that held: what the clients were told, the file, what a reader was shown, and the roots there were."""

    history: History
    database: Path
    seen: list[Observation]
    checkpoints: list[Checkpoint]

    def acked(self, nth: int = 10) -> Attempt:
        """A delivery that told something new and was acknowledged."""
        news = [each for each in self.history if any(not placed.known for placed in each.placed)]
        return news[nth]

    def event(self, nth: int = 10) -> StoredEvent:
        """The first event of such a delivery."""
        (found,) = (e for e in view(self.database, stored.read).events if e.id == self.acked(nth).placed[0].event)
        return found


class Case:
    """A copy of the recorded run, to be broken."""

    def __init__(self, recorded: Recorded, folder: Path) -> None:
        self.recorded = recorded
        self.database = folder / "timelined.db"
        shutil.copy(recorded.database, self.database)
        shutil.copy(lists_path(recorded.database), lists_path(self.database))
        self.attempts = list(recorded.history.attempts)
        self.seen = list(recorded.seen)
        self.checkpoints = list(recorded.checkpoints)

    def replace(self, old: Attempt, **fields: Any) -> None:
        """Let the clients have been told something else."""
        self.attempts[self.attempts.index(old)] = old._replace(**fields)

    def judge(self) -> Verdict:
        """What the checker says of it."""
        history = History()
        for attempt in self.attempts:
            history.add(attempt)
        log, projections = view(self.database, everything)
        tails = {"the tail": self.seen}
        return check(history, log, tails=tails, checkpoints=self.checkpoints, projections=projections)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A daemon under load, killed once, its file closed in an orderly way."""
    folder = tmp_path_factory.mktemp("recorded")

    async def run() -> Recorded:
        database = folder / "timelined.db"
        async with rigged(folder, "recorded", store=SqliteStore(database)) as rig:
            for more in (60, 40):
                rig.clients.start()
                await rig.clients.acked(more)
                rig.daemon.kill()
                await rig.clients.stop()
                await rig.daemon.start()
                assert (await rig.judge()).ok
            await rig.daemon.terminate()
            await rig.remember()
            (tail,) = rig.tails.values()
            head = view(database, stored.read).head[0]
            return Recorded(rig.history, database, tail.seen[:head], rig.checkpoints)

    return asyncio.run(run())


@pytest.fixture
def case(recorded: Recorded, tmp_path: Path) -> Case:
    """A copy of one's own."""
    return Case(recorded, tmp_path)


def found(verdict: Verdict, kind: str, naming: str) -> bool:
    """Whether a finding of a kind names something."""
    return any(finding.kind == kind and naming in finding.what for finding in verdict.findings)


def test_the_run_as_it_was_holds(case: Case) -> None:
    """Nothing is found where nothing was broken, and every set has something in it."""
    verdict = case.judge()
    assert verdict.findings == ()
    assert verdict.acked >= 100
    assert verdict.rejected > 0
    assert verdict.unknown > 0
    assert verdict.events > 150
    assert len(case.checkpoints) >= 3


# --- the store --------------------------------------------------------------------------------------------------------


def test_a_dropped_event_is_found(case: Case) -> None:
    """By its receipt, by the gap, by the tree and by the reader that was shown it."""
    event = case.recorded.event()
    alter(case.database, f"DELETE FROM event WHERE position = {event.position}")
    verdict = case.judge()
    assert found(verdict, "lost", f"event {event.id}")
    assert found(verdict, "gap", f"position {event.position} is missing")
    assert found(verdict, "root", "is not what it was")


def test_a_cut_tail_is_found(case: Case) -> None:
    """Also where the head row was set back, so that the log looks whole."""
    was, last_seen = view(case.database, stored.read).head[0], case.seen[-1]
    last = last_seen.position - 5
    cut = f"DELETE FROM event WHERE position > {last}"
    alter(case.database, cut, f"UPDATE head SET position = {last}")
    verdict = case.judge()
    assert found(verdict, "lost", f"there were {was} events, and there are {last}")
    assert found(verdict, "lost", f"the tail was shown event {last_seen.event} at position {last_seen.position}")


def test_two_events_that_changed_places_are_found(case: Case) -> None:
    """Also by whoever computes their leaves anew."""
    first, other = case.recorded.event(5), case.recorded.event(15)
    _swap(case.database, first, other)
    verdict = case.judge()
    said = f"event {first.id} was acknowledged at position {first.position} and is at {other.position}"
    assert found(verdict, "moved", said)
    assert found(verdict, "tail", f"the tail was shown event {first.id} at position {first.position}")
    assert found(verdict, "root", "is not what it was")
    assert not found(verdict, "leaf", "")


def _swap(database: Path, first: StoredEvent, other: StoredEvent) -> None:
    moves = []
    for event, place in ((first, other.position), (other, first.position)):
        fresh = tree.leaf(event._replace(position=place)).hex()
        moves.append((event.id, place, fresh))
    statements = [f"UPDATE event SET position = -position WHERE position IN ({first.position}, {other.position})"]
    statements += [f"UPDATE event SET position = {to}, leaf = x'{new}' WHERE id = x'{id_}'" for id_, to, new in moves]
    alter(database, *statements)


CELLS = {
    "a body": ("content", "bytes", "SELECT content FROM delivery WHERE number = {0.delivery}", "body"),
    "a content": ("content", "bytes", "SELECT content FROM event WHERE position = {0.position}", "content"),
    "a salt": ("content", "salt", "SELECT content FROM event WHERE position = {0.position}", "content"),
    "a leaf": ("event", "leaf", "SELECT {0.position}", "leaf"),
    "a commitment": ("event", "commitment", "SELECT {0.position}", "leaf"),
    "an id": ("event", "id", "SELECT {0.position}", "leaf"),
    "a content's commitment": ("event", "content_commitment", "SELECT {0.position}", "content"),
    "a source": ("event", "source", "SELECT {0.position}", "leaf"),
    "a delivery's commitment": ("delivery", "commitment", "SELECT {0.delivery}", "content"),
    "a delivery's headers": ("delivery", "headers", "SELECT {0.delivery}", "delivery's leaf"),
    "a delivery's source": ("delivery", "source", "SELECT {0.delivery}", "delivery's leaf"),
    "what a delivery told": ("delivery", "told", "SELECT {0.delivery}", "delivery's leaf"),
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_flipped_bit_is_found(case: Case, cell: str) -> None:
    """One bit of one value: SQLite's own check says that all is well, and the checker names the row."""
    table, column, where, kind = CELLS[cell]
    event = case.recorded.event()
    _flip(case.database, table, column, where.format(event))
    delivery = f"delivery d{event.delivery}"
    names = {"body": delivery, "content": "", "leaf": f"at position {event.position}", "delivery's leaf": delivery}
    assert found(case.judge(), kind.removeprefix("delivery's "), names[kind])
    with closing(sqlite3.connect(case.database)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def _flip(database: Path, table: str, column: str, where: str) -> None:
    key = {"content": "number", "event": "position", "delivery": "number"}[table]
    alter(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        (key_value,) = connection.execute(where).fetchone()
        (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (key_value,)).fetchone()
        flipped = chr(ord(value[0]) ^ 4) + value[1:] if isinstance(value, str) else bytes([value[0] ^ 4]) + value[1:]
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (flipped, key_value))


@pytest.mark.parametrize("same_id", [True, False])
def test_a_doubled_event_is_found(case: Case, same_id: bool) -> None:
    """Under the same id, where the index that forbids it is gone, and under another one."""
    event = case.recorded.event()
    last = view(case.database, stored.read).head[0]
    identity = event.id if same_id else "ab" * 16
    alter(
        case.database,
        "DROP INDEX event_id_revision",
        "CREATE TEMP TABLE copy AS SELECT * FROM event WHERE position = " + str(event.position),
        f"UPDATE copy SET position = {last + 1}, id = x'{identity}'",
        "INSERT INTO event SELECT * FROM copy",
        f"UPDATE head SET position = {last + 1}",
    )
    assert found(case.judge(), "doubled", f"{event.position}, {last + 1}")


def test_a_lost_delivery_is_found(case: Case) -> None:
    """The record of what arrived is promised as much as what was read out of it."""
    attempt = case.recorded.acked()
    alter(case.database, f"DELETE FROM delivery WHERE number = {attempt.delivery[1:]}")
    assert found(case.judge(), "lost", f"delivery {attempt.delivery}, which was acknowledged")


def test_an_event_nobody_sent_is_found(case: Case) -> None:
    """What is in the log came from somebody."""
    attempt = next(each for each in case.attempts if each.facts and case.attempts.count(each) == 1 and each.placed)
    case.attempts = [each for each in case.attempts if not set(each.facts) & set(attempt.facts)]
    assert found(case.judge(), "stranger", attempt.placed[0].event)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("DELETE FROM membership WHERE uid = (SELECT min(uid) FROM membership)", "incidents"),
        ("UPDATE incident SET ended_at = started_at WHERE number = 2", "incidents"),
        ("DELETE FROM event_index WHERE position = 7", "the list of events"),
    ],
)
def test_a_wrong_projection_is_found(case: Case, statement: str, name: str) -> None:
    """Lists are compared with what correlation makes of the same events."""
    alter(lists_path(case.database), statement)
    assert found(case.judge(), "projection", name)


# --- what clients and readers were told -------------------------------------------------------------------------------


def test_a_wrong_position_in_a_receipt_is_found(case: Case) -> None:
    """A receipt is a promise about a place."""
    attempt = case.recorded.acked()
    first, *rest = attempt.placed
    case.replace(attempt, placed=(first._replace(position=first.position + 1), *rest))
    said = f"event {first.event} was acknowledged at position {first.position + 1} and is at {first.position}"
    verdict = case.judge()
    assert found(verdict, "moved", said)
    assert found(verdict, "receipt", attempt.delivery)


def test_another_id_in_a_receipt_is_found(case: Case) -> None:
    """The event is there, and not under the name that was promised."""
    attempt = case.recorded.acked()
    case.replace(attempt, placed=(attempt.placed[0]._replace(event="00" * 16), *attempt.placed[1:]))
    assert found(case.judge(), "moved", f"is {attempt.placed[0].event} now")


def test_what_was_refused_and_is_there_is_found(case: Case) -> None:
    """A definite refusal is a promise too."""
    attempt = _only_once(case)
    case.replace(attempt, outcome=Outcome.REJECTED, status=401, delivery="", placed=())
    verdict = case.judge()
    assert found(verdict, "rejected", f"event {attempt.placed[0].event}")
    assert found(verdict, "rejected", "is kept 1 times, and came 0 times")


def test_a_delivery_kept_twice_is_found(case: Case) -> None:
    """One acknowledgement, one delivery."""
    attempt = next(each for each in case.attempts if each.placed and _bodies(case).count(each.body) > 1)
    case.attempts.remove(attempt)
    assert found(case.judge(), "doubled", "is kept")


def test_an_answer_that_was_owed_is_found(case: Case) -> None:
    """A daemon that stops in an orderly way answers what it takes in: else senders would tell it twice."""
    attempt = _only_once(case)
    case.replace(attempt, outcome=Outcome.UNKNOWN, status=0, delivery="", placed=())
    history = History()
    for each in case.attempts:
        history.add(each)
    log = view(case.database, stored.read)
    assert found(check(history, log, orderly=True), "unanswered", attempt.placed[0].event)
    assert check(history, log).count("unanswered") == 0


def _only_once(case: Case) -> Attempt:
    bodies = _bodies(case)
    return next(each for each in case.attempts if each.placed and bodies.count(each.body) == 1)


def _bodies(case: Case) -> list[bytes]:
    return [each.body for each in case.attempts]


def test_numbers_against_the_order_of_acknowledgement_are_found(case: Case) -> None:
    """Who sends after having heard an acknowledgement is numbered after it."""
    one, other = case.recorded.acked(3), case.recorded.acked(60)
    case.replace(one, sent_at=other.heard_at + 1, heard_at=other.heard_at + 2)
    assert found(case.judge(), "order", f"delivery {one.delivery}")


@pytest.mark.parametrize(("status", "retry_after"), [(500, ""), (429, "5"), (503, "")])
def test_an_answer_of_no_table_is_found(case: Case, status: int, retry_after: str) -> None:
    """Senders give up on some answers and come again after others; only ours were thought through."""
    case.attempts.append(Attempt(b"", (), Outcome.UNKNOWN, status, "oops", retry_after=retry_after))
    assert found(case.judge(), "answer", "oops")


def _missed(seen: list[Observation]) -> None:
    del seen[20]


def _twice(seen: list[Observation]) -> None:
    seen.insert(20, seen[20])


def _out_of_order(seen: list[Observation]) -> None:
    seen[20], seen[21] = seen[21], seen[20]


@pytest.mark.parametrize("broken", [_missed, _twice, _out_of_order])
def test_a_reader_that_was_shown_something_else_is_found(
    case: Case, broken: Callable[[list[Observation]], None]
) -> None:
    """Every position once, in order."""
    broken(case.seen)
    assert found(case.judge(), "tail", "where 2")


def test_another_root_is_found(case: Case) -> None:
    """A tree head that was kept names a tree that ours must continue."""
    for place, rows in enumerate(("events", "deliveries")):
        size, root, tree_name = case.checkpoints[place]
        case.checkpoints[place] = Checkpoint(size, bytes([root[0] ^ 1]) + root[1:], tree_name)
        assert found(case.judge(), "root", f"the first {size} {rows}")


def test_a_checkpoint_in_the_database_that_was_changed_is_found(case: Case) -> None:
    """What the daemon sealed is held to the tree as well."""
    (size,) = view(case.database, lambda c: c.exec_driver_sql("SELECT max(size) FROM checkpoint").one())
    alter(case.database, f"UPDATE checkpoint SET root = zeroblob(32) WHERE tree = 'event' AND size = {size}")
    assert found(case.judge(), "root", f"the first {size} events")


# --- a store that numbers before it commits ---------------------------------------------------------------------------


async def test_a_sequence_instead_of_the_head_row_is_found() -> None:
    """Its reader misses what commits late, and the checker says where; with the head row nothing is missed."""
    for sequence in (False, True):
        toy = Toy("a race", sequence=sequence)
        history, read_events = await race(toy, clients=8, per_client=20)
        verdict = check(history, toy.stored(), tails={"the tail": read_events})
        assert verdict.count("tail") == sequence
        assert (len(read_events) < verdict.events) == sequence
        assert verdict.count("lost") == verdict.count("gap") == 0


async def test_a_sequence_of_postgresql_is_found(postgres: Server) -> None:
    """The same in PostgreSQL itself, whose transactions really overlap."""
    for sequence in (False, True):
        async with sequence_log(str(postgres.folder), postgres.database(), sequence=sequence) as log:
            history, seen = await race(log, clients=8, per_client=30)
            verdict = check(history, await log.stored(), tails={"the tail": seen})
        assert verdict.count("tail") == sequence
        assert verdict.count("lost") == verdict.count("gap") == 0


# --- what the checker itself stands on --------------------------------------------------------------------------------


def test_roots_are_those_of_rfc_6962() -> None:
    """By the RFC's own recursive words, over every size up to 33."""

    def defined(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        split = 1 << (len(leaves) - 1).bit_length() - 1
        return tree._node(defined(leaves[:split]), defined(leaves[split:]))

    leaves = [bytes([number]) * 32 for number in range(33)]
    found = tree.roots(leaves, range(34))
    assert found[0] == tree.EMPTY_ROOT
    assert [found[size] for size in range(1, 34)] == [defined(leaves[:size]) for size in range(1, 34)]


@pytest.mark.parametrize(
    ("status", "detail", "outcome"),
    [
        (202, "", Outcome.ACKED),
        (400, "cannot read delivery from alertmanager: it is kept as it came", Outcome.ACKED),
        (401, "", Outcome.REJECTED),
        (503, "cannot store the delivery now: the queue is full; send again", Outcome.REJECTED),
        (503, "cannot write to /x/timelined.db: database is locked", Outcome.REJECTED),
        (503, "cannot write to /x/timelined.db: disk I/O error", Outcome.UNKNOWN),
        (503, "cannot write to /x/timelined.db: database or disk is full", Outcome.UNKNOWN),
        (500, "", Outcome.UNKNOWN),
    ],
)
def test_only_a_definite_refusal_is_one(status: int, detail: str, outcome: Outcome) -> None:
    """A 503 from within the store promises nothing: its transaction may be found after a crash."""
    assert outcome_of(status, detail) is outcome


async def test_an_attempt_that_its_sender_cuts_off_is_written_down() -> None:
    """It may have been taken: then the body is kept once more than it was answered, and that is no fault."""
    history, begin = History(), asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        begin.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        clients = Clients([f"http://127.0.0.1:{port}"], history, "cut off", 1)
        delivery = several("cut off", 1)[0].fresh()
        sending = asyncio.create_task(clients.send(delivery))
        await begin.wait()
        sending.cancel()
        await asyncio.wait([sending])
    (attempt,) = history
    assert (attempt.body, attempt.facts, attempt.outcome) == (delivery.body, delivery.facts, Outcome.UNKNOWN)


def test_every_kind_of_finding_was_made_above() -> None:
    """A kind of finding that no test has brought about may never come."""
    text = Path(__file__).read_text("utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
