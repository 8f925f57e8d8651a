"""Which drafts are due, and that writing them never costs a person's words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from collector.correlation import Membership
from collector.drafting import RECORD, DraftFolder, DraftRecord, DueDrafts, due, state_of
from collector.drafting.rendering import options_of, postmortem
from collector.errors import InvalidInput
from collector.event import HOUR, RecordedEvent, event_id
from collector.projections import Case, IncidentRow
from renderers.document import Options
from tests.due_incidents import NOW, incident


def drafted(*rows: IncidentRow) -> dict[int, DraftRecord]:
    """The record after these were drafted as they are."""
    return {row.number: DraftRecord(state=state_of(row)) for row in rows}


def reasons(rows: list[IncidentRow], written: dict[int, DraftRecord] | None = None, now: int = NOW) -> dict[int, str]:
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


def put(draft_folder: DraftFolder, text: str, number: int = 12) -> None:
    """Write one draft as the job does."""
    draft_folder.write(DueDrafts(number=number, reason="changed", state=text), {"md": text, "json": json.dumps(text)})


@pytest.fixture
def draft_folder(tmp_path: Path) -> DraftFolder:
    """A folder that does not exist yet."""
    return DraftFolder(tmp_path / "out" / "drafts")


def contents(folder: Path) -> dict[str, str]:
    """File name → text, without the record."""
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.name != RECORD}


def test_a_draft_nobody_edited_is_replaced(draft_folder: DraftFolder) -> None:
    """Our own file is ours to write over."""
    put(draft_folder, "one")
    put(draft_folder, "two")
    assert contents(draft_folder.folder) == {"incident-12.json": '"two"', "incident-12.md": "two"}


def test_a_draft_that_a_person_edited_is_never_touched(draft_folder: DraftFolder) -> None:
    """What a person wrote stays as it is; the new draft stands beside it, and is replaced there."""
    put(draft_folder, "one")
    (draft_folder.folder / "incident-12.md").write_text("one, and what I know")
    put(draft_folder, "two")
    put(draft_folder, "three")
    files = contents(draft_folder.folder)
    assert files["incident-12.md"] == "one, and what I know"
    assert files["incident-12.new.md"] == "three"
    assert files["incident-12.json"] == '"three"'


def merging(theirs: bytes, fresh: str) -> bytes | None:
    """A person's line stays on top of the new draft; nothing is made of a text without one."""
    first, _, _ = theirs.partition(b"\n")
    return first + b"\n" + fresh.encode() if b"mine" in first else None


def test_an_edited_draft_is_brought_up_to_date(tmp_path: Path) -> None:
    """In place, the version before kept; what was once put beside it goes, and other formats are as they were."""
    put(DraftFolder(tmp_path), "one")
    path = tmp_path / "incident-12.md"
    path.write_text("mine\none")
    put(DraftFolder(tmp_path), "two")
    assert (tmp_path / "incident-12.new.md").read_text() == "two"
    draft_folder = DraftFolder(tmp_path, merging)
    put(draft_folder, "three")
    put(draft_folder, "three")
    assert contents(tmp_path) == {
        "incident-12.json": '"three"', "incident-12.md": "mine\nthree", "incident-12.md.~1~": "mine\none",
    }  # fmt: skip
    put(draft_folder, "four")
    assert path.read_text() == "mine\nfour"
    assert (tmp_path / "incident-12.md.~2~").read_text() == "mine\nthree"
    assert draft_folder.listing()[0].edited
    assert draft_folder.containing([b"three"]) == [12]
    written, edited = draft_folder.tidy([12])
    assert [Path(each).name for each in written] == ["incident-12.json"]
    assert sorted(Path(each).name for each in edited) == [
        "incident-12.md", "incident-12.md.~1~", "incident-12.md.~2~",
    ]  # fmt: skip


def test_an_erasure_reaches_what_is_kept_and_age_removes_it(tmp_path: Path) -> None:
    """Kept versions that show what was erased are brought up to date in place; those of an age go, the draft stays."""
    draft_folder = DraftFolder(tmp_path, merging)
    put(draft_folder, "secret")
    path = tmp_path / "incident-12.md"
    for text in ("mine\nsecret one", "mine\nsecret two", "mine\nharmless"):
        path.write_text(text)
        put(draft_folder, f"after {text[-3:]}")
    draft_folder.update_kept(12, "erased", [b"secret"])
    kept = {name: text for name, text in contents(tmp_path).items() if "~" in name}
    assert sorted(kept.values()) == ["mine\nerased", "mine\nerased", "mine\nharmless"]
    os.utime(tmp_path / "incident-12.md.~1~", (1_000, 1_000))
    assert draft_folder.forget_kept(2_000) == ["incident-12.md.~1~"]
    assert draft_folder.forget_kept(2_000) == []
    assert len([name for name in contents(tmp_path) if "~" in name]) == 2
    assert path.exists()


def test_what_a_person_saves_during_a_merge_is_merged(tmp_path: Path) -> None:
    """Nothing that was saved between reading and writing is written over."""
    path = tmp_path / "incident-12.md"

    def saving(theirs: bytes, fresh: str) -> bytes | None:
        if theirs == b"mine\none":
            path.write_text("mine, longer\none")
        return merging(theirs, fresh)

    put(DraftFolder(tmp_path), "one")
    path.write_text("mine\none")
    put(DraftFolder(tmp_path, saving), "two")
    assert path.read_text() == "mine, longer\ntwo"


def test_the_draft_beside_an_edited_one_may_be_edited_too(draft_folder: DraftFolder) -> None:
    """A counter keeps every version that a person touched."""
    put(draft_folder, "one")
    (draft_folder.folder / "incident-12.md").write_text("mine")
    put(draft_folder, "two")
    (draft_folder.folder / "incident-12.new.md").write_text("mine as well")
    put(draft_folder, "three")
    texts = set(contents(draft_folder.folder).values())
    assert {"mine", "mine as well", "three"} <= texts
    (listed,) = draft_folder.listing()
    assert listed.edited
    assert [Path(path).name for path in listed.beside] == ["incident-12.new-2.md", "incident-12.new.md"]


def test_a_draft_taken_back_to_what_was_written_counts_as_ours(draft_folder: DraftFolder) -> None:
    """Only the content decides whether a person's words would be lost."""
    put(draft_folder, "one")
    path = draft_folder.folder / "incident-12.md"
    path.write_text("mine")
    path.write_text("one")
    put(draft_folder, "two")
    assert contents(draft_folder.folder)["incident-12.md"] == "two"


@pytest.mark.parametrize("damage", ["gone", "not json", "cut"])
def test_a_lost_record_costs_no_persons_words(draft_folder: DraftFolder, damage: str) -> None:
    """Without a record every file may be a person's, so nothing is written over."""
    put(draft_folder, "one")
    (draft_folder.folder / "incident-12.md").write_text("mine")
    record = draft_folder.folder / RECORD / "12.json"
    if damage == "gone":
        record.unlink()
    else:
        record.write_bytes(b"{" if damage == "not json" else record.read_bytes()[:-5])
    put(draft_folder, "two")
    assert contents(draft_folder.folder)["incident-12.md"] == "mine"
    assert contents(draft_folder.folder)["incident-12.new.md"] == "two"


def test_a_folder_that_is_away_is_said_once(draft_folder: DraftFolder) -> None:
    """And not of each of the thousands of drafts that are looked for in it."""
    draft_folder.folder.parent.mkdir(parents=True)
    draft_folder.folder.write_text("a file in the way")
    with capture_logs() as lines:
        assert draft_folder.records([1, 2, 3]) == {}
    assert [(line["drafts"], line["first"]) for line in lines] == [(3, str(draft_folder.folder / RECORD / "1.json"))]


@pytest.mark.parametrize("step", range(1, 5))
def test_a_pass_may_be_cut_off_anywhere(draft_folder: DraftFolder, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Whichever replacement of a file is the last before the power goes, the next pass knows its own files."""
    put(draft_folder, "one")
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
        put(draft_folder, "two")
    known = draft_folder.record(12)
    assert known is not None
    assert known.state == "one"
    monkeypatch.undo()
    put(draft_folder, "three")
    assert contents(draft_folder.folder) == {"incident-12.json": '"three"', "incident-12.md": "three"}


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
    ("options", "pointer"),
    [({"zone": "Europe"}, "zone"), ({"zone": "../UTC"}, "zone"), ({"detail": "more"}, "detail"),
     ({"profile": "jira"}, "profile"), ({"colour": "red"}, "colour")],
)  # fmt: skip
def test_an_option_that_there_is_not_is_said(options: dict[str, str], pointer: str) -> None:
    """The error names the option, so that an API's answer can point at it."""
    with pytest.raises(InvalidInput, match=r"^cannot render: ") as caught:
        options_of(options)
    assert caught.value.pointer == pointer


def test_what_is_not_asked_for_stays_as_configured() -> None:
    """An empty parameter is no wish."""
    configured = Options(zone="Europe/Madrid", detail="key")
    assert options_of({"zone": "", "detail": "all"}, configured) == Options(zone="Europe/Madrid", detail="all")


async def test_a_format_that_there_is_not_is_said() -> None:
    """A misspelt format is the reader's mistake."""
    with pytest.raises(InvalidInput, match="use one of md, json, html, svg, confluence, archive, csv, jsonl"):
        await postmortem(OneCase(), 1, format="pdf")  # type: ignore[arg-type]
