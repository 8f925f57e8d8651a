"""A draft in a file as rules look at it: line by line, with the section of each, and what they say of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

import msgspec

from renderers.edits import marks
from renderers.outline import HEADINGS
from renderers.shipped import SHIPPED, source

CITED = re.compile(r"\[[0-9a-f]{5,32}(?:, [0-9a-f]{5,32})*(?:, \+\d+)?\]")
_WRITTEN = re.compile(r"\| ([0-9a-f]{5,32}) \| [^|]+ \| incident\.edited \|")
"""A line of the index that is of what a person wrote in a section, as the title or as the lead."""
_BEGINNINGS = {
    "summary": "summary", "impact": "impact", "timeline": "timeline", "detection": "detection",
    "root cause": "root_causes", "action": "actions", "appendix": "appendix",
}  # fmt: skip
"""How a heading of nobody's template begins → the section that it is taken for."""
ROW_TIME = re.compile(r"\| (\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?)(?: ([+-]\d\d:\d\d))? \|")


class LintLine(msgspec.Struct, frozen=True):
    """One line of the file."""

    number: int
    """From 1."""
    text: str
    """Without marks."""
    section: str
    """The heading of the second level above it, in lower case; empty above the first."""
    key: str = ""
    """The section of a draft that it stands in, as ``root_causes``, whatever that is called here; empty where none is
    known."""
    stated: bool = False
    """Whether it cites nothing but what people wrote through timelined, whose words it then is."""

    @property
    def cited(self) -> bool:
        """Whether it carries evidence, so that timelined wrote it."""
        return bool(CITED.search(self.text))

    @property
    def prose(self) -> bool:
        """Whether a person may have written it: neither heading, rule, question, head of a table nor a reference."""
        bare = self.text.strip()
        ours = bare.startswith(("#", ">", "|--", "| **", "---", "_This postmortem")) or re.match(r"\[[^\]]+\]: ", bare)
        return bool(bare and self.section) and not ours and (self.stated or not self.cited) and self.key != "appendix"


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a rule found."""

    rule: str
    severity: str
    line: int
    """From 1."""
    column: int
    """From 1."""
    section: str
    """The heading of the second level above it, in lower case."""
    text: str
    """What is the matter, and what to do."""


class Rule(msgspec.Struct, frozen=True):
    """One thing that is looked for."""

    name: str
    severity: str
    why: str
    find: Callable[[Sequence[LintLine]], Iterator[tuple[LintLine, int, str]]]
    """Gives the line, the column from 0, and what is the matter."""


def lines_of(text: str) -> list[LintLine]:
    """The lines of a file with the section of each; what stands in fences is code, and the index of marks is nobody's:
    both are left out.

    Where a section begins the marks say, and without them its heading, as one of our templates has it.
    """
    parsed: list[LintLine] = []
    section, key, fenced, index = "", "", False, False
    for number, whole in enumerate(physical_lines(text), 1):
        line = marks.bare(whole)
        index = (index or whole.strip() == "<!-- tl index") and whole.strip() != "-->"
        if index and (whole.strip() == "<!-- tl index" or marks.is_entry(whole)):
            continue
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            continue
        if line.startswith("#") and not fenced:
            section = line[3:].strip().casefold() if line.startswith("## ") else section
            key = _headed(line) or ("" if line.startswith("## ") else key)
        key = _marked(whole) or key
        if not fenced:
            parsed.append(LintLine(number, line, section, key))
    written = {row[1] for line in parsed if (row := _WRITTEN.match(line.text))}
    return [msgspec.structs.replace(line, stated=True) if written and _cites(line.text) in written else line
            for line in parsed]  # fmt: skip


def physical_lines(text: str) -> list[str]:
    """The lines as an editor numbers them: other characters that end lines elsewhere end none here."""
    return re.sub("\r\n?", "\n", text).removesuffix("\n").split("\n") if text else []


def _marked(line: str) -> str:
    """The section that the mark of a line names; empty where it names none."""
    names = [mark.key.removeprefix("changed/").removeprefix("removed/") for mark in marks.marks_of(line)]
    found = [name.partition("/")[0] for name in names]
    return found[-1] if found and found[-1] in HEADINGS else ""


def _headed(line: str) -> str:
    """The section that a heading is of, by its words."""
    words = line.lstrip("# ").strip().casefold()
    return _sections().get(words) or next((key for name, key in _BEGINNINGS.items() if words.startswith(name)), "")


@cache
def _sections() -> Mapping[str, str]:
    """Heading of one of our templates, in lower case → the section that stands below it."""
    sections: dict[str, str] = {}
    for name in SHIPPED:
        heading = ""
        for line in source(name).splitlines():
            heading = line.lstrip("# ").casefold() if line.startswith("##") else heading
            if shown := re.match(r"{{ sheet\.(\w+) }}", line):
                sections.setdefault(heading, shown[1])
    return sections


def _cites(text: str) -> str:
    """The one event that a line cites; empty where it cites several or none."""
    found = CITED.findall(text)
    return found[0].strip("[]") if len(found) == 1 else ""


def unquoted(text: str) -> str:
    """The line with what is quoted or code blanked out: those are others' words."""
    return re.sub(r'"[^"]*"|“[^”]*”|`[^`]*`', lambda found: " " * len(found[0]), text)


def moment_of(row: re.Match[str]) -> datetime:
    """The time of a row; one without an offset as UTC, since rows are only compared with each other."""
    shown = row[1] if len(row[1]) > 16 else f"{row[1]}:00"
    return datetime.fromisoformat(f"{shown}{row[2] or '+00:00'}").astimezone(UTC)


def rows(lines: Sequence[LintLine], *, everywhere: bool = False) -> list[tuple[LintLine, datetime]]:
    """The rows of the timeline, or of every table with times in front, each with its time."""
    dated = [
        (line, row) for line in lines if (everywhere or line.key == "timeline") and (row := ROW_TIME.match(line.text))
    ]
    timed: list[tuple[LintLine, datetime]] = []
    for line, row in dated:
        try:
            timed.append((line, moment_of(row)))
        except ValueError:
            continue
    return timed


def section_of(lines: Sequence[LintLine], key: str) -> list[LintLine]:
    """The lines of one section of a draft."""
    return [line for line in lines if line.key == key]
