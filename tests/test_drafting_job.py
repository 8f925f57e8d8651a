"""The drafts of incidents, written as they become due: each pass writes what changed, once."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from collector import projections
from collector.correlation import Rules
from collector.drafting import DraftJob, DueDrafts, Resolved
from collector.drafting.rendering import postmortem
from collector.errors import Unavailable
from collector.event import HOUR, Event, RecordedEvent
from collector.following.follower import Follower
from collector.jobs.schedule import Schedule
from collector.log import EventLog, Submission, receipt_of
from collector.projections import IncidentRow, ListsRemoved
from tests.due_incidents import NOW, incident
from tests.facts import fact, firing, resolved
from tests.lists import opened

# --- the job ----------------------------------------------------------------------------------------------------------


class Lists:
    """The lists of incidents as the job reads them: a dictionary, newest number first, in pages."""

    def __init__(self, *rows: IncidentRow) -> None:
        self.rows = {row.number: row for row in rows}
        self.rendered: list[tuple[int, str]] = []
        self.read: list[int] = []
        """The numbers of the rows that were handed out."""
        self.listeners: list[Callable[[int], None]] = []

    async def incidents(
        self, *, status: str | None = None, before: int | None = None, limit: int = 50, **_: object
    ) -> list[IncidentRow]:
        numbers = sorted((n for n in self.rows if before is None or n < before), reverse=True)
        found = [self.rows[n] for n in numbers if status is None or self.rows[n].status == status][:limit]
        self.read += [row.number for row in found]
        return found

    async def incident(self, number: int) -> IncidentRow | None:
        self.read += [number] if number in self.rows else []
        return self.rows.get(number)

    def on_changed(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """As the follower's: who changes a row with :meth:`put` tells."""
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def put(self, row: IncidentRow) -> None:
        """A row becomes this one."""
        self.rows[row.number] = row
        for listener in self.listeners:
            listener(row.number)

    @staticmethod
    async def away(**_: object) -> list[IncidentRow]:
        raise Unavailable("the database is away")

    async def render(self, number: int, form: str) -> str:
        if self.rows[number].title == "cannot be rendered":
            raise ValueError(self.rows[number].title)
        if self.rows[number].title == "removed":
            raise ListsRemoved("cannot read the lists: the file was removed")
        self.rendered.append((number, form))
        return f"{form} of {number} with {self.rows[number].events} events"


def job_over(lists: Lists, folder: Path) -> DraftJob:
    """The job over these lists, on a clock that stands."""
    return DraftJob(
        projections=lists,  # type: ignore[arg-type]
        render=lists.render, folder=folder, stale_after=24 * HOUR, clock=lambda: NOW,
    )  # fmt: skip


async def test_a_pass_writes_what_is_due_and_the_next_one_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running twice does the work once, also over more incidents than one page holds."""
    monkeypatch.setattr("collector.drafting.job._PAGE", 10)
    lists = Lists(*(incident(number, status="resolved") for number in range(1, 22)))
    job = job_over(lists, tmp_path)
    assert len(await job.run()) == 21
    assert await job.run() == ()
    assert len(lists.rendered) == 2 * 21
    assert (tmp_path / "incident-21.md").read_text() == "md of 21 with 3 events"


async def test_a_pass_reads_what_changed_and_what_is_open(tmp_path: Path) -> None:
    """However many incidents are over, a pass that is told of changes reads none of them a second time."""
    lists = Lists(*(incident(number, status="resolved") for number in range(1, 121)))
    lists.put(incident(121))
    job = job_over(lists, tmp_path)
    job.listen(lists.on_changed)
    assert len(await job.run()) == 120
    assert sorted(lists.read) == list(range(1, 122))
    lists.read.clear()
    assert await job.run() == ()
    assert lists.read == [121]
    lists.put(incident(7, status="resolved", events=4))
    lists.put(incident(8, status="merged", merged_into=7))
    lists.read.clear()
    assert [(done.number, done.reason) for done in await job.run()] == [(7, "changed"), (8, "merged")]
    assert sorted(lists.read) == [7, 8, 121]


async def test_an_open_incident_becomes_due_though_nothing_changes(tmp_path: Path) -> None:
    """Time alone makes it stale; the pass after that writes it."""
    now = NOW
    lists = Lists(incident(1, last_at=NOW))
    job = DraftJob(
        projections=lists,  # type: ignore[arg-type]
        render=lists.render, folder=tmp_path, stale_after=24 * HOUR, clock=lambda: now,
    )  # fmt: skip
    job.listen(lists.on_changed)
    assert await job.run() == ()
    now += 24 * HOUR
    assert [done.reason for done in await job.run()] == ["stale"]


async def test_drafts_go_by_age_and_size_but_for_those_that_people_edited(tmp_path: Path) -> None:
    """The oldest first; what went comes back with its incident's next change, and not before."""
    lists = Lists(*(incident(number, status="resolved") for number in range(1, 6)))
    now = NOW

    def over(keep: int = 0, max_size: int = 0) -> DraftJob:
        """A job with these bounds, as after a start."""
        return DraftJob(
            projections=lists,  # type: ignore[arg-type]
            render=lists.render, folder=tmp_path, stale_after=24 * HOUR, clock=lambda: now,
            keep=keep, max_size=max_size,
        )  # fmt: skip

    def drafts() -> list[str]:
        return sorted(path.name for path in tmp_path.glob("incident-*.md"))

    await over().run()
    for number in range(1, 6):
        for form in ("md", "json"):
            os.utime(tmp_path / f"incident-{number}.{form}", (NOW / 1e6 - (10 - number) * 3600,) * 2)
    (tmp_path / "incident-1.md").write_text("Written by a person")
    os.utime(tmp_path / "incident-1.md", (0, 0))
    await over(keep=int(7.5 * HOUR)).run()
    assert drafts() == [f"incident-{number}.md" for number in (1, 3, 4, 5)]
    assert not (tmp_path / "incident-2.json").exists()
    size = sum((tmp_path / f"incident-{name}").stat().st_size for name in ("1.md", "5.md", "5.json"))
    job = over(max_size=size)
    await job.run()
    assert drafts() == ["incident-1.md", "incident-5.md"]
    lists.put(incident(3, status="resolved", events=4))
    await over().run()
    assert drafts() == ["incident-1.md", "incident-3.md", "incident-5.md"]


async def test_what_could_not_be_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft that failed is due at the next pass, also one that a hint asked for; and so is a pass that failed."""
    lists = Lists(incident(1, status="resolved"))
    job = job_over(lists, tmp_path)
    job.listen(lists.on_changed)
    await job.run()
    lists.put(incident(1, status="resolved", title="cannot be rendered"))
    assert await job.run((1,)) == ()
    lists.rows[1] = incident(1, status="resolved", events=5)
    assert [done.number for done in await job.run()] == [1]
    lists.put(incident(1, status="resolved", events=6))
    monkeypatch.setattr(lists, "incidents", Lists.away)
    with pytest.raises(Unavailable):
        await job.run()
    monkeypatch.undo()
    assert [done.number for done in await job.run()] == [1]
    lists.put(incident(1, status="resolved", title="removed"))
    with capture_logs() as lines, pytest.raises(ListsRemoved):
        await job.run((1,))
    assert lines == []
    lists.rows[1] = incident(1, status="resolved", events=7)
    assert [done.number for done in await job.run()] == [1]


async def test_a_change_that_nobody_told_of_is_found_by_the_next_who_listens(tmp_path: Path) -> None:
    """Another daemon held the lease meanwhile: whoever takes it up reads everything first."""
    lists = Lists(incident(1, status="resolved"))
    job = job_over(lists, tmp_path)
    end = job.listen(lists.on_changed)
    await job.run()
    end()
    lists.put(incident(1, status="resolved", events=4))
    job.listen(lists.on_changed)
    assert [done.reason for done in await job.run()] == ["changed"]


async def test_a_draft_costs_the_same_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written and read for one incident's draft does not grow with the number of other drafts."""
    lists = Lists()
    job = job_over(lists, tmp_path)
    sizes, read = [], []
    replace, read_bytes = os.replace, Path.read_bytes

    def counted_replace(source: str | Path, target: str | Path) -> None:
        sizes.append(Path(source).stat().st_size)
        replace(source, target)

    def counted_read(path: Path) -> bytes:
        found = read_bytes(path)
        read.append(len(found))
        return found

    monkeypatch.setattr(os, "replace", counted_replace)
    monkeypatch.setattr(Path, "read_bytes", counted_read)
    costs = []
    for number in range(10, 40):
        lists.rows[number] = incident(number, status="resolved")
        sizes.clear()
        read.clear()
        await job.run((number,))
        costs.append((sum(sizes), sum(read)))
    assert len(set(costs)) == 1, costs


async def test_a_correction_that_changes_only_a_text_is_written_again(tmp_path: Path) -> None:
    """A revision of any event of the incident is a reason for another draft, though the lists look as before."""
    async with opened(tmp_path / "log.db") as (log, base):
        lists = projections.Projections(base, Rules())
        follower = Follower(base, log, Rules(), clock=lambda: 0)
        job = DraftJob(
            projections=lists, render=lambda number, form: postmortem(lists, number, format=form),
            folder=tmp_path / "drafts", stale_after=24 * HOUR, clock=lambda: NOW,
        )  # fmt: skip
        note = fact("note.added", 5, "note:1", service="checkout", title="Pool exhausted.")
        for event in (firing(0), note, resolved(9, since=0)):
            await told(log, event)
        await follower.catch_up()
        assert [done.reason for done in await job.run()] == ["resolved"]
        before = await lists.incident(1)
        await told(log, msgspec.structs.replace(note, title="Disk full.", revision=1, amendment="correction"))
        await follower.catch_up()
        after = await lists.incident(1)
        assert before is not None
        assert after == msgspec.structs.replace(before, last_position=after.last_position if after else 0)
        assert [done.reason for done in await job.run()] == ["changed"]
        text = (tmp_path / "drafts" / "incident-1.md").read_text()
        assert "Disk full." in text
        assert "Pool exhausted." not in text
        assert await job.run() == ()


async def told(log: EventLog, event: RecordedEvent) -> None:
    """This arrives."""
    plain = Event(**{name: getattr(event, name) for name in Event.__struct_fields__})
    receipt_of(*await log.append([Submission(source=event.source, received_at=event.received_at, events=(plain,))]))


async def test_passes_at_the_same_time_do_not_overlap(tmp_path: Path) -> None:
    """The minute's pass and a hint that come together write once."""
    lists = Lists(incident(1, status="resolved"))
    job = job_over(lists, tmp_path)
    await asyncio.gather(job.run(), job.run((1,)), job.run())
    assert lists.rendered == [(1, "md"), (1, "json")]


async def test_one_incident_that_cannot_be_rendered_holds_up_no_other(tmp_path: Path) -> None:
    """What goes wrong with one is said in the log, and tried again at the next pass."""
    lists = Lists(incident(1, status="resolved", title="cannot be rendered"), incident(2, status="resolved"))
    job = job_over(lists, tmp_path)
    assert [done.number for done in await job.run()] == [2]
    lists.rows[1] = incident(1, status="resolved")
    assert [done.number for done in await job.run()] == [1]


async def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    """A full or missing disk stops no daemon; the drafts come when there is room."""
    folder = tmp_path / "drafts"
    folder.write_text("a file where the folder should be")
    job = job_over(Lists(incident(1, status="resolved")), folder)
    assert await job.run() == ()
    folder.unlink()
    assert len(await job.run()) == 1


async def test_a_merged_incidents_draft_says_where_it_went(tmp_path: Path) -> None:
    """The file of a number that is no more leads to the one that is."""
    lists = Lists(incident(1, status="resolved"))
    job = job_over(lists, tmp_path)
    await job.run()
    lists.rows[1] = incident(1, status="merged", merged_into=2)
    await job.run()
    assert "see incident-2.md" in (tmp_path / "incident-1.md").read_text()
    assert json.loads((tmp_path / "incident-1.json").read_text()) == {"incident": 1, "merged_into": 2}


async def test_drafts_are_written_at_the_start_and_at_a_hint(tmp_path: Path) -> None:
    """What fell due while the daemon was down is written at its start; a resolve does not wait for the minute."""
    lists = Lists(incident(1, status="resolved"), incident(2), incident(3))
    job, runs = job_over(lists, tmp_path), Schedule()
    runs.add("drafts", job.run, every=60)
    resolved = Resolved(job)
    resolved.soon = runs.add("soon", resolved.run)
    runs.start()
    try:
        await until((tmp_path / "incident-1.json").exists)
        for number in (2, 3):
            lists.rows[number] = incident(number, status="resolved")
            resolved.add(number)
        await until((tmp_path / "incident-2.json").exists)
        await until((tmp_path / "incident-3.json").exists)
    finally:
        await runs.finish()


async def test_many_that_resolve_at_once_are_written_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop waits for the pass that it meets, so no pass writes more than a few."""
    lists = Lists(*(incident(number, status="resolved") for number in range(1, 26)))
    passes: list[int] = []
    job, runs = job_over(lists, tmp_path), Schedule()

    async def run(numbers: Sequence[int] | None = None) -> tuple[DueDrafts, ...]:
        passes.append(len(numbers or ()))
        return ()

    monkeypatch.setattr(job, "run", run)
    resolved = Resolved(job)
    resolved.soon = runs.add("soon", resolved.run)
    for number in range(1, 26):
        resolved.add(number)
    runs.start()
    await until(lambda: sum(passes) == 25)
    await runs.finish()
    assert passes == [10, 10, 5]


async def until(happened: Callable[[], object]) -> None:
    """Look until it happened; fail after a minute."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - a file has no event to wait for
            await asyncio.sleep(0.01)
