"""Follow-ups that people recorded; nothing is proposed here."""

from __future__ import annotations

from collector.event import RecordedEvent
from renderers import phrases
from renderers.document import ActionRow, Actions, Name, Options, Section
from renderers.history import History
from renderers.phrases import cites, named, say


def section(history: History, options: Options) -> Section:
    """Every follow-up with its owner, due date and, unless it is open, its state."""
    return Section(key="actions", blocks=(Actions(rows=tuple(_row(event) for event in history.actions)),))


def _row(event: RecordedEvent) -> ActionRow:
    state = phrases.text_in(event.data, "state")
    shown = say(phrases.prose(event.title), f" ({state})" if state in ("done", "dropped") else "")
    owner = named("", phrases.text_in(event.data, "owner"))
    return ActionRow(action=shown or say(Name(event.entity)), owner=owner, due=_due(event), cites=cites(event))


def _due(event: RecordedEvent) -> str:
    """The date if it is one; anything else is a stranger's text and has no place in a date column."""
    due = phrases.text_in(event.data, "due")
    digits = due.replace("-", "")
    return due if len(due) == 10 and due[4:8:3] == "--" and digits.isascii() and digits.isdigit() else ""
