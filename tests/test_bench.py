"""The benchmarks in their smallest form: they run, their books balance, and they say what they found.

Nothing here looks at speed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from collector.event import Event, event_id
from collector.log import Submission, open_log
from tests import forks, postgres
from tests.bench import __main__ as benchmarks
from tests.bench import keepup, load, memory, results, slices

ROOT = Path(__file__).parents[1]


def start(module: str, *options: str) -> subprocess.Popen[str]:
    """A benchmark in an interpreter of its own, as ``make bench`` starts it."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *options]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def found(folder: Path, module: str, *options: str, **environment: str) -> dict[str, Any]:
    """What the short form of a benchmark leaves on disk."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    arguments = ["--short", "--out", str(folder), *options]
    ran = forks.run(arguments, ROOT, environ, seconds=120, module=f"tests.bench.{module}", within=True)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    told: dict[str, Any] = json.loads(folder.joinpath(f"{module}.json").read_text())
    return told


FEWER = {"matrix": ("--backends", "sqlite", "--traffic", "repeated"), "keepup": ("--backends", "sqlite")}
"""What leaves out the server, which others start as well."""
SHORT = (
    ("ingest", 3),
    ("daemon", 4),
    ("matrix", 1),
    ("commits", 1),
    ("replay", 8),
    ("large", 3),
    ("follower", 5),
    ("keepup", 3),
    ("draft", 6),
    ("memory", 1),
    ("start", 2),
    ("verify", 6),
    ("reparse", 2),
    ("moving", 4),
)
ON_FILES = {"daemon": 3, "moving": 0}
"""How many figures are left of those that measure on PostgreSQL, where that is not installed."""


@pytest.mark.parametrize(("module", "figures"), SHORT, ids=[module for module, _ in SHORT])
def test_a_benchmark_counts_what_it_did_and_leaves_its_figures(module: str, figures: int, tmp_path: Path) -> None:
    """A run ends well only where every acknowledged event was found stored; each round's value is kept."""
    options = FEWER.get(module, ())
    if reason := postgres.absent():
        figures = ON_FILES.get(module, figures)
        if not figures:
            pytest.skip(reason)
    result = found(tmp_path, module, *options)
    assert (result["name"], result["short"], result["failed"]) == (module, True, [])
    assert len(result["figures"]) == figures
    assert [len(figure["values"]) for figure in result["figures"]] == [1] * figures
    zero = {figure["name"].partition(",")[0] for figure in result["figures"] if not figure["values"][0] > 0}
    # A follower that is where the log is at every look has no lag.
    assert zero <= {"longest lag at half of it"}
    assert {"cores", "Python", "SQLite", "aiohttp", "load before", "load after"} <= result["machine"].keys()
    assert results.conclude(tmp_path) == 0
    assert result["figures"][0]["name"] in (tmp_path / "results.md").read_text()
    if module == "memory":
        _measured_a_daemon(result)


def _measured_a_daemon(result: dict[str, Any]) -> None:
    """It notes the resident size on the way, each time after a follower that has read everything."""
    (figure,) = result["figures"]
    assert 10 < figure["median"] < memory.GOAL
    (way,) = result["notes"]
    assert len(way.partition(": ")[2].split()) == 3


def test_alerta_is_left_out_where_it_cannot_be_installed(tmp_path: Path) -> None:
    """Without a package index the benchmark says why there is no figure, and fails nobody."""
    told = found(tmp_path, "alerta", "--venv", str(tmp_path / "venv"), PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert told["figures"] == []
    assert told["notes"][0].startswith("Not measured: ")


def test_a_benchmark_that_is_stopped_ends_its_servers(tmp_path: Path) -> None:
    """After SIGTERM in the middle of a run nothing it started is left, and no figures of half a run."""
    process = start("commits", "--rounds", "100", "--tool", "python", "--out", str(tmp_path))
    try:
        until = time.monotonic() + 30
        while len(children := _children(process.pid)) < 3:
            assert process.poll() is None
            assert time.monotonic() < until, "two servers and a client did not start"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    until = time.monotonic() + 30
    while left := [pid for pid in children if _is_ours(pid)]:
        assert time.monotonic() < until, f"still running: {left}"
        time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_ours(pid: int) -> bool:
    """Whether a process is still the one we saw; its number may have been given to another."""
    try:
        return b"tests.bench" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


# --- the books --------------------------------------------------------------------------------------------------------


def one_slice(answered: int) -> slices.Slice:
    """A slice of which only the number of answers matters."""
    return slices.Slice(load.Result(answered, 0, 0, 1.0, 1.0, 1.0), 1.0)


@pytest.mark.parametrize(
    ("stored", "times", "agrees"),
    [
        (slices.Stored(deliveries=100, events=200, every=200, last=200), 1, True),
        (slices.Stored(deliveries=104, events=208, every=210, last=210), 1, True),
        (slices.Stored(deliveries=99, events=200, every=200, last=200), 1, False),
        (slices.Stored(deliveries=105, events=200, every=200, last=200), 1, False),
        (slices.Stored(deliveries=100, events=199, every=199, last=199), 1, False),
        (slices.Stored(deliveries=100, events=209, every=209, last=209), 1, False),
        (slices.Stored(deliveries=100, events=200, every=200, last=201), 1, False),
        (slices.Stored(deliveries=100, events=20, every=20, last=20), 10, True),
        (slices.Stored(deliveries=100, events=19, every=19, last=19), 10, False),
        (slices.Stored(deliveries=100, events=25, every=25, last=25), 10, False),
    ],
)
def test_what_is_stored_has_to_agree_with_what_was_answered(stored: slices.Stored, times: int, agrees: bool) -> None:
    """Lost, doubled and unaccounted events, and gaps between positions, end a benchmark."""
    slices_given = [one_slice(100)]
    if agrees:
        assert slices.check(stored, slices_given, alerts=2, connections=4, times=times)
    else:
        with pytest.raises(SystemExit, match="cannot trust this run"):
            slices.check(stored, slices_given, alerts=2, connections=4, times=times)


async def test_a_log_is_counted_as_it_is(database: str) -> None:
    """Deliveries, senders' events, all events and the last position are the log's own."""
    log = await open_log(database)
    submissions = [
        Submission(source=source, received_at=1, body=b"x", events=(_event(source, "a"), _event(source, "b")))
        for source in ("bench", "timelined")
    ]
    await log.append(submissions[:1])
    await log.append([*submissions[:1], Submission(source="timelined", received_at=1, events=submissions[1].events)])
    await log.close()
    held = await asyncio.to_thread(slices.stored, database)
    assert held == slices.Stored(deliveries=2, events=2, every=4, last=4)


def _event(source: str, name: str) -> Event:
    identity = event_id("test.1", source, 1, name)
    return Event(id=identity, type="observation.recorded", source=source, entity=name, occurred_at=1)


@pytest.mark.parametrize("times", [1, 3])
async def test_each_body_is_sent_as_often_as_asked(times: int) -> None:
    """Repeated traffic tells the same again, byte for byte, and then something new."""
    client = load._Load(f"{load.MARK} {load.CLOCK}".encode(), "000001", 1, 1.0, times, 0.0)
    sent = [client.next_request() for _ in range(6)]
    assert len(set(sent)) == 6 // times
    assert sent == sorted(sent)


def test_the_traffic_of_the_follower_is_of_a_thousand_services() -> None:
    """A service's alerts fire one by one and end one by one; the next time on it is hours later."""
    bodies = [json.loads(keepup.body_of(number)) for number in range(0, 9 * keepup.SERVICES, keepup.SERVICES)]
    assert [body["status"] for body in bodies] == ["firing"] * 4 + ["resolved"] * 4 + ["firing"]
    alerts = [body["alerts"][0] for body in bodies]
    assert len({alert["fingerprint"] for alert in alerts}) == keepup.PODS
    assert [alert["startsAt"] for alert in alerts[:4]] == [alert["startsAt"] for alert in alerts[4:8]]
    assert alerts[8]["startsAt"] > max(alert["endsAt"] for alert in alerts)
    names = {json.loads(keepup.body_of(number))["groupLabels"]["service"] for number in range(2 * keepup.SERVICES)}
    assert len(names) == keepup.SERVICES


def test_a_lag_is_how_long_ago_the_log_was_where_the_follower_is() -> None:
    """Between two looks the log grows evenly; who has caught up lags by nothing."""
    seen = [(0.0, 10, 10), (1.0, 110, 10), (2.0, 310, 60), (3.0, 310, 310), (4.0, 410, 360)]
    looks = [keepup.Look(*one) for one in seen]
    assert keepup.lags(looks) == [0.0, 1.0, 1.5, 0.0, 0.5]


# --- the results ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "rest", "verdict"),
    [
        ((0.5, 0.6, 0.7), {"at_least": 0.6}, "reached"),
        ((0.5, 0.6, 0.7), {"at_least": 0.61}, "missed"),
        ((0.5, 0.6, 1.1), {"at_least": 0.1}, "no result"),
        ((0.5, 0.6, 1.1), {}, "no result"),
        ((0.5, 0.6, 0.7), {}, ""),
        ((9.0, 9.9, 10.5), {"below": 10.0}, "reached"),
        ((9.0, 10.0, 10.5), {"below": 10.0}, "missed"),
        ((0.1, 1.9), {"below": 2.0, "worst": True}, "reached"),
        ((0.1, 2.1), {"below": 2.0, "worst": True}, "missed"),
        ((0.90, 1.0), {"at_least": 0.95, "worst": True}, "missed"),
        ((0.0, 0.0), {"below": 2.0, "worst": True}, "reached"),
    ],
)
def test_a_goal_is_judged_by_the_median_or_by_the_worst(
    values: Sequence[float], rest: dict[str, Any], verdict: str
) -> None:
    """Rounds that are further apart than a factor of two are no result, whatever their median says."""
    assert results.Figure(name="x", unit="ratio", values=tuple(values), **rest).verdict == verdict


def reported(folder: Path, name: str, *, short: bool = False) -> results.Report:
    """A report with one goal reached, one missed and one that is no result."""
    report = results.Report(name, short=short, options={})
    report.add("fast", [0.5, 0.6], at_least=0.4, wanted=0.9, beside={"req/s": (100.0, 120.0)})
    report.add("slow", [0.1, 0.12], at_least=0.4)
    report.add("wild", [0.5, 1.5], at_least=0.4)
    report.write(folder)
    return report


def test_goals_that_were_not_reached_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table holds every figure, and the exit status is 1 where one missed its goal or is no result."""
    reported(tmp_path, "one")
    assert results.conclude(tmp_path) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == ["goal not reached: one: slow: missed", "goal not reached: one: wild: no result"]
    table = (tmp_path / "results.md").read_text()
    row = "| fast | 0.55 ratio | 0.5 .. 0.6 | 2 | at least 0.4 (0.9 wanted) | reached | req/s 110 |"
    assert row in table.splitlines()
    kept = json.loads((tmp_path / "one.json").read_text())["figures"][0]
    assert (kept["values"], kept["median"], kept["min"], kept["max"]) == ([0.5, 0.6], 0.55, 0.5, 0.6)


def test_the_picture_shows_each_goal_and_how_far_it_is(tmp_path: Path) -> None:
    """A bar is as long as its figure is better than its goal; a lower figure is a longer bar where less is better."""
    report = reported(tmp_path, "one")
    report.add("a lag < 2 s", [0.5, 0.1], "s", below=2.0, worst=True)
    report.add("nobody's goal", [1.0])
    report.write(tmp_path)
    results.conclude(tmp_path)
    root = ElementTree.parse(tmp_path / "results.svg").getroot()  # noqa: S314 - our own
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [
        "one: fast", "1.38 (reached)", "one: slow", "0.27 (missed)", "one: wild", "2.50 (no result)",
        "one: a lag < 2 s", "4.00 (reached)", "goal",
    ]  # fmt: skip
    widths = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths == [165.0, 33.0, 300.0, 360.0]


def test_a_short_form_is_judged_by_nobody(tmp_path: Path) -> None:
    """What a short form shows is no measurement: it misses nothing and reaches nothing."""
    assert reported(tmp_path, "one", short=True).failed == []
    assert results.conclude(tmp_path) == 0
    table = (tmp_path / "results.md").read_text()
    assert "measures nothing" in table
    assert "reached" not in table


def test_a_benchmark_that_leaves_no_figures_has_failed(tmp_path: Path) -> None:
    """What an earlier run left is not taken for this one's."""
    reported(tmp_path, "noop")
    benchmarks.run(benchmarks.Benchmark("noop"), ["nonsense"], tmp_path)
    (told,) = results.collected(tmp_path)
    assert told["failed"] == ["ended with status 2"]
    assert "nonsense" in told["printed"]


def test_every_benchmark_is_run_and_explained() -> None:
    """``make bench`` runs each one there is, and the documentation says what it means."""
    servers_and_parts = {
        "__main__", "bodies", "chart", "entry", "load", "noop", "results", "servers", "slices", "subject",
    }  # fmt: skip
    there = {file.stem for file in (ROOT / "tests/bench").glob("*.py")} - servers_and_parts
    assert {one.module for one in benchmarks.ALL} == there
    explained = (ROOT / "docs/benchmarks.md").read_text()
    assert [name for name in sorted(there) if f"`{name}`" not in explained] == []


def test_an_unknown_benchmark_is_named() -> None:
    """A slip of the pen runs nothing."""
    with pytest.raises(SystemExit, match="there is no benchmark matrx; there are ingest, daemon, matrix"):
        benchmarks.chosen(["matrx"])


def test_the_kind_of_file_system_is_told(tmp_path: Path) -> None:
    """A commit into memory would look durable and fast: the table says where databases lay."""
    assert results.file_system(Path("/proc/self")) == "proc"
    assert results.file_system(tmp_path) not in ("", "unknown", "proc")
