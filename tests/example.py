"""The worked example of ``docs/example``: one published incident as deliveries, what people stated, what both become.

``python -m tests.example`` (``make example``) writes the drafts anew; in the
file that a person edited only what machines wrote changes.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collector import people
from collector.daemon.runtime import endpoints
from collector.drafting.rendering import MARKED, postmortem
from collector.event import Event
from collector.log import Submission
from collector.settings import load_settings
from collector.times import parse
from collector.webhook import Webhook
from renderers import edits
from tests.scenario import played

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "example"
EDITED = "postmortem.md"
"""The file that a person edited."""


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text("utf-8").splitlines()]


def deliveries() -> list[Submission]:
    """What arrived, in the order in which it did."""
    record = endpoints(load_settings(FOLDER / "timelined.yml"))
    submissions = []
    for configured in _lines("deliveries.jsonl"):
        at, body = _micros(configured["received_at"]), json.dumps(configured["body"]).encode()
        endpoint = record[configured["source"]]
        hook = Webhook(source=configured["source"], headers=configured["headers"], body=body, received_at=at)
        events = endpoint.source.parse(hook, endpoint.reading)
        submissions.append(Submission(source=configured["source"], received_at=at, body=body, events=events))
    return submissions


def statements(incident: str) -> list[Submission]:
    """What people stated of the incident that this event opened."""
    submissions = []
    for number, record in enumerate(_lines("statements.jsonl")):
        at = _micros(record.pop("at"))
        makes = getattr(people, record.pop("says"))
        if "moment" in record:
            record["at"] = _micros(record.pop("moment"))
        about = {} if makes is people.opened else {"incident": incident}
        fact: Event = makes(key=f"example {number}", stated_at=at, **about, **record)
        submissions.append(Submission(source="people", received_at=at, events=(fact,)))
    return submissions


def _micros(text: str) -> int:
    at = parse(text)
    assert at is not None, text
    return at


async def _texts(submissions: list[Submission], forms: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The opening event of the one incident, and its draft in these forms, by file name."""
    with tempfile.TemporaryDirectory() as folder:
        async with played(
            submissions, load_settings(FOLDER / "timelined.yml").correlation, Path(folder) / "e.db"
        ) as lists:
            (row,) = [each for each in await lists.incidents() if each.merged_into is None]
            texts = {file: await postmortem(lists, row.number, format=form) or "" for file, form in forms.items()}
            return row.key, texts


async def made() -> dict[str, str]:
    """File → what today's code makes of it; of the edited one, what it is brought up to."""
    submissions = deliveries()
    key, first = await _texts(submissions, {"draft.md": "md"})
    forms = {"postmortem.html": "html", "timeline.svg": "svg", EDITED: MARKED}
    _, after = await _texts([*submissions, *statements(key)], forms)
    path = FOLDER / EDITED
    done = edits.merge(path.read_text("utf-8") if path.exists() else "", after[EDITED])
    assert done is not None
    return first | after | {EDITED: done.text}


if __name__ == "__main__":
    for file, text in asyncio.run(made()).items():
        (FOLDER / file).write_text(text, "utf-8")
