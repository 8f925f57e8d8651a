"""A stranger's text made harmless in Markdown: it shows as typed, and is never structure, link or mention.

Four forms, each safe at the start of a line, in a table cell, a list item and
a heading, whatever of ours stands beside it:

* :func:`prose` for words. Plain words stay as they were typed. A mark that
  could begin structure gets a backslash. A word that a reader's
  software would turn into a link, a mention or a picture even so (an address,
  ``@name``, ``:name:``, ``#12``, a commit) becomes a code span: autolinks and
  mentions are looked for after entities are resolved, but never in code.
* :func:`code` for identifiers and queries.
* :func:`quote` for a sender's sentence, in double quotes and cut; a sign shows where a line of it ended.
* :func:`link` for a URL out of a URL field; http and https only.

``tests/test_escape.py`` proves it against a CommonMark parser on random text.
What is invisible or turns text around (controls, bidi marks, zero-width
characters) becomes U+FFFD, by a list that no Unicode release can move. Joiners
and variation selectors stay behind the letters and pictures that need them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from urllib.parse import quote as percent_encoded
from urllib.parse import urlsplit

EMPTY = "(empty)"
"""What stands where a stranger said nothing."""
LINE_END = " \u21b5 "
"""What stands on one line where a stranger's line ended, and another one follows."""
LONGEST_QUOTE = 200
LONGEST_NAME = 120
LONGEST_CODE = 500
LONGEST_URL = 2_000
"""Characters of each form; what is cut ends in ``…``, and a longer URL is no link."""

_JOINED = (
    "\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc\u06fa-\u06ff\u0710-\u07f5\u0840-\u085b\u08a0-\u08e1\u08e3-\u0dff"
    "\u0e80-\u0fff\u1000-\u109f\u1780-\u17b3\u17b6-\u17dd\u1820-\u18aa\u1b00-\u1b4b\ua840-\ua871\ua8e0-\ua8ff"
    "\ufb50-\ufdfb\ufe70-\ufefc\U00011000-\U00011fff"
)
"""Letters and marks of the scripts in which a joiner changes a word: Arabic, Syriac, the Indic ones, Mongolian …"""
_PICTURES = "\u2190-\u21ff\u231a-\u23ff\u25a0-\u27bf\u2934-\u2b55\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff"

INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    f"|(?<![{_JOINED}{_PICTURES}])[\u200c\u200d]|(?<![{_PICTURES}])\ufe0e|(?<![\u1820-\u18aa])[\u180b-\u180d\u180f]"
)
"""What nobody can see, or what changes how its neighbours are seen; line ends and other spaces are not among it. A
joiner behind a letter or a picture that is joined is part of the word."""

_SUSPECT = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Every character that :data:`INVISIBLE` may find, wherever it stands: a look for these costs a tenth of one for it."""


def visible(text: str) -> str:
    """The text with U+FFFD for what nobody can see."""
    return INVISIBLE.sub("\ufffd", text) if _SUSPECT.search(text) else text


JOINERS = frozenset("\u200c\u200d\ufe0e\u180b\u180c\u180d\u180f")
"""The characters that :data:`INVISIBLE` spares where a script or a picture needs them."""

_COMBINING = re.compile(
    "[\u180b-\u180d\u180f\u200c\u200d\ufe0e\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe0f\ufe20-\ufe2f]"
)

_TOUCHY = re.compile(
    r"""@ | // | www\. | \bmailto: | \bxmpp:            # addresses and mentions
    | [^\W_]\.[^\W\d_]{2}                              # a bare host: example.com
    | :[\w+-]*[^\W\d]+[\w+-]*:                         # :emoji:
    | [#!]\d | \bgh-\d                                 # an issue
    | (?<![^\W_])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64}(?![^\W_])   # a commit""",
    re.VERBOSE | re.IGNORECASE,
)
"""A word that would become a link, a mention or a picture after parsing."""

_BRACKETS = "([{<\"'“‘«"
_ENDINGS = ")]}>\"'”’».,;:!?…"

_BLANKS = re.compile(r"\s+")
_MARKS = re.compile(r"[\\`*{}\[\]<|~$^_&=]")
_START = re.compile(r"[#>|=:]|[-+](?=[-+\s]|\Z)|(?<=\A)\.(?=\.|\s|\Z)")
_LINE = re.compile(r"[#>|=:]|[-+](?=[-+\s]|\Z)|\d{1,9}[.)](?=\s|\Z)")
_NUMBERED = re.compile(r"(\d{1,9})([.)])(?=\s|\Z)")
_END = re.compile(r"[!#\\](?=\Z)|(?<=:)/\Z")


def clean(text: str) -> str:
    """The text on one line: runs of white space become one space, what is invisible becomes U+FFFD."""
    # Most texts are such, and to look through a large class of characters is dear.
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return visible(" ".join(text.split()))


def one_line(text: str) -> str:
    """What somebody wrote, on one line: a sign stands where a line of theirs ended, so that two are not read as one.

    The sign is not a slash, which between two commands would be a path. No sign stands where only the width of a
    column ended a line, see :func:`_is_wrapped`.
    """
    lines = text.splitlines()
    return clean(text) if len(lines) < 2 else LINE_END.join(said for each in _unwrapped(lines) if (said := clean(each)))


def _unwrapped(lines: Sequence[str]) -> Iterator[str]:
    """The lines, and those of a paragraph that was wrapped as one. What begins with no letter begins a paragraph."""
    paragraph: list[str] = []
    for line in (*lines, ""):
        if not line[:1].isalpha():
            yield from [" ".join(paragraph)] if _is_wrapped(paragraph) else paragraph
            paragraph = []
        paragraph += [line.rstrip()] if line.strip() else []


WRAPPED_AT = (60, 80)
"""Characters of a line that a program wraps as commits and mails are wrapped: at least, and at most."""
_CODE = re.compile(r"[`$|{}<>=\\]|\s-|\S_\S|\S/\S*[./]")
"""What hardly stands in prose: flags, paths, names of variables."""
_STOPS = (".", "!", "?")


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Whether lines are one paragraph of prose that was wrapped at a width: three of them or more, begun by a capital,
    each as full as it could be, and gone on with in small letters, or in a new sentence behind the end of one. Two
    lines may well be two things that somebody did."""
    width = max(map(len, lines), default=0)
    if len(lines) < 3 or not lines[0][0].isupper() or width > WRAPPED_AT[1] or any(map(_CODE.search, lines)):
        return False
    within = [following[0].islower() and not line.endswith((*_STOPS, ":", ";")) for line, following in pairwise(lines)]
    full = [
        len(line) >= WRAPPED_AT[0] and len(f"{line} {following.partition(' ')[0]}") > width
        and (within[at] or (line.endswith(_STOPS) and following[0].isupper()))
        for at, (line, following) in enumerate(pairwise(lines))
    ]  # fmt: skip
    return all(full) and any(within)


def cut(text: str, longest: int) -> str:
    """The text, at most ``longest`` characters; where it was cut it ends in ``…``, between whole characters."""
    if len(text) <= longest:
        return text
    end = longest - 1
    while end > 1 and _COMBINING.match(text, end):
        end -= 1
    return text[:end].rstrip() + "…"


def prose(text: str, longest: int = LONGEST_NAME, *, table: bool = False) -> str:
    """A stranger's words as Markdown that reads as they were typed."""
    cleaned = cut(clean(text), longest)
    if not cleaned:
        return EMPTY
    words = [_touchy(word, table) if _TOUCHY.search(word) else word for word in cleaned.split(" ")]
    if not any(isinstance(word, _CodeSpan) for word in words):
        return marks(cleaned)
    return _woven(words)


def inner(text: str) -> str:
    """Our own words for the middle of a line: marks as entities, spaces and what stands at the ends kept."""
    return _MARKS.sub(_mark, visible(_BLANKS.sub(" ", text)))


def line(markdown: str) -> str:
    """Finished Markdown as one line of text: nothing at its start begins a list, a heading or a quotation."""
    begun = _LINE.match(markdown)
    if not begun:
        return markdown
    mark = begun.end() - 1
    return markdown[:mark] + _escaped(markdown[mark]) + markdown[mark + 1 :]


_OPEN_END = re.compile(r"(?<!\\)(?:\\\\)*!\Z")
"""An exclamation mark at the end that no backslash makes harmless."""


def join(pieces: Iterable[str]) -> str:
    """Finished pieces of Markdown in a row, where two neighbours together would mean what neither does alone."""
    text = ""
    for piece in pieces:
        if piece.startswith("[") and _OPEN_END.search(text):
            text = text[:-1] + _escaped("!")
        text += (" " if text.endswith("`") and piece.startswith("`") else "") + piece
    return text


def marks(text: str) -> str:
    """Every mark that could begin structure as an entity; spaces are kept. For words that hold no address."""
    begun = _START.match(text)
    head = _escaped(begun[0]) if begun else ""
    rest = text[len(begun[0]) if begun else 0 :]
    numbered = _NUMBERED.match(rest) if not begun else None
    if numbered:
        head, rest = numbered[1] + _escaped(numbered[2]), rest[numbered.end() :]
    end = _END.search(rest)
    tail = _escaped(end[0]) if end else ""
    return head + _MARKS.sub(_mark, rest[: end.start()] if end else rest) + tail


def quote(text: str, *, table: bool = False, longest: int = LONGEST_QUOTE) -> str:
    """A stranger's sentence in double quotes, cut where it is longer than ``longest``."""
    said = prose(one_line(text), longest, table=table)
    opening, closing = quotation_marks(text)
    return f"{opening}{said.removesuffix(_escaped('!')) + '!' if said.endswith(_escaped('!')) else said}{closing}"


def quotation_marks(text: str) -> tuple[str, str]:
    """What stands around a quotation: curled marks where it has straight ones itself, so that a reader sees its end."""
    return ("“", "”") if '"' in text else ('"', '"')


def code(text: str, *, table: bool = False, longest: int = LONGEST_CODE) -> str:
    """An identifier or a query as a code span, its own backticks and bars included."""
    return _span(cut(clean(text), longest), table) if text.strip() else EMPTY


def link(text: str, url: str, *, table: bool = False) -> str:
    """``[text](url)``, or the text and the address as code where it is not one to link to."""
    target = safe_url(url)
    if not target:
        return f"{prose(text, table=table)} {code(url, table=table)}"
    return f"[{marks(cut(clean(text), LONGEST_NAME) or EMPTY) if _plain(text) else prose(text, table=table)}]({target})"


def safe_url(url: str) -> str:
    """The URL with every dangerous character percent-encoded and without user and password; empty if it is no link."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    named = re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|[0-9a-f:]*:[0-9a-f:.]*", host)
    if parts.scheme not in ("http", "https") or not named or len(url) > LONGEST_URL:
        return ""
    address = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    query = f"?{_encoded(parts.query)}" if parts.query else ""
    fragment = f"#{_encoded(parts.fragment)}" if parts.fragment else ""
    return f"{parts.scheme}://{address}{_encoded(parts.path)}{query}{fragment}"


class _CodeSpan(str):
    """A piece of prose that was made a code span."""

    __slots__ = ()


def _plain(text: str) -> bool:
    """Whether a link's text needs no code span: inside a link, an issue's number stays text."""
    return not _TOUCHY.search(re.sub(r"[#!](?=\d)", "", text))


def _touchy(word: str, table: bool) -> str:
    """The word as a code span, without the brackets and stops around it where it is still touchy without them."""
    label, bracket, target = word.partition("](")
    if bracket and label and not _TOUCHY.search(label):
        # A sender's link: its label is words, its target an address.
        return _CodeSpan(f"{marks(label + ']')}{_touchy('(' + target, table)}")
    start, end = 0, len(word)
    while start < end and word[start] in _BRACKETS:
        start += 1
    while end > start and word[end - 1] in _ENDINGS:
        end -= 1
    core = word[start:end]
    if not core or _TOUCHY.search(word[:start]) or _TOUCHY.search(word[end:]) or not _TOUCHY.search(core):
        return _CodeSpan(_span(word, table))
    return _CodeSpan(_middle(word[:start]) + _span(core, table) + _middle(word[end:]))


def _woven(words: list[str]) -> str:
    """Words and code spans with single spaces between; each run of plain words is escaped as a whole."""
    woven_words: list[str] = []
    plain: list[str] = []
    for word in words:
        if isinstance(word, _CodeSpan):
            woven_words += [marks(" ".join(plain))] if plain else []
            woven_words.append(word)
            plain = []
        else:
            plain.append(word)
    woven_words += [marks(" ".join(plain))] if plain else []
    return " ".join(woven_words)


def _middle(text: str) -> str:
    """Brackets and stops around a code span."""
    return "".join(_escaped(each) if each in "[{<]}!" else each for each in text)


def _span(text: str, table: bool) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if text[:1] in "` " or text[-1:] in "` " else ""
    inside = f"{fence}{edge}{text}{edge}{fence}"
    return inside.replace("|", "\\|") if table else inside


def _escaped(text: str) -> str:
    """Marks with a backslash before each, which CommonMark takes for the mark itself."""
    return "".join(f"\\{each}" for each in text)


def _mark(found: re.Match[str]) -> str:
    """One mark in the middle of a text; some are harmless beside certain neighbours and stay as typed."""
    mark, text, at = found[0], found.string, found.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if mark == "&":
        return mark if after == " " else "\\&"
    if mark == "=":
        return "\\=" if "=" in (before, after) and not _spaced(text, at) else mark
    if mark == "_" and _inside_word(text, at):
        return mark
    return _escaped(mark)


def _spaced(text: str, at: int) -> bool:
    """Whether the run of equals signs at this place stands between spaces, as in ``up == 0``."""
    run = re.compile(r"=+")
    start = at
    while start and text[start - 1] == "=":
        start -= 1
    found = run.match(text, start)
    return bool(found and text[start - 1 : start] == " " and text[found.end() : found.end() + 1] == " ")


def _inside_word(text: str, at: int) -> bool:
    """Whether the run of underscores at this place has letters or digits on both sides; it can then open nothing."""
    start, end = at, at + 1
    while start and text[start - 1] == "_":
        start -= 1
    while end < len(text) and text[end] == "_":
        end += 1
    return bool(re.match("[A-Za-z0-9]", text[start - 1 : start]) and re.match("[A-Za-z0-9]", text[end : end + 1]))


def _encoded(text: str) -> str:
    """One part of a URL: what it says stays, what Markdown could read is percent-encoded."""
    kept = percent_encoded(text.encode("utf-8", "replace"), safe="/?#:@!$,;=&%~+-._")
    whole = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", kept)
    return re.sub(r"&(?=#?\w+;)", "&amp;", whole)
