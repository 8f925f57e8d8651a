"""The lists beside the log, which are not migrated: of another shape they are made anew."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import msgspec
import pytest
from sqlalchemy import Column, Index, MetaData, Text, create_engine

from collector import daemon, projections
from collector.cli.output import UNAVAILABLE
from collector.following.follower import Follower
from collector.log import HEAD
from collector.projections import shape
from collector.settings import Drafts, Settings, Storage, Web
from renderers.document import Options
from tests import lists as lists_of
from tests.conftest import timelined
from tests.earlier import STORY, change, made, made_events, opened, replayed, unpacked
from tests.scenario import drafts, played, submission, tell


async def test_lists_of_another_shape_are_made_anew(tmp_path: Path) -> None:
    """A table that changed, in whatever way, is dropped and filled from the log; numbers and drafts stay the same."""
    path, story = tmp_path / "timelined.db", tell("rollback-breaks-something-else")
    async with played([submission(arrival) for arrival in story.arrivals], story.rules, path) as lists:
        before = [(row.number, row.key, row.title) for row in await lists.incidents()]
        texts = await drafts(lists, Options(zone=story.zone))
    assert len(before) > 1
    events = made_events(path)
    for damage in (
        ["ALTER TABLE membership RENAME COLUMN rule TO law"],
        ["DROP TABLE incident", "CREATE TABLE incident (number TEXT)"],
        ["ALTER TABLE incident_number ADD COLUMN more TEXT"],
        ["DROP TABLE shape"],
    ):
        another = ["UPDATE shape SET digest = 'another'"] if "shape" not in damage[0] else []
        change(projections.lists_path(path), *damage, *another)
        async with played([], story.rules, path) as lists:
            assert [(row.number, row.key, row.title) for row in await lists.incidents()] == before
            assert await drafts(lists, Options(zone=story.zone)) == texts
    assert made_events(path) == events


async def test_lists_of_the_same_shape_are_left_alone(tmp_path: Path) -> None:
    """A second start goes on where the first one stopped."""
    path, story = tmp_path / "timelined.db", tell(STORY)
    async with played([submission(arrival) for arrival in story.arrivals], story.rules, path):
        pass
    async with lists_of.opened(path) as (log, base):
        assert await base.query(shape.fits)
        change(projections.lists_path(path), "INSERT INTO ignored VALUES ('a mark', 'of the first')")
        await Follower(base, log, story.rules).catch_up()
        assert await base.query(lambda c: c.exec_driver_sql("SELECT count(*) FROM ignored").scalar()) == 1


@pytest.mark.parametrize("kind", ["a column", "an index", "the values", "what is packed"])
def test_every_change_of_the_lists_gives_another_shape(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changes a table, or what is packed into one, need not remember to say so."""
    with create_engine("sqlite://").connect() as connection:
        before = shape.digest(connection)
        assert shape.digest(connection) == before
        if kind == "the values":
            monkeypatch.setattr(shape, "CONTENT", "another")
        elif kind == "what is packed":
            monkeypatch.setattr(shape, "Signal", msgspec.defstruct("Signal", [("id", str)]))
        else:
            other = MetaData()
            for table in projections.metadata.sorted_tables:
                table.to_metadata(other)
            column = Column("more", Text) if kind == "a column" else other.tables["signal"].c.last
            other.tables["signal"].append_column(column) if kind == "a column" else Index("more", column)
            monkeypatch.setattr(shape, "metadata", other)
        assert shape.digest(connection) != before
    connection.engine.dispose()


async def test_lists_in_the_logs_own_file_are_dropped_and_made_beside_it(tmp_path: Path) -> None:
    """A file of a version that kept both in one: nothing of the lists stays in the log, and numbers are as before."""
    path = unpacked("0004", tmp_path)
    former = {"cursor", "event_index", "incident", "incident_number", "signal", "outbox"}
    assert former <= made(path).keys()
    settings = Settings(
        web=Web(listen_address=("127.0.0.1:0",)),
        storage=Storage(url=f"sqlite:///{path}"),
        drafts=Drafts(dir=str(tmp_path / "drafts")),
    )
    async with (
        daemon.running(settings) as running,
        aiohttp.ClientSession() as session,
        session.get(f"{running.address}/api/v1/incidents/1") as answer,
    ):
        assert (answer.status, (await answer.json())["title"]) == (200, "checkout: HighErrorRate")
    assert not former & made(path).keys()
    assert former <= made(projections.lists_path(path)).keys()


async def test_a_reader_does_not_show_lists_of_another_shape(tmp_path: Path) -> None:
    """A command of this version beside a daemon says so, instead of showing what it misreads; alone it makes some."""
    path = unpacked(HEAD, tmp_path)
    await replayed(path, tell(STORY))
    change(projections.lists_path(path), "UPDATE shape SET digest = 'another'")
    url = f"sqlite:///{path}"
    alone = await asyncio.to_thread(timelined, "incidents", "--storage.url", url, cwd=tmp_path)
    assert (alone.returncode, "HighErrorRate" in alone.stdout) == (0, True)
    assert "This log has no lists" in alone.stderr
    async with opened(path) as log:
        log.announce("http://127.0.0.1:1")
        shown = await asyncio.to_thread(timelined, "incidents", "--storage.url", url, cwd=tmp_path)
    assert shown.returncode == UNAVAILABLE
    assert "its lists are not those of this version" in shown.stderr
