"""What is asked of senders' APIs: as they document it, of the configured host alone, and each thing once."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from collector.cli import timelined
from collector.errors import InvalidInput, Unavailable
from collector.event import HOUR, MINUTE
from collector.fetching.client import ReconcileJob, fetched
from collector.fetching.values import Fetch
from collector.sources import SOURCES, grafanahistory
from tests import senders
from tests.alertmanagers import free_port, get, pair, post, until
from tests.conftest import make_log, require
from tests.imported_facts import EVENING, facts
from tests.served import Rig, serving

NOW = senders.micros("15:00")
RECORDINGS = Path(__file__).parent / "recordings"
TOKEN = "a-token-that-nobody-may-read"


class FakeApi:
    """An API that notes what it was asked."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answers: dict[str, Any] = {}
        self.links: dict[str, str] = {}

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(str(request.rel_url))
        self.headers.append(dict(request.headers))
        names = (str(request.rel_url), f"{request.path} {request.query.get('offset')}", request.path)
        answer = next((self.answers[name] for name in names if name in self.answers), None)
        if isinstance(answer, web.Response):
            return answer
        if answer is None:
            return web.json_response({"message": "Not Found"}, status=404)
        link = self.links.get(str(request.rel_url))
        return web.json_response(answer, headers={"Link": f'<{link}>; rel="next"'} if link else {})


@pytest.fixture
async def api_server() -> AsyncIterator[tuple[FakeApi, TestServer]]:
    api, app = FakeApi(), web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    server = TestServer(app)
    async with server:
        yield api, server


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with serving(tmp_path) as made:
        yield made


def where(server: TestServer, tmp_path: Path, **more: Any) -> Fetch:
    (tmp_path / "token").write_text(TOKEN + "\n")
    return Fetch(url=str(server.make_url("")).rstrip("/"), token_file=str(tmp_path / "token"), **more)


async def every(kind: str, form: str, fetch: Fetch, since: int = NOW - HOUR, until: int = NOW) -> list[Any]:
    return [record async for page in fetched(SOURCES[kind], form, fetch, since, until) for record in page]


async def test_log_entries_are_asked_for_page_by_page(api_server: tuple[FakeApi, TestServer], tmp_path: Path) -> None:
    """Until PagerDuty says that there are no more, with its own kind of token."""
    api, server = api_server
    api.answers = {
        "/log_entries 0": {"log_entries": EVENING[:3], "more": True},
        "/log_entries 100": {"log_entries": EVENING[3:], "more": False},
    }
    found = await every("pagerduty", "log_entries", where(server, tmp_path))
    assert found == list(EVENING), api.paths
    assert "since=2026-03-04T14:00:00Z&until=2026-03-04T15:00:00Z&limit=100&offset=0" in api.paths[0]
    assert {headers["Authorization"] for headers in api.headers} == {f"Token token={TOKEN}"}


async def test_deployments_come_with_their_states(api_server: tuple[FakeApi, TestServer], tmp_path: Path) -> None:
    """Older ones are not asked about."""
    api, server = api_server
    young, old = ({"id": n, "created_at": at} for n, at in ((7, "2026-03-04T14:30:00Z"), (6, "2026-03-04T09:00:00Z")))
    api.answers = {
        "/repos/acme/checkout/deployments": [young, old],
        "/repos/acme/checkout/deployments/7/statuses": [{"id": 1, "state": "success"}],
    }
    found = await every("github", "deployments", where(server, tmp_path, repositories=("acme/checkout",)))
    assert found == [young | {"statuses": [{"id": 1, "state": "success"}]}]
    assert len(api.paths) == 2


async def test_nothing_leads_to_another_host(api_server: tuple[FakeApi, TestServer], tmp_path: Path) -> None:
    """A redirect is an answer that cannot be used, and no error holds the token."""
    api, server = api_server
    api.answers = {"/api/v2/alerts": web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"})}
    with pytest.raises(
        InvalidInput, match=r"cannot fetch: GET /api/v2/alerts at 127\.0\.0\.1:\d+ was answered 302"
    ) as told:
        await every("alertmanager", "alerts", where(server, tmp_path))
    assert TOKEN not in str(told.value)
    api.answers = {"/api/v2/alerts": web.Response(status=503)}
    with pytest.raises(Unavailable, match="was answered 503"):
        await every("alertmanager", "alerts", where(server, tmp_path))
    with pytest.raises(InvalidInput, match="of Alertmanager there is alerts, silences"):
        await every("alertmanager", "songs", where(server, tmp_path))


async def test_gitlab_is_asked_project_by_project(api_server: tuple[FakeApi, TestServer], tmp_path: Path) -> None:
    """Projects stand in groups within groups; a deployment says its project, and a pipeline is asked for whole."""
    api, server = api_server
    deployment = {"id": 42, "status": "success", "sha": "b" * 40, "created_at": "2026-03-04T14:10:00Z"}
    api.answers = {
        "/projects/acme/web/cart/deployments": [deployment],
        "/projects/acme/web/cart/pipelines": [{"id": 5, "status": "success"}],
        "/projects/acme/web/cart/pipelines/5": {"id": 5, "status": "success", "finished_at": "2026-03-04T14:09:00Z"},
    }
    fetch = where(server, tmp_path, repositories=("acme/web/cart",))
    (found,) = await every("gitlab", "deployments", fetch)
    assert found == deployment | {"project": {"path_with_namespace": "acme/web/cart"}}
    assert [each["finished_at"] for each in await every("gitlab", "pipelines", fetch)] == ["2026-03-04T14:09:00Z"]
    assert api.paths[0] == (
        "/projects/acme%2Fweb%2Fcart/deployments?updated_after=2026-03-04T14:00:00Z"
        "&updated_before=2026-03-04T15:00:00Z&order_by=updated_at&sort=asc&per_page=100&page=1"
    )
    assert {headers["PRIVATE-TOKEN"] for headers in api.headers} == {TOKEN}


async def test_a_history_that_is_cut_off_is_asked_for_in_halves(
    api_server: tuple[FakeApi, TestServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grafana gives out so many rows and does not say that there are more."""
    api, server = api_server
    monkeypatch.setattr(grafanahistory, "_MOST", 2)
    first, last = NOW // 1_000_000 - 3600, NOW // 1_000_000

    def frame(*at: int) -> dict[str, Any]:
        names = [{"name": name} for name in ("time", "line", "labels")]
        lines = [{"current": "Alerting", "labels": {"alertname": "Slow"}}] * len(at)
        values = [[second * 1000 for second in at], lines, [{}] * len(at)]
        return {"schema": {"fields": names}, "data": {"values": values}}

    def span(since: int, until: int) -> str:
        return f"/api/v1/rules/history?from={since}&to={until}&limit=2"

    api.answers = {
        span(first, last): frame(first, first + 5), span(first, last - 1800): frame(first),
        span(last - 1800, last): frame(last - 7),
    }  # fmt: skip
    found = await every("grafana", "history", where(server, tmp_path))
    assert [row["time"] // 1_000_000_000 for row in found] == [first, last - 7]


async def test_what_gitlab_could_not_deliver_is_brought_in(
    rig: Rig, api_server: tuple[FakeApi, TestServer], tmp_path: Path
) -> None:
    """Of our webhooks alone, where no attempt succeeded; not what only its receipt would date."""
    api, server = api_server
    body = json.loads((RECORDINGS / "gitlab" / "deployment-succeeded" / "body").read_bytes())
    push = json.loads((RECORDINGS / "gitlab" / "pushed" / "body").read_bytes())

    def attempt(number: int, key: str, status: str, told: Any) -> dict[str, Any]:
        headers = {"Idempotency-Key": key, "X-Gitlab-Event": "Deployment Hook"}
        return {"id": number, "request_headers": headers, "response_status": status, "request_data": told}

    hooks = "/projects/acme/cart/hooks"
    api.answers = {
        hooks: [{"id": 3, "url": "https://t.example/webhooks/gitlab"}, {"id": 4, "url": "https://ci.example/x"}],
        f"{hooks}/3/events": [
            attempt(9, "a", "internal error", body | {"deployment_id": 1}), attempt(8, "b", "503", body),
            attempt(7, "b", "200", body), attempt(6, "c", "500", push),
        ],
    }  # fmt: skip
    fetch = where(server, tmp_path, repositories=("acme/cart",), every=MINUTE)
    sources = {"gitlab": (SOURCES["gitlab"], fetch)}
    clock = [NOW]
    job = ReconcileJob(lambda: sources, rig.served.runtime.importer.take, lambda: clock[0])
    assert await job.run()
    assert [event.entity for event in (await facts(rig)).values()] == ["deployment:1"]
    assert not [path for path in api.paths if "/hooks/4" in path]
    looks = []
    for seconds in (MINUTE - 1, 1, -24 * HOUR):
        clock[0] += seconds
        before = len(api.paths)
        assert await job.run()
        looks.append(len(api.paths) > before)
    assert looks == [False, True, True], "a clock that is set back puts nothing off"


# --- what GitHub could not deliver ----------------------------------------------------------------------------------


def delivery(number: int, sent: senders.Sent, status: int, at: str = "14:30") -> tuple[dict[str, Any], dict[str, Any]]:
    """An attempt as GitHub lists it, and with what it held."""
    kind = sent.headers["x-github-event"]
    listed = {"id": number, "guid": f"g{number % 100}", "delivered_at": senders.rfc3339(at), "status_code": status}
    payload = json.loads(sent.body)
    return listed | {"event": kind}, listed | {"event": kind, "request": {"headers": {}, "payload": payload}}


async def test_what_github_could_not_deliver_is_brought_in_once(
    rig: Rig, api_server: tuple[FakeApi, TestServer], tmp_path: Path
) -> None:
    """Only deliveries of which no attempt succeeded, of hooks that lead here; with the ids that they would have had."""
    api, server = api_server
    merged = senders.merged(7, "acme/checkout", "Rotate keys", at="13:58")
    two = senders.merged(8, "acme/checkout", "Pool per request", at="14:01")
    three = senders.merged(9, "acme/checkout", "Fix typo", at="14:10")
    receipt = await rig.sent(merged)
    listed, details = zip(
        delivery(1, merged, 200), delivery(2, two, 502), delivery(103, three, 200), delivery(3, three, 0), strict=True
    )
    hooks = "/repos/acme/checkout/hooks"
    ours = {"id": 5, "active": True, "config": {"url": "https://timelined.example/webhooks/github/s3cret"}}
    api.answers = {
        hooks: [ours, {"id": 6, "active": True, "config": {"url": "https://ci.example/hook"}}],
        f"{hooks}/5/deliveries?per_page=100": listed[:2],
        f"{hooks}/5/deliveries?per_page=100&cursor=v1_3": listed[2:],
        **{f"{hooks}/5/deliveries/{each['id']}": each for each in details},
    }
    api.links = {
        f"{hooks}/5/deliveries?per_page=100": f"{server.make_url(hooks)}/5/deliveries?per_page=100&cursor=v1_3"
    }
    fetch = where(server, tmp_path, repositories=("acme/checkout", "acme/gone"), every=MINUTE)
    clock = itertools.count(NOW, MINUTE).__next__
    sources = {"github": (SOURCES["github"], fetch)}
    job = ReconcileJob(lambda: sources, rig.served.runtime.importer.take, clock)
    assert await job.run() is False
    assert {event.title for event in (await facts(rig)).values()} == {"Rotate keys", "Pool per request"}
    assert await job.run() is False
    again = ReconcileJob(lambda: sources, rig.served.runtime.importer.take, clock)
    await again.run()
    assert len(await rig.log.deliveries()) == 2
    assert [path for path in api.paths if path.endswith("/deliveries/2")] == [f"{hooks}/5/deliveries/2"] * 2
    later = await rig.sent(two)
    assert [item["known"] for item in later["items"]] == [True]
    assert receipt["items"][0]["event"] in await facts(rig)
    assert TOKEN not in (tmp_path / "timelined.db-wal").read_bytes().decode("latin-1")


# --- two real Alertmanagers -----------------------------------------------------------------------------------------


def running(name: str, severity: str, **labels: str) -> dict[str, Any]:
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    chosen = {"alertname": name, "service": "checkout", "severity": severity, **labels}
    return {"labels": chosen, "startsAt": started.isoformat(), "generatorURL": "http://prometheus.example/graph"}


@pytest.mark.alertmanager
def test_a_real_pair_is_imported_with_what_it_suppresses(tmp_path: Path, database: str) -> None:
    """Both members tell the same; what fires is an alert, once, and what is silenced or inhibited is told as that."""
    require("prometheus-alertmanager")
    rule = {"source_matchers": ['severity="critical"'], "target_matchers": ['severity="warning"'], "equal": ["service"]}
    make_log(database)
    with pair(tmp_path, free_port(), inhibit_rules=[rule]) as peers:
        now = datetime.now(UTC)
        silence = {
            "matchers": [{"name": "alertname", "value": "Known", "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(), "createdBy": "ana",
            "comment": "is being moved",
        }  # fmt: skip
        post(f"{peers[0]}/api/v2/silences", silence)
        # As a Prometheus tells both members: with one start. Of two that inhibit an alert each member names one.
        alerts = [
            running("Errors", "critical"), running("Down", "critical"), running("Slow", "warning"),
            running("Known", "critical", service="a"),
        ]  # fmt: skip
        for peer in peers:
            post(f"{peer}/api/v2/alerts", alerts)
        for peer in peers:
            until(partial(suppressed, peer, 2), f"what is suppressed at {peer}")
        told = [brought_from(peer, form, tmp_path, database) for peer in peers for form in ("alerts", "silences")]
    assert [each["new"] for each in told] == [4, 1, 0, 0]
    listed = CliRunner().invoke(
        timelined, ["events", "--source", "alertmanager", "--storage.url", database, "-o", "json"]
    )
    found = sorted((event["type"], event["title"]) for event in json.loads(listed.stdout)["events"])
    assert found == [
        ("alert.firing", "Down"),
        ("alert.firing", "Errors"),
        ("observation.recorded", "Alert Known was silenced"),
        ("observation.recorded", "Alert Slow was inhibited by another alert"),
        ("observation.recorded", 'Silence created: alertname="Known"'),
    ]


def suppressed(peer: str, count: int) -> bool:
    states = [alert["status"]["state"] for alert in get(f"{peer}/api/v2/alerts")]
    return states.count("suppressed") == count


def brought_from(peer: str, form: str, folder: Path, database: str) -> Any:
    """What fetching from a peer came to; it knows nobody but the address in the configuration."""
    config = folder / "timelined.yml"
    config.write_text(f"sources:\n  alertmanager:\n    open: true\n    fetch:\n      url: {peer}\n")
    words = ["import", "fetch", "alertmanager", form, "--config.file", str(config), "--storage.url", database]
    done = CliRunner().invoke(timelined, [*words, "-o", "json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)
