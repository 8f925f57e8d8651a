"""A person at a draft's file: what people do to text, so that a test can see that none of it is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from hypothesis import strategies as st

from renderers.edits.marks import bare, unfolded, words

PASTED = (
    "<table><tr><td>pasted</td></tr></table>",
    "<p>pasted &amp; <b>bold</b></p>",
    "```\n| not | a table |\n```",
    "> quoted by a person",
    "| 2026-03-04 10:07 | a row of a person |",
    "- an item of a person\n  - and one below it",
    "1. a number of a person",
    "## A heading of a person",
    "[link]: https://example.com/",
    "a `code span",
    "| half a row",
)
"""What people put into a draft, each with a word of its own in a test."""
_INDEX = re.compile(r"<!-- tl index|-->|[-+=] \S+ [0-9a-f]{10}(?: [0-9a-f]{1,32})*|<{7} HEAD|={7}|>{7} theirs")
_CUT = re.compile(r"[-+=] [a-z_]+/\S*(?: [0-9a-f ]*)?")
CITED = re.compile(r"\b(?!added\b)[0-9a-f]{5}\b")
"""A short id; ``note.added`` has a word of such letters."""


class Editor:
    """A file that a person changes line by line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.typed = 0
        self.touched: set[str] = set()
        """Short ids in the lines that the person changed, moved or removed."""

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @property
    def body(self) -> range:
        """The places of the lines that a person sees: those above the index."""
        lines = self.lines
        return range(lines.index("<!-- tl index") if "<!-- tl index" in lines else len(lines))

    def word(self) -> str:
        """A word that nobody typed before."""
        self.typed += 1
        return f"word{self.typed}x"

    def put(self, lines: list[str], *touched: str) -> None:
        """These are the lines from now on."""
        for line in touched:
            self.touched.update(CITED.findall(bare(line)))
        self.text = "\n".join(lines)

    # What a person does; each takes the place of a line.

    def insert(self, at: int, pasted: str) -> None:
        lines = self.lines
        lines[at:at] = [*f"{pasted} {self.word()}".split("\n")]
        self.put(lines)

    def paste_apart(self, at: int, pasted: str) -> None:
        lines = self.lines
        lines[at:at] = ["", *f"{pasted} {self.word()}".split("\n"), ""]
        self.put(lines)

    def rewrite(self, at: int, _: str) -> None:
        """Other words in the middle of a line, the mark kept."""
        lines = self.lines
        text = bare(lines[at])
        middle = text[: len(text) // 2].rpartition(" ")[0]
        lines[at] = lines[at].replace(middle, f"{middle} {self.word()}", 1) if middle else f"{self.word()} {lines[at]}"
        self.put(lines, text)

    def retype(self, at: int, pasted: str) -> None:
        """A line typed anew, without its mark."""
        lines = self.lines
        old, lines[at] = lines[at], f"{pasted.splitlines()[0]} {self.word()}"
        self.put(lines, old)

    def delete(self, at: int, _: str) -> None:
        lines = self.lines
        self.put([*lines[:at], *lines[at + 1 :]], lines[at])

    def move(self, at: int, _: str) -> None:
        lines = self.lines
        line = lines.pop(at)
        lines.insert(at // 2, line)
        self.put(lines, line)

    def copy(self, at: int, _: str) -> None:
        lines = self.lines
        lines.insert(at // 3, lines[at])
        self.put(lines, lines[at])

    def unmark(self, at: int, _: str) -> None:
        lines = self.lines
        lines[at] = bare(lines[at])
        self.put(lines)

    def join(self, at: int, _: str) -> None:
        """Two lines become one."""
        lines = self.lines
        if at + 1 in self.body:
            touched = lines[at : at + 2]
            lines[at : at + 2] = [f"{lines[at]} {lines[at + 1]}"]
            self.put(lines, *touched)

    def itemise(self, at: int, _: str) -> None:
        """A row becomes an item of a list."""
        lines = self.lines
        if lines[at].startswith("| ") and lines[at].endswith(" |"):
            lines[at] = "- " + " ".join(cell.strip() for cell in re.split(r"(?<!\\)\|", lines[at][1:-1]))
            self.put(lines)

    def retitle(self, at: int, _: str) -> None:
        """The heading of the section that a line stands in is called something else."""
        lines = self.lines
        head = next((place for place in range(at, -1, -1) if lines[place].startswith("## ")), None)
        if head is not None:
            old, lines[head] = lines[head], f"## {self.word()}"
            self.put(lines, old)

    def answer(self, at: int, _: str) -> None:
        """The next question below a line is answered in its place."""
        lines = self.lines
        place = next((place for place in self.body if place >= at and "**Fill in:**" in lines[place]), None)
        if place is not None:
            old, lines[place] = lines[place], f"It was {self.word()}."
            self.put(lines, old)

    # What a person's editor does to the whole file.

    def reformat(self, _: int, __: str) -> None:
        """Cells padded, items with other marks, as a formatter leaves them."""
        lines = [re.sub(r" \|", "   |", line) if line.startswith("| ") else line for line in self.lines]
        self.put([re.sub(r"\A- ", "* ", line) if at in self.body else line for at, line in enumerate(lines)])

    def swap_sections(self, at: int, _: str) -> None:
        """The part behind a line goes before it."""
        lines, end = self.lines, len(self.body)
        heads = [place for place in self.body if lines[place].startswith("## ")]
        if len(heads) > 2:
            cut = heads[at % (len(heads) - 1) + 1]
            self.put([*lines[: heads[0]], *lines[cut:end], "", *lines[heads[0] : cut], *lines[end:]])

    def wrap(self, _: int, __: str) -> None:
        """Long lines broken, as an editor does that keeps to a width; the mark stays behind the last words."""
        lines, end = [], len(self.body)
        for at, line in enumerate(self.lines):
            words_of_line = bare(line).split(" ")
            if at >= end or len(words_of_line) < 10 or line.startswith(("|", "#")):
                lines.append(line)
                continue
            self.touched.update(CITED.findall(bare(line)))
            lines += [" ".join(words_of_line[:8]), "  " + " ".join(words_of_line[8:]) + line[len(bare(line)) :]]
        self.put(lines)

    def trim(self, _: int, __: str) -> None:
        """No space at the ends of lines, and none at the end of the file."""
        self.text = "\n".join(line.rstrip() for line in self.lines).rstrip("\n")

    def name(self, _: int, __: str) -> None:
        """The document is called something else."""
        lines = self.lines
        place = next((place for place in self.body if lines[place].startswith("# ")), None)
        if place is not None:
            lines[place] = f"# {self.word()}"
            self.put(lines)

    def drop_section(self, at: int, _: str) -> None:
        """The part that a line stands in is removed whole."""
        lines, (begin, end) = self.lines, self._section(at)
        self.put([*lines[:begin], *lines[end:]], *lines[begin:end])

    def copy_section(self, at: int, _: str) -> None:
        """The part that a line stands in is there twice."""
        lines, (begin, end) = self.lines, self._section(at)
        self.put([*lines[:end], *lines[begin:]], *lines[begin:end])

    def _section(self, at: int) -> tuple[int, int]:
        heads = [place for place in self.body if self.lines[place].startswith("## ")]
        begin = max((place for place in heads if place <= at), default=at)
        return begin, min((place for place in heads if place > at), default=len(self.body))

    def windows(self, _: int, __: str) -> None:
        self.text = self.text.replace("\r\n", "\n").replace("\n", "\r\n")

    def unmark_all(self, _: int, __: str) -> None:
        self.put([bare(line) if at in self.body else line for at, line in enumerate(self.lines)])

    def lose_index(self, _: int, __: str) -> None:
        self.put(self.lines[: len(self.body)])

    def type_in_index(self, at: int, _: str) -> None:
        """A line typed where nobody sees what stands around it."""
        lines = self.lines
        place = min(len(self.body) + 1 + at % 40, len(lines))
        self.put([*lines[:place], f"typed {self.word()}", *lines[place:]])

    def cut(self, at: int, _: str) -> None:
        """Less of the file than there was, as a full disk leaves it: from a line on, or from a place in the index."""
        lines = self.lines
        whole = lines[: at + 1] if at % 2 else lines[: len(self.body) + at % 40]
        self.text = "\n".join(whole)[: -(at % 20) or None]

    def own_marks(self, _: int, __: str) -> None:
        """Each mark on a line below its own, as an editor does that keeps comments apart."""
        self.put([re.sub(r"\A([^|].*?) (<!-- tl \S+ [0-9a-f]{10} -->)", r"\1\n  \2", line) for line in self.lines])

    def fold_marks(self, _: int, __: str) -> None:
        """Lines broken within the marks, as an editor does that knows no comments."""
        self.put([re.sub(r"\A([^|].* <!--) tl (\S+) (\w+) -->", r"\1\n  tl \2\n  \3 -->", line) for line in self.lines])

    def conflict(self, at: int, _: str) -> None:
        """Two sides of a merge, both left in by somebody; also of lines of the index."""
        lines = self.lines
        first = at if at % 2 else min(len(self.body) + at % 40, len(lines))
        theirs = lines[first : first + 3]
        both = ["<<<<<<< HEAD", *theirs, self.word(), "=======", self.word(), *theirs, ">>>>>>> theirs"]
        self.put([*lines[:first], *both, *lines[first + 3 :]], *theirs)

    def carriage(self, _: int, __: str) -> None:
        """Lines end as they did on a Macintosh."""
        self.text = self.text.replace("\n", "\r")


DEEDS: Mapping[str, Callable[[Editor, int, str], None]] = {
    name: deed
    for name, deed in vars(Editor).items()
    if callable(deed) and name not in ("__init__", "word", "put", "_section")
}


@st.composite
def deeds(draw: st.DrawFn) -> tuple[str, float, str]:
    """What is done, how far down, and what is pasted where something is."""
    return draw(st.sampled_from(sorted(DEEDS))), draw(st.floats(0, 1, exclude_max=True)), draw(st.sampled_from(PASTED))


def do(editor: Editor, deed: tuple[str, float, str]) -> None:
    """One thing, done to the file."""
    name, fraction, pasted = deed
    end = next((each for each in ("\r\n", "\n", "\r") if each in editor.text), "\n")
    editor.text = editor.text.replace(end, "\n")
    if editor.body:
        DEEDS[name](editor, int(fraction * len(editor.body)), pasted)
    if "\r" not in editor.text:
        editor.text = editor.text.replace("\n", end)


def visible_lines(text: str) -> list[str]:
    """The lines of a file but for those of the index, the last of which may be cut off, and those of Git."""
    lines = unfolded(re.sub("\r\n?", "\n", text)).split("\n")
    kept = [line for line in lines if not _INDEX.fullmatch(line.rstrip())]
    return kept[:-1] if _CUT.fullmatch(kept[-1]) and "<!-- tl index" in lines and "-->" not in lines else kept


def said(text: str) -> list[str]:
    """What each line of a file says; neither the index nor lines that say nothing."""
    return [words(line) for line in visible_lines(text) if words(line)]
