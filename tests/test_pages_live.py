"""A live incident: two real Alertmanagers fire while three people look on, through a kill and a cut connection."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.alertmanagers import pair, post, until
from tests.arrivals import WATCH, arrived
from tests.cable import Cable
from tests.conftest import require
from tests.processes import get
from tests.windows import Scheme, Site, browser, looking, shot, started

__all__ = ["browser"]


def fire(peers: list[str], name: str, at: datetime) -> None:
    """An alert, as Prometheus pushes it to each of the pair."""
    alert = {
        "labels": {"alertname": name, "service": "checkout", "environment": "production", "severity": "critical"},
        "annotations": {"summary": f"{name} is told."},
        "startsAt": at.isoformat(timespec="milliseconds"),
    }
    for peer in peers:
        post(f"{peer}/api/v2/alerts", [alert])


@pytest.mark.alertmanager
def test_what_fires_stands_on_every_page_and_once(tmp_path: Path, browser: Browser) -> None:
    """Also what came while the daemon was killed, and while one of those who look was cut off."""
    require("prometheus-alertmanager")
    site = started(tmp_path)
    port = int(site.address.rpartition(":")[2])
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    cable = Cable(site.address)
    try:
        with pair(tmp_path, port) as peers, ExitStack() as stack:
            fire(peers, "First", began)
            until(lambda: events(site), "the first alert")
            windows: list[tuple[int, Scheme]] = [(360, "dark"), (1024, "light"), (1920, "dark")]
            pages = [stack.enter_context(looking(browser, *each)) for each in windows]
            for page, address in zip(pages, (site.address, site.address, cable.address), strict=True):
                page.goto(f"{address}/incidents/1")
                page.evaluate(WATCH)
                expect(page.locator(".live")).to_have_text("live")
            for number in range(4):
                fire(peers, f"While{number}", began + timedelta(seconds=30 + number))
                [event] = until(partial(named, site, f"While{number}"), "an alert")
                for page in pages:
                    arrived(page, event)
            cable.cut()
            expect(pages[2].locator(".live")).to_have_text("connection lost")
            fire(peers, "WhileCut", began + timedelta(seconds=60))
            [event] = until(lambda: named(site, "WhileCut"), "the alert of the cut")
            for page in pages[:2]:
                arrived(page, event)
            cable.mend()
            arrived(pages[2], event)
            site.process.kill()
            expect(pages[0].locator(".live")).to_have_text("connection lost")
            fire(peers, "WhileDown", began + timedelta(seconds=90))
            site.process.start("--web.listen-address", f"127.0.0.1:{port}")
            [event] = until(lambda: named(site, "WhileDown"), "the alert of the kill")
            for page in pages:
                arrived(page, event)
                expect(page.locator(".live")).to_have_text("live")
                keys = page.locator(".row").evaluate_all("(rows) => rows.map((row) => row.dataset.key)")
                assert len(keys) == len(set(keys))
                for name in ("First", "While0", "While3", "WhileCut", "WhileDown"):
                    row = page.locator(".row .say").filter(has_text=f"{name} ").or_(
                        page.locator(".row .say").filter(has_text=f"{name}.")
                    )  # fmt: skip
                    assert row.count() <= 1, (name, row.all_inner_texts())
            shot(pages[0], "live-phone")
            shot(pages[2], "live-wide")
    finally:
        cable.close()
        site.process.kill()


def events(site: Site) -> list[dict[str, Any]]:
    """The alerts that fire."""
    found: list[dict[str, Any]] = get(f"{site.address}/api/v1/events?limit=1000&type=alert.firing")["events"]
    return found


def named(site: Site, title: str) -> list[dict[str, Any]]:
    """The event that tells of an alert of this name."""
    return [event for event in events(site) if event["title"] == title]
