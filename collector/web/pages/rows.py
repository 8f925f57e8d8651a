"""The rows of an incident's timeline as a page shows them: each with the events that prove it, one row once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from collector.correlation import Membership
from collector.event import RecordedEvent, is_erased, is_retracted
from collector.web import answers

Json = Mapping[str, Any]

FAMILIES = ("alert", "page", "change", "status", "chat", "note", "mark", "action", "observation", "report", "incident")
"""What rows can be filtered by: the family of the type of the event that leads a row."""

IN_PLACE = 20
"""How many events of a row are shown in place; a row of a storm has thousands."""


class RowsView(msgspec.Struct, frozen=True, kw_only=True):
    """What of an incident is shown, as the renderer of its page is asked for it."""

    since: int | None = None
    until: int | None = None
    """From when until before when, µs; None where that is not bounded."""
    text: str = ""
    kind: str = ""
    narrow: bool = True
    """Whether there is to be a picture for a narrow screen, too."""


class PageRow(msgspec.Struct, array_like=True):
    """One row of the timeline, as the renderer of pages writes it."""

    at: int
    """When it happened, µs."""
    label: str
    family: str
    parts_json: msgspec.Raw
    """The parts of its sentence as JSON: they are read of the rows that a page shows alone."""
    suffixes: list[str]
    cites: list[str]

    @property
    def parts(self) -> Sequence[Json]:
        return msgspec.json.decode(self.parts_json, type=list[dict[str, Any]])


class InlaidDraft(msgspec.Struct):
    """What the renderer of pages gives of an incident (:func:`renderers.inlaid.inlaid`)."""

    draft: dict[str, Any]
    rows: list[PageRow]
    short: dict[str, str]
    passing: list[int]
    pictures: dict[str, str]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One event in place: what was recorded, and why it is here."""

    event: RecordedEvent
    """Its latest revision."""
    revisions: int
    why: Membership | None
    text: str
    """All that it holds, as the API writes it."""
    erased: bool
    retracted: bool


def with_actions(rows: Sequence[PageRow], actions: Sequence[RecordedEvent], view: RowsView) -> list[PageRow]:
    """Rows with what was stated of follow-up actions among them, each where it was stated, as far as the view shows it:
    a draft has them in a section of their own."""
    told = [_action(event) for event in actions]
    action_rows = [
        row for row, text in told
        if (view.since is None or row.at >= view.since) and (view.until is None or row.at < view.until)
        and view.kind in ("", "action") and view.text.casefold() in text.casefold()
    ]  # fmt: skip
    return sorted([*rows, *action_rows], key=lambda row: row.at)


def _action(event: RecordedEvent) -> tuple[PageRow, str]:
    """The row of a follow-up action, and what a filter looks for in it."""
    state, owner, due = (str(event.data.get(name) or "") for name in ("state", "owner", "due"))
    about = "".join((f", {owner}" if owner else ", nobody's yet", f", due {due}" if due else ""))
    inlines = [
        {"kind": "words", "text": f"Follow-up action {state or 'open'}: "}, {"kind": "quote", "text": event.title},
        {"kind": "name", "text": about},
    ]  # fmt: skip
    at = event.data.get("stated_at")
    row = PageRow(
        at=at if isinstance(at, int) else event.occurred_at, label="", family="action",
        parts_json=msgspec.Raw(json.dumps(inlines).encode()), suffixes=[], cites=[event.id],
    )  # fmt: skip
    return row, f"{event.title} {about} {state}"


def by_arrival(rows: Sequence[PageRow], revisions: Iterable[RecordedEvent]) -> list[tuple[int, PageRow]]:
    """Rows with when the first of their events was received, in that order."""
    received: dict[str, int] = {}
    for event in revisions:
        received[event.id] = min(event.received_at, received.get(event.id, event.received_at))
    found = [(min([received[each] for each in row.cites if each in received], default=row.at), row) for row in rows]
    return sorted(found, key=lambda pair: pair[0])


def evidence(revisions: Iterable[RecordedEvent], why: Mapping[str, Membership]) -> dict[str, Evidence]:
    """Events by id, each as its latest revision says it."""
    latest: dict[str, tuple[RecordedEvent, int]] = {}
    for event in revisions:
        known = latest.get(event.id)
        newest = event if known is None or event.revision >= known[0].revision else known[0]
        latest[event.id] = (newest, (known[1] if known else 0) + 1)
    return {
        name: Evidence(
            event=event,
            revisions=count,
            why=why.get(name),
            text=msgspec.json.format(answers.encode(answers.event(event)), indent=2).decode(),
            erased=is_erased(event),
            retracted=is_retracted(event),
        )
        for name, (event, count) in latest.items()
    }


def owners(timed: Sequence[tuple[int, PageRow]], event_id: str | None) -> dict[str, int]:
    """Each event that is shown on this page, and its row: the first that cites it."""
    owner: dict[str, int] = {}
    for index, (_, row) in enumerate(timed):
        for name in row.cites[:IN_PLACE]:
            owner.setdefault(name, index)
        if event_id in row.cites and event_id is not None:
            owner.setdefault(event_id, index)
    return owner


_ANCHOR = re.compile(r'href="#e-([0-9a-f]{32})"')


def linked(picture: str, here: Mapping[str, object], path: str) -> str:
    """A picture whose links lead to rows of this page, and else to where the event is shown (``path`` and its id)."""
    return _ANCHOR.sub(lambda found: found[0] if found[1] in here else f'href="{path}{found[1]}"', picture)
