"""What a Prometheus server reads at ``/metrics``."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from collector.web.access import HEADERS
from tests.alertmanagers import free_port, get, process, until
from tests.conftest import require
from tests.exposition import DOCUMENTED, MANUAL, value
from tests.face import Connect, Face, running
from tests.processes import Process, alert, eventually, post
from tests.soak.rules import FILES, MIXIN


async def scraped(face: Face, **headers: str) -> str:
    """What a scrape is answered."""
    answer = await face.get("/metrics", headers=headers)
    assert answer.status == 200
    return answer.body.decode()


def delivered(text: str, source: str, outcome: str) -> float | None:
    """How many deliveries of a source became that."""
    return value(text, "timelined_deliveries_total", source=source, outcome=outcome)


async def test_deliveries_are_counted_by_what_became_of_them(face: Face) -> None:
    """Stored, told again, not readable and refused, each once; and every series is there before its first."""
    assert delivered(await scraped(face), "people", "stored") is None
    body = b'[{"name": "A"}]'
    assert (await face.deliver(body)).status == 202
    assert (await face.deliver(body)).status == 200
    assert (await face.deliver(b"{")).status == 400
    assert (await face.deliver(body, "/webhooks/signed")).status == 401
    assert (await face.deliver(body, "/webhooks/nobody-knows-this")).status == 401
    assert (await face.deliver(b" " * (65 << 10))).status == 413
    text = await scraped(face)
    assert [delivered(text, "bell", outcome) for outcome in ("stored", "repeated", "malformed", "too_large")] == [1] * 4
    assert delivered(text, "signed", "unauthorized") == 1
    assert delivered(text, "", "unauthorized") == 1
    assert "nobody-knows-this" not in text
    assert value(text, "timelined_events_stored_total", source="bell") == 1
    assert value(text, "timelined_source_last_delivery_timestamp_seconds", source="bell") == face.now / 1e6
    assert (value(text, "timelined_commit_duration_seconds_count") or 0) >= 3
    assert value(text, "timelined_commit_failures_total") == 0


async def test_requests_are_counted_by_the_pattern_of_their_address(face: Face) -> None:
    """Whatever is asked for: no name, number or secret of an address becomes a label."""
    await face.get("/api/v1/incidents/4711")
    await face.get("/nowhere/at/all")
    await face.deliver(b"{}", "/webhooks/secret/token-that-is-wrong")
    await face.ask("PROPFIND", "/api/v1/incidents")
    text = await scraped(face)
    name, incident = "timelined_http_request_duration_seconds_count", "/api/v1/incidents/{number}"
    assert value(text, name, handler=incident, method="GET", code="404") == 1
    assert value(text, name, handler="(none)", method="GET", code="404") == 1
    assert value(text, name, handler="(none)", method="other", code="405") == 1
    assert value(text, "timelined_http_requests_in_flight") == 1
    assert not any(secret in text for secret in ("4711", "nowhere", "token-that", "PROPFIND"))


async def test_openmetrics_is_given_to_whoever_asks_for_it(face: Face) -> None:
    """As a Prometheus server does; and every answer carries the headers of all others."""
    answer = await face.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")
    assert answer.headers["Server"] == HEADERS["Server"]
    assert (await face.get("/metrics?name=x")).status == 400


async def test_the_api_token_opens_the_metrics_too(tmp_path: Path, aiohttp_client: Connect) -> None:
    """They name sources and count what arrives: not for everybody."""
    async with running(tmp_path, connect=aiohttp_client, api_tokens=(b"s3cret",)) as face:
        assert (await face.get("/metrics")).status == 401
        assert (await face.get("/metrics", headers={"Authorization": "Bearer s3cret"})).status == 200


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[tuple[Process, str]]:
    """A whole daemon, and its address."""
    made = Process(tmp_path)
    yield made, made.start("--storage.url", f"sqlite:///{tmp_path}/log.db")
    made.kill()


def test_promtool_finds_nothing_and_the_manual_names_all(daemon: tuple[Process, str]) -> None:
    """The names follow the conventions, and docs/api.md has each of them and no other."""
    _, address = daemon
    post(f"{address}/webhooks/alertmanager", alert("firing", "First", 0))
    eventually(lambda: value(get(f"{address}/metrics"), "timelined_incidents", state="open") == 1)
    text = get(f"{address}/metrics")
    checked = subprocess.run(
        [require("promtool"), "check", "metrics"], check=False, input=text.encode(), capture_output=True
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    names = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(text)
        if family.name.startswith("timelined_")
    }
    assert names == set(DOCUMENTED.findall(MANUAL.read_text()))
    assert value(text, "timelined_ready") == 1
    assert (value(text, "timelined_log_position") or 0) >= 2
    assert (value(text, "timelined_log_size_bytes") or 0) > 4096
    assert (value(text, "timelined_disk_free_bytes") or 0) > 0
    assert value(text, "timelined_lists_failed") == value(text, "timelined_events_set_aside") == 0


def test_a_real_prometheus_scrapes_it(daemon: tuple[Process, str], tmp_path: Path) -> None:
    """With nothing but an address; a query of it then gives what was delivered, and the rules of the mixin fire."""
    running_daemon, address = daemon
    post(f"{address}/webhooks/alertmanager", alert("firing", "First", 0))
    port = free_port()
    target = address.removeprefix("http://")
    (tmp_path / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [*FILES],
                "scrape_configs": [{"job_name": "timelined", "static_configs": [{"targets": [target]}]}],
            }
        )
    )
    for name in FILES:
        rules = yaml.safe_load((MIXIN / name).read_text("utf-8"))
        for rule in rules["groups"][0]["rules"]:
            # Nobody waits a minute here: what a rule asks stands, and for how long it has to hold does not.
            rule.pop("for", None)
        (tmp_path / name).write_text(json.dumps(rules), "utf-8")
    command = (
        require("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )

    def asked(query: str) -> Any:
        found = get(f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}")["data"]["result"]
        return [one["value"][1] for one in found]

    def fires(name: str) -> None:
        firing = f'ALERTS{{alertname="Timelined{name}", alertstate="firing"}}'
        until(lambda: asked(firing) == ["1"], f"Timelined{name} fires")

    with process(*command, log=tmp_path / "prometheus.log"):
        until(lambda: asked('up{job="timelined"}') == ["1"], "a scrape")
        query = 'timelined_deliveries_total{source="alertmanager", outcome="stored"}'
        until(lambda: asked(query) == ["1"], "the delivery")
        with pytest.raises(urllib.error.HTTPError, match="413"):
            post(f"{address}/webhooks/alertmanager", b" " * 5_000_000)
        fires("DeliveriesTooLarge")
        running_daemon.kill()
        fires("Down")
