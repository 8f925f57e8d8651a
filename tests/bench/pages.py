"""Pages: a large incident in Chromium, a long list, five hundred streams, and what a page weighs.

The log is filled before the daemon starts. How long a page takes is what the
browser says; frames are counted while the picture is zoomed by keys. What
streams cost is the daemon's memory before and while they are open, and how
fast deliveries are taken then.
"""

# ruff: noqa: T201 - saying how far it is, is part of a long benchmark

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import re
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from collector.event import HOUR, SECOND, Event, event_id
from collector.log import Submission, open_log
from tests.alertmanagers import until
from tests.arrivals import WATCH, arrived
from tests.bench import entry, results
from tests.bench.draft import incident, stored
from tests.bench.entry import Option
from tests.processes import alert, get, post
from tests.windows import Site, started, told

START = 1_600_000_000 * SECOND
ROW = """
new MutationObserver((_, observer) => {
  if (document.querySelector('.row')) { window.firstRow = performance.now(); observer.disconnect(); }
}).observe(document, { childList: true, subtree: true });
"""
_PICTURE = re.compile(rb"<svg.*?</svg>", re.DOTALL)
FRAMES = """(seconds) => new Promise((done) => {
  let frames = 0;
  const began = performance.now();
  const count = () => {
    frames += 1;
    if (performance.now() - began < seconds * 1000) requestAnimationFrame(count);
    else done(frames / ((performance.now() - began) / 1000));
  };
  requestAnimationFrame(count);
})"""


def small(number: int) -> Iterator[Event]:
    """An alert and its end five minutes later: an incident by itself."""
    at = START + number * 13 * HOUR // 100
    for kind, when in (("firing", at), ("resolved", at + 300 * SECOND)):
        yield Event(
            id=event_id("bench.1", "bench", when, f"{kind} {number}"), type=f"alert.{kind}", source="bench",
            occurred_at=when, entity=f"s-{number}", service=f"service-{number % 500}", severity="critical",
            title=f"Alert {number}", data={"starts_at": at},
        )  # fmt: skip


async def fill(path: Path, incidents: int, events: int) -> None:
    """A log of so many small incidents and one large one."""
    log = await open_log(f"sqlite:///{path}")
    assert await log.lead()
    try:
        for first in range(0, incidents, 5_000):
            found = tuple(event for number in range(first, min(first + 5_000, incidents)) for event in small(number))
            await log.append([Submission(source="bench", received_at=found[-1].occurred_at, events=found)])
        await stored(log, incident(events))
    finally:
        await log.close()


def opened(page: Page, address: str) -> tuple[float, float]:
    """Milliseconds until the first row stands there, and until all of it is loaded."""
    page.goto(address)
    page.wait_for_function("window.firstRow !== undefined")
    whole = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    return float(page.evaluate("window.firstRow")), float(whole)


def zoomed(page: Page, seconds: float) -> float:
    """Frames a second while the picture is zoomed in and out, three steps each way; it follows, or this fails."""
    counted = page.evaluate_handle(f"window.counted = ({FRAMES})({seconds})")
    until, keys = perf_counter() + seconds, cycle("+++---")
    while perf_counter() < until:
        page.keyboard.press(next(keys))
        page.wait_for_timeout(300)
    frames = float(page.evaluate("window.counted"))
    counted.dispose()
    for key, bounded in (("0", 0), ("+", 1), ("0", 0)):
        page.keyboard.press(key)
        expect(page.locator(".zoom .none")).to_have_count(bounded, timeout=60_000)
    return frames


def weight(address: str) -> int:
    """Bytes of a page as it is sent, without pictures."""
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept": "text/html"})) as answer:  # noqa: S310
        return len(gzip.compress(_PICTURE.sub(b"", answer.read()), 6))


def memory(pid: int) -> int:
    """Bytes that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """How many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def listens(address: str) -> socket.socket:
    """An open stream. What it is told waits in the system's buffers: to read it here would take from the senders."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    connection.recv(1024)
    return connection


def rate(site: Site, count: int, first: int) -> float:
    """Deliveries a second, one after the other."""
    began = perf_counter()
    for number in range(first, first + count):
        post(f"{site.address}/webhooks/alertmanager", told(f"s{number}", f"A{number}", number % 28 + 1))
    return count / (perf_counter() - began)


def listed(site: Site, times: int) -> list[float]:
    """Milliseconds of the list, one after the other."""
    spent = []
    for _ in range(times):
        began = perf_counter()
        weight(f"{site.address}/incidents")
        spent.append((perf_counter() - began) * 1000)
    return spent


def look(site: Site, number: int, options: argparse.Namespace, report: results.Report) -> None:
    """What a browser says of a large incident."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        context = browser.new_context(viewport={"width": 1920, "height": 1000})
        context.add_init_script(ROW)
        page = context.new_page()
        address = f"{site.address}/incidents/{number}"
        cold = opened(page, address)
        warm = [opened(page, address) for _ in range(options.rounds)]
        report.note(f"opened for the first time: first row after {cold[0]:.0f} ms, whole after {cold[1]:.0f} ms")
        report.add("first row of a large incident", [first for first, _ in warm], unit="ms", below=300.0)
        report.add("a large incident opens", [whole for _, whole in warm], unit="ms", below=1000.0)
        report.add("frames while zooming", [zoomed(page, options.seconds) for _ in range(2)], unit="1/s", at_least=50.0)
        browser.close()


def live(site: Site, options: argparse.Namespace, report: results.Report) -> None:
    """How long after it was received an event has its row on three pages that are open."""
    waited = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        first = _fired(site, 1)
        number = until(lambda: get(f"{site.address}/api/v1/events/{first['id']}")["why"]["incident"], "an incident")
        pages = [browser.new_page(viewport={"width": width, "height": 900}) for width in (360, 1024, 1920)]
        for page in pages:
            page.goto(f"{site.address}/incidents/{number}")
            page.evaluate(WATCH)
            page.locator('.live[data-state="live"]').wait_for()
        for turn in range(2, 2 + 4 * options.rounds):
            # One that comes at once waits for the look that follows the one before.
            pages[0].wait_for_timeout(1000)
            event = _fired(site, turn)
            waited += [arrived(page, event) * 1000 for page in pages]
        browser.close()
    report.add("a new row on three open pages", waited, unit="ms", below=1000.0)


def _fired(site: Site, number: int) -> dict[str, Any]:
    """Another alert of one service, in one incident with those before, as the API has it."""
    body = json.loads(alert("firing", f"Watched{number}", number))
    body["alerts"][0]["labels"]["service"] = "watched"
    body["alerts"][0]["startsAt"] = f"2026-04-01T10:{number // 60:02d}:{number % 60:02d}Z"
    _, receipt = post(f"{site.address}/webhooks/alertmanager", json.dumps(body).encode())
    assert not receipt["items"][0]["known"]
    address = f"{site.address}/api/v1/events/{receipt['items'][0]['event']}"
    event: dict[str, Any] = until(lambda: get(address)["events"], "the event")[-1]
    return event


def load(site: Site, number: int, options: argparse.Namespace, report: results.Report) -> None:
    """The list, the weight of a page, and what streams cost."""
    report.add("the list", listed(site, options.rounds * 3), unit="ms", below=100.0)
    report.add("a large page, compressed", [weight(f"{site.address}/incidents/{number}") / 1000], unit="kB", below=60.0)
    pid = site.process.process.pid
    before, ratios, grown = memory(pid), [], []
    for turn in range(options.rounds):
        alone, open_files = rate(site, options.posts, 2 * turn * options.posts), descriptors(pid)
        streams = [listens(site.address) for _ in range(options.streams)]
        ratios.append(rate(site, options.posts, (2 * turn + 1) * options.posts) / alone)
        grown.append(max(0.001, (memory(pid) - before) / 1e6))
        for each in streams:
            each.close()
        until(lambda most=open_files: descriptors(pid) <= most, "the streams are closed")  # type: ignore[misc]
    report.add("memory of the streams", grown, unit="MB", below=100.0)
    report.add("deliveries beside them", ratios, unit="of those alone", at_least=0.9)


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """One daemon over one log."""
    with results.workplace() as folder:
        asyncio.run(fill(folder / "log.db", options.incidents, options.events))
        site = started(folder, "--storage.url", f"sqlite:///{folder / 'log.db'}")
        try:
            whole = f"{site.address}/api/v1/incidents?limit=1"
            print("  filled; the daemon follows", flush=True)
            while get(f"{site.address}/-/ready").get("lag") != 0:
                time.sleep(0.5)
            number = largest(site)
            report.note(f"{get(whole)['incidents'][0]['number']} incidents, the largest of {options.events} events")
            look(site, number, options, report)
            live(site, options, report)
            load(site, number, options, report)
        finally:
            site.process.kill()


def largest(site: Site) -> int:
    """The large incident among the small ones: the one with most events of the newest hundred."""
    found = get(f"{site.address}/api/v1/incidents?limit=100&since=2026-01-01T00:00:00Z")["incidents"]
    return int(max(found, key=lambda each: each["events"])["number"])


OPTIONS = (
    Option("incidents", 100_000, 60),
    Option("events", 5_000, 100),
    Option("rounds", 5, 1),
    Option("seconds", 3.0, 0.3),
    Option("streams", 500, 5),
    Option("posts", 500, 10),
)


if __name__ == "__main__":
    sys.exit(entry.main("pages", __doc__, OPTIONS, measure))
