"""Follow-ups that people recorded; nothing is proposed here."""

from __future__ import annotations

from collector.event import RecordedEvent
from renderers import phrases
from renderers.document import ActionRow, Actions, Name, Options, Prompt, Section
from renderers.history import History
from renderers.phrases import cites, say, with_name
from renderers.sections.detection import command

NONE = "which follow-ups are there, who owns each, and by when?"


def section(history: History, options: Options) -> Section:
    """Every follow-up with its owner, due date and, unless it is open, its state; without any the question for them."""
    table = Actions(rows=tuple(_row(event) for event in history.actions))
    ask = Prompt(NONE, command("action", history, '"…" --owner … --due …'))
    return Section(key="actions", blocks=(table,) if history.actions else (table, ask))


def _row(event: RecordedEvent) -> ActionRow:
    state = phrases.text_in(event.data, "state")
    shown = say(phrases.prose(phrases.words_of(event)), f" ({state})" if state in ("done", "dropped") else "")
    owner = with_name("", phrases.text_in(event.data, "owner"))
    return ActionRow(action=shown or say(Name(event.entity)), owner=owner, due=_due(event), cites=cites(event))


def _due(event: RecordedEvent) -> str:
    """The date if it is one; anything else is a stranger's text and has no place in a date column."""
    due = phrases.text_in(event.data, "due")
    digits = due.replace("-", "")
    return due if len(due) == 10 and due[4:8:3] == "--" and digits.isascii() and digits.isdigit() else ""
