"""Which drafts are due, and that writing them never costs a person's words."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector import projections
from collector.correlation import Membership, Rules
from collector.drafting import RECORD, DraftFolder, DraftJob, Due, Resolved, Written, due, state_of
from collector.drafts import options_of, postmortem
from collector.errors import InvalidInput, Unavailable
from collector.event import HOUR, MINUTE, Event, RecordedEvent, event_id
from collector.follower import Follower
from collector.log import EventLog, Submission
from collector.projections import Case, IncidentRow
from collector.schedule import Schedule
from renderers.document import Options
from tests.facts import fact, firing, resolved
from tests.lists import opened

NOW = 1_772_632_800_000_000


def incident(number: int, **fields: object) -> IncidentRow:
    """An incident as lists show it: open, with its last news a minute ago, unless said otherwise."""
    ordinary = {
        "number": number, "key": f"{number:032x}", "status": "open", "title": "HighErrorRate on checkout",
        "started_at": NOW - HOUR, "ended_at": None, "last_at": NOW - MINUTE, "services": ("checkout",),
        "environments": ("production",), "severity": "critical", "lead": None, "events": 3,
    }  # fmt: skip
    return IncidentRow(**(ordinary | fields))  # type: ignore[arg-type]


def drafted(*rows: IncidentRow) -> dict[int, Written]:
    """The record after these were drafted as they are."""
    return {row.number: Written(state=state_of(row)) for row in rows}


def reasons(rows: list[IncidentRow], written: dict[int, Written] | None = None, now: int = NOW) -> dict[int, str]:
    """Number → why its draft is due."""
    return {one.number: one.reason for one in due(now, rows, written or {}, 24 * HOUR)}


# --- what is due ------------------------------------------------------------------------------------------------------


def test_a_resolved_incident_is_due_at_once() -> None:
    """The draft is there when people come to write it."""
    assert reasons([incident(1, status="resolved", ended_at=NOW), incident(2)]) == {1: "resolved"}


def test_an_open_incident_is_due_after_a_day_without_news() -> None:
    """Lost resolves are common: an incident that nobody closes still gets its draft."""
    rows = [incident(1, last_at=NOW - 24 * HOUR), incident(2, last_at=NOW - 24 * HOUR + 1)]
    assert reasons(rows) == {1: "stale"}


def test_a_draft_that_was_written_is_due_only_when_the_incident_changed() -> None:
    """Two passes over the same incidents write once; a late event is a reason to write again."""
    before = incident(1, status="resolved", ended_at=NOW)
    assert reasons([before], drafted(before)) == {}
    later = msgspec.structs.replace(before, events=4)
    assert reasons([later], drafted(before)) == {1: "changed"}


def test_a_revision_alone_is_a_reason_to_write_again() -> None:
    """A correction, a retraction or an erasure may leave everything else that lists show as it was."""
    before = incident(1, status="resolved", ended_at=NOW, last_position=3)
    assert reasons([msgspec.structs.replace(before, last_position=4)], drafted(before)) == {1: "changed"}


def test_a_drafted_incident_that_opens_again_is_due() -> None:
    """A file that says Resolved while the incident is open would be wrong."""
    before = incident(1, status="resolved", ended_at=NOW)
    assert reasons([incident(1)], drafted(before)) == {1: "changed"}


def test_an_incident_that_was_merged_away_is_due_only_if_it_had_a_draft() -> None:
    """The old draft must say where the incident went; a number nobody drafted needs no file."""
    before = incident(1, status="resolved")
    merged = incident(1, status="merged", merged_into=2)
    assert reasons([merged]) == {}
    assert reasons([merged], drafted(before)) == {1: "merged"}


def test_what_is_due_does_not_depend_on_the_order_of_the_list() -> None:
    """The same incidents give the same drafts, in the order of their numbers."""
    rows = [incident(number, status="resolved") for number in (3, 1, 2)]
    assert due(NOW, rows, {}, HOUR) == due(NOW, reversed(rows), {}, HOUR)
    assert list(reasons(rows)) == [1, 2, 3]


# --- files ------------------------------------------------------------------------------------------------------------


def put(shelf: DraftFolder, text: str, number: int = 12) -> None:
    """Write one draft as the job does."""
    shelf.write(Due(number=number, reason="changed", state=text), {"md": text, "json": json.dumps(text)})


@pytest.fixture
def shelf(tmp_path: Path) -> DraftFolder:
    """A folder that does not exist yet."""
    return DraftFolder(tmp_path / "out" / "drafts")


def contents(folder: Path) -> dict[str, str]:
    """File name → text, without the record."""
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.name != RECORD}


def test_a_draft_nobody_edited_is_replaced(shelf: DraftFolder) -> None:
    """Our own file is ours to write over."""
    put(shelf, "one")
    put(shelf, "two")
    assert contents(shelf.folder) == {"incident-12.json": '"two"', "incident-12.md": "two"}


def test_a_draft_that_a_person_edited_is_never_touched(shelf: DraftFolder) -> None:
    """What a person wrote stays as it is; the new draft stands beside it, and is replaced there."""
    put(shelf, "one")
    (shelf.folder / "incident-12.md").write_text("one, and what I know")
    put(shelf, "two")
    put(shelf, "three")
    found = contents(shelf.folder)
    assert found["incident-12.md"] == "one, and what I know"
    assert found["incident-12.new.md"] == "three"
    assert found["incident-12.json"] == '"three"'


def test_the_draft_beside_an_edited_one_may_be_edited_too(shelf: DraftFolder) -> None:
    """A counter keeps every version that a person touched."""
    put(shelf, "one")
    (shelf.folder / "incident-12.md").write_text("mine")
    put(shelf, "two")
    (shelf.folder / "incident-12.new.md").write_text("mine as well")
    put(shelf, "three")
    texts = set(contents(shelf.folder).values())
    assert {"mine", "mine as well", "three"} <= texts
    (listed,) = shelf.listing()
    assert listed.edited
    assert [Path(path).name for path in listed.beside] == ["incident-12.new-2.md", "incident-12.new.md"]


def test_a_draft_taken_back_to_what_was_written_counts_as_ours(shelf: DraftFolder) -> None:
    """Only the content decides whether a person's words would be lost."""
    put(shelf, "one")
    path = shelf.folder / "incident-12.md"
    path.write_text("mine")
    path.write_text("one")
    put(shelf, "two")
    assert contents(shelf.folder)["incident-12.md"] == "two"


@pytest.mark.parametrize("damage", ["gone", "not json", "cut"])
def test_a_lost_record_costs_no_persons_words(shelf: DraftFolder, damage: str) -> None:
    """Without a record every file may be a person's, so nothing is written over."""
    put(shelf, "one")
    (shelf.folder / "incident-12.md").write_text("mine")
    record = shelf.folder / RECORD / "12.json"
    if damage == "gone":
        record.unlink()
    else:
        record.write_bytes(b"{" if damage == "not json" else record.read_bytes()[:-5])
    put(shelf, "two")
    assert contents(shelf.folder)["incident-12.md"] == "mine"
    assert contents(shelf.folder)["incident-12.new.md"] == "two"


@pytest.mark.parametrize("step", range(1, 5))
def test_a_pass_may_be_cut_off_anywhere(shelf: DraftFolder, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Whichever replacement of a file is the last before the power goes, the next pass knows its own files."""
    put(shelf, "one")
    steps = 0
    replace = os.replace

    def failing(source: str | Path, target: str | Path) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="No space left"):
        put(shelf, "two")
    known = shelf.record(12)
    assert known is not None
    assert known.state == "one"
    monkeypatch.undo()
    put(shelf, "three")
    assert contents(shelf.folder) == {"incident-12.json": '"three"', "incident-12.md": "three"}


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
    written, read = [], []
    replace, read_bytes = os.replace, Path.read_bytes

    def counted_replace(source: str | Path, target: str | Path) -> None:
        written.append(Path(source).stat().st_size)
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
        written.clear()
        read.clear()
        await job.run((number,))
        costs.append((sum(written), sum(read)))
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
    (answer,) = await log.append([Submission(source=event.source, received_at=event.received_at, events=(plain,))])
    assert not isinstance(answer, Exception)


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

    async def run(numbers: Sequence[int] | None = None) -> tuple[Due, ...]:
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
    """Look until it happened; fail after ten seconds."""
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - a file has no event to wait for
            await asyncio.sleep(0.01)


# --- the text ---------------------------------------------------------------------------------------------------------


class OneCase:
    """The lists, holding one incident of one alert."""

    async def case(self, number: int, as_of: int | None = None) -> Case | None:
        fired = RecordedEvent(
            id=event_id("test.1", "alertmanager", NOW, "one"), type="alert.firing", source="alertmanager",
            entity="f1", occurred_at=NOW, title="HighErrorRate", service="checkout", severity="critical",
            data={"starts_at": NOW, "status": "firing"}, position=1, received_at=NOW,
        )  # fmt: skip
        opened = Membership(event=fired.id, rule="opened", reason="the first alert")
        return Case(
            row=incident(number, key=fired.id), events=(fired,), memberships={fired.id: opened}, nearby=(),
            reported={}, collector=(),
        ) if number == 1 else None  # fmt: skip


async def test_a_number_becomes_a_text_in_every_format() -> None:
    """The log's values reach the renderers; a number that is not there gives no text."""
    lists: Any = OneCase()
    assert "HighErrorRate" in (await postmortem(lists, 1, format="md") or "")
    assert json.loads(await postmortem(lists, 1, format="json") or "")
    assert await postmortem(lists, 2, format="md") is None


async def test_a_reader_chooses_the_zone() -> None:
    """The same events in another zone are another text."""
    lists: Any = OneCase()
    assert "2026-03-04 14:00" in (await postmortem(lists, 1) or "")
    assert "2026-03-04 15:00" in (await postmortem(lists, 1, options={"zone": "Europe/Madrid"}) or "")


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [({"zone": "Europe"}, "zone"), ({"zone": "../UTC"}, "zone"), ({"detail": "more"}, "detail"),
     ({"profile": "jira"}, "profile"), ({"colour": "red"}, "colour")],
)  # fmt: skip
def test_an_option_that_there_is_not_is_said(asked: dict[str, str], pointer: str) -> None:
    """The error names the option, so that an API's answer can point at it."""
    with pytest.raises(InvalidInput, match=r"^cannot render: ") as caught:
        options_of(asked)
    assert caught.value.pointer == pointer


def test_what_is_not_asked_for_stays_as_configured() -> None:
    """An empty parameter is no wish."""
    configured = Options(zone="Europe/Madrid", detail="key")
    assert options_of({"zone": "", "detail": "all"}, configured) == Options(zone="Europe/Madrid", detail="all")


async def test_a_format_that_there_is_not_is_said() -> None:
    """A misspelt format is the reader's mistake."""
    with pytest.raises(InvalidInput, match="use one of md, json"):
        await postmortem(OneCase(), 1, format="pdf")  # type: ignore[arg-type]
