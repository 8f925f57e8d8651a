"""Figures over all logs of one daemon, names that say which log is meant, and what is said while one of them is away.

One daemon over two SQLite files is shared by the tests; those in which a log is away share another one.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from click.testing import Result

from collector.settings import path_of
from tests.commands import run
from tests.processes import PATIENCE, Process, eventually, get, post

SENDERS = {"default": "here", "eu": "eu-alerts"}
MINUTES = {"default": (10, 20, 60), "eu": (1, 2, 3)}
"""How long the incidents of each log took."""
SINCE = "2026-03-01T00:00:00Z"


def delivery(day: int, minutes: int | None, service: str, name: str = "HighErrorRate") -> bytes:
    """An alert that fired on a day of March, and ended after so many minutes; None: it goes on."""
    over = minutes is not None
    hours, rest = divmod(minutes or 0, 60)
    end = f"2026-03-{day:02}T{14 + hours}:{rest:02}:00Z"
    alert = {
        "status": "resolved" if over else "firing",
        "labels": {"alertname": name, "service": service, "severity": "critical", "environment": "production"},
        "annotations": {"summary": "12% of requests fail."},
        "startsAt": f"2026-03-{day:02}T14:00:00Z",
        "endsAt": end if over else "0001-01-01T00:00:00Z",
        "fingerprint": "00000000000000aa",
    }
    body = {"version": "4", "groupKey": "{}:{x}", "status": alert["status"], "receiver": "r", "alerts": [alert]}
    return json.dumps(body).encode()


class Two:
    """The daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "timelined.yml"
        senders = {
            name: {"kind": "alertmanager", "bearer_token": f"token of {name}", "log": log}
            for log, name in SENDERS.items()
        }
        self.config.write_text(yaml.safe_dump({
            "storage": {"url": f"sqlite:///{folder}/here.db", "logs": {"eu": f"sqlite:///{folder}/eu.db"}},
            "sources": senders,
            "drafts": {"dir": str(folder / "drafts")},
        }))  # fmt: skip
        self.process = Process(folder, TIMELINED_CONFIG_FILE=str(self.config))
        self.address = self.process.start()

    def deliver(self, log: str, body: bytes, token: str | None = None) -> int:
        name = SENDERS[log]
        key = {"Authorization": f"Bearer {token or f'token of {name}'}"}
        return post(f"{self.address}/webhooks/{name}", body, key)[0]

    def page(self, path: str) -> str:
        asked = Request(self.address + path, headers={"Accept": "text/html"})  # noqa: S310
        with urlopen(asked, timeout=PATIENCE) as answer:  # noqa: S310
            return str(answer.read().decode())

    def table(self, name: str, **more: str) -> list[dict[str, str]]:
        asked = "".join(f"&{key}={value}" for key, value in more.items())
        return list(csv.DictReader(io.StringIO(self.page(f"/analytics.csv?table={name}&since={SINCE}{asked}"))))

    def measured(self, **asked: str) -> dict[str, Any]:
        """What is told of the time to resolve, and of the whole answer."""
        query = "".join(f"&{key}={value}" for key, value in asked.items())
        told: dict[str, Any] = get(f"{self.address}/api/v1/metrics?since={SINCE}{query}")
        return told

    def run(self, *arguments: str) -> Result:
        return run(*arguments, TIMELINED_CONFIG_FILE=str(self.config))


def resolve_of(told: Any) -> Any:
    return next(each for each in told["measures"] if each["name"] == "resolve")


@contextmanager
def with_incidents(folder: Path) -> Iterator[Two]:
    """The daemon with three incidents in each log."""
    daemon = Two(folder)
    try:
        for log, lengths in MINUTES.items():
            for day, minutes in enumerate(lengths, start=2):
                for end in (None, minutes):
                    assert daemon.deliver(log, delivery(day, end, f"service-{day}")) == 202
        eventually(lambda: {each["lag"] for each in get(f"{daemon.address}/-/ready")["logs"].values()} == {0})
        yield daemon
    finally:
        daemon.process.kill()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with with_incidents(tmp_path_factory.mktemp("logs")) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """A daemon whose log ``eu`` was taken away."""
    with with_incidents(tmp_path_factory.mktemp("away")) as daemon:
        (daemon.folder / "eu.db").rename(daemon.folder / "moved.db")
        eventually(lambda: answered(daemon, "/webhooks/eu-alerts", token="token of eu-alerts")[0] == 503)
        eventually(lambda: not get(f"{daemon.address}/-/ready")["logs"]["eu"]["ready"])
        yield daemon


def test_a_median_is_of_the_rows_of_all_logs(two: Two) -> None:
    """Known for six of six; each log alone has too few for a median, so that none is made of medians."""
    metrics = two.measured()
    resolve = resolve_of(metrics)
    assert (metrics["incidents"], resolve["known"], resolve["of"], resolve["median"]) == (6, 6, 6, 390)
    assert {(each["log"], each["incident"]): each["seconds"] for each in resolve["values"]} == {
        (log, number): minutes * 60 for log, each in MINUTES.items() for number, minutes in enumerate(each, start=1)
    }
    assert "not_counted" not in metrics
    for log in SENDERS:
        alone = two.measured(log=log)
        assert (alone["incidents"], resolve_of(alone)["median"]) == (3, None)
        assert {each["log"] for each in resolve_of(alone)["values"]} == {log}
    groups = {each["name"]: resolve_of(each)["of"] for each in two.measured(by="service")["groups"]}
    assert groups == {"service-2": 2, "service-3": 2, "service-4": 2}
    assert get(f"{two.address}/logs/eu/api/v1/metrics?since={SINCE}")["incidents"] == 3
    with pytest.raises(urllib.error.HTTPError) as refused:
        two.measured(log="us")
    with refused.value as answer:
        assert "use one of default, eu, all" in answer.read().decode()


def test_the_command_measures_all_logs_unless_one_is_named(two: Two) -> None:
    """Over the files as through the daemon, and by the number of one incident."""
    for where in ((), ("--server", two.address)):
        arguments = ("metrics", "--since", SINCE, "-o", "json", *where)
        metrics = json.loads(two.run(*arguments).stdout)
        assert resolve_of(metrics)["median"] == 390
        for log in SENDERS:
            alone = json.loads(two.run(*arguments, "--log", log).stdout)
            assert {each["log"] for each in resolve_of(alone)["values"]} == {log}
            assert alone["incidents"] == 3
    assert "6 of 6" in two.run("metrics", "--since", SINCE).stdout
    assert "3 min" in two.run("metrics", "eu/3").stdout


def test_the_page_over_all_logs_leads_to_the_log_of_each_row(two: Two) -> None:
    """The same alert of two senders is one row in each log; months count both, and each number leads to its own."""
    whole = two.page(f"/analytics?since={SINCE}")
    assert "6 incidents" in whole
    assert "counted over the logs default, eu" in whole
    for number in range(1, 4):
        assert f'<a href="/logs/eu/incidents/{number}">eu/{number}</a>' in whole
        assert f'<a href="/incidents/{number}">{number}</a>' in whole
    assert not re.search(r'href="/logs/eu/incidents/\d+">\d', whole)
    again = {row["log"]: row for row in two.table("again")}
    assert {log: row["incidents"] for log, row in again.items()} == {"default": "1 2 3", "eu": "eu/1 eu/2 eu/3"}
    assert [row["median_seconds"] for row in again.values()] == ["1200", "120"]
    [month] = two.table("opened")
    assert sorted(month["by_alert"].split()) == ["1", "2", "3", "eu/1", "eu/2", "eu/3"]
    assert {(row["source"], row["log"]) for row in two.table("late")} >= {("here", "default"), ("eu-alerts", "eu")}
    alone = two.page(f"/analytics?since={SINCE}&log=eu")
    assert "3 incidents" in alone
    assert '<option value="eu" selected>' in alone
    assert [row["incidents"] for row in two.table("again", log="eu")] == ["1 2 3"]
    of_eu = two.page(f"/logs/eu/analytics?since={SINCE}")
    assert '<a href="/logs/eu/incidents/1">1</a>' in of_eu
    assert '<select id="log"' not in of_eu


def test_a_name_with_its_log_is_taken_wherever_one_is_named(two: Two) -> None:
    """Incidents, citations and deliveries of a log with a name; one that stands alone before it is not guessed."""
    told = json.loads(two.run("events", "--log", "eu", "--type", "alert.firing", "-o", "json").stdout)["events"]
    first, last = told[0]["id"], told[-1]["id"]
    for named in (f"eu/{first[-6:]}", f"eu/1/{first[-6:]}", f"[eu/{first[-6:]}]", f"eu/{told[0]['position']}"):
        found = two.run("why", named)
        assert first in found.stdout, (named, found.output)
        assert re.search(r"Incident: +eu/1$", found.stdout, re.MULTILINE)
    # What was resolved just now is sealed shortly after.
    eventually(lambda: (eu := get(f"{two.address}/-/ready")["logs"]["eu"])["sealed"] == eu["position"])
    assert two.run("proof", "eu/1", "--to", str(two.folder / "proof.json")).exit_code == 0
    assert "the draft of incident eu/1" in (two.folder / "proof.json").read_text()
    for command in (
        ("incident", "eu/1"), ("draft", "eu/1"), ("versions", "eu/1"), ("publications", "eu/1"), ("lint", "eu/1", "1"),
        ("events", "--incident", "eu/1"), ("delivery", "eu/d1"), ("verify", "--incident", "eu/1", "--jobs", "1"),
        ("erase", "--delivery", "eu/d1", "--dry-run", "--reason", "a try"), ("incidents", "--before", "eu/2"),
        ("private", "eu/1", "--group", "few"), ("private", "eu/1", "--public"),
        ("join", "eu/1", last[-6:]), ("leave", "eu/1", f"eu/{last[-6:]}"), ("merge", "eu/1", "eu/2"),
    ):  # fmt: skip
        done = two.run(*command)
        assert done.exit_code == 0, (command, done.output)
    assert "Noted in incident eu/3" in two.run("note", "eu/3", "the disk was full").stdout
    assert get(f"{two.address}/logs/eu/api/v1/incidents/2")["status"] == "merged"
    assert get(f"{two.address}/api/v1/incidents/2")["status"] == "resolved"
    guessed = two.run("merge", "1", "eu/3")
    assert "cannot tell which log '1' is of" in guessed.output
    assert "write eu/1 or default/1" in guessed.output
    two_logs = two.run("merge", "default/1", "eu/3")
    assert "cannot ask two logs at once: 'default' and 'eu' are named" in two_logs.output


@pytest.mark.parametrize("through_daemon", [False, True])
def test_what_is_not_found_is_said_with_the_log_that_was_looked_in(two: Two, through_daemon: bool) -> None:
    """Of a log with a name and of the default one; a log that is not there is said with those that are."""
    server = ("--server", two.address) if through_daemon else ()
    for name in ("eu", "default"):
        for missing in (("incident", f"{name}/99"), ("why", f"{name}/abcdef"), ("delivery", f"{name}/d999")):
            refused = two.run(*missing, *server)
            assert (refused.exit_code, refused.output.strip().endswith(f"; the log asked is {name}")) == (3, True)
        # What is there and cannot be taken is a number of that log just as well.
        event = get(f"{two.address}{path_of(name)}/api/v1/incidents/3/events")["events"][0]["id"]
        for untaken, sentence in (
            (("leave", f"{name}/1", f"{name}/{event}"), "it is in incident 3"),
            (("action", f"{name}/3", "add a limit", "--due", "soon"), "write it as YYYY-MM-DD, a day that there is"),
            (("action", f"{name}/3", "add a limit", "--due", "2026-02-30"), "a day that there is"),
        ):
            refused = two.run(*untaken, *server)
            assert refused.exit_code == 1
            assert refused.output.strip().endswith(f"{sentence}; the log asked is {name}"), refused.output
    assert two.run("incident", "99", *server).output.strip().endswith("; the log asked is default")
    assert re.search(
        r"cannot find a log '?us'?|cannot find a log named 'us'", two.run("incident", "us/1", *server).output
    )
    assert "default, eu" in two.run("incident", "us/1", *server).output
    assert two.run("proof", "eu/abcdef").output.strip().endswith("; the log asked is eu")


def test_a_draft_names_its_incident_as_commands_take_it(two: Two) -> None:
    """Whoever types what a draft of a log with a name offers does it there, and not to the default log's incident."""
    number = 3
    for draft in (
        two.run("draft", f"eu/{number}").stdout,
        two.run("draft", f"eu/{number}", "--server", two.address).stdout,
        eventually(lambda: next(iter((two.folder / "drafts" / "eu").glob(f"incident-{number}.md")), None)).read_text(),
    ):
        assert re.search(rf"^\*\*Incident:\*\* eu/{number} · critical", draft, re.MULTILINE)
        commands = re.findall(r"`timelined \w+ (\S+)", draft)
        assert set(commands) == {f"eu/{number}"}, commands
    assert f"`timelined mark {number} " in two.run("draft", str(number)).stdout
    shown = two.page(f"/logs/eu/incidents/{number}")
    assert f"<title>eu/{number}: " in shown
    assert f"</a> / eu/{number}</p>" in shown


def test_status_lists_every_log_and_doctor_looks_at_each(two: Two) -> None:
    """And of the machine's clock, which is one, once."""
    for server in ((), ("--server", two.address)):
        listed = two.run("status", *server).stdout
        for log in SENDERS:
            assert re.search(rf"^{log} +\d+ +are stored$", listed, re.MULTILINE)
        assert "Of the log default" in listed
    assert "Of the log" not in two.run("status", "--log", "eu").stdout
    findings = json.loads(two.run("doctor", "-o", "json").stdout)["findings"]
    names = [each["what"] for each in findings]
    assert names.count("clock") == 1
    assert {f"{what} ({log})" for what in ("database", "disk", "backup", "daemon") for log in SENDERS} <= set(names)
    of_eu = next(each["found"] for each in findings if each["what"] == "daemon (eu)")
    assert re.search(r"answers at \S+/logs/eu;", of_eu)


def answered(two: Two, path: str, method: str = "POST", token: str = "") -> tuple[int, dict[str, str], str]:
    """Status, headers but the one that names the request, and body."""
    key = {"Authorization": f"Bearer {token}"} if token else {}
    body = delivery(9, None, "checkout") if method == "POST" else None
    asked = Request(two.address + path, body, key, method=method)  # noqa: S310
    try:
        with urlopen(asked, timeout=PATIENCE) as answer:  # noqa: S310
            return answer.status, shown(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, shown(refused.headers), refused.read().decode()


def shown(headers: Any) -> dict[str, str]:
    return {name: text for name, text in headers.items() if name not in ("Date", "X-Request-Id")}


def test_while_a_log_is_away_nothing_is_counted_of_it_and_that_is_said(away: Two) -> None:
    """In the API, on the page, in the table and by the command. Its senders alone are told to come again."""
    told = away.measured()
    assert (told["incidents"], list(told["not_counted"])) == (3, ["eu"])
    assert "cannot write to" in told["not_counted"]["eu"]
    whole = away.page(f"/analytics?since={SINCE}")
    assert "Nothing of the log eu is in any figure or list here" in whole
    assert "3 incidents" in whole
    *rows, last = away.table("again")
    assert [row["log"] for row in rows] == ["default"]
    assert last["alert"].startswith("not counted: the log eu: cannot write to")
    measured = away.run("metrics", "--since", SINCE, "--server", away.address)
    assert "Nothing of the log eu is counted: cannot write to" in measured.stderr
    for asked in (f"{away.address}/api/v1/metrics?log=eu", f"{away.address}/analytics?log=eu"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(asked)
        with refused.value as answer:
            assert answer.code == 503


def test_a_log_that_is_away_tells_nobody_its_sources(away: Two) -> None:
    """Who proves nothing is answered as if there were no such source, by every method and in as much time."""
    own = "token of eu-alerts"
    status, headers, _ = answered(away, "/webhooks/eu-alerts", token=own)
    assert (status, int(headers["Retry-After"]) > 0) == (503, True)
    assert answered(away, "/webhooks/eu-alerts")[0] == 401
    for method in ("POST", "GET", "PUT", "OPTIONS"):
        for after in ("", "/", "/secret", "/a/b"):
            for token in ("", "wrong"):
                known = answered(away, f"/webhooks/eu-alerts{after}", method, token)
                assert known == answered(away, f"/webhooks/nobody{after}", method, token), (method, after)
    began = time.monotonic()
    answered(away, "/webhooks/eu-alerts")
    assert time.monotonic() - began >= 0.02
