"""Names in a text that somebody wrote: found however they are spelled, by whole words and the longest first.

A name is found in any case, with or without accents, with its words in either
order and whatever stands between them, as a login, with an ``@`` before it and
as an address with any domain. Of a name of several words each is found by
itself, too, where the text is somebody's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from collector.names.words import BRACKETED

_TOKEN = re.compile(r"%(?:20|2c|2d|2e|40)|[^\W_]+")
"""A word, or what stands between two of them in an address."""
_WORD = re.compile(r"[^\W_]+")
_GAP = re.compile(r"(?:%20|%2c|%2d|%2e|[\s_+,()-]|\.(?!\s)|(?<![^\W_]{2})\.){0,4}")
"""What stands between two words of a name; not the end of a sentence."""
_BEFORE = re.compile(r"(?:<@|mailto:|(?<![^\W_])@)\Z")
_BEHIND = re.compile(r"(?:(?:@|%40)[\w-]+(?:\.[\w-]+)*)?")
"""The rest of an address of mail."""
_WITHIN = re.compile(r"(?<=[^\W\d_] )\Z|(?<=[,;(] )\Z")
"""How a text goes before a word that is within a sentence, whose capital letter says that it is a name."""
_SHORTEST = 3
"""Letters of a word that is taken for a name without a capital letter."""
_ORDINARY = frozenset(
    _WORD.findall("""
    admin amber an and april art august author autumn bar base bay best bill bird black block blue bond book
    booth branch bridge brook brooks brown bug burns bush case chance chase cherry christian church clay client
    cloud cole cook cross curt customer dash data dawn day dean deploy dev do drew duke east engineer eve faith
    field fields fish fisher ford forest fox frank free gene glass go gold grace grant gray green guy hall hand
    harmony heart heath hill holiday holly honey hook hope house hunt hunter in incident is ivy jack jade
    jasmine jenkins joy june justice key king knight lake lane laurel law lead lily link little lock long love
    major mark marks mason max may mercy merry mike miles mill mine monitoring moon moss multi no noble north of
    oliver on operator ops or page parent park parks part pat patience pearl penny person piper point pool pope
    power price prince prod production queen ray reed release reporter responder rich ring rivers robin robot
    rock rod root rose rosemary ruby run rusty sage sales sandy service set shark sharp short skip sky small
    snow so south spark staff star stone storm story strong summer sunny support swift system tab team test the
    to tod trace trip true union user users van wade walker wall ward waters way web wells west white will win
    winter wise wolf wood woods young
    """)
)
"""Words that are names of people, too, or logins: with a small letter one of them by itself is nobody's name, and as
one half of a name only within a sentence."""


class _NameMatch(NamedTuple):
    """A name in a plain text, by where it begins and ends there."""

    start: int
    end: int
    key: str
    called: bool
    """Whether an ``@`` or a domain says that it is somebody's name."""
    rest: int
    """The first word behind it."""


class NamePatterns:
    """The names of some people, and what stands in place of each in a text."""

    def __init__(self, names: Mapping[str, str], ordinary: Collection[str] = ()) -> None:
        """``names`` maps each spelling to what stands for that person; ``ordinary`` are names of something else, as of
        services: by itself such a one is no person's."""
        self._things = {"".join(form) for name in ordinary for form in _forms(name)}
        self._replacements: dict[str, dict[str, None]] = {}
        self._whole = self._learned((form, said) for name, said in names.items() for form in _forms(name))
        self._full = set(self._replacements) - self._things
        parts = self._learned((part, said) for name, said in names.items() for part in _parts(name))
        self._with_parts = {
            first: [*self._whole.get(first, ()), *parts.get(first, ())] for first in {**self._whole, **parts}
        }

    def _learned(self, forms: Iterable[tuple[tuple[str, ...], str]]) -> dict[str, list[tuple[str, ...]]]:
        """The forms by their first word, the longest first."""
        forms_by_word: dict[str, dict[tuple[str, ...], None]] = {}
        for words, said in forms:
            self._replacements.setdefault("".join(words), {})[said] = None
            forms_by_word.setdefault(words[0], {})[words] = None
        return {first: sorted(each, key=len, reverse=True) for first, each in forms_by_word.items()}

    def replaced(self, text: str, form: str = "[{}]", *, parts: bool = False) -> str:
        """The text with what stands for each person, written as ``form``, in place of their names; with ``parts`` also
        of their given and family names alone."""
        if not text or not self._replacements:
            return text
        plain, places = _plain(text)
        pieces, last = [], 0
        for match in self._matches(plain, self._with_parts if parts else self._whole):
            start, end = places[match.start], places[match.end]
            if match.called or self._is_name(match.key, text, start):
                said = self._replacements.get(_key(plain[match.start : match.end])) or self._replacements[match.key]
                pieces += [text[last:start], form.format(" or ".join(said))]
                last = end
        return "".join((*pieces, text[last:])) if pieces else text

    def _matches(self, plain: str, forms: Mapping[str, Sequence[tuple[str, ...]]]) -> Iterator[_NameMatch]:
        words = [match for match in _TOKEN.finditer(plain) if plain[match.start()] != "%"]
        at = 0
        while at < len(words):
            known = (_form_at(plain, words, at, form) for form in forms.get(words[at][0], ()))
            match = next(filter(None, known), None)
            if match is None:
                at += 1
                continue
            yield match
            at = match.rest
            while at < len(words) and words[at].start() < match.end:
                at += 1

    def _is_name(self, key: str, text: str, start: int) -> bool:
        """Whether a word by itself is a name where it stands."""
        special = key in _ORDINARY or key in self._things
        if not special and len(key) >= _SHORTEST:
            return True
        if not text[start].isupper() or text[start : start + 2].isupper():
            return False
        return key in self._full or not special or bool(_WITHIN.search(text, max(0, start - 2), start))


def _form_at(plain: str, words: Sequence[re.Match[str]], at: int, form: tuple[str, ...]) -> _NameMatch | None:
    """This form of a name, where it begins at a word; None where it does not."""
    own = words[at : at + len(form)]
    if tuple(word[0] for word in own) != form:
        return None
    if not all(_GAP.fullmatch(plain, one.end(), other.start()) for one, other in pairwise(own)):
        return None
    start, end = own[0].start(), own[-1].end()
    before, behind = _BEFORE.search(plain, max(0, start - 8), start), _BEHIND.match(plain, end)
    begin = before.start() if before else start
    last = behind.end() if behind else end
    if plain.startswith("<@", begin) and plain.startswith(">", last):
        last += 1
    return _NameMatch(begin, last, "".join(form), before is not None or last > end, at + len(form))


def _forms(name: str) -> Iterator[tuple[str, ...]]:
    """The words of a name, in each order in which it is written, and as one word."""
    outside = BRACKETED.sub(" ", name).strip().removeprefix("@")
    account = outside.partition("@")[0]
    family, comma, given = account.partition(",")
    words = tuple(_WORD.findall(_plain(f"{given} {family}" if comma else account)[0]))
    if words:
        turned = (words[-1], *words[:-1])
        yield from (words, turned, ("".join(words),), ("".join(turned),))
    whole = tuple(_WORD.findall(_plain(name)[0]))
    if whole and whole != words:
        yield whole


def _parts(name: str) -> Iterator[tuple[str, ...]]:
    """The given and the family name by themselves, also of ``ana.lima``; of what has digits in it none."""
    account, at, _ = BRACKETED.sub(" ", name).strip().partition("@")
    words = _WORD.findall(_plain(account)[0])
    if (at or _APART.search(account)) and len(words) > 1 and all(map(str.isalpha, words)):
        yield from ((word,) for word in words if len(word) > 1)


_APART = re.compile(r"[\s,._]")
"""What stands between the words of a name; a dash stands within names of other things, too."""


def _key(name: str) -> str:
    return "".join(_WORD.findall(_plain(name)[0]))


def _plain(text: str) -> tuple[str, range | list[int]]:
    """A text in small letters without accents and without what nobody sees, and where each of its characters stood;
    one more at at its end."""
    if text.isascii():
        return text.lower(), range(len(text) + 1)
    letters, places = [], []
    for at, letter in enumerate(text):
        for each in unicodedata.normalize("NFKD", letter).casefold():
            if not unicodedata.combining(each) and unicodedata.category(each) != "Cf":
                letters.append(each)
                places.append(at)
    return "".join(letters), [*places, len(text)]
