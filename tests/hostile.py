"""Hostile text through every format: whatever strangers write, the structure is that of a harmless draft.

A case is one text in one place of a draft, in one format. ``python -m
tests.hostile`` (``make hostile``) tries 50,000 of each format and prints a
table; ``--seed`` tries the same ones again.
"""

from __future__ import annotations

import argparse
import csv
import html as entities
import io
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from xml.etree import ElementTree

import cmarkgfm
import html5lib
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from renderers.document import (
    ActionRow,
    Actions,
    Bullets,
    Claim,
    Code,
    Document,
    Index,
    IndexLine,
    LinkedText,
    Name,
    Prompt,
    Quote,
    Row,
    Section,
    Table,
    TableRow,
    Timeline,
    Words,
)
from renderers.formats import RENDERERS
from tests.histories import Facts

PIECES = (
    *"\\`*_{}[]<>#+-.!|~@&:/=^$()\"'%,;? \t\n0aZé€漢",
    "www.", "http://", "https://a.bc", "ftp://", "a@b.co", "@ana", "example.com", "![", "](", "[x]: ", "&amp;", "&#42;",
    "<b>", "<!--", "-->", "```", "~~~", "---", "===", "***", "1. ", "23) ", "| - |", "__", "**", "~~", "GH-1", "#12",
    "mailto:", ":tada:", "[^1]", "$x$", "<?", "<![CDATA[", "]]>", "\u202e", "\u200b", "\u2028", "\x00", "\ud800",
    "    ", "\\|", "deadbee1", "//", "==", "xmpp:",
    "- [ ] ", "\u00a0", "a/b#1", "HTTP://X", "word", "12% of requests fail.",
    "javascript:alert(1)", "</script>", "<img src=x onerror=y>", "</td></tr>", "</svg>", "<ac:link>", "&nbsp;", "<@U1>",
    "=1+1", "+cmd|'/c'!A1", "\r", "\r\n", "{{ x }}", "{% raw %}", "\x02a\x03", "\x0e0\x0f", "<!-- tl x 0123456789 -->",
    "\ufffe", "\U0001fffe", "\u2066", "\x1b[31m", "---\nowner: eve",
)  # fmt: skip
LONG = 1_000_000
"""Characters of a text that is long; one in ten thousand is."""
BENIGN = "x"


def text(chance: random.Random) -> str:
    """One hostile text."""
    if chance.random() < 0.0001:
        return str(chance.choice(PIECES)) * (LONG // 4)
    return "".join(
        chance.choice(PIECES) if chance.random() < 0.8 else chr(chance.choice(_RANGES)(chance))
        for _ in range(chance.randint(1, 12))
    )


_RANGES: Sequence[Callable[[random.Random], int]] = (
    lambda chance: chance.randint(0, 0x2FF),
    lambda chance: chance.randint(0x2000, 0x206F),
    lambda chance: chance.randint(0, 0x10FFFF),
)
_AT = 1_772_632_930_000_000
_IDS = tuple(f"{number:032x}" for number in range(1, 6))


def composed(texts: Iterator[str]) -> Document:
    """A draft with a text in every place that a stranger's may take, in each kind of block."""
    claim = Claim(
        parts=(Words("It said "), Quote(next(texts)), Words(" on "), Name(next(texts)), Words(": "), Code(next(texts)),
               Words(", see "), LinkedText(next(texts), "https://a.example/x"), Words(".")), cites=_IDS[:1],
    )  # fmt: skip
    alone = [
        Claim(parts=(each,), cites=_IDS[1:3]) for each in (Name(next(texts)), Quote(next(texts)), Code(next(texts)))
    ]
    fired = (Words("Alert "), Name(next(texts)), Words(" fired: "), Quote(next(texts)), Code(next(texts)))
    row = Row(at=_AT, label="Detected", cites=_IDS[:2], type="alert.firing", suffixes=("corrected",), parts=fired)
    first = Row(at=_AT, label="", cites=_IDS[:1], type="note.added", parts=(Quote(next(texts)),))
    cells = ((Name(next(texts)),), (Code(next(texts)),), (Quote(next(texts)),))
    table = Table(key="alerts", head=("Alert", "Query", "Value"), rows=(TableRow(cells=cells, cites=_IDS[:1]),))
    action = ActionRow(
        action=(Quote(next(texts)),), owner=(Name(next(texts)),), due=next(texts) or BENIGN, cites=_IDS[:1]
    )
    line = IndexLine(id=_IDS[0], at=_AT, type=next(texts), source=next(texts))
    sections = (
        Section(
            key="summary", blocks=(claim, Bullets(items=(claim, *alone)), Prompt("what broke?", "timelined mark 1"))
        ),
        Section(key="timeline", blocks=(Timeline(rows=(row, first)),)),
        Section(key="detection", blocks=(Bullets(items=tuple(alone), numbered=True), table, *alone)),
        Section(key="actions", blocks=(Actions(rows=(action,)),)),
        Section(key="appendix", blocks=(Index(lines=(line,)),)),
    )
    title, lead = Claim(parts=(Name(next(texts)),), stop=False), Claim(parts=(Name(next(texts)),), cites=_IDS[:1])
    return Document(title=title, lead=lead, incident=Claim(parts=(Name(next(texts)),), label=True), date=_AT,
                    resolved=True, sections=sections, events={}, digest="d")  # fmt: skip


def told(texts: Iterator[str]) -> Document:
    """An incident in which senders and people wrote such texts."""
    # What an event says was read out of UTF-8.
    texts = (each.encode("utf-8", "replace").decode() for each in texts)
    story = Facts()
    alert = story.fires(
        next(texts), "18:02:10", next(texts), severity=next(texts), series=next(texts), said=next(texts)
    )
    story.page("triggered", "18:02:31", service=next(texts), title=next(texts), data={"assignees": [next(texts)]})
    story.page("acknowledged", "18:04:01", actor=next(texts))
    story.deploys(next(texts), "18:00:00", "18:00:05", next(texts))
    story.says("note.added", "18:05:00", next(texts), by=next(texts))
    story.says(
        "action.added", "18:06:00", next(texts), data={"owner": next(texts), "due": next(texts), "state": "open"}
    )
    story.ends(alert, "18:23:35")
    return story.draft()


# --- structure --------------------------------------------------------------------------------------------------------

_PARSERS = (
    MarkdownIt("commonmark").enable(["table", "strikethrough"]),
    MarkdownIt("gfm-like", {"linkify": True}),
)
_TEXTS = ("text", "code_inline", "softbreak", "text_special")


def _tokens(found: Sequence[Token]) -> Iterator[str]:
    for token in found:
        if token.type not in _TEXTS:
            yield token.type
        yield from _tokens(token.children or ())


class _Tags(HTMLParser):
    """The elements that cmark-gfm wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("code", "br"):
            self.found.append(tag)


def read_by_cmark(markdown: str) -> list[str]:
    """The elements in which cmark-gfm reads a text, with every extension that GitHub has."""
    tags = _Tags()
    options = cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE
    extensions = ["table", "strikethrough", "autolink", "tasklist"]
    # No text of UTF-8 holds these, and a daemon does not send them.
    clean = markdown.encode("utf-8", "replace").decode()
    tags.feed(cmarkgfm.markdown_to_html_with_extensions(clean, options, extensions))
    return tags.found


def read_by_markdown_it(markdown: str) -> list[str]:
    """The same by markdown-it."""
    tags = _Tags()
    tags.feed(_PARSERS[0].render(markdown))
    return tags.found


def _markdown(shown: str) -> object:
    return [list(_tokens(parser.parse(shown))) for parser in _PARSERS], read_by_cmark(shown)


def _elements(root: ElementTree.Element) -> list[str]:
    return [f"{each.tag} {sorted(map(str, each.attrib))}" for each in root.iter()]


_BESIDE = re.compile(r"<figure>.*?</figure>|<style>.*?</style>", re.DOTALL)


def _html(shown: str) -> object:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return _elements(parser.parse(_BESIDE.sub("", shown)))


def _confluence(shown: str) -> object:
    root = ElementTree.fromstring(f'<page xmlns:ac="urn:ac">{shown}</page>')  # noqa: S314 - our own text
    return [each for each in _elements(root) if not each.startswith("br ")]


def _svg(rendered: str) -> object:
    """A text of unknown width stands in a frame of its own, and what an alert says may decide whether a bar is there:
    a set."""
    found = set(_elements(ElementTree.fromstring(rendered)))  # noqa: S314 - our own text
    return {each for each in found if not re.match(r"\S*(?:text|svg|title|tspan) ", each)}


def _keys(value: object) -> object:
    if isinstance(value, dict):
        return {key if not re.fullmatch(r"[0-9a-f]{32}", key) else "id": _keys(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_keys(each) for each in value]
    return type(value).__name__


def _json(shown: str) -> object:
    return _keys(json.loads(shown))


def _archive(shown: str) -> object:
    _, front, rest = shown.split("---\n", 2)
    return list(yaml.safe_load(front)), _markdown(rest)


csv.field_size_limit(1 << 30)


def _csv(shown: str) -> object:
    rows = list(csv.reader(io.StringIO(shown, newline=""), strict=True))
    formulas = [cell for row in rows for cell in row if re.match(r"[\t\r]|\s*[=+\-@]", cell)]
    return [len(row) for row in rows], formulas


def _jsonl(shown: str) -> object:
    return [_fields(json.loads(line)) for line in shown.rstrip("\n").split("\n")]


def _fields(event: Mapping[str, object]) -> list[str]:
    return sorted(event)


STRUCTURES: Mapping[str, tuple[Callable[[Iterator[str]], Document], Callable[[str], object]]] = {
    "md": (composed, _markdown), "html": (composed, _html), "confluence": (composed, _confluence),
    "json": (composed, _json), "archive": (composed, _archive), "svg": (told, _svg), "csv": (told, _csv),
    "jsonl": (told, _jsonl),
}  # fmt: skip
"""Format → the draft that is written in it, and what its structure is."""


class Texts:
    """Hostile texts, counted."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.given: list[str] = []

    def __iter__(self) -> Texts:
        return self

    def __next__(self) -> str:
        self.given.append(text(self.chance))
        return self.given[-1]


def harmless() -> Iterator[str]:
    """Texts that do nothing."""
    while True:
        yield BENIGN


def _alike(found: object, wanted: object) -> bool:
    """The same; of a set, nothing that the other has not."""
    return found <= wanted if isinstance(found, set) and isinstance(wanted, set) else found == wanted


def tried(form: str, cases: int, seed: int) -> tuple[int, list[list[str]]]:
    """How many texts were tried in a format, and those of each draft whose structure they changed."""
    build, structure = STRUCTURES[form]
    render = RENDERERS[form]
    expected = structure(render(build(harmless())))
    chance, count, failed = random.Random(f"{form} {seed}"), 0, list[list[str]]()  # noqa: S311 - not a secret
    while count < cases:
        texts = Texts(chance)
        rendered = render(build(texts))
        count += len(texts.given)
        try:
            same = _alike(structure(rendered), expected)
        except Exception:
            same = False
        if not same:
            failed.append(texts.given)
    return count, failed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Try them, and tell how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000, help="texts in each format")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="which ones")  # noqa: S311
    parser.add_argument("formats", nargs="*", default=[], help="these formats alone")
    options = parser.parse_args()
    _say(f"seed {options.seed}")
    _say("| format | texts | structural changes | CPU s |\n|---|---|---|---|")
    bad = 0
    for form in options.formats or STRUCTURES:
        start = time.process_time()
        count, failed = tried(form, options.cases, options.seed)
        bad += len(failed)
        _say(f"| {form} | {count:,} | {len(failed)} | {time.process_time() - start:.0f} |")
        for texts in failed[:3]:
            _say(f"  {[entities.escape(each)[:80] for each in texts]}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
