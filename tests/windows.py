"""Chromium for tests: windows of a browser that a module has once, over a daemon that it has once."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import require
from tests.processes import PATIENCE, PROJECT, Process, alert, eventually, get, post

SCREENS = os.environ.get("TIMELINED_SCREENS", "")
"""The folder for pictures of pages; none are taken where it is empty, as one takes Chromium half a second."""
Scheme = Literal["light", "dark"]


class Site(NamedTuple):
    """A daemon, and where it is."""

    process: Process
    address: str

    def tell(self, *bodies: bytes) -> None:
        """Deliveries of an Alertmanager."""
        for body in bodies:
            assert post(f"{self.address}/webhooks/alertmanager", body)[0] in (200, 202)

    def state(self, number: int, kind: str, **said: str) -> str:
        """A person's statement about an incident (``notes``, ``marks``, ``actions`` …); the event's id."""
        body = json.dumps({"by": "Ada"} | said).encode()
        status, told = post(f"{self.address}/api/v1/incidents/{number}/{kind}", body)
        assert status == 201, told
        return str(told["event"])

    def incidents(self, count: int) -> None:
        """Wait until so many are listed."""
        eventually(lambda: len(get(f"{self.address}/api/v1/incidents")["incidents"]) == count)


def started(folder: Path, *flags: str, **environ: str) -> Site:
    """A daemon at a port that it has again when it is started again."""
    process = Process(folder, **environ)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Site(process, process.start("--web.listen-address", f"127.0.0.1:{port}", *flags))


def told(service: str, name: str, number: int) -> bytes:
    """A critical alert of a service on a day of its own."""
    body = json.loads(alert("firing", name, number))
    body["alerts"][0]["labels"]["service"] = service
    body["alerts"][0]["startsAt"] = f"2026-04-{number:02d}T10:00:00Z"
    return json.dumps(body).encode()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a module."""
    path = require("chromium")
    # Its sandbox is of no use to root, and it does not start with it.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        yield started
        started.close()


@contextmanager
def window(
    browser: Browser, width: int = 1024, scheme: Scheme = "light", *, script: bool = True, **more: object
) -> Iterator[BrowserContext]:
    """A window of a person of its own, with its cookies and what it keeps."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=script, **more  # type: ignore[arg-type]
    )  # fmt: skip
    context.set_default_timeout(PATIENCE * 1000)
    expect.set_options(timeout=PATIENCE * 1000)
    yield context
    context.close()


@contextmanager
def looking(
    browser: Browser, width: int = 1024, scheme: Scheme = "light", *, script: bool = True, **more: object
) -> Iterator[Page]:
    """A page in a window of its own; nothing it loads may complain."""
    with window(browser, width, scheme, script=script, **more) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    # What is refused is said on the page, and by the browser once more.
    told = [each for each in complaints if "ERR_" not in each and "with a status of 4" not in each]
    assert told == [], told


def shot(page: Page, name: str) -> None:
    """Keep what a page looks like, where that is asked for; nothing of it may be beside the window."""
    if SCREENS:
        page.screenshot(path=PROJECT / SCREENS / f"{name}.png", full_page=True)
    size = page.viewport_size
    assert size is None or page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert size is not None
    for part in page.locator("header, main, h1, table, ol.rows, figure").all():
        box = part.bounding_box()
        assert box is None or box["x"] + box["width"] <= size["width"] + 1, part
