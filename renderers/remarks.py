"""What a reviewer would remark on a draft, by the section that it is about, for whoever edits it."""

from __future__ import annotations

import json

import msgspec

from renderers.document import Document
from renderers.lint_lines import physical_lines
from renderers.markdown import markdown
from renderers.outline import HEADINGS
from renderers.rules import complaints

LONGEST = 160
"""Characters of a line that are shown beside what is remarked on it."""
_OFF = ("uncited", "prompt")
"""Rules that say of a draft of ours only that a person wrote something, or what its questions say themselves."""


def remarks(document: Document) -> str:
    """One JSON list in reading order, each with ``section`` (its key; empty for the head), ``severity``, ``rule``,
    ``text`` and ``line``, the text that it is about. As :func:`renderers.rules.complaints` finds them in Markdown."""
    options = msgspec.structs.replace(document.options, template="default", citations="inline", view=None)
    text = markdown(msgspec.structs.replace(document, options=options))
    lines = physical_lines(text)
    keys = {heading.casefold(): key for key, heading in HEADINGS.items()}
    remarks_found = [
        {
            "section": keys.get(complaint.section, ""),
            "severity": complaint.severity,
            "rule": complaint.rule,
            "text": complaint.text,
            "line": _excerpt(lines[complaint.line - 1]),
        }
        for complaint in complaints(text, off=_OFF)
    ]
    return json.dumps(remarks_found, ensure_ascii=False) + "\n"


def _excerpt(line: str) -> str:
    bare = "" if line.startswith("#") else line.strip().lstrip("->|* ").rstrip("| ").replace("**", "")
    return bare if len(bare) <= LONGEST else f"{bare[:LONGEST]}…"
