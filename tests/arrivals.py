"""When a page shows what happened: each row with the moment at which it came."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from playwright.sync_api import Page

WATCH = """() => {
  window.came = {};
  const seen = () => {
    for (const row of document.querySelectorAll('.row[data-key]')) {
      window.came[row.dataset.key.slice(-32)] ??= Date.now();
    }
  };
  seen();
  new MutationObserver(seen).observe(document.getElementById('main'), { subtree: true, childList: true });
}"""
"""Run on a page, notes when each row came."""


def arrived(page: Page, event: dict[str, Any]) -> float:
    """Wait until an event has its row on a page on which :data:`WATCH` was run; how many seconds after it was received
    that was."""
    # Looked for at intervals: at each frame, Chromium would draw frames to look.
    page.wait_for_function("(id) => window.came[id] !== undefined", arg=event["id"], polling=50)
    at = page.evaluate("(id) => window.came[id]", event["id"]) / 1000
    return float(at - datetime.fromisoformat(event["received_at"]).timestamp())
