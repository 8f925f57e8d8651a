"""Files of drafts that people edited: what they are read as, and what is recorded of one that is taken in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from collector.errors import InvalidInput
from collector.event import RecordedEvent
from collector.publishing.values import Article, kept_texts

EarlierEdits = tuple[str, str, str, str | None]
"""What was taken in before: see :class:`renderers.edits.revised.EarlierEdits`."""
TakeInFile = Callable[[str, str, str, Sequence[Any], str], tuple[str, str, str, str]]
"""The draft without anybody's words in the whole of it, the draft, the file, what was taken in before and what the file
is called → what becomes of the draft; see :func:`renderers.edits.file_taken_in`."""
_NAME = 255
"""Characters that a file's name may have."""
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_DIFF = 200_000
"""Characters of a difference that are shown."""


class EditedFile(NamedTuple):
    """A draft in a file that people edited."""

    text: str
    """Markdown with the marks by which edits are known."""
    name: str
    """What the file is called; the same file is known by it again."""


def check(number: int, file: EditedFile) -> None:
    """Raise :class:`InvalidInput` for what is no text, or has no name that can be shown."""
    if len(file.name) > _NAME or not file.name.isprintable():
        raise InvalidInput(
            f"cannot take in a file of incident {number}: its name is {file.name[:_NAME]!r}; give one of at most "
            f"{_NAME} characters that can be shown", "file"
        )  # fmt: skip
    if "\0" in file.text:
        raise refused(number, file, "it is not text")


def earlier(events: Sequence[RecordedEvent], name: str, by: str) -> list[EarlierEdits]:
    """What was taken in before, oldest first; of a file of this name that this person took in, with which words it was
    written."""
    return [
        (
            event.id, str(event.data.get("text", "")), str(event.data.get("copy", "")),
            str(event.data.get("words", "")) if (event.data.get("file"), event.actor) == (name, by) else None,
        )
        for event in sorted(events, key=lambda event: event.position)
    ]  # fmt: skip


def recorded(number: int, file: EditedFile, text: str, copy: str, words: str) -> dict[str, str]:
    """What a record says of the draft that a file was taken in of. Raises :class:`InvalidInput` for one too large."""
    texts = kept_texts(text, copy, f"{file.name} of incident {number}", "text")
    return {**texts, "file": file.name, "words": words}


def refused(number: int, file: EditedFile, reason: object) -> InvalidInput:
    """Why a file cannot be taken in, and what to do."""
    return InvalidInput(
        f"cannot take in {file.name} of incident {number}: {reason}; write a file with timelined draft {number} "
        "--people names --to FILE, and edit that", "text"
    )  # fmt: skip


def takes_nothing_in(
    fresh: str, ours: str, theirs: str, before: Sequence[Any], origin: str
) -> tuple[str, str, str, str]:
    """Of a process that renders no drafts."""
    raise InvalidInput(f"cannot take in {origin}: this process renders no drafts", "text")


def alike(one: str, other: str) -> bool:
    """Whether two drafts say the same: how many blank lines stand between two lines does not count."""
    return _BLANK.sub("\n\n", one) == _BLANK.sub("\n\n", other)


def difference(now: Article, added: Sequence[str], reads: str) -> str:
    """How a draft changes by what is taken in."""
    return diff("\n".join((*now.people, now.plain)), "\n".join((*now.people, *added, reads)))


def diff(stands: str, text: str) -> str:
    """How a text would change, line by line."""
    before = stands.splitlines()
    return "\n".join(difflib.unified_diff(before, text.splitlines(), "before", "after", lineterm=""))[:_DIFF]
