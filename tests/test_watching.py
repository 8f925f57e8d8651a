"""What watches timelined: its alert rules, what its jobs and commands tell /metrics, and which request a line is of."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client import generate_latest

from collector.cli import timelined as command_line
from collector.daemon import gauges
from collector.following import Vitals
from collector.jobs.schedule import Schedule
from collector.proof import upkeep
from collector.telemetry import log_output
from collector.telemetry.metrics import DeliveryOutcome, Metrics
from tests.conftest import require
from tests.exposition import DOCUMENTED, MANUAL, value
from tests.face import Face

MIXIN = Path(__file__).parents[1] / "config" / "mixin"
RULES = [MIXIN / "alerts.yml", MIXIN / "rules.yml"]
TESTS = [MIXIN / "tests.yml", MIXIN / "slow-tests.yml"]
_METRIC = re.compile(r"\btimelined_[a-z_]+[a-z]")
_SAMPLE = re.compile(r"\b(up|timelined_[a-z_]+|process_[a-z_]+)\b")
_OVER_TIME = re.compile(r"\b(rate|increase|changes)\([^)]*\[\w+\]\)")


# --- the mixin --------------------------------------------------------------------------------------------------------


def alert_rules() -> list[dict[str, Any]]:
    """Every alert that we ship; there are some."""
    rules: list[dict[str, Any]] = yaml.safe_load(RULES[0].read_text("utf-8"))["groups"][0]["rules"]
    assert len(rules) > 20
    return rules


def test_promtool_takes_the_rules_and_sees_each_alert_fire_and_end() -> None:
    """`promtool check rules` and `promtool test rules` over what we ship."""
    promtool = require("promtool")
    checked = subprocess.run([promtool, "check", "rules", *RULES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # A third of its time was looking for garbage.
    tested = subprocess.run(
        [promtool, "test", "rules", *TESTS], capture_output=True, text=True, check=False,
        env=os.environ | {"GOGC": "400"},
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout + tested.stderr
    alerts = {rule["alert"] for rule in alert_rules()}
    fired: set[str] = set()
    quiet: set[str] = set()
    for file in TESTS:
        for case in yaml.safe_load(file.read_text("utf-8"))["tests"]:
            for seen in case["alert_rule_test"]:
                (fired if seen["exp_alerts"] else quiet).add(seen["alertname"])
    assert fired == quiet == alerts


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    """Each name is one that the manual has, and the test of /metrics holds the manual to what is served."""
    documented = set(DOCUMENTED.findall(MANUAL.read_text("utf-8")))
    for file in [*RULES, MIXIN / "dashboard.json"]:
        text = file.read_text("utf-8")
        asked = {re.sub(r"_(bucket|count|sum)$", "", name) for name in _METRIC.findall(text)}
        assert asked
        assert asked <= documented, file.name


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    """A severity of two, a summary and a description that are sentences."""
    for rule in alert_rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        for part in ("summary", "description"):
            assert rule["annotations"][part].rstrip().endswith("."), rule["alert"]


def test_an_alert_outlives_a_scrape_that_fails() -> None:
    """Where a rule asks for the latest sample, which a failed scrape takes away, its end waits: what is one fault is
    told once. A rate over minutes needs no such wait."""
    rules = alert_rules()
    latest = {rule["alert"] for rule in rules if _SAMPLE.search(_OVER_TIME.sub("", rule["expr"]))}
    assert "TimelinedDown" in latest
    assert {rule["alert"]: rule["keep_firing_for"] for rule in rules if "keep_firing_for" in rule} == dict.fromkeys(
        latest, "5m"
    )


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    """Every panel has a title, a place and at least one query of the chosen data source."""
    dashboard = json.loads((MIXIN / "dashboard.json").read_text("utf-8"))
    assert dashboard["title"]
    places = set()
    for panel in dashboard["panels"]:
        places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["targets"]
        assert all(target["expr"] for target in panel["targets"])
    assert len(places) == len(dashboard["panels"]) > 5


# --- jobs -------------------------------------------------------------------------------------------------------------


async def test_jobs_are_counted_by_how_they_end() -> None:
    """Done, failed by an exception, failed by its own word; and due again while it runs is a misfire."""
    metrics = Metrics()
    runs = Schedule(metrics=metrics)
    ended = asyncio.Event()
    outcomes: list[Any] = [True, False, ValueError("x"), None]

    async def work() -> bool | None:
        outcome = outcomes.pop(0)
        if not outcomes:
            ended.set()
        if isinstance(outcome, Exception):
            raise outcome
        return bool(outcome) if outcome is not None else None

    soon = runs.add("seal", work)
    runs.start()
    while not ended.is_set():
        soon()
        await asyncio.sleep(0)
    await runs.finish()
    text = generate_latest(metrics.registry).decode()
    assert value(text, "timelined_job_runs_total", task="seal", outcome="done") == 2
    assert value(text, "timelined_job_runs_total", task="seal", outcome="failed") == 2
    for name in ("success", "failure"):
        assert (value(text, f"timelined_job_last_{name}_timestamp_seconds", task="seal") or 0) > 1e9
    assert value(text, "timelined_job_misfires_total", task="seal") == 0


def test_a_senders_clock_that_is_ahead_is_seen() -> None:
    """By how much, and when its latest event was; a delivery without news changes neither."""
    metrics = Metrics(["am"])
    metrics.stored([DeliveryOutcome("am", "read", 1_000_000_000, 1_090_000_000, 1, repeated=False)])
    text = generate_latest(metrics.registry).decode()
    assert value(text, "timelined_source_clock_ahead_seconds", source="am") == 90
    assert value(text, "timelined_source_last_event_timestamp_seconds", source="am") == 1090
    metrics.stored([DeliveryOutcome("am", "read", 2_000_000_000, 1_990_000_000, 2, repeated=False)])
    text = generate_latest(metrics.registry).decode()
    assert value(text, "timelined_source_clock_ahead_seconds", source="am") == 0


def test_a_follower_that_is_gone_is_seen() -> None:
    """A process that is away is 0, and one that there never is has no sample."""
    samples = {
        sample.name: sample.value for family in gauges.following(Vitals(0, 2, 5, 1)) for sample in family.samples
    }
    assert samples["timelined_follower_running"] == 0
    assert samples["timelined_follower_restarts_total"] == 2
    assert samples["timelined_drafts_written_total"] == 5
    here = {sample.name for family in gauges.following(Vitals(drafts=1)) for sample in family.samples}
    assert here == {"timelined_drafts_written_total", "timelined_draft_failures_total"}


# --- what commands leave word of --------------------------------------------------------------------------------------


def test_verify_and_backup_leave_word_for_the_daemon(empty_log: str, tmp_path: Path) -> None:
    """When, how, and up to where; /metrics tells it."""
    folder = Path(f"{empty_log.removeprefix('sqlite:///')}.proof")
    assert upkeep.read(folder) == {}
    for arguments in (["verify"], ["backup", str(tmp_path / "copy.db")]):
        assert CliRunner().invoke(command_line, [*arguments, "--storage.url", empty_log]).exit_code == 0
    kept = upkeep.read(folder)
    assert kept["verify"].well
    told = {sample.name for family in gauges.upkeep(kept) for sample in family.samples}
    assert told == {
        "timelined_last_verify_timestamp_seconds", "timelined_last_verify_success",
        "timelined_last_backup_timestamp_seconds", "timelined_last_backup_success",
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"at": "x"}'])
def test_word_that_cannot_be_read_is_not_known(tmp_path: Path, content: bytes) -> None:
    """A torn or foreign file is no reason for anything."""
    (tmp_path / "last-verify.json").write_bytes(content)
    assert upkeep.read(tmp_path) == {}
    upkeep.leave(tmp_path / "away", "verify", upkeep.Upkeep(1, True, 1))


# --- requests ---------------------------------------------------------------------------------------------------------


async def test_a_line_carries_the_id_of_its_request(face: Face, capsys: pytest.CaptureFixture[str]) -> None:
    """The client's own, which the answer has too; where it gives none or an odd one, one of ours."""
    log_output.set_up("debug", "json")
    try:
        answer = await face.deliver(b'[{"name": "a"}]', **{"X-Request-Id": "gateway-7"})
        assert answer.headers["X-Request-Id"] == "gateway-7"
        odd = await face.get("/api/v1/events", headers={"X-Request-Id": "a b"})
        assert "X-Request-Id" not in odd.headers
    finally:
        logging.getLogger().handlers.clear()
        logging.getLogger().setLevel(logging.WARNING)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    stored = next(line for line in lines if line["event"] == "stored a delivery")
    assert (stored["request"], stored["delivery"], len(stored["events"])) == ("gateway-7", "d1", 1)
    answered = [line for line in lines if line["event"] == "answered"]
    assert answered[0]["request"] == "gateway-7"
    assert re.fullmatch(r"[0-9a-f]{6}-\d+", answered[1]["request"])
    assert "/webhooks" not in json.dumps(lines)
