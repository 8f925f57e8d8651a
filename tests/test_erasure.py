"""Erasing for good: the bytes are gone from every file, and everything that is left still reads, groups and renders."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from collector.cli import timelined
from collector.correlation import Rules, correlate
from collector.drafting.rendering import document_of
from collector.event import is_erased
from collector.projections.regrouped import RegroupingDifference, compare
from collector.times import rfc3339
from collector.verification.verify import Beyond, verify
from renderers.lint import lint
from tests import senders
from tests.conftest import make_log
from tests.served import DRAFTS, SECRET, Rig, alert, serving


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with serving(tmp_path) as made:
        yield made


# --- an incident with the secret all over it --------------------------------------------------------------------------


def binary(subject: str) -> dict[str, str]:
    """The headers of a CloudEvent in binary mode, whose attributes they are."""
    attributes = {"specversion": "1.0", "id": "7", "source": "/ops", "type": "com.acme.x", "subject": subject}
    return {"content-type": "application/json", **{f"ce-{name}": value for name, value in attributes.items()}}


async def told_everywhere(rig: Rig) -> None:
    """Alerts, a page, a change, a CloudEvent and people's words, each with the secret in a field or two of its own."""
    secretive = {"summary": f"leaked {SECRET}", "pod": SECRET, "service": "checkout"}
    clean = alert("SlowCart", service="cart")
    page = senders.page(311, f"Errors with {SECRET}", at="14:03")
    for sent in (
        senders.merged(7, "acme/checkout", f"Rotate {SECRET}", at="13:58", by="ana"),
        senders.alertmanager(alert(**secretive), clean),
        senders.alertmanager(alert(**secretive), clean, peer="am-1"),
        page.triggered(),
        page.acknowledged("14:05", by=f"Mr {SECRET}"),
        senders.cloudevent("com.acme.restart", "e1", at="14:06", subject=SECRET, who=SECRET),
        senders.alertmanager(alert(until="14:20", **secretive), replace(clean, until="14:21")),
        page.resolved("14:22", by=f"Mr {SECRET}"),
    ):
        await rig.sent(sent)
    await rig.caught_up()
    other = await rig.sent(senders.alertmanager(alert("DiskFull", service="search", severity="warning")))
    await rig.caught_up()
    joined = {"event": other["items"][0]["event"], "by": f"Mr {SECRET}"}
    assert (await rig.post("incidents/1/join", **joined))["incident"] == 1
    await rig.post("incidents/1/notes", text=f"I saw {SECRET}", by=f"Mr {SECRET}")
    await rig.post("incidents/1/actions", text=f"revoke {SECRET}", by="Ana", owner=SECRET)
    await rig.post("incidents/1/marks", mark="mitigated", at="2026-03-04T14:10:00Z", by="Ana", text=SECRET)
    await rig.post("incidents/1/edit", field="title", value=f"The {SECRET} outage", by=f"Mr {SECRET}")
    await rig.drawn()


async def secretive(rig: Rig, secret: str = SECRET) -> list[str]:
    """The ids of all events of others than the daemon that hold the secret."""
    events = await rig.log.read(limit=1000)
    return list(dict.fromkeys(e.id for e in events if e.source != "timelined" and secret in repr(e)))


async def test_what_is_erased_is_in_no_file(rig: Rig) -> None:
    """Database, write-ahead log and drafts hold the secret before, and none of them after.

    The daemon's own records that repeated it are counted.
    """
    await told_everywhere(rig)
    assert {"timelined.db-wal", f"{DRAFTS}/incident-1.json", f"{DRAFTS}/incident-1.md"} <= set(rig.found())
    ids = await secretive(rig)
    done = await rig.erase(*ids)
    assert set(done["new"]) == set(ids)
    assert rig.found() == []
    assert await secretive(rig) == []
    events = await rig.log.read(limit=1000)
    own = {event.id for event in events if event.source == "timelined" and is_erased(event)}
    assert done["echoes"] == len(own) > 0


async def test_it_stays_gone(tmp_path: Path) -> None:
    """Not a restart, not a rebuild of the lists, not a draft of an earlier moment brings it back."""
    async with serving(tmp_path) as rig:
        await told_everywhere(rig)
        before = (await rig.log.read(limit=1000))[-1].received_at
        await rig.erase(*await secretive(rig))
    async with serving(tmp_path) as rig:
        follower = rig.served.runtime.follower
        assert follower is not None
        await follower.rebuild()
        await rig.drawn()
        for form in ("md", "json"):
            draft = await rig.get(f"incidents/1/postmortem.{form}?as_of={rfc3339(before)}")
            assert SECRET not in str(draft)
            assert "erased" in str(draft)
        assert rig.found() == []


@pytest.mark.parametrize("everything", [False, True])
async def test_lists_follow_from_the_log_afterwards_as_well(rig: Rig, everything: bool) -> None:
    """``verify --lists`` finds in them what it makes of a log without what is gone, and no difference."""
    await told_everywhere(rig)
    await rig.drawn()
    assert await rig.served.runtime.lists.query(partial(compare, rules=Rules())) == RegroupingDifference()
    await rig.erase(*await secretive(rig), everything=everything)
    await rig.caught_up()
    assert await rig.served.runtime.lists.query(partial(compare, rules=Rules())) == RegroupingDifference()


async def test_the_incident_stays_what_it_was(rig: Rig) -> None:
    """The same events in the same incident, over by the same time; what is erased says so wherever it is shown."""
    await told_everywhere(rig)
    before = await rig.get("incidents/1")
    ids = await secretive(rig)
    members = {e["id"] for e in (await rig.get("incidents/1/events?limit=1000"))["events"]}
    await rig.erase(*ids)
    after = await rig.get("incidents/1")
    same = ("number", "key", "status", "started_at", "ended_at", "services", "environments", "severity", "events")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert {e["id"] for e in (await rig.get("incidents/1/events?limit=1000"))["events"]} == members
    assert "(erased on " in (rig.drafts / "incident-1.md").read_text()
    for event in ids:
        shown = (await rig.get(f"events/{event}"))["events"]
        assert {(one["title"], one["erased"]) for one in shown} == {("erased", True)}
        assert shown[-1]["data"]["amended_because"] == "a token was logged"
        assert (await rig.get(f"why/{event}"))["event"]["erased"] is True


async def test_grouping_of_what_is_left_is_the_same_at_once_and_by_rounds(rig: Rig) -> None:
    """What the follower came to equals what all events, as they read now, come to."""
    await told_everywhere(rig)
    await rig.erase(*await secretive(rig))
    events = [e for e in await rig.log.read(limit=1000) if e.source != "timelined"]
    members = {i.key: {m.event for m in i.members} for i in correlate(events, Rules()).incidents}
    listed = {}
    for row in (await rig.get("incidents"))["incidents"]:
        told = (await rig.get(f"incidents/{row['number']}/events?limit=1000"))["events"]
        listed[row["key"]] = {one["id"] for one in told}
    assert listed == members


async def test_everything_erased_still_renders(rig: Rig) -> None:
    """Every event of an incident erased, each way: no section breaks, nothing uncited is claimed, at any detail."""
    await told_everywhere(rig)
    members = [e["id"] for e in (await rig.get("incidents/1/events?limit=1000"))["events"]]
    ids = [*members, *await secretive(rig)]
    before = (await rig.log.read(limit=1000))[-1].received_at
    for everything in (False, True):
        await rig.erase(*ids, everything=everything)
        rows = (await rig.get("incidents"))["incidents"]
        assert rows != []
        for row in rows:
            for asked in ("", "detail=all", "detail=key", "profile=rootly", f"as_of={rfc3339(before)}"):
                draft = await rig.get(f"incidents/{row['number']}/postmortem.json?{asked}")
                assert SECRET not in str(draft)
            for moment in (None, before):
                case = await rig.served.projections.case(row["number"], moment)
                assert case is not None
                found = lint(document_of(case, as_of=moment))
                assert [each for each in found if each.kind in ("uncited", "unknown")] == []
    assert rig.found() == []


async def test_a_body_takes_what_else_it_told_only_with_itself(rig: Rig) -> None:
    """The bodies of all deliveries that told an event go, repeats too; other events they told keep their content."""
    receipts = [
        await rig.sent(senders.alertmanager(alert(pod=SECRET), alert("SlowCart"), peer=f"am-{n}")) for n in "123"
    ]
    erased, spared = (item["event"] for item in receipts[0]["items"])
    dry = await rig.erase(erased, dry_run=True)
    assert rig.found() != []
    done = await rig.erase(erased)
    for answer in (dry, done):
        assert (answer["new"], answer["spared"]) == ([erased], [spared])
        assert answer["deliveries"] == [one["delivery"] for one in receipts]
    assert [await rig.log.body(one["delivery"]) for one in receipts] == [None, None, None]
    (kept,) = await rig.log.read_ids([spared])
    assert (kept.title, kept.service) == ("SlowCart", "checkout")
    later = await rig.sent(senders.alertmanager(alert(pod=SECRET), alert("Third")))
    assert [item["known"] for item in later["items"]] == [True, False]
    assert await rig.log.body(later["delivery"]) is None
    assert rig.found() == []


async def test_a_delivery_is_erased_without_its_events(rig: Rig) -> None:
    """What was read out of it stays, unless that is asked for as well; the delivery is listed without its digest."""
    receipt = await rig.sent(senders.alertmanager(alert(pod=SECRET)))
    (item,) = receipt["items"]
    await rig.erase(deliveries=[receipt["delivery"]])
    assert await rig.log.body(receipt["delivery"]) is None
    assert (await rig.get(f"deliveries/{receipt['delivery']}"))["sha256"] is None
    assert [e.labels["pod"] for e in await rig.log.read_ids([item["event"]])] == [SECRET]
    await rig.erase(deliveries=[receipt["delivery"]], with_events=True)
    assert [is_erased(e) for e in await rig.log.read_ids([item["event"]])] == [True, True]
    assert rig.found() == []


async def test_all_revisions_of_an_event_lose_their_content(rig: Rig) -> None:
    """What a correction repeated goes with what it corrected, and nobody corrects what is gone."""
    told = await rig.sent(senders.alertmanager(alert(pod=SECRET)))
    (item,) = told["items"]
    await rig.post(f"events/{item['event']}/correct", title=f"{SECRET} again", by="Ana", reason="clearer")
    await rig.erase(item["event"])
    assert [e.title for e in await rig.log.read_ids([item["event"]])] == ["erased"] * 3
    assert rig.found() == []
    assert (await rig.post(f"events/{item['event']}/correct", title="x", by="Ana", reason="y"))["answered"] == 422


async def test_what_was_retracted_stays_out_once_erased(rig: Rig) -> None:
    """Erasing adds a revision, and does not bring the event back into its incident."""
    second = senders.alert("SlowCart", since="14:03", pod=SECRET)
    told = await rig.sent(senders.alertmanager(alert(), second))
    event = told["items"][1]["event"]
    await rig.post(f"events/{event}/retract", by="Ana", reason="a test")
    await rig.erase(event)
    assert (await rig.get("incidents/1"))["events"] == 1
    assert (await rig.get(f"why/{event}"))["reason"] == "it was retracted"


async def test_an_erasure_that_overtakes_grouping_is_complete_all_the_same(rig: Rig) -> None:
    """What the follower read before the erasure and writes after it is cleaned with the rest."""
    await rig.caught_up()
    follower = rig.served.runtime.follower
    assert follower is not None
    lists, entered, gate = follower._lists, asyncio.Event(), asyncio.Event()
    write = lists.write

    async def slowly(work: Any, **options: Any) -> Any:
        entered.set()
        await gate.wait()
        return await write(work, **options)

    headers = binary(SECRET)
    with patch.object(lists, "write", slowly):
        told = await rig.sent(senders.Sent("cloudevents", b"{}", headers))
        await asyncio.wait_for(entered.wait(), 60)
        erasing = asyncio.create_task(rig.erase(told["items"][0]["event"]))
        async with asyncio.timeout(60):
            while not any(is_erased(event) for event in await rig.log.read(limit=1000)):  # noqa: ASYNC110 - the log's
                await asyncio.sleep(0.01)
        gate.set()
        await erasing
    assert rig.found() == []


async def test_what_a_header_said_is_erased_with_the_body(rig: Rig) -> None:
    """A CloudEvent in binary mode tells its attributes in headers; they are listed until then, and gone after."""
    headers = binary(SECRET)
    receipt = await rig.sent(senders.Sent("cloudevents", b"{}", headers))
    (listed,) = (await rig.get("deliveries"))["deliveries"]
    del headers["content-type"]
    assert headers.items() <= {each["name"]: each["value"] for each in listed["headers"]}.items()
    await rig.erase(receipt["items"][0]["event"])
    stored = await rig.get(f"deliveries/{receipt['delivery']}")
    assert {each["name"] for each in stored["headers"]} == {"content-type", "content-length", "user-agent"}
    assert rig.found() == []


async def test_a_number_that_is_no_incident_any_more_forgets_its_title(rig: Rig) -> None:
    """Lists keep what they showed of such a number, and that goes, too."""
    told = await rig.sent(senders.alertmanager(alert(f"Leak of {SECRET}", severity=f"bad {SECRET}", until="14:20")))
    await rig.drawn()
    event = told["items"][0]["event"]
    await rig.post(f"events/{event}/retract", by="Ana", reason="a test")
    await rig.erase(event, everything=True)
    assert rig.found() == []
    assert (await rig.get("incidents/1"))["title"] == "erased"


async def test_with_everything_grouping_goes_too(rig: Rig) -> None:
    """A secret in a service's name stays as grouping rests on it, until everything of that alert is erased."""
    first = await rig.sent(senders.alertmanager(alert(service=SECRET)))
    await rig.sent(senders.alertmanager(alert(service=SECRET, until="14:20")))
    await rig.drawn()
    (item,) = first["items"]
    await rig.erase(item["event"])
    assert rig.found() != []
    done = await rig.erase(item["event"], everything=True)
    assert len(done["new"]) == 2
    assert rig.found() == []
    row = await rig.get("incidents/1")
    assert (row["status"], row["services"], row["events"]) == ("resolved", [], 2)


async def test_erasing_twice_records_it_once(rig: Rig) -> None:
    """The second time nothing is new, and what might have remained is looked after again."""
    await told_everywhere(rig)
    ids = await secretive(rig)
    first = await rig.erase(*ids)
    head = await rig.log.head()
    (rig.drafts / "incident-1.json").unlink()
    again = await rig.erase(*ids)
    assert (first["answered"], again["answered"]) == (201, 200)
    assert (again["new"], again["deliveries"], again["echoes"]) == ([], [], 0)
    assert await rig.log.head() == head


async def test_an_edited_draft_is_named_and_keeps_what_a_person_wrote(rig: Rig) -> None:
    """What timelined wrote in it, and in its versions that were kept, is written again; all of them are named."""
    await told_everywhere(rig)
    ours = rig.drafts / "incident-1.md"
    ours.write_text(ours.read_text() + "\nand what I know\n")
    await rig.post("incidents/1/notes", text="more", by="Ana")
    await rig.drawn()
    assert SECRET in ours.read_text()
    told = await rig.erase(*await secretive(rig))
    old_versions = [f"incident-1.md.~{number}~" for number in (1, 2)]
    assert told["drafts"]["edited"] == [str(rig.drafts / name) for name in ("incident-1.md", *old_versions)]
    assert "\nand what I know\n" in ours.read_text()
    assert all("and what I know" in (rig.drafts / name).read_text() for name in old_versions[1:])
    assert rig.found() == []


async def test_a_draft_that_lists_the_event_as_nearby_is_written_again(rig: Rig) -> None:
    """An incident the event does not belong to may show it too."""
    near = await rig.sent(senders.cloudevent("com.acme.restart", "e1", at="14:06", subject=SECRET))
    await rig.sent(senders.alertmanager(alert("SlowCart", service="cart", until="14:20")))
    await rig.drawn()
    assert f"{DRAFTS}/incident-1.md" in rig.found()
    await rig.erase(near["items"][0]["event"])
    assert rig.found() == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"events": ["ffffff1"]}, 404),
        ({"deliveries": ["d99"]}, 404),
        ({"deliveries": ["x"]}, 404),
        ({}, 422),
        ({"events": ["1"], "reason": " "}, 422),
        ({"events": ["1"], "reason": ""}, 422),
    ],
    ids=["no such event", "no such delivery", "no delivery's id", "nothing", "no reason", "an empty reason"],
)
async def test_an_erasure_that_cannot_be_is_refused(rig: Rig, fields: dict[str, Any], status: int) -> None:
    """What is not there, or without a reason; and nothing is recorded."""
    await rig.sent(senders.alertmanager(alert()))
    await rig.caught_up()
    head = await rig.log.head()
    told = await rig.post("erasures", **{"by": "Ana", "reason": "x"} | fields)
    assert (told["answered"], await rig.log.head()) == (status, head)


async def test_the_record_of_an_erasure_is_never_erased(rig: Rig) -> None:
    """By it a removed body is told from a lost one."""
    told = await rig.sent(senders.alertmanager(alert()))
    await rig.erase(deliveries=[told["delivery"]])
    (record,) = (await rig.get("events?type=delivery.erased"))["events"]
    assert (await rig.post("erasures", events=[record["id"]], by="Ana", reason="x"))["answered"] == 422


async def test_a_reader_that_does_not_let_go_is_said(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process still reads keeps the write-ahead log from being emptied: then the answer says so."""
    told = await rig.sent(senders.alertmanager(alert(pod=SECRET)))
    ids = [item["event"] for item in told["items"]]
    with (
        monkeypatch.context() as patched,
        closing(sqlite3.connect(rig.folder / "timelined.db", isolation_level=None)) as reader,
    ):
        patched.setattr("collector.storage.scrubbing._PATIENCE", 0.05)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event").fetchone()
        answer = await rig.post("erasures", events=ids, by="Ana", reason="x")
        assert "another process reads" in answer["remaining"]
    await rig.erase(*ids)
    assert rig.found() == []


async def test_a_draft_that_cannot_be_written_again_is_said(rig: Rig) -> None:
    """The erasure stands, and doing the same again completes it."""
    await told_everywhere(rig)
    ids = await secretive(rig)
    with patch("collector.drafting.DraftFolder.write", side_effect=OSError("the disk is full")):
        answer = await rig.post("erasures", events=ids, by="Ana", reason="x")
    assert "cannot write the drafts of 1 again" in answer["remaining"]
    assert f"{DRAFTS}/incident-1.md" in rig.found()
    await rig.erase(*ids)
    assert rig.found() == []


async def test_too_little_space_to_write_anew_is_said(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The erasure stands, and what remains in the file is told."""
    told = await rig.sent(senders.alertmanager(alert(pod=SECRET)))
    monkeypatch.setattr("shutil.disk_usage", lambda path: Space(1, 1, 0))
    answer = await rig.post("erasures", events=[told["items"][0]["event"]], by="Ana", reason="x")
    assert "free space" in answer["remaining"]
    assert await secretive(rig) == []


class Space(NamedTuple):
    """What a disk has."""

    total: int
    used: int
    free: int


# --- what verify sees -------------------------------------------------------------------------------------------------


async def differences(rig: Rig) -> tuple[list[str], int]:
    """What the verification of the whole log finds, and how much it knows to be removed."""
    verdict = await rig.log.query(lambda connection: verify(connection, beyond=Beyond()))
    return [str(each) for each in verdict.differences], verdict.removed


async def test_a_log_that_was_erased_from_still_verifies(rig: Rig) -> None:
    """Every removal is accounted for by the log's own records: events, repeated bodies, headers."""
    await told_everywhere(rig)
    headers = binary("clean")
    for number in "78":
        sent = senders.Sent("cloudevents", b"{}", {**headers, "ce-id": number})
        told = await rig.sent(sent)
    assert await differences(rig) == ([], 0)
    done = await rig.erase(*await secretive(rig), told["items"][0]["event"])
    found, removed = await differences(rig)
    assert found == []
    assert removed >= len(done["new"]) + len(done["deliveries"])


async def test_a_removed_body_is_told_from_a_lost_one(rig: Rig) -> None:
    """One that was taken out behind the log's back is named, beside one that was erased."""
    first = await rig.sent(senders.alertmanager(alert()))
    await rig.sent(senders.alertmanager(alert("SlowCart")))
    await rig.erase(deliveries=[first["delivery"]])
    assert await differences(rig) == ([], 1)
    lost = "DELETE FROM content WHERE number IN (SELECT content FROM delivery WHERE number = 2)"
    await rig.log.transact(lambda connection: connection.exec_driver_sql(lost) and None)
    (found,), _ = await differences(rig)
    assert found.startswith("delivery d2: its body is missing")


async def test_lost_and_changed_headers_are_found(rig: Rig) -> None:
    """Headers that are content are committed to as the body is."""
    headers = binary("a")
    await rig.sent(senders.Sent("cloudevents", b"{}", headers))
    with closing(sqlite3.connect(rig.folder / "timelined.db", isolation_level=None)) as other:
        other.execute("DROP TRIGGER content_refuses_update")
        # The headers come right before the body.
        [number] = other.execute("SELECT content - 1 FROM delivery").fetchone()
        changed = "UPDATE content SET bytes = CAST(replace(bytes, 'ce-subject', 'ce-subjecT') AS BLOB) WHERE number = ?"
        other.execute(changed, (number,))
        assert any("d1: its headers are not" in each for each in (await differences(rig))[0])
        other.execute("DELETE FROM content WHERE number = ?", (number,))
        assert any("d1: its headers are missing" in each for each in (await differences(rig))[0])


# --- without a daemon -------------------------------------------------------------------------------------------------


def test_erasing_needs_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command does it over the file, drafts of the folder it is given in included, and says what it did."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        result = CliRunner(env={"TIMELINED_BY": "Ana"}).invoke(timelined, [*words, "--storage.url", "sqlite:///t.db"])
        assert result.exit_code == 0, result.stderr
        return result.stdout

    make_log("sqlite:///t.db")
    run("open", f"The {SECRET} outage", "--service", "checkout")
    event = json.loads(run("events", "--type", "incident.opened", "-o", "json"))["events"][0]["id"]
    assert SECRET.encode() in (tmp_path / "t.db").read_bytes()
    assert "Erased: 1 event" in run("erase", event, "--reason", "a slip")
    assert SECRET.encode() not in (tmp_path / "t.db").read_bytes()
    assert "erased [erased]" in run("events", "--type", "incident.opened")
    assert "erased" in run("incidents")
