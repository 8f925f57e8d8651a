"""Labels of pictures as Chromium sets them: none over another, none outside, in every story at three widths."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from collector.drafting.rendering import postmortem
from renderers.document import Options
from renderers.picture import svg
from tests.histories import MADE_UP, Facts
from tests.scenario import names, played, submission, tell
from tests.windows import browser, looking

__all__ = ["browser"]

WIDTHS = (360, 1024, 1560)
MEASURED = """(pictures) => pictures.map((picture) => {
  document.body.innerHTML = picture;
  const whole = document.querySelector('svg').getBoundingClientRect();
  const found = [];
  for (const band of document.querySelectorAll('.tp-z')) {
    // What is cut out hides no time of the clock.
    const { left, right, top, bottom } = band.getBoundingClientRect();
    for (const text of document.querySelectorAll('text.tp-m')) {
      const box = text.getBoundingClientRect();
      if (box.left < right && left < box.right && box.top + 2 < bottom && top < box.bottom - 2) {
        found.push(['hidden: ' + text.textContent, -9, 0, 0, 0]);
      }
    }
  }
  for (const text of document.querySelectorAll('text')) {
    if (text.closest('.tp-t') || text.classList.contains('tp-n')) continue;
    const { left, right, top, bottom } = text.getBoundingClientRect();
    // The height of a line is more than that of its letters.
    found.push([text.textContent, left - whole.left, right - whole.left, top + 2, bottom - 2]);
  }
  return [whole.width, found];
})"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The picture of every incident of every story, and of every made-up history, at each width."""
    drawings = {
        f"{name} {width}": svg(make().draft(), width=width)
        for name, make in (*MADE_UP.items(), ("long names", long_names)) for width in WIDTHS
    }  # fmt: skip
    drawings |= asyncio.run(_of_stories(tmp_path_factory.mktemp("stories")))
    return drawings


def long_names() -> Facts:
    """A service and an alert whose names no lane has room for."""
    story = Facts()
    story.fires(
        "ReconciliationOfTheEuropeanRegionIsLate" * 4, "18:02:10", "payments-reconciliation-and-settlement-" * 4
    )
    return story


async def _of_stories(folder: Path) -> dict[str, str]:
    drawings = {}
    for name in names():
        story = tell(name)
        steps = [submission(arrival) for arrival in story.arrivals]
        async with played(steps, story.rules, folder / f"{name}.db") as lists:
            for row in await lists.incidents(limit=100):
                for width in WIDTHS:
                    options = Options(zone=story.zone, width=width)
                    text = await postmortem(lists, row.number, format="svg", options=options)
                    drawings[f"{name} {row.number} {width}"] = text or ""
    return {name: text for name, text in drawings.items() if text}


def test_no_label_runs_over_another(pictures: dict[str, str], browser: Browser) -> None:
    """Each pair of labels of a picture has room between it, and none leaves the picture."""
    with looking(browser, 1600) as page:
        measured: list[Any] = page.evaluate(MEASURED, [*pictures.values()])
    wrong = []
    for name, (width, labels) in zip(pictures, measured, strict=True):
        wrong += [(name, text, "outside") for text, left, right, *_ in labels if left < -0.5 or right > width + 0.5]
        for place, one in enumerate(labels):
            wrong += [(name, one[0], other[0]) for other in labels[place + 1 :] if _over(one, other)]
    assert wrong == [], json.dumps(wrong[:20], indent=1)
    assert len(pictures) > 3 * len(names())


def _over(one: list[Any], other: list[Any]) -> bool:
    return bool(one[1] < other[2] and other[1] < one[2] and one[3] < other[4] and other[3] < one[4])
