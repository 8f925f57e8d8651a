"""The stories of ``tests/scenarios``, told to the real thing, and the drafts they become.

``python -m tests.test_scenarios`` writes the drafts anew; they are then read
and reviewed like code.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from collector.correlation import Rules
from collector.drafting.rendering import postmortem
from collector.event import MINUTE
from tests.postgres import Server
from tests.scenario import SCENARIOS, draft_files, names, played, submission, tell, told_promise

ROOT = Path(__file__).parent.parent


def stored(name: str) -> dict[str, str]:
    """The drafts that were read and approved."""
    return {path.name: path.read_text("utf-8") for path in sorted((SCENARIOS / name).glob("draft*.*"))}


@pytest.mark.parametrize("name", names())
async def test_a_story_becomes_its_draft(name: str, tmp_path: Path) -> None:
    """What arrived becomes, to the byte, the draft that lies beside the story."""
    assert await draft_files(tell(name), tmp_path / "events.db") == stored(name)


@pytest.mark.parametrize("name", names())
async def test_a_story_becomes_the_same_draft_over_postgresql(name: str, postgres: Server) -> None:
    """Which database holds the log does not show in a draft."""
    assert await draft_files(tell(name), postgres.fresh()) == stored(name)


def test_there_are_stories_enough() -> None:
    """At least fourteen scenarios, each saying in one sentence what it is about."""
    assert len(names()) >= 14
    assert all(told_promise(name).endswith(".") for name in names())


@pytest.mark.parametrize(("zone", "seed"), [("UTC", "0"), ("Asia/Kathmandu", "1"), ("America/St_Johns", "4711")])
def test_the_same_log_gives_the_same_bytes_in_any_process(zone: str, seed: str, tmp_path: Path) -> None:
    """Neither the host's time zone, nor the hash seed, nor the process shows in a draft."""
    database = tmp_path / "events.db"
    story = tell("deploy-rolled-back")
    expected = asyncio.run(draft_files(story, database))["draft.md"]
    environ = {"PATH": os.environ["PATH"], "TZ": zone, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "collector", "draft", "1", "--storage.url", f"sqlite:///{database}")
    shown = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    assert shown.stdout.decode() == expected


async def test_a_draft_says_how_far_back_correlation_looked(tmp_path: Path) -> None:
    """The rules that grouped the incident decide over which span it is said that no change was recorded."""
    story = tell("noise-in-the-window")
    rules = Rules(lookback=45 * MINUTE)
    async with played([submission(arrival) for arrival in story.arrivals], rules, tmp_path / "events.db") as lists:
        shown = await postmortem(lists, 2)
    assert shown is not None
    assert "was recorded between 05:16:00 and 06:01:00" in shown


async def test_before_its_first_delivery_there_is_no_draft(tmp_path: Path) -> None:
    """What was known then: nothing at all before anything of the incident arrived, and its alert right after."""
    story = tell("late-resolve")
    steps = [submission(arrival) for arrival in story.arrivals]
    first = story.arrivals[0].at
    async with played(steps, story.rules, tmp_path / "events.db") as lists:
        assert await postmortem(lists, 1, as_of=first - 1) is None
        early = await postmortem(lists, 1, as_of=first)
    assert early is not None
    assert "QueueBacklog" in early
    assert "Tom Beck" not in early


async def write(name: str) -> None:
    """Write the drafts of a story as they are now."""
    for old in (SCENARIOS / name).glob("draft*.*"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for file, text in (await draft_files(tell(name), Path(folder) / "events.db")).items():
            (SCENARIOS / name / file).write_text(text, "utf-8")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or names():
        asyncio.run(write(chosen))
