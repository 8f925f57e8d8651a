"""Chromium for tests: windows of a browser that a module has once, over a daemon that it has once."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.conftest import require
from tests.processes import PATIENCE, PROJECT, Process, alert, eventually, get, post

SCREENS = os.environ.get("TIMELINED_SCREENS", "")
"""The folder for pictures of pages; none are taken where it is empty, as one takes Chromium half a second."""
BESIDE = """(width) => {
  const parts = [...document.querySelectorAll('header, main, h1, table, ol.rows, figure')];
  const beside = parts.filter((each) => each.getBoundingClientRect().right > width + 1);
  return [
    ...beside.map((each) => each.outerHTML.slice(0, 200)),
    ...(document.documentElement.scrollWidth > width ? ['the page'] : []),
  ];
}"""
"""What of a page is beside a window of a width."""
UNUSED = ",".join(
    (
        # Pages of its own for its own windows, which nobody sees: each window had a process for them.
        "AimEnabled", "WebUIOmniboxAimPopup", "WebUIOmniboxPopup",
        # A process for what is opened next, and another frame for each page of the same address.
        "RenderDocument", "SpareRendererForSitePerProcess",
        # What Playwright turns off: of two lists the second one counts alone.
        "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable",
        "HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints",
        "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning",
    )
)  # fmt: skip
"""What Chromium is told to do without."""
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


def arguments() -> list[str]:
    """What Chromium is started with."""
    # Its sandbox is of no use to root, and it does not start with it.
    return [f"--disable-features={UNUSED}", "--in-process-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a module."""
    path = require("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments())
        yield started
        _unused.clear()
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


_unused: dict[tuple[object, ...], list[Page]] = {}
"""Pages that nobody looks at, by their browser and by what nobody can change of their window.

A new one takes Chromium a second of processor time, most of it for the process that draws it.
"""


@contextmanager
def looking(
    browser: Browser, width: int = 1024, scheme: Scheme = "light", *, script: bool = True, **more: object
) -> Iterator[Page]:
    """A page in a window that knows of nobody before; nothing it loads may complain."""
    unused = _unused.setdefault((browser, script, repr(sorted(more.items()))), [])
    page = unused.pop() if unused else _opened(browser, script, more)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(media="null", color_scheme=scheme)
    complaints: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def failed(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", said)
    page.on("pageerror", failed)
    yield page
    _forget(page)
    page.remove_listener("console", said)
    page.remove_listener("pageerror", failed)
    unused.append(page)
    # What is refused is said on the page, and by the browser once more.
    told = [each for each in complaints if "ERR_" not in each and "with a status of 4" not in each]
    assert told == [], told


def _forget(page: Page) -> None:
    """Leave what is open, and keep nothing of it.

    What it is left for is of the same address: for another one Chromium would start another process.
    """
    page.context.clear_cookies()
    if page.url.startswith("http"):
        page.goto(urljoin(page.url, "/-/healthy"))
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")


def _opened(browser: Browser, script: bool, more: Mapping[str, object]) -> Page:
    """A page of its own window, which the browser closes at its end."""
    context = browser.new_context(java_script_enabled=script, **more)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE * 1000)
    expect.set_options(timeout=PATIENCE * 1000)
    return context.new_page()


def shot(page: Page, name: str) -> None:
    """Keep what a page looks like, where that is asked for; nothing of it may be beside the window."""
    if SCREENS:
        page.screenshot(path=PROJECT / SCREENS / f"{name}.png", full_page=True)
    size = page.viewport_size
    assert size is not None
    assert page.evaluate(BESIDE, size["width"]) == []
