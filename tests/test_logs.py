"""Several logs of one daemon: each gapless and provable by itself, and none in the way of another.

One daemon over two SQLite files and a PostgreSQL database, below a path, is shared by the tests. Each asks only for
what the daemon was told before any of them, and for what it does itself: they run in any order, and each alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import threading
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import click
import pytest
import yaml
from click.testing import Result

from collector.cli import following, logs
from collector.cli.client import remote
from collector.errors import InvalidInput
from collector.settings import Settings, load_settings, of_log, path_of
from collector.web.keys import OneLog
from collector.web.mounts import Mounts
from collector.web.places import is_page
from tests import postgres
from tests.commands import run
from tests.processes import PATIENCE, Process, alert, eventually, get, post

LOGS = ("default", "eu", "pg")
SENDERS = {"default": "here", "eu": "eu-alerts", "pg": "pg-alerts"}
EACH = 40
"""Deliveries to each log."""


class Several:
    """The daemon, its server, and what it acknowledged."""

    def __init__(self, folder: Path, server: postgres.Server) -> None:
        self.folder, self.server = folder, server
        self.config = folder / "timelined.yml"
        self.config.write_text(yaml.safe_dump(self._settings()))
        self.process = Process(folder, TIMELINED_CONFIG_FILE=str(self.config))
        self.address = ""
        self.acknowledged: dict[str, set[str]] = {name: set() for name in LOGS}

    def _settings(self) -> dict[str, Any]:
        senders = {
            said: {"kind": "alertmanager", "open": True, **({"log": log} if log != "default" else {})}
            for log, said in SENDERS.items()
        }
        logs = {"eu": f"sqlite:///{self.folder}/eu.db", "pg": self.server.url("postgres")}
        return {
            "web": {"route_prefix": "/ops", "external_url": "https://ops.example.com/ops"},
            "storage": {"url": f"sqlite:///{self.folder}/here.db", "logs": logs},
            "sources": senders,
            "proof": {"origin": "example.com/ops"},
        }

    def start(self) -> None:
        self.address = self.process.start()

    def of(self, log: str) -> str:
        """What the addresses of a log begin with."""
        return self.address + path_of(log)

    def deliver(self, log: str, number: int) -> int:
        """One firing alert to a log; the status of the answer."""
        try:
            status, answer = post(f"{self.address}/webhooks/{SENDERS[log]}", alert("firing", number=number))
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code
        self.acknowledged[log] |= {item["event"] for item in answer["items"]}
        return status

    def takes(self, log: str, number: int) -> bool:
        """Whether a log takes this alert, which it does not know."""
        return self.deliver(log, number) == 202

    def refusal(self, path: str, body: bytes | None = None) -> tuple[int, str]:
        """The status of an error, and the place that it names."""
        with pytest.raises(urllib.error.HTTPError) as refused:
            urlopen(self.address + path, body, timeout=PATIENCE)  # noqa: S310
        with refused.value as told:
            errors = json.loads(told.read())["errors"]
            return told.code, errors[0]["pointer"] if errors else ""

    def ready(self) -> dict[str, Any]:
        told: dict[str, Any] = get(f"{self.address}/-/ready")
        return told

    def events(self, log: str) -> list[Any]:
        events_read: list[Any] = []
        after = 0
        while after is not None:
            page = get(f"{self.of(log)}/api/v1/events?limit=1000&after={after}")
            events_read += page["events"]
            after = page["next"]
        return events_read

    def run(self, *arguments: str) -> Result:
        return run(*arguments, TIMELINED_CONFIG_FILE=str(self.config))

    def check(self, log: str) -> None:
        """It is gapless, holds what it acknowledged and nothing of another log, and verifies."""
        eventually(lambda: self.ready()["logs"][log]["lag"] == 0)
        events = self.events(log)
        assert [event["position"] for event in events] == list(range(1, len(events) + 1))
        assert self.acknowledged[log] <= {event["id"] for event in events}
        assert {event["source"] for event in events} <= {SENDERS[log], "timelined", "people"}
        verified = self.run("verify", "--log", log, "--jobs", "1")
        assert verified.exit_code == 0, verified.output


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    with postgres.serving() as server:
        server_logs = Several(tmp_path_factory.mktemp("logs"), server)
        try:
            server_logs.start()
            for log in LOGS:
                # A start that takes long serves the others first.
                eventually(partial(server_logs.takes, log, 1))
            eventually(lambda: all(state["lag"] == 0 for state in server_logs.ready()["logs"].values()))
            yield server_logs
        finally:
            server_logs.process.kill()


def test_each_log_is_gapless_and_verifies_after_kill_9_under_load(several: Several) -> None:
    """All logs take deliveries at once, the process is killed in the midst of it, and what was answered is there."""
    enough, again = threading.Semaphore(0), threading.Event()

    def sender(log: str) -> None:
        for number in range(1, EACH + 1):
            while True:
                with suppress(OSError):
                    if several.deliver(log, number) in (200, 202):
                        break
                assert again.wait(PATIENCE)
            enough.release()

    with ThreadPoolExecutor(len(LOGS)) as pool:
        sending = [pool.submit(sender, log) for log in LOGS]
        for _ in range(EACH):
            assert enough.acquire(timeout=PATIENCE)
        several.process.kill()
        several.start()
        again.set()
        for one in sending:
            one.result(PATIENCE)
    for log in LOGS:
        assert len(several.acknowledged[log]) >= EACH
        several.check(log)
    states = several.ready()["logs"]
    assert list(states) == list(LOGS)
    assert len({state["log"] for state in states.values()}) == len(LOGS)


def test_an_unknown_source_is_answered_as_ever(several: Several) -> None:
    """Which log a source has shows in no answer to somebody who names none."""
    for path in ("/webhooks/nobody", "/logs/eu/webhooks/here"):
        assert several.refusal(path, b"{}") == (401, "")


def test_lists_of_all_logs_are_merged_and_join_nothing(several: Several) -> None:
    """The same alerts in three logs are three incidents. A cursor walks through all of them, each once."""
    eventually(lambda: len(get(f"{several.address}/api/v1/logs/incidents")["incidents"]) == len(LOGS))
    incidents: list[tuple[str, int]] = []
    cursor = ""
    while cursor is not None:
        page = get(f"{several.address}/api/v1/logs/incidents?limit=1&cursor={cursor}")
        incidents += [(row["log"], row["number"]) for row in page["incidents"]]
        cursor = page["next"]
    assert sorted(incidents) == [(log, 1) for log in LOGS]
    for log in LOGS:
        assert len(get(f"{several.of(log)}/api/v1/incidents")["incidents"]) == 1
    events: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = get(f"{several.address}/api/v1/logs/events?limit=50&type=alert.firing&cursor={cursor}")
        events += page["events"]
        cursor = page["next"]
    assert {log: {each["id"] for each in events if each["log"] == log} for log in LOGS} == several.acknowledged
    received = [each["received_at"] for each in events]
    assert received == sorted(received)
    assert several.refusal("/api/v1/logs/events?cursor=us.1") == (400, "cursor")


def test_what_comes_in_any_log_is_told_in_one_stream(several: Several) -> None:
    """Each event once, with its log; who goes on after a cursor is told the rest."""

    def told(count: int, **headers: str) -> list[tuple[str, str]]:
        """The cursor and the log of the next events; two are delivered once the stream is there."""
        request = Request(f"{several.address}/api/v1/logs/stream?type=alert.firing", headers=headers)  # noqa: S310
        received: list[tuple[str, str]] = []
        cursor = ""
        with urlopen(request, timeout=PATIENCE) as stream:  # noqa: S310
            while len(received) < count:
                name, _, value = stream.readline().decode().strip().partition(": ")
                if value.startswith("position ") and not headers:
                    assert [several.deliver(log, 90) for log in ("eu", "default")] == [202, 202]
                if name == "id":
                    cursor = value
                if name == "data":
                    received.append((cursor, json.loads(value)["log"]))
        return received

    (first, one), (_, other) = told(2)
    assert {one, other} == {"eu", "default"}
    assert [log for _, log in told(1, **{"Last-Event-ID": first})] == [other]


async def test_a_command_follows_all_logs(several: Several) -> None:
    """It says of each event which log it is of, and goes on after the place that it had in each."""

    async def followed(after: object, count: int) -> list[str]:
        asked = {"type": "alert.firing", "after": after}
        stream = following.events(api, asked, pytest.fail, last=last)
        async with aclosing(stream), asyncio.timeout(PATIENCE):
            return [(await anext(stream))["log"] for _ in range(count)]

    last: list[object] = [None]
    with click.Context(click.Command("events")):
        logs.choose("all")
        async with remote(several.address) as api:
            before = (await api.get("/api/v1/logs/events", limit=1000, type="alert.firing", order="desc")).json()
            places: dict[str, int] = {}
            for event in before["events"]:
                places.setdefault(event["log"], event["position"])
            assert set(places) == set(LOGS)
            for log in ("eu", "pg"):
                assert await asyncio.to_thread(several.deliver, log, 91) == 202
            cursor = ",".join(f"{log}.{position}" for log, position in places.items())
            [first] = await followed(cursor, 1)
            [second] = await followed(last[0], 1)
    assert {first, second} == {"eu", "pg"}


def test_pages_lead_to_the_log_of_what_they_show(several: Several) -> None:
    """The page over all logs names an incident by its log, and leads below its path; pages of a log stay in it."""

    def page(path: str) -> str:
        with urlopen(Request(several.address + path, headers={"Accept": "text/html"}), timeout=PATIENCE) as answer:  # noqa: S310
            return str(answer.read().decode())

    whole, of_eu = page("/logs"), page("/logs/eu/incidents")
    assert re.search(r'href="/ops/logs/eu/incidents/1"><span class="number">eu/1</span>', whole)
    assert re.search(r'href="/ops/incidents/1"><span class="number">1</span>', whole)
    links = set(re.findall(r'(?:href|src|action)="(/[^"]*)"', of_eu))
    others = {"/ops/logs", "/ops/incidents", "/ops/logs/pg/incidents"}
    assert others <= links
    assert links - others == {link for link in links if link.startswith("/ops/logs/eu/")}
    assert "Logs (eu)" in of_eu
    assert 'data-live="all"' in whole
    assert "eu/1" in page("/logs?text=HighErrorRate&status=open")
    assert "eu/1" not in page("/logs?text=nothing+of+that+kind")


def test_metrics_say_which_log_they_speak_of(several: Several) -> None:
    """Every sample has the label but those of the process; each name is told once."""
    with urlopen(f"{several.address}/metrics", timeout=PATIENCE) as answer:  # noqa: S310
        text = answer.read().decode()
    for log in LOGS:
        assert re.search(rf'^timelined_log_position{{log="{log}"}} [1-9]', text, re.MULTILINE)
        assert f'timelined_ready{{log="{log}"}} 1.0' in text
    samples = re.findall(r"^(timelined_\w+)(?:{(.*)})? ", text, re.MULTILINE)
    without = {name for name, labels in samples if 'log="' not in labels}
    assert {name for name in without if not name.startswith(("timelined_http_", "timelined_config_"))} == {
        "timelined_build_info"
    }
    helped = re.findall(r"^# HELP (\S+)", text, re.MULTILINE)
    assert len(helped) == len(set(helped))
    assert re.search(r'timelined_log_info{identity="[0-9a-f]+",log="eu"', text)


def test_the_command_line_asks_one_log_or_all(several: Several) -> None:
    """By --log, by a number such as eu/1, and for lists of all of them; a mistake is said."""
    table = several.run("incidents", "--log", "all").stdout
    assert re.findall(r"^(\S+) +open", table, re.MULTILINE) == ["1", "eu/1", "pg/1"]
    assert json.loads(several.run("incidents", "--log", "pg", "-o", "json").stdout)["incidents"][0]["number"] == 1
    noted = several.run("note", "eu/1", "the disk was full")
    assert noted.exit_code == 0, noted.output
    for log in LOGS:
        notes = get(f"{several.of(log)}/api/v1/events?type=note.added")["events"]
        assert len(notes) == (log == "eu")
    assert re.search(r"^eu-alerts .* eu$", several.run("sources").stdout, re.MULTILINE)
    two = several.run("incident", "eu/1", "--log", "pg")
    assert "cannot ask two logs at once: 'pg' and 'eu' are named" in two.output
    assert "cannot find a log named 'us'" in several.run("incidents", "--log", "us").output
    assert "this asks one log" in several.run("signals", "--log", "all").output
    assert "that is of one log" in several.run("events", "--log", "all", "--incident", "1").output


def test_each_log_proves_itself_under_a_name_of_its_own(several: Several) -> None:
    """What lies beside a log is beside that log, and no two publish checkpoints under one name."""
    origins = {}
    for log, database in (("default", "here.db"), ("eu", "eu.db")):
        held = eventually(partial(_checkpoints, several.folder / f"{database}.proof" / "checkpoints"))
        origins[log] = {path.read_text().splitlines()[0] for path in held}
    assert all(origin.startswith("example.com/ops") for of_log in origins.values() for origin in of_log)
    assert not origins["default"] & origins["eu"]
    assert all("/eu" in origin for origin in origins["eu"])


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("**/*") if path.is_file()]


def test_a_log_that_is_away_keeps_no_other_away_and_comes_back(several: Several) -> None:
    """A stopped server and a moved file: their sources alone are answered 503, and readiness names them.

    Once they are back, every log is whole.
    """
    several.server.stop()
    eventually(lambda: several.deliver("pg", 101) == 503)
    assert several.deliver("default", 101) == several.deliver("eu", 101) == 202
    eventually(lambda: several.ready()["failing"] == ["pg"])
    several.server.start()
    eventually(lambda: several.deliver("pg", 101) in (200, 202))
    _a_file_is_moved(several)
    _a_server_is_not_there_at_a_start(several)
    for log in LOGS:
        several.check(log)


def _a_file_is_moved(several: Several) -> None:
    (several.folder / "eu.db").rename(several.folder / "moved.db")
    eventually(lambda: several.ready()["failing"] == ["eu"])
    assert "eu: cannot write to" in several.ready()["reason"]
    assert several.deliver("eu", 102) == 503
    assert several.deliver("default", 102) == several.deliver("pg", 102) == 202
    assert several.refusal("/logs/eu/api/v1/incidents") == (503, "")
    assert list(get(f"{several.address}/api/v1/logs/incidents")["not_listed"]) == ["eu"]
    assert {log["name"]: log["ready"] for log in get(f"{several.address}/api/v1/logs")["logs"]} == {
        "default": True, "eu": False, "pg": True,
    }  # fmt: skip
    # What it left open of the moved file is closed by nobody, so its end is no clean one.
    assert several.process.end(signal.SIGTERM) != 0
    (several.folder / "moved.db").rename(several.folder / "eu.db")


def _a_server_is_not_there_at_a_start(several: Several) -> None:
    """The others are served, and it is taken in once it is there."""
    several.server.stop()
    several.start()
    assert several.ready()["failing"] == ["pg"]
    assert several.deliver("pg", 103) == 503
    assert several.deliver("default", 103) == several.deliver("eu", 103) == 202
    several.server.start()
    eventually(lambda: several.deliver("pg", 103) in (200, 202))
    assert several.ready()["failing"] == []


def test_the_settings_of_a_log_are_those_of_a_daemon_of_its_own(tmp_path: Path) -> None:
    """Folders, names and addresses are the log's own; where there is one log, nothing is changed."""
    assert of_log(Settings(), "default") == Settings()
    config = tmp_path / "timelined.yml"
    config.write_text(
        "web: {external_url: 'https://ops.example.com/t'}\n"
        "storage: {url: 'sqlite:///one.db', logs: {eu: 'postgresql://db/eu', us: 'sqlite:///us.db'}}\n"
        "sources: {a: {kind: github, open: true}, b: {kind: github, open: true, log: eu}}\n"
        "proof: {dir: kept}\nbackup: {dir: copies}\n"
        "publishing: {targets: {wiki: {kind: git, repository: 'https://forge.example.com/a/b.git'}}}\n"
    )
    settings = load_settings(config)
    here, eu, us = (of_log(settings, name) for name in ("default", "eu", "us"))
    assert (list(here.sources), list(eu.sources), list(us.sources)) == (["a"], ["b"], [])
    assert here.web == settings.web
    assert here.proof == settings.proof
    assert (eu.web.prefix, eu.web.external_url) == ("/t/logs/eu", "https://ops.example.com/t/logs/eu")
    assert (eu.proof.dir, eu.proof.origin, eu.drafts.dir) == ("kept/eu", "timelined/eu", "out/drafts/eu")
    # PostgreSQL has tools of its own for backups.
    assert (here.backup.dir, eu.backup.dir, us.backup.dir) == ("copies", "", "copies/us")
    assert eu.publishing.targets["wiki"].called(12) == "eu/12"
    with pytest.raises(InvalidInput, match=r"storage\.logs and storage.url say default, eu, us"):
        of_log(settings, "asia")


def test_an_address_is_answered_by_one_application() -> None:
    """The daemon's own addresses by its own, everything of a log by that log's, and a delivery by its source's."""
    mounts = Mounts({"eu-alerts": "eu"}.get, "default")  # type: ignore[arg-type]
    assert mounts.find("/api/v1/incidents") is None, "no log is there yet"
    for own in (
        "/-/ready",
        "/metrics",
        "/logs",
        "/api/v1/logs",
        "/api/v1/logs/incidents",
        "/static/a.css",
        "/logs/us/",
    ):
        assert mounts.find(own) is None
    assert is_page("/logs"), "it asks for a token"
    assert OneLog(name="eu", path=path_of("eu"), app=None).called(3) == "eu/3"  # type: ignore[arg-type]
