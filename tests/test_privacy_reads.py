"""Everything that reads, asked by somebody outside: no word of a private incident, whatever was moved out of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from collector import people
from collector.cli.commands import every_command
from collector.event import MINUTE, SECOND, Event, event_id
from collector.log import Submission
from collector.web.negotiation import MEDIA
from collector.web.openapi import document
from tests.commands import run
from tests.examples import TIMES
from tests.face import NOW, Face
from tests.private_incidents import LAST, OUTSIDE, addresses, asked, bearer, made_private, two_incidents, vault

MARK = "kestrel-7741"
"""Stands in titles, in notes, in what people edited and in raw bodies of the private incident, and nowhere else."""
NAMED = ("number", "event", "delivery")
"""What an address names of an incident."""
TRIED: Mapping[str, tuple[str, ...]] = {
    "/incidents": ("text=alarm", "service=vault", "status=merged"), "/analytics": (),
    "/analytics.csv": tuple(
        f"table={name}" for name in ("nothing", "again", "actions", "opened", "deployments", "late")
    ),
    "/across": (), "/across.csv": ("table=late",),
    "/api/v1/incidents": ("service=vault", "status=open", "status=merged", "text=alarm"),
    "/api/v1/events": ("type=alert.*", "type=incident.*", "service=vault", "order=desc"),
    "/api/v1/metrics": ("service=vault", "by=service"), "/deliveries": ("source=bell",),
}  # fmt: skip
"""Address → queries that might tell what the address alone does not."""
READS: Mapping[str, tuple[str, ...]] = {
    "status": (), "incidents": (), "incident": ("{number}",), "signals": (), "draft": ("{number}",),
    "metrics": (), "metrics of one": ("{number}", "--explain"), "versions": ("{number}",),
    "publications": ("{number}",), "diff": ("{number}", "--as-of", "-1d"), "lint": ("{number}",), "events": (),
    "events of one": ("--incident", "{number}"), "why": ("{event}",), "deliveries": (), "delivery": ("{delivery}",),
    "delivery whole": ("{delivery}", "--body"),
}  # fmt: skip
"""Command, and what makes it another one → its arguments."""
WRITES = {
    "note", "action", "mark", "open", "resolve", "reopen", "edit", "review", "private", "publish", "pull", "join",
    "leave", "merge", "split", "correct", "retract", "replay", "erase", "import file", "import fetch", "import csv",
    "sources send-test",
}  # fmt: skip
Move = Callable[[Face, int, Mapping[str, str]], Awaitable[object]]


async def _leave(face: Face, number: int, event: str) -> None:
    assert (await asked(face, f"/api/v1/incidents/{number}/leave", event=event)).status == 201
    await face.followed()


async def _nothing(face: Face, number: int, named: Mapping[str, str]) -> None:
    """As it was."""


async def _lesser(face: Face, number: int, named: Mapping[str, str]) -> None:
    await _leave(face, number, named["whisper"])


async def _opening(face: Face, number: int, named: Mapping[str, str]) -> None:
    await _leave(face, number, named["alarm"])


async def _split(face: Face, number: int, named: Mapping[str, str]) -> None:
    told = [named["alarm"], named["whisper"]]
    assert (await asked(face, f"/api/v1/incidents/{number}/split", events=told)).status == 201
    await face.followed()


async def _merge(face: Face, number: int, named: Mapping[str, str]) -> None:
    rings = [{"name": "LedgerSlow", "at": NOW - LAST // 2, "loud": True, "service": "ledger"}]
    assert (await face.deliver(json.dumps(rings).encode())).status == 202
    await face.followed()
    [row] = (await asked(face, "/api/v1/incidents?service=ledger")).json["incidents"]
    assert (await asked(face, f"/api/v1/incidents/{row['number']}/merge", other=number)).status == 201
    await face.followed()


async def _without_its_first(face: Face, number: int, named: Mapping[str, str]) -> None:
    """What opened it does not count any longer; the incident goes on under its number."""
    assert (await asked(face, f"/api/v1/events/{named['first']}/retract", reason="a test")).status == 201
    await face.followed()


async def _correct(face: Face, event: str) -> None:
    assert (await asked(face, f"/api/v1/events/{event}/correct", service="cart", reason="of the cart")).status == 201
    await face.followed()


async def _lesser_corrected(face: Face, number: int, named: Mapping[str, str]) -> None:
    """Straight into the public incident: nothing is said of its leaving."""
    await _correct(face, named["whisper"])


async def _opening_corrected(face: Face, number: int, named: Mapping[str, str]) -> None:
    await _correct(face, named["alarm"])


MOVES: tuple[Move, ...] = (
    _nothing, _lesser, _opening, _split, _merge, _without_its_first, _lesser_corrected, _opening_corrected,
)  # fmt: skip


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with two_incidents(tmp_path) as face:
        yield face


async def _secret(face: Face) -> tuple[int, Mapping[str, str]]:
    """The number of an incident with the mark in all that it has, private; and its events by what they are."""
    number = await vault(face)
    for name, loud, after in (("alarm", True, 1), ("whisper", False, 2)):
        at = NOW - LAST + after * MINUTE
        ring = {"name": f"{MARK} {name}", "at": at, "loud": loud, "service": "vault", "remark": f"{MARK} of {name}"}
        assert (await face.deliver(json.dumps([ring]).encode())).status == 202
    await face.followed()
    for path, fields in (
        ("notes", {"text": f"{MARK} was in the vault"}), ("actions", {"text": f"Lock {MARK} up"}),
        ("edit", {"field": "title", "value": f"{MARK} opened"}), ("edit", {"field": "impact", "value": f"{MARK}"}),
        ("marks", {"mark": "mitigated", "at": "2026-03-04T14:00:00Z", "text": MARK}), ("review", {"status": "draft"}),
    ):  # fmt: skip
        assert (await asked(face, f"/api/v1/incidents/{number}/{path}", **fields)).status == 201, path
    await made_private(face)
    events = (await asked(face, f"/api/v1/incidents/{number}/events")).json["events"]
    rings = {event["title"].rpartition(" ")[2]: event["id"] for event in events if event["type"] == "alert.firing"}
    return number, {"first": rings.pop("VaultOpened"), **rings}


async def _private(face: Face) -> dict[str, set[str]]:
    """Everything that whoever reads all is told to be private, by how addresses name it."""
    secrets_by_name: dict[str, set[str]] = {name: set() for name in NAMED}
    for row in (await asked(face, "/api/v1/incidents?limit=1000")).json["incidents"]:
        secrets_by_name["number"] |= {str(row["number"])} if row["private"] else set()
    for event in (await asked(face, "/api/v1/events?limit=1000")).json["events"]:
        secrets_by_name["event"] |= {event["id"]} if event["private"] or MARK in json.dumps(event) else set()
    for stored in (await asked(face, "/api/v1/deliveries?limit=1000")).json["deliveries"]:
        secrets_by_name["delivery"] |= {stored["id"]} if stored["private"] else set()
    return secrets_by_name


def _filled(address: str, filling: Mapping[str, str]) -> str:
    return re.sub(r"{(\w+)(?::[^}]*)?}", lambda found: filling.get(found[1], "x"), address)


def _asked_for(address: str, private: Mapping[str, set[str]]) -> Iterator[tuple[str, bool]]:
    """An address with each private thing that it might name, and whether it names any."""
    names = [name for name in NAMED if f"{{{name}" in address]
    rest = {"section": "summary", "format": "md", "log": "default"}
    for value in sorted(private[names[0]]) if names else [""]:
        filling = {**rest, **dict.fromkeys(names, value)}
        path = _filled(address, filling)
        yield path, bool(names)
        for query in TRIED.get(address, ()):
            yield f"{path}?{query}", bool(names)
    for form in MEDIA if "{format" in address else ():
        yield _filled(address, {"format": form, "number": min(private["number"])}), True


async def _no_address_tells(face: Face, private: Mapping[str, set[str]], token: str) -> int:
    """Ask for everything there is; how much of that named something private."""
    looked = 0
    replaced = {
        *addresses(face),
        *(path for path, kinds in document(face.app.router.routes())["paths"].items() if "get" in kinds),
    }
    for address in sorted(replaced):
        if address.endswith("/stream"):
            continue
        for path, names in _asked_for(address, private):
            answer = await face.get(path, headers={**bearer(token), "Accept": "*/*"})
            text = answer.body.decode("utf-8", "replace")
            assert MARK not in text, (path, text[:2000])
            assert answer.status == 404 or not names, (path, answer.status, text[:500])
            told = [event for event in private["event"] if event in text and event not in path]
            assert not told, (path, told)
            looked += names
    return looked


async def _no_command_tells(face: Face, private: Mapping[str, set[str]], folder: Path) -> None:
    """Run every command that reads."""
    token = folder / "token"
    token.write_text("outsider")
    where = ("--server", f"http://127.0.0.1:{face.address[1]}", "--token-file", str(token))
    for command, arguments in READS.items():
        placeholders = [name for name in NAMED if f"{{{name}}}" in "".join(arguments)]
        for value in sorted(private[placeholders[0]]) if placeholders else [""]:
            given = [each.format(**dict.fromkeys(NAMED, value)) for each in arguments]
            result = await asyncio.to_thread(run, command.split()[0], *given, *where)
            shown = result.output + result.stderr
            assert MARK not in shown, (command, shown)
            assert result.exit_code != 0 or not placeholders, (command, shown)


@pytest.mark.slow
@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__.strip("_"))
async def test_nothing_that_reads_tells_of_it(face: Face, tmp_path: Path, move: Move) -> None:
    """Every address of the router and of OpenAPI, and every command, after each way in which things come out of it.

    Of those outside each asks after every other move; in the long form after each.
    """
    number, names_of_secret = await _secret(face)
    before = await _private(face)
    await move(face, number, names_of_secret)
    private = await _private(face)
    gone = {names_of_secret["first"]} if move is _without_its_first else set()
    private["event"] |= gone
    assert before["event"] <= private["event"]
    assert before["delivery"] <= private["delivery"]
    assert len(private["number"]) >= 1
    for token in OUTSIDE if TIMES > 1 else [OUTSIDE[MOVES.index(move) % len(OUTSIDE)]]:
        assert await _no_address_tells(face, private, token) >= 20
    await _no_command_tells(face, private, tmp_path)
    listing = await asked(face, "/api/v1/incidents", "outsider")
    # What opens incidents makes that one private, too, which it is in.
    public = [] if move is _opening_corrected else ["cart: CartSlow"]
    assert [row["title"] for row in listing.json["incidents"] if row["services"] == ["cart"]] == public


async def test_what_left_is_public_once_somebody_says_so(face: Face) -> None:
    """Put into a public incident it is public; where it opened one of its own, that can be made public by itself."""
    number, names_of_secret = await _secret(face)
    await _lesser(face, number, names_of_secret)
    await _opening(face, number, names_of_secret)
    told = {name: (await asked(face, f"/api/v1/events/{names_of_secret[name]}")).json for name in ("whisper", "alarm")}
    assert {each["events"][0]["private"] for each in told.values()} == {"security"}
    apart = told["alarm"]["why"]["incident"]
    assert apart not in (None, number)
    (await asked(face, f"/api/v1/events/{names_of_secret['alarm']}", "outsider")).problem(404)
    assert (await asked(face, f"/api/v1/incidents/{apart}/private", group="")).status == 201
    await face.followed()
    assert (await asked(face, f"/api/v1/events/{names_of_secret['alarm']}", "outsider")).status == 200
    (await asked(face, f"/api/v1/events/{names_of_secret['whisper']}", "outsider")).problem(404)
    assert (await asked(face, f"/api/v1/incidents/{apart}/join", event=names_of_secret["whisper"])).status == 201
    await face.followed()
    assert (await asked(face, f"/api/v1/events/{names_of_secret['whisper']}", "outsider")).status == 200
    (await asked(face, f"/api/v1/incidents/{number}", "outsider")).problem(404)


@pytest.mark.parametrize("corrected", [False, True], ids=["taken out", "corrected"])
async def test_what_left_before_it_was_private_stays_public(face: Face, corrected: bool) -> None:
    """Nobody may have read it as private."""
    number = await vault(face)
    ring = [{"name": "VaultHum", "at": NOW - LAST + MINUTE, "service": "vault"}]
    assert (await face.deliver(json.dumps(ring).encode())).status == 202
    await face.followed()
    events = (await asked(face, f"/api/v1/incidents/{number}/events")).json["events"]
    hum = next(event["id"] for event in events if event["title"] == "VaultHum")
    await (_correct(face, hum) if corrected else _leave(face, number, hum))
    await made_private(face)
    assert (await asked(face, f"/api/v1/events/{hum}", "outsider")).status == 200


async def test_what_was_corrected_is_public_once_somebody_puts_it_there(face: Face) -> None:
    """As what was taken out; and what went before the incident was private stays public."""
    number, names_of_secret = await _secret(face)
    whisper = f"/api/v1/events/{names_of_secret['whisper']}"
    await _lesser_corrected(face, number, names_of_secret)
    (await asked(face, whisper, "outsider")).problem(404)
    assert (await asked(face, f"/api/v1/incidents/{3 - number}/join", event=names_of_secret["whisper"])).status == 201
    await face.followed()
    assert (await asked(face, whisper, "outsider")).status == 200


async def test_what_opened_an_incident_that_was_merged_into_it_stays_private(face: Face) -> None:
    """Also where a correction puts it straight into a public one: nothing was ever said of its joining or leaving."""
    number, names_of_secret = await _secret(face)
    await _merge(face, number, names_of_secret)
    events = (await asked(face, "/api/v1/events?service=ledger")).json["events"]
    ledger = next(event["id"] for event in events if event["title"] == "LedgerSlow")
    (await asked(face, f"/api/v1/events/{ledger}", "outsider")).problem(404)
    await _correct(face, ledger)
    (await asked(face, f"/api/v1/events/{ledger}", "outsider")).problem(404)


@pytest.mark.parametrize("numbered", [True, False], ids=["as it is stated now", "as earlier versions stated it"])
async def test_what_is_left_of_an_incident_stays_private_when_its_events_count_no_longer(
    face: Face, *, numbered: bool
) -> None:
    """First without what opened it, by which it was made private; then as a title in lists and nothing else."""
    number, names_of_secret = await _secret(face)
    if not numbered:
        assert (await asked(face, f"/api/v1/incidents/{number}/private", group="")).status == 201
        await _restricted_without_number(face, names_of_secret["first"])
    for name in ("first", "alarm", "whisper"):
        assert (await asked(face, f"/api/v1/events/{names_of_secret[name]}/retract", reason="a test")).status == 201
        await face.followed()
        (await asked(face, f"/api/v1/incidents/{number}", "outsider")).problem(404)
        rows = {row["number"]: row for row in (await asked(face, "/api/v1/incidents")).json["incidents"]}
        assert rows[number]["private"] == ("security" if numbered else "law")
        assert [row["number"] for row in (await asked(face, "/api/v1/incidents", "outsider")).json["incidents"]] == [
            3 - number
        ]
    assert rows[number]["status"] == "merged"
    if not numbered:
        await _left_of_one_whose_id_says_no_time(face)


async def _restricted_without_number(face: Face, event: str) -> None:
    face.now += SECOND
    fact = people.restricted(key=f"old {event}", by="Ada", stated_at=face.now, incident=event, group="law")
    await face.log.append([Submission(source="people", received_at=face.now, body=b"x", events=(fact,))])


async def _left_of_one_whose_id_says_no_time(face: Face) -> None:
    """As of all senders that are read by a mapping."""
    page = Event(id=event_id("test.1", "pager", None, "7"), type="page.triggered", source="pager", entity="7",
                 occurred_at=NOW - MINUTE, service="till", title="TillOpened")  # fmt: skip
    await face.log.append([Submission(source="pager", received_at=face.now, body=b"x", events=(page,))])
    await face.followed()
    [row] = (await asked(face, "/api/v1/incidents?service=till")).json["incidents"]
    await _restricted_without_number(face, page.id)
    assert (await asked(face, f"/api/v1/events/{page.id}/retract", reason="a test")).status == 201
    await face.followed()
    (await asked(face, f"/api/v1/incidents/{row['number']}", "outsider")).problem(404)


async def test_a_number_that_was_merged_away_has_the_mark_of_what_it_became_part_of(face: Face) -> None:
    """In the list, and where it is looked up."""
    number = await made_private(face)
    assert (await asked(face, f"/api/v1/incidents/{number}/merge", other=3 - number)).status == 201
    await face.followed()
    rows = (await asked(face, "/api/v1/incidents")).json["incidents"]
    assert [(row["number"], row["private"]) for row in rows] == [(2, "security"), (1, "security")]


async def test_lists_and_exports_carry_the_mark(face: Face) -> None:
    """Deliveries, metrics, tables of many incidents, events as data, and the picture say to whom it is private."""
    number, _ = await _secret(face)
    told = await asked(face, f"/api/v1/incidents/{number}/metrics")
    assert told.json["private"] == "security"
    rows: list[dict[str, Any]] = (await asked(face, "/api/v1/metrics")).json["measures"][0]["values"]
    assert {row["incident"]: row["private"] for row in rows} == {number: "security", 3 - number: None}
    stored = (await asked(face, "/api/v1/deliveries")).json["deliveries"]
    assert [each["private"] for each in stored] == ["security", "security", "security", None]
    assert (await asked(face, f"/api/v1/deliveries/{stored[0]['id']}")).json["private"] == "security"
    for path in (
        "/deliveries", "/analytics", "/analytics.csv?table=actions", f"/api/v1/incidents/{number}/postmortem.csv",
        f"/api/v1/incidents/{number}/postmortem.jsonl", f"/api/v1/incidents/{number}/postmortem.svg",
    ):  # fmt: skip
        shown = (await face.get(path, headers={**bearer("guard"), "Accept": "*/*"})).body.decode()
        assert "security" in shown, path
        other = (await face.get(path.replace(f"/{number}/", f"/{3 - number}/"), headers=bearer("outsider"))).body
        assert b"security" not in other, path


def test_every_command_that_asks_a_daemon_is_known() -> None:
    """Whoever adds one says here whether it reads, and is tried then."""

    def leaves(name: str, command: click.Command) -> Iterator[str]:
        if isinstance(command, click.Group):
            for each, inner in command.commands.items():
                yield from leaves(f"{name} {each}", inner)
        elif any("--server" in option.opts for option in command.params):
            yield name

    asking = {name for each, command in every_command().items() for name in leaves(each, command)}
    assert asking == WRITES | {name.split()[0] for name in READS}
