"""``verify --lists``: the lists are what grouping makes of the log, and whatever differs is named."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from collector.cli import output
from collector.correlation import Rules
from collector.event import RecordedEvent
from collector.projections import regrouped
from collector.projections.regrouped import RegroupingDifference, compare
from tests import new_logs
from tests.copies import URL, facts, run, take
from tests.examples import examples
from tests.followed import CATALOG, HASTY, Followed, follow_anyhow, following, submission
from tests.poison import poisonous
from tests.postgres import Server
from tests.processes import Process
from tests.stories import change, firing, low, page, resolved, streams

EVENTS = (
    firing("A", 0, "checkout"), change("deploy", -5, "checkout"), page("B", "triggered", 2, "checkout"),
    low("C", 3, "search"), firing("D", 400, "search"), resolved("A", 0, 30, service="checkout"),
)  # fmt: skip


async def compared(followed: Followed) -> RegroupingDifference:
    """What comparing says of these lists."""
    return await followed.base.query(partial(compare, rules=followed.rules))


async def write(followed: Followed, *statements: str) -> None:
    """Change the lists behind the follower's back."""

    def work(connection: Connection) -> None:
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount > 0, statement

    await followed.base.write(work)


@examples(6)
@given(
    events=streams(longest=16),
    order=st.randoms(use_true_random=False),
    rules=st.sampled_from([Rules(), CATALOG, HASTY]),
    crowded=st.sampled_from([0, 5, 10_000]),
)
def test_lists_that_follow_the_log_do_not_differ(
    events: list[RecordedEvent], order: Any, rules: Rules, crowded: int
) -> None:
    """However events arrived, and wherever the follower stopped and began again, nothing is called a difference."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_followed(Path(folder), events, order, rules, crowded=crowded))


async def _followed(folder: Path, events: list[RecordedEvent], order: Any, rules: Rules, **more: Any) -> None:
    async with following(folder, rules, **more) as followed:
        await follow_anyhow(followed, events, order, restarts=0.2)
        assert await compared(followed) == RegroupingDifference()


CHANGES = {
    "event_index": "UPDATE event_index SET service = 'other' WHERE position = 1",
    "event_unit": "DELETE FROM event_unit WHERE event = (SELECT min(event) FROM event_unit)",
    "signal": "UPDATE signal SET ended = 1 - ended WHERE uid = (SELECT min(uid) FROM signal)",
    "the body of a signal": "UPDATE signal SET body = (SELECT max(body) FROM signal) WHERE uid = "
    "(SELECT uid FROM signal WHERE body <> (SELECT max(body) FROM signal) LIMIT 1)",
    "signal_key": "DELETE FROM signal_key WHERE key = (SELECT min(key) FROM signal_key)",
    "incident": "UPDATE incident SET started_at = started_at - 1 WHERE number = 1",
    "a title": "UPDATE incident SET title = 'nothing to see' WHERE number = 1",
    "an end": "UPDATE incident SET ended_at = 5 WHERE number = 1",
    "incident_key": "DELETE FROM incident_key WHERE key = (SELECT min(key) FROM incident_key)",
    "a member that is gone": "DELETE FROM membership WHERE uid = (SELECT min(uid) FROM membership)",
    "a member's reason": "UPDATE membership SET reason = 'because' WHERE uid = (SELECT min(uid) FROM membership)",
    "a member that is none": "INSERT INTO membership SELECT uid, 1, 'service', 'so', '' FROM signal WHERE missed <> ''",
    "a placement that is none": "INSERT INTO placement SELECT uid, 2, 'follow_up', 'so' FROM signal WHERE uid = "
    "(SELECT min(uid) FROM signal)",
    "why it joined nothing": "UPDATE signal SET missed = 'no reason' WHERE missed <> ''",
    "an ignored statement": "INSERT INTO ignored VALUES ('00', 'so')",
    "ref_service": "INSERT INTO ref_service VALUES ('repository:acme/web', 'search', 7)",
    "whole": "DELETE FROM event_index",
}


@pytest.mark.parametrize("change_", CHANGES.values(), ids=CHANGES)
async def test_whatever_is_changed_in_the_lists_is_named(tmp_path: Path, change_: str) -> None:
    """One row of any list: of what events are, what they are grouped as, what they joined and why."""
    async with following(tmp_path, CATALOG) as followed:
        await followed.told(*EVENTS)
        assert await compared(followed) == RegroupingDifference()
        await write(followed, change_)
        found = await compared(followed)
        assert found.differences
        assert not found.unseen
        await followed.follower.rebuild()
        assert await compared(followed) == RegroupingDifference()


async def test_a_server_s_lists_are_compared_as_well(postgres: Server, tmp_path: Path) -> None:
    """PostgreSQL keeps the lists in tables of its own types; the scratch is SQLite's all the same."""
    async with following(tmp_path, CATALOG, url=new_logs.placed_in(postgres)) as followed:
        await followed.told(*EVENTS)
        assert await compared(followed) == RegroupingDifference()
        await write(followed, CHANGES["a member's reason"], CHANGES["an end"], CHANGES["ref_service"])
        assert len((await compared(followed)).differences) == 3


async def test_a_difference_says_what_is_and_what_should_be(tmp_path: Path) -> None:
    """By the incident's opening event and the column, so that a person can look."""
    async with following(tmp_path) as followed:
        await followed.told(*EVENTS)
        await write(followed, CHANGES["a title"])
        (found,) = (await compared(followed)).differences
        assert str(found).startswith(f"lists: incident of {EVENTS[0].id}: title is nothing to see, and not ")


async def test_what_was_set_aside_is_left_out(tmp_path: Path) -> None:
    """The lists are without it on purpose, and say so themselves."""
    async with following(tmp_path) as followed:
        with poisonous({EVENTS[2].id}):
            await followed.told(*EVENTS)
        assert (await followed.lists.state()).set_aside == 1
        assert await compared(followed) == RegroupingDifference()


async def test_other_rules_are_no_damage(tmp_path: Path) -> None:
    """Lists that were grouped by other rules, in part or whole, are named as that until they are made anew."""
    async with following(tmp_path) as followed:
        await followed.told(*EVENTS[:3])
        followed.rules = CATALOG
        followed.restart()
        for more in ((), EVENTS[3:]):
            await followed.told(*more)
            (unseen,) = (await compared(followed)).unseen
            assert "grouped by other rules" in unseen
        await followed.follower.rebuild()
        assert await compared(followed) == RegroupingDifference()


async def test_lists_that_lag_are_compared_as_far_as_they_go(tmp_path: Path) -> None:
    """What they have not read yet is no difference; only placements, which rest on all of it, are not looked at."""
    async with following(tmp_path) as followed:
        await followed.told(*EVENTS[:4])
        await followed.log.append([submission(one) for one in EVENTS[4:]])
        found = await compared(followed)
        assert not found.differences
        assert "placements" in " ".join(found.unseen)


async def test_a_list_that_cannot_be_read_is_a_difference(tmp_path: Path) -> None:
    """A table that is gone is damage, and no reason to end."""
    async with following(tmp_path) as followed:
        await followed.told(*EVENTS)
        await followed.base.write(lambda c: c.exec_driver_sql("DROP TABLE membership"))
        (found,) = (await compared(followed)).differences
        assert "no such table" in str(found)


async def test_a_scratch_without_room_says_nothing_of_the_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder for temporary files is full or not there, the lists were not looked at."""
    async with following(tmp_path) as followed:
        await followed.told(*EVENTS)
        with monkeypatch.context() as patch:
            patch.setattr(regrouped, "_SETTINGS", (*regrouped._SETTINGS, "max_page_count = 20"))
            difference = await compared(followed)
            assert not difference.differences
            assert "full" in " ".join(difference.unseen)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        difference = await compared(followed)
        assert not difference.differences
        assert "No such file" in " ".join(difference.unseen)


# --- the commands -----------------------------------------------------------------------------------------------------


@pytest.fixture
def alerted(process: Process) -> Path:
    """A database with an incident, whose daemon has stopped."""
    address = process.start("--storage.url", URL)
    take(address, *range(1, 12))
    assert process.end(signal.SIGTERM) == 0
    return process.folder


def change_lists(folder: Path, statement: str) -> None:
    """What somebody with the file can do."""
    with closing(sqlite3.connect(folder / "data" / "timelined.incidents.db")) as file, file:
        assert file.execute(statement).rowcount > 0


def test_verify_compares_the_lists_where_it_is_asked_to(alerted: Path) -> None:
    """Without the option it says that it did not; with it ten differences are named, and the exit code is 6."""
    plain = facts(run(alerted, "verify", "-o", "json"))
    assert any(line.startswith("the lists: ") for line in plain["not_looked_at"])
    assert plain["lists_compared"] is False
    good = run(alerted, "verify", "--lists", "-o", "json")
    assert good.returncode == 0, good.stdout + good.stderr
    assert facts(good)["lists_compared"] is True
    assert not any("lists" in line for line in facts(good)["not_looked_at"])
    assert "as the log makes them" in run(alerted, "verify", "--lists").stdout
    change_lists(alerted, "DELETE FROM event_index")
    assert run(alerted, "verify").returncode == 0
    bad = run(alerted, "verify", "--lists")
    assert bad.returncode == output.DAMAGED
    assert bad.stdout.count("lists: event at position") == 10
    assert "other differences" in bad.stdout
    assert "timelined db rebuild" in bad.stderr
    assert len(facts(run(alerted, "verify", "--lists", "-o", "json"))["differences"]) > 10
    wrong = run(alerted, "verify", "--lists", "--from", "1")
    assert wrong.returncode == 2


def test_lists_are_made_anew_by_a_command(alerted: Path, process: Process) -> None:
    """Once no daemon writes: what was changed is as before, numbers stay, and nothing is announced again."""
    before = facts(run(alerted, "incidents", "-o", "json"))
    change_lists(alerted, "UPDATE incident SET title = 'nothing to see', started_at = 5")
    process.start("--storage.url", URL)
    busy = run(alerted, "db", "rebuild")
    assert busy.returncode == output.UNAVAILABLE
    assert "stop" in busy.stderr
    assert process.end(signal.SIGTERM) == 0
    count = len(facts(run(alerted, "events", "--type", "incident.*", "-o", "json")))
    assert run(alerted, "verify", "--lists").returncode == output.DAMAGED
    made = run(alerted, "db", "rebuild")
    assert made.returncode == 0, made.stderr
    assert "made anew" in made.stderr
    assert run(alerted, "verify", "--lists").returncode == 0
    assert facts(run(alerted, "incidents", "-o", "json")) == before
    assert len(facts(run(alerted, "events", "--type", "incident.*", "-o", "json"))) == count


def test_a_server_s_lists_are_made_anew_where_no_daemon_follows(process: Process, postgres: Server) -> None:
    """Beside a daemon that follows the command is refused and changes nothing."""
    url = postgres.fresh()
    take(process.start("--storage.url", url), *range(1, 6))
    busy = run(process.folder, "db", "rebuild", url=url)
    assert busy.returncode == output.UNAVAILABLE, busy.stderr
    assert "a daemon follows the log; stop all of them" in busy.stderr
    assert process.end(signal.SIGTERM) == 0
    assert run(process.folder, "db", "rebuild", url=url).returncode == 0
    verified = run(process.folder, "verify", "--lists", "-o", "json", url=url)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert facts(verified)["lists_compared"] is True


async def test_what_is_taken_from_an_incident_is_no_part_of_how_long_it_was_told_of(tmp_path: Path) -> None:
    """An end that names no start goes to a firing that is told after it."""
    ends = [msgspec.structs.replace(resolved("A", minute, minute), data={}) for minute in (0, 16)]
    async with following(tmp_path) as followed:
        for each in (firing("A", 0), *ends, firing("A", 16)):
            await followed.told(each)
            assert await compared(followed) == RegroupingDifference()


async def test_a_change_is_found_by_what_its_repository_deploys_and_by_nothing_before(tmp_path: Path) -> None:
    """Where memory let go of it, too: a deployment says which service the repository is of."""
    refs = ("repository:acme/web",)
    async with following(tmp_path, crowded=0) as followed:
        await followed.told(change("d0", 0, None, "started", refs=refs))
        followed.restart()
        await followed.told(change("d1", 0, "checkout", refs=refs))
        assert await compared(followed) == RegroupingDifference()
