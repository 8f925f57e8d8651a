"""What people wrote in a section: it stands where the section's first question stood."""

from __future__ import annotations

import re

from collector.event import RecordedEvent
from renderers import phrases
from renderers.document import Block, Prompt, Section
from renderers.phrases import cites, claim, text_in

_BLANK = re.compile(r"\n[ \t]*\n")


def answered(section: Section, edit: RecordedEvent | None) -> Section:
    """The section with a person's words in place of its first question, or at its end where it asks none.

    Each paragraph is one sentence of the document: text, and no markup.
    """
    told = _BLANK.split(text_in(edit.data, "value").replace("\r\n", "\n")) if edit is not None else []
    claims = [claim(phrases.prose(each), proof=cites(edit)) for each in told if each.strip()]
    if not claims:
        return section
    blocks: list[Block] = list(section.blocks)
    prompt_at = next((at for at, block in enumerate(blocks) if isinstance(block, Prompt)), None)
    if prompt_at is None:
        blocks += claims
    else:
        blocks[prompt_at : prompt_at + 1] = claims
    return Section(key=section.key, blocks=tuple(blocks))
