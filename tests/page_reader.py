"""A reader of pages in Chromium: what is open, what is clicked, what is seen."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conftest import require
from tests.processes import alert, eventually, get
from tests.windows import Site, started, told

SETTINGS = """
drafts: {zone: Europe/Madrid}
publishing:
  targets:
    archive: {kind: git, repository: %s}
"""
_days = itertools.count(6)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A daemon with an incident that is over (1), a storm (2), and a repository to publish to."""
    folder = tmp_path_factory.mktemp("demands")
    subprocess.run([require("git"), "init", "-q", "--bare", "-b", "main", str(folder / "archive.git")], check=True)
    (folder / "timelined.yml").write_text(SETTINGS % (folder / "archive.git"), "utf-8")
    site_started = started(folder, "--config.file", str(folder / "timelined.yml"))
    site_started.tell(alert("firing"), alert("resolved"), storm())
    site_started.incidents(2)
    site_started.state(1, "notes", text="restarted the workers", at="2026-03-04T14:10:00Z")
    site_started.state(1, "marks", mark="mitigated", at="2026-03-04T14:15:00Z")
    yield site_started
    site_started.process.kill()


def storm() -> bytes:
    """A hundred and thirty alerts of one service within two hours."""
    body = json.loads(told("search", "Shard", 2))
    first = body["alerts"][0]
    body["alerts"] = [
        first
        | {
            "labels": first["labels"] | {"alertname": f"Shard{number}Lost"},
            "startsAt": f"2026-04-02T{10 + number // 60}:{number % 60:02d}:00Z",
            "fingerprint": f"{number + 1000:016x}",
        }
        for number in range(130)
    ]
    return json.dumps(body).encode()


class Reader(NamedTuple):
    """Somebody at a page."""

    page: Page
    site: Site
    script: bool
    width: int

    def opens(self, path: str) -> None:
        self.page.goto(self.site.address + path)
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    def incident(self, alerts: int = 1) -> int:
        """An incident of their own: another service on another day."""
        day = next(_days)
        began = datetime(2025, 1, 1, 10, tzinfo=UTC) + timedelta(days=2 * day)
        body = json.loads(told(f"own-{day}", "Own", 1))
        first = body["alerts"][0]
        body["alerts"] = [
            first
            | {
                "startsAt": (began + timedelta(minutes=number)).isoformat(),
                "labels": first["labels"] | {"alertname": f"Own{number}"},
                "fingerprint": f"{day * 100 + number + 5000:016x}",
            }
            for number in range(alerts)
        ]
        self.site.tell(json.dumps(body).encode())
        address = f"{self.site.address}/api/v1/incidents?service=own-{day}"
        [found] = eventually(lambda: get(address)["incidents"])
        return int(found["number"])

    def says(self, form: str) -> None:
        """Fill in who they are."""
        self.page.locator(f"#by-{form}").fill("Ada")

    def row(self, text: str) -> Locator:
        return self.page.locator(".row", has_text=text)

    def shown(self) -> Locator:
        """The picture that is shown at this width."""
        return self.page.locator(f".picture .{'narrow' if self.width < 820 else 'wide'} svg.tp")

    def key(self, *names: str) -> None:
        for name in names:
            self.page.keyboard.press(name)


def hide(page: Page, *, hidden: bool) -> None:
    """What a browser does to a tab that another one covers."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )
