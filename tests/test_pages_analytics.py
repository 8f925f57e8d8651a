"""Many incidents on one page: what fires and leads to nothing, what comes again, open actions, and late senders."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from collector.event import HOUR, Event, event_id
from collector.log import Submission
from collector.times import rfc3339
from tests.face import NOW, Face, running
from tests.page_checks import HOSTILE, seen, structure, text

DAY = 24 * HOUR


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with running(tmp_path) as face:
        yield face


async def ring(face: Face, name: str, days: float, **more: Any) -> None:
    """A ring so many days ago, received a minute later."""
    at = NOW - int(days * DAY)
    face.now = at + 60_000_000
    assert (await face.deliver(json.dumps([{"name": name, "at": at, **more}]).encode())).status == 202
    await face.followed()


async def story(face: Face) -> None:
    """Two incidents of one alert, the first with two actions; another alert that nobody ever looked at."""
    await ring(face, "database", 50, loud=True, service="db")
    first = "/api/v1/incidents/1"
    for fields in (
        {"text": "add a limit", "owner": "Grace", "due": "2026-02-01"},
        {"text": "write a runbook", "due": "2027-01-01"},
        {"text": "buy a disk"}, {"text": "buy  a DISK", "state": "done"},
    ):  # fmt: skip
        face.now += 1_000_000
        assert (await face.post(f"{first}/actions", fields | {"by": "Ada"})).status == 201
    assert (await face.post(f"{first}/resolve", {"by": "Ada"})).status == 201
    for days in (40, 30, 10):
        await ring(face, "flapping", days)
    await ring(face, "database", 20, loud=True, service="db")
    face.now = NOW
    await face.followed()


def section(tree: Element, name: str) -> str:
    [found] = [each for each in tree.iter("section") if each.get("aria-labelledby") == name]
    return text(found)


async def test_many_incidents_are_told_with_how_they_are_counted(face: Face) -> None:
    """Each figure beside its definition, and with links to what it counts."""
    await story(face)
    tree = await seen(face, "/analytics")
    assert "2 incidents, 5 times that an alert fired" in text(tree.find(".//main"))
    nothing = section(tree, "nothing")
    assert "fired 2 times or more in the period" in nothing
    assert "flapping from bell33noneno end told" in nothing.replace("bell ", "bell")
    assert "database" not in nothing
    again = section(tree, "again")
    assert "Alerts that were in several incidents 1" in again
    assert "2 of 1 1 overdue" in again
    actions = section(tree, "actions")
    assert "Actions that are open 2" in actions
    assert actions.index("add a limit") < actions.index("write a runbook")
    assert actions.count("overdue where") == 1
    assert "2026-02-01 overdue" in actions
    assert "disk" not in actions.casefold()
    opened = section(tree, "opened")
    assert "2026-01" in opened
    assert "2026-02" in opened
    assert "bell51 minfewer than 1001 min" in section(tree, "late")
    links = {each.get("href") for each in tree.iter("a")}
    assert {"/incidents/1", "/incidents/2"} <= links


async def test_a_period_is_asked_for(face: Face) -> None:
    """What began outside of it is not counted; actions are of all times, and say so."""
    await story(face)
    tree = await seen(face, "/analytics?since=2026-02-06&until=2026-02-20")
    assert "1 incident, 1 time that an alert fired" in text(tree.find(".//main"))
    assert "None in the period." in section(tree, "nothing")
    assert "None in the period." in section(tree, "again")
    assert "add a limit" in section(tree, "actions")
    await seen(face, "/analytics?since=someday", 400)


async def test_an_action_that_was_taken_back_is_not_open(face: Face) -> None:
    """Nor one that was stated anew as dropped."""
    await story(face)
    [event, *_] = [each.id for each in await face.log.read() if each.title == "add a limit"]
    assert (await face.post(f"/api/v1/events/{event}/retract", {"by": "Ada", "reason": "no"})).status == 201
    said = {"text": "write a runbook", "state": "dropped", "by": "Ada"}
    face.now += 1_000_000
    assert (await face.post("/api/v1/incidents/1/actions", said)).status == 201
    await face.followed()
    assert "No action is open." in section(await seen(face, "/analytics"), "actions")


async def test_each_table_is_written_as_csv(face: Face) -> None:
    """Whole, with a head; what a spreadsheet would take for a formula is not one."""
    await story(face)
    await ring(face, "=cmd()", 3)
    await ring(face, "=cmd()", 2)
    face.now = NOW
    tables = {}
    for name in ("nothing", "again", "actions", "opened", "late"):
        answer = await face.get(f"/analytics.csv?table={name}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        tables[name] = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert {row["alert"]: row["times"] for row in tables["nothing"]} == {"flapping": "3", "'=cmd()": "2"}
    assert [row["incidents"] for row in tables["again"]] == ["1 2"]
    assert [(row["action"], row["overdue"]) for row in tables["actions"]] == [
        ("add a limit", "True"), ("write a runbook", "False"),
    ]  # fmt: skip
    assert tables["late"][0]["median_seconds"] == "60"
    (await face.get("/analytics.csv?table=other")).problem(404)


def told(kind: str, hours: float, entity: str, **more: Any) -> Event:
    """An event of a deployment or a page so many hours ago."""
    at = NOW - int(hours * HOUR)
    return Event(
        id=event_id("test.1", "ci", at, entity, kind), type=kind, source="ci", entity=entity, occurred_at=at,
        title=more.pop("title", entity), data=more.pop("data", {}), **more,
    )  # fmt: skip


async def deployments(face: Face) -> None:
    """Three deployments of a service, the second rolled back in an incident, the third its hotfix; and a page."""
    environment = {"service": "=db", "environment": "production"}
    await ring(face, "database", 20 / 24, loud=True, service="=db")
    events = (
        told("change.succeeded", 90, "deployment:1", title="main", **environment),
        told("change.succeeded", 20.1, "deployment:2", title="main", **environment),
        told("change.rolled_back", 19.5, "deployment:3", title="back", **environment),
        told("change.succeeded", 19.4, "deployment:4", title="hotfix: a limit", **environment),
        told("page.triggered", 19.9, "page:1", service="=db", severity="critical", data={"assignees": ["Ana", "Ben"]}),
    )
    await face.log.append([Submission(source="ci", received_at=NOW, events=events)])
    face.now = NOW
    await face.followed()


async def test_deployments_and_hours_are_written_as_csv(face: Face) -> None:
    """By service, each that is judged, and by person; what stands on the page, whole."""
    await deployments(face)
    tables = {}
    for name in ("services", "deployments", "disturbed"):
        answer = await face.get(f"/analytics.csv?table={name}&zone=Asia/Tokyo")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        tables[name] = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert tables["services"] == [{
        "service": "'=db", "deployments": "3", "confirmed": "1", "candidates": "0", "unknown": "0",
        "median_recovery_seconds": "", "deployments_and_rollbacks": "4", "rework": "2", "rework_candidates": "0",
        "private": "",
    }]  # fmt: skip
    assert [(row["service"], row["judged"], row["why"], row["rework"], row["incident"], row["recovery_seconds"])
            for row in tables["deployments"]] == [
        ("'=db", "confirmed", "a rollback took it back", "", "1", "2160"),
        ("'=db", "sound", "", "confirmed", "1", ""), ("'=db", "sound", "", "confirmed", "1", ""),
    ]  # fmt: skip
    # 19.9 hours before 14:02 UTC it was 3 in the morning in Tokyo.
    hours = [(row["person"], row["zone"], row["pages"], row["of_night"], row["of_work"]) for row in tables["disturbed"]]
    assert hours == [
        ("Ana", "Asia/Tokyo", "1", "1", "0"), ("Ben", "Asia/Tokyo", "1", "1", "0"),
    ]  # fmt: skip
    words = section(await seen(face, "/analytics"), "deployments")
    assert "=db31 of 3 in 1 0036 min2 of 4 in 1 in 1" in words


async def test_a_service_of_which_nothing_failed_is_counted_and_no_more(face: Face) -> None:
    """The table is of what is judged."""
    place = {"service": "cart", "environment": "production"}
    await face.log.append(
        [Submission(source="ci", received_at=NOW, events=(told("change.succeeded", 30, "deployment:1", **place),))]
    )
    await face.followed()
    words = section(await seen(face, "/analytics"), "deployments")
    assert "1 deployment of 1 other service: nothing on record speaks against any." in words


async def test_what_a_sender_wrote_changes_no_structure(face: Face) -> None:
    """The same elements whatever alerts and actions are called."""
    shapes = []
    for number, hostile in enumerate(("plain", *HOSTILE)):
        clean = hostile.replace("\x00", "")
        for days in (80.5, 80.2):
            await ring(face, f"{clean} {number}", days - number, service="db")
        face.now = NOW
        shapes.append(
            list(structure(await seen(face, f"/analytics?since={_day(80.8 - number)}&until={_day(79.8 - number)}")))
        )
    for hostile, shape in zip(HOSTILE, shapes[1:], strict=True):
        assert shape == shapes[0], hostile


def _day(days: float) -> str:
    return rfc3339(NOW - int(days * DAY)).replace("+", "%2B")


@pytest.mark.parametrize("ending", ["", ".csv"])
async def test_the_address_of_before_leads_to_the_page_with_all_that_was_asked(face: Face, ending: str) -> None:
    """It was called /across: links to it stand in reports and bookmarks."""
    answer = await face.get(f"/across{ending}?since=2026-02-06&table=late&zone=Asia/Tokyo")
    assert answer.status == 308
    assert answer.headers["Location"] == f"/analytics{ending}?since=2026-02-06&table=late&zone=Asia/Tokyo"
