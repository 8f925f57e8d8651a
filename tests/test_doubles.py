"""What an import brought and a delivery told since is taken back, also where the daemon ended in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import patch

from collector.errors import Unavailable
from collector.intake.doubles import Doubles
from tests import senders
from tests.imported_facts import EVENING, entry, facts
from tests.served import Rig, serving


async def brought(rig: Rig, *records: Any) -> None:
    """Bring in log entries of PagerDuty."""
    url = f"{rig.served.address}/api/v1/imports/pagerduty?form=log_entries"
    async with rig.client.post(url, json=list(records)) as answer:
        assert answer.status in (200, 201), await answer.text()


async def types(place: Rig) -> list[str]:
    return sorted(event.type for event in (await facts(place)).values())


async def test_what_an_end_left_doubled_the_next_start_takes_back(tmp_path: Path) -> None:
    """A kill came after deliveries were stored. What an import brought beside a delivery was another deed: it stays."""
    page = senders.page(311, "Errors", at="14:03")
    expected = ["note.added", *["page.acknowledged"] * 2, "page.resolved", "page.snoozed", "page.triggered"]
    async with serving(tmp_path) as rig:
        await rig.sent(page.acknowledged("14:05", by="Ana"))
        await brought(rig, *EVENING, entry("acknowledge", "14:05:02", by="Ana"))
        assert await types(rig) == expected
        with patch.object(Doubles, "merge"):
            await rig.sent(page.triggered())
            await rig.sent(page.resolved("14:22", by="Ana"))
        assert await types(rig) == sorted([*expected, "page.triggered", "page.resolved"])
    async with serving(tmp_path) as rig, asyncio.timeout(30):
        while await types(rig) != expected:  # noqa: ASYNC110 - a job within the server has no event
            await asyncio.sleep(0.02)
        runtime = rig.served.runtime
        assert await runtime.intake.make_up(runtime.clock()) == 0
        assert await types(rig) == expected


async def test_what_could_not_be_taken_back_is_taken_back_later(tmp_path: Path) -> None:
    """A delivery that is stored is acknowledged, whether or not its double can be taken back at once."""
    page = senders.page(311, "Errors", at="14:03")
    async with serving(tmp_path) as rig:
        await brought(rig, *EVENING)
        before, runtime = await types(rig), rig.served.runtime
        with patch.object(Doubles, "withdraw", side_effect=Unavailable("no room")):
            await rig.sent(page.triggered())
            assert await types(rig) == sorted([*before, "page.triggered"])
        async with asyncio.timeout(30):
            # The job of the start may be at it as well.
            while await types(rig) != before:
                await runtime.intake.make_up(runtime.clock())
