"""A stored content that is damaged behind the daemon's back: everything else is read as before, and verify names it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from collector import daemon
from collector.drafting.rendering import document_of
from collector.event import UNREADABLE, RecordedEvent, is_unreadable
from collector.log import open_log
from collector.projections import lists_path
from collector.settings import Settings, Storage, Web
from collector.verification.verify import Beyond, verify
from renderers.lint import lint
from renderers.markdown import markdown
from tests import senders

DAMAGES = {
    "cut": "substr(bytes, 1, length(bytes) - 9)",
    "without its last byte": "substr(bytes, 1, length(bytes) - 1)",
    "without its first byte": "substr(bytes, 2)",
    "empty": "x''",
    "not UTF-8": "CAST(replace(bytes, 'entity\":\"', 'entity\":\"' || x'ff') AS BLOB)",
    "two in one": "CAST(bytes || ',' || bytes AS BLOB)",
    "of another shape": "CAST('[' || bytes || ']' AS BLOB)",
    "a number": "7",
    "a text": "CAST(bytes AS TEXT)",
}
"""What becomes of the bytes, in SQL."""


class Rig:
    """A daemon over a file of its own, and a client of it."""

    def __init__(self, served: daemon.Daemon, client: aiohttp.ClientSession) -> None:
        self.served, self.client, self.log = served, client, served.log

    async def get(self, path: str) -> Any:
        """What the API answers."""
        async with self.client.get(f"{self.served.address}/api/v1/{path}") as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return json.loads(text) if "json" in answer.content_type else text

    async def post(self, path: str, **said: Any) -> None:
        """A person's word."""
        async with self.client.post(f"{self.served.address}/api/v1/{path}", json=said) as answer:
            assert answer.status < 300, await answer.text()

    async def sent(self, delivery: senders.Sent) -> None:
        """A delivery that is taken."""
        url = f"{self.served.address}/webhooks/{delivery.source}"
        async with self.client.post(url, data=delivery.body, headers=delivery.headers) as answer:
            assert answer.status < 300, await answer.text()

    async def grouped(self, *, anew: bool = False) -> None:
        """Have the follower take in everything there is."""
        follower = self.served.runtime.follower
        assert follower is not None
        await (follower.rebuild() if anew else follower.catch_up())

    async def differing(self) -> list[int]:
        """The positions that verify names."""
        verdict = await self.log.query(lambda connection: verify(connection, beyond=Beyond()))
        return [each.number for each in verdict.differences if each.table == "event"]


@asynccontextmanager
async def serving(database: Path) -> AsyncIterator[Rig]:
    """A daemon over this file."""
    settings = Settings(storage=Storage(url=f"sqlite:///{database}"), web=Web(listen_address=("127.0.0.1:0",)))
    async with daemon.running(settings) as served, aiohttp.ClientSession() as client:
        yield Rig(served, client)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a daemon that was told of an incident: alerts, a page, a change, people's words. It stays so."""
    database = tmp_path_factory.mktemp("told") / "told.db"
    asyncio.run(_told(database))
    return database


async def _told(database: Path) -> None:
    async with serving(database) as place:
        await _tell(place)


async def _tell(rig: Rig) -> None:
    alert, page = senders.alert("HighErrorRate", since="14:02", service="checkout"), senders.page(7, "Slow", at="14:03")
    await rig.sent(senders.merged(7, "acme/checkout", "Rotate", at="13:58", by="ana"))
    await rig.sent(senders.alertmanager(alert, senders.alert("SlowCart", since="14:04", service="cart")))
    await rig.sent(page.triggered())
    await rig.sent(page.acknowledged("14:05", by="Ana"))
    await rig.sent(senders.cloudevent("com.acme.restart", "e1", at="14:06", subject="cache"))
    await rig.grouped()
    await rig.post("incidents/1/notes", text="I saw it", by="Ana")
    await rig.post("incidents/1/actions", text="watch it", by="Ana", owner="Ben")
    await rig.post("incidents/1/marks", mark="mitigated", at="2026-03-04T14:10:00Z", by="Ana")
    await rig.post("incidents/1/edit", field="title", value="The outage", by="Ana")
    await rig.grouped()


def unguarded(other: sqlite3.Connection) -> str:
    """Take away the trigger that refuses to change contents; the statement that makes it again."""
    (guard,) = other.execute("SELECT sql FROM sqlite_master WHERE name = 'content_refuses_update'").fetchone()
    other.execute("DROP TRIGGER content_refuses_update")
    return str(guard)


def damaged(database: Path, damage: str, positions: Sequence[int]) -> Path:
    """A copy of a file in which the contents of these events are damaged, which no trigger refuses any longer."""
    # A folder for each: a daemon keeps more beside its database.
    folder = Path(mkdtemp(dir=database.parent))
    copy = Path(shutil.copy(database, folder))
    shutil.copytree(f"{database}.proof", f"{copy}.proof")
    shutil.copy(lists_path(database), folder)
    with closing(sqlite3.connect(copy, isolation_level=None)) as other:
        guard = unguarded(other)
        change = f"UPDATE content SET bytes = {DAMAGES[damage]} WHERE number = "  # noqa: S608 - words of ours
        named = "(SELECT content FROM event WHERE position = ?)"
        other.executemany(change + named, [(position,) for position in positions])
        other.execute(guard)
    return copy


async def read(database: Path) -> list[RecordedEvent]:
    """Every event of a file."""
    log = await open_log(f"sqlite:///{database}", writable=False)
    try:
        return await log.read()
    finally:
        await log.close()


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_event_says_what_its_row_says(database: Path, damage: str) -> None:
    """The others are what they were; it keeps its id, place, type and times, and says that its content is lost."""
    before = await read(database)
    after = await read(damaged(database, damage, [3]))
    assert [event for event in after if event.position != 3] == [event for event in before if event.position != 3]
    whole, left = before[2], after[2]
    row = ("id", "revision", "amendment", "type", "source", "occurred_at", "position", "received_at", "delivery")
    assert [getattr(left, name) for name in row] == [getattr(whole, name) for name in row]
    assert (left.title, left.entity, left.data) == (UNREADABLE, f"unreadable:{whole.id}", {"unreadable": True})
    assert (left.service, left.severity, left.labels, left.refs) == (None, None, {}, ())


async def test_grouping_lists_and_drafts_go_on(database: Path) -> None:
    """Each event of the log damaged in turn: what is made anew out of it holds it, and says what became of it."""
    for position in range(1, len(await read(database)) + 1):
        async with serving(damaged(database, "cut", [position])) as rig:
            await rig.grouped(anew=True)
            await everything_answers(rig)
            assert [e.position for e in await rig.log.read() if is_unreadable(e)] == [position]
            assert await rig.differing() == [position]


async def test_a_log_without_a_readable_event_is_still_read(database: Path) -> None:
    """All of them at once."""
    positions = range(1, len(await read(database)) + 1)
    async with serving(damaged(database, "cut", positions)) as rig:
        await everything_answers(rig)
        await rig.grouped(anew=True)
        await everything_answers(rig)
        assert await rig.differing() == list(positions)


async def everything_answers(rig: Rig) -> None:
    """Lists, events, deliveries and drafts; no draft claims what it does not cite."""
    for path in ("events", "deliveries", "signals", "incidents"):
        await rig.get(path)
    for row in (await rig.get("incidents"))["incidents"]:
        await rig.get(f"incidents/{row['number']}/events")
        await rig.get(f"incidents/{row['number']}/postmortem.json?detail=all")
        case = await rig.served.projections.case(row["number"])
        assert case is not None
        found = lint(document_of(case))
        assert [each for each in found if each.kind in ("uncited", "unknown")] == []


async def test_a_draft_shows_that_an_event_is_lost(database: Path) -> None:
    """Whoever reads the draft of an incident is told to verify the log."""
    alert = next(event for event in await read(database) if event.type == "alert.firing")
    async with serving(damaged(database, "cut", [alert.position])) as place:
        case = await place.served.projections.case(1)
        assert case is not None
        assert UNREADABLE in markdown(document_of(case)).replace("\\", "")


async def test_the_follower_says_it_once(database: Path) -> None:
    """An error names the position when the event is followed, and not again when more comes in."""
    async with serving(damaged(database, "cut", [3])) as rig:
        with capture_logs() as logs:
            await rig.grouped(anew=True)
            await rig.post("incidents/1/notes", text="more", by="Ana")
            await rig.grouped()
    lost = [each for each in logs if "content of an event cannot be read" in each["event"]]
    assert [(each["position"], each["log_level"]) for each in lost] == [(3, "error")]


async def test_damaged_headers_are_shown_as_such(tmp_path: Path) -> None:
    """Headers that lie in a content of their own: deliveries are listed all the same."""
    database = tmp_path / "told.db"
    headers = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/ops", "ce-type": "x.y", "ce-subject": "a"}
    async with serving(database) as rig:
        await rig.sent(senders.Sent("cloudevents", b"{}", {"content-type": "application/json", **headers}))
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        guard = unguarded(other)
        # The headers come right before the body.
        other.execute("UPDATE content SET bytes = x'5b' WHERE number = (SELECT content - 1 FROM delivery)")
        other.execute(guard)
    async with serving(database) as rig:
        [delivery] = await rig.log.deliveries()
        assert delivery.headers[-1] == ("timelined", "headers unreadable: run timelined verify")
        assert delivery == await rig.log.delivery(delivery.id)
