"""A draft in a file as rules look at it: line by line, with the section of each, and what they say of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec

CITED = re.compile(r"\[[0-9a-f]{5,32}(?:, [0-9a-f]{5,32})*(?:, \+\d+)?\]")
_WRITTEN = re.compile(r"\| ([0-9a-f]{5,32}) \| [^|]+ \| incident\.edited \|")
"""A line of the index that is of what a person wrote in a section, as the title or as the lead."""
ROW_TIME = re.compile(r"\| (\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?)(?: ([+-]\d\d:\d\d))? \|")


class LintLine(msgspec.Struct, frozen=True):
    """One line of the file."""

    number: int
    """From 1."""
    text: str
    section: str
    """The heading of the second level above it, in lower case; empty above the first."""
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
        return (
            bool(bare and self.section)
            and not ours
            and (self.stated or not self.cited)
            and not self.section.startswith("appendix")
        )


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
    """The lines of a file with the section of each; what stands in fences is code and left out."""
    parsed: list[LintLine] = []
    section, fenced = "", False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            continue
        if line.startswith("## "):
            section = line[3:].strip().casefold()
        if not fenced:
            parsed.append(LintLine(number, line, section))
    written = {row[1] for line in parsed if (row := _WRITTEN.match(line.text))}
    return [msgspec.structs.replace(line, stated=True) if written and _cites(line.text) in written else line
            for line in parsed]  # fmt: skip


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
        (line, row)
        for line in lines
        if (everywhere or line.section == "timeline") and (row := ROW_TIME.match(line.text))
    ]
    timed: list[tuple[LintLine, datetime]] = []
    for line, row in dated:
        try:
            timed.append((line, moment_of(row)))
        except ValueError:
            continue
    return timed


def section_of(lines: Sequence[LintLine], name: str) -> list[LintLine]:
    return [line for line in lines if line.section.startswith(name)]
