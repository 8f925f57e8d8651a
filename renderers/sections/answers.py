"""What people wrote in a section: it stands where the section's first question stood."""

from __future__ import annotations

import re

from collector.event import RecordedEvent
from renderers import phrases
from renderers.document import Block, Claim, Prompt, Section
from renderers.phrases import cites, claim, text_in

_STATEMENT = re.compile(r"\n(?:[ \t]*\n|(?=[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]))")
"""Where another statement begins: behind a blank line, and with each item of a list."""
_BULLET = re.compile(r"[ \t]*[-*+\u2022][ \t]")


def stated(edit: RecordedEvent | None, *, listed: bool = False) -> list[Claim]:
    """A person's words: each paragraph, and each item of a list in one, is one sentence of the document, and no markup.

    With ``listed`` they are to stand in a list, and need no sign of one themselves.
    """
    told = _STATEMENT.split(text_in(edit.data, "value").replace("\r\n", "\n")) if edit is not None else []
    texts = [_BULLET.sub("", each, count=1) if listed and _BULLET.match(each) else each for each in told]
    return [claim(phrases.prose(each), proof=cites(edit)) for each in texts if each.strip()]


def answered(section: Section, edit: RecordedEvent | None) -> Section:
    """The section with a person's words in place of its first question, or at its end where it asks none."""
    claims = stated(edit)
    if not claims:
        return section
    blocks: list[Block] = list(section.blocks)
    prompt_at = next((at for at, block in enumerate(blocks) if isinstance(block, Prompt)), None)
    if prompt_at is None:
        blocks += claims
    else:
        blocks[prompt_at : prompt_at + 1] = claims
    return Section(key=section.key, blocks=tuple(blocks))
