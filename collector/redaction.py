r"""Values that are not to be kept, replaced in a delivery before anything of it is parsed or stored.

Pure: rules and a webhook in, a webhook and a count out. A pointer names values
of the JSON by their place (RFC 6901, with ``*`` for any member or item), a
pattern finds texts by their look. The rest of the body keeps its bytes: values
are cut out of the text, since to decode all of it and encode it again would
change numbers, escapes and members that have one name. Where pointers are set
and reading the JSON stops, what follows cannot be judged and is left out:
redaction never fails open.

A pattern runs on what any authentic sender sends. RE2 looks for it, in time that
grows with the text and never faster; after :data:`MOST_MATCHES` in one text the
rest of it is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from collector.webhook import DEEPEST, Webhook

_LONGEST_CAUSE = 100
"""Characters of what RE2 says that are repeated."""

MARK = "[redacted]"
"""What stands in the place of a redacted value."""
MOST_MATCHES = 1_000
"""Matches of one pattern in one text. Each may take looking through all that is left of it."""
_LITERAL = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+-]*+', re.DOTALL)
_LONE = re.compile("[\ud800-\udfff]")
_ENDLESS = re.compile(r"\{[0-9,]*[0-9]{5,}[0-9,]*\}")
_SPACE = re.compile(r"[ \t\n\r]*")
# Numbers stay texts: one of a million digits is no reason to stop.
_decode = json.JSONDecoder(parse_int=str, parse_float=str, strict=False).raw_decode

Pointer = tuple[str, ...]
"""The steps from the root to a value."""


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """What is not to be kept of one source's deliveries."""

    pointers: tuple[Pointer, ...] = ()
    patterns: tuple[str, ...] = ()
    """Regular expressions as RE2 takes them; :func:`pattern` has looked at each."""


class _StoppedAt(Exception):
    """Reading stopped at this character."""

    def __init__(self, at: int) -> None:
        self.at = at


# --- rules, as people write them --------------------------------------------------------------------------------------


def pointer(text: str) -> Pointer:
    """A JSON pointer as steps; ``ValueError`` with the end of a sentence for what is none."""
    if not text.startswith("/"):
        raise ValueError(f"is {text!r}, which is not a JSON pointer; write it like /alerts/*/annotations/customer")
    if re.search(r"~(?![01])", text):
        raise ValueError(f"is {text!r}, where ~ stands alone; write ~0 for ~ and ~1 for a slash within a name")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def touches(one: Pointer, other: Pointer) -> bool:
    """Whether redacting at one pointer changes what stands at the other: one leads to, or through, the other."""
    return all(a == b or "*" in (a, b) for a, b in zip(one, other, strict=False))


def pattern(text: str) -> str:
    """A pattern that RE2 takes; ``ValueError`` with the end of a sentence for any other."""
    from re2 import error as refusal

    if _ENDLESS.search(text):
        # RE2 would look for the braces as they stand there.
        raise ValueError(f"is {text!r}, which is not a regular expression that RE2 takes: it repeats over 1,000 times")
    try:
        compiled = _compiled(text)
    except refusal as error:
        said = error.args[0]
        raise ValueError(f"is {text!r}, which {_cause(said.decode('utf-8', 'replace'))}") from error
    except UnicodeEncodeError as error:
        raise ValueError(f"is {text!r}, which is not a regular expression: it has half a character") from error
    if compiled.match(""):
        raise ValueError(f"is {text!r}, which matches where nothing stands; write what must be there")
    return text


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    # Only where patterns are set: it is a library of a megabyte.
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(text, options)


_CAUSES = (
    (("(?=", "(?!", "(?<=", "(?<!"),
     "looks around ({}), which RE2 does not; write what stands there into the pattern, and it is replaced as well"),
    (("(?P",), "refers back by a name, which RE2 does not; write again what is to stand there again"),
    (("(?>",), "has an atomic group ({}), which RE2 does not know; write (?: in its place: RE2 is never slow"),
    (("(?(",), "depends on a group ({}), which RE2 does not know; write each case as a pattern of its own"),
    (("\\Z",), "has {}, which RE2 does not know; write \\z"),
)  # fmt: skip
"""What begins with these operators is refused, and what to write instead."""


def _cause(message: str) -> str:
    """The end of a sentence about what RE2 said of a pattern."""
    kind, _, at = message.partition(": ")
    for operators, sentence in _CAUSES:
        if at.startswith(operators) and kind.startswith("invalid"):
            return sentence.format(at)
    if kind == "invalid escape sequence" and at[1:].isdigit():
        return f"refers back ({at}), which RE2 does not; write again what is to stand there again"
    if kind == "bad repetition operator":
        return f"repeats a repetition ({at}), which RE2 does not; write one of them: RE2 is never slow"
    # RE2 repeats what it cannot read, to the end of the pattern.
    return f"is not a regular expression that RE2 takes: {message if len(message) <= _LONGEST_CAUSE else kind}"


# --- a delivery -------------------------------------------------------------------------------------------------------


def redact(rules: Redaction, webhook: Webhook) -> tuple[Webhook, int]:
    """The delivery without what the rules name, and how many values were replaced; itself where none was."""
    body, count = _body(rules, webhook)
    headers, more = _headers(rules.patterns, webhook.headers)
    if not count + more:
        return webhook, 0
    return msgspec.structs.replace(webhook, body=body, headers=headers), count + more


def _headers(patterns: Sequence[str], headers: Mapping[str, str]) -> tuple[dict[str, str], int]:
    clean, total = {}, 0
    for name, value in headers.items():
        clean[name], count = _replaced(patterns, value)
        total += count
    return clean, total


def _body(rules: Redaction, webhook: Webhook) -> tuple[bytes, int]:
    kind = webhook.headers.get("content-type", "").lower()
    if kind.startswith("application/x-www-form-urlencoded") and b"=" in webhook.body[:200]:
        return _form(rules, webhook.body)
    text, count = _text(rules, webhook.body.decode("utf-8", "surrogateescape"))
    return text.encode("utf-8", "surrogateescape"), count


def _form(rules: Redaction, body: bytes) -> tuple[bytes, int]:
    """A form of which each value is a text of its own, or JSON."""
    fields, total = [], 0
    for name, value in parse_qsl(body.decode("utf-8", "surrogateescape"), keep_blank_values=True):
        clean, count = _text(rules, value)
        fields.append((name, clean))
        total += count
    return (urlencode(fields, errors="surrogateescape").encode() if total else body), total


def _text(rules: Redaction, text: str) -> tuple[str, int]:
    """A body or a part of one: JSON where it looks like it, else plain text."""
    if text.lstrip(" \t\n\r")[:1] not in ("{", "["):
        return _replaced(rules.patterns, text)
    text, count, whole = _pointed(rules.pointers, text)
    if not whole:
        text, more = _replaced(rules.patterns, text)
        return text, count + more
    return _searched(rules.patterns, text, count)


def _replaced(patterns: Sequence[str], text: str) -> tuple[str, int]:
    total = 0
    for each in patterns:
        text, count = _without(_compiled(each), text)
        total += count
    return text, total


def _without(compiled: Any, text: str) -> tuple[str, int]:
    # RE2 reads UTF-8, which has no lone surrogates: another character stands for each, so that places stay.
    readable = text if text.isascii() else _LONE.sub("\ufffd", text)
    pieces, at, count = [], 0, 0
    for match in compiled.finditer(readable):
        start, end = match.span()
        if start == end:
            continue
        if count == MOST_MATCHES:
            end = len(text)
        pieces += [text[at:start], MARK]
        at = end
        count += 1
        if count > MOST_MATCHES:
            break
    return ("".join((*pieces, text[at:])), count) if count else (text, 0)


def _searched(patterns: Sequence[str], text: str, count: int) -> tuple[str, int]:
    """Every text and number of a JSON document, each by itself: a match never reaches over its end."""
    if not patterns:
        return text, count
    count_found = 0
    cache: dict[str, tuple[str, int]] = {}

    def clean(literal: re.Match[str]) -> str:
        nonlocal count_found
        literal_text = literal[0]
        # Alerts of one group say the same again and again.
        if literal_text not in cache:
            cache[literal_text] = _literal(patterns, literal_text)
        text, matches = cache[literal_text]
        count_found += matches
        return text

    return _LITERAL.sub(clean, text), count + count_found


def _literal(patterns: Sequence[str], literal: str) -> tuple[str, int]:
    """A text or a number as JSON writes it, and how many matches in what it says were replaced."""
    is_text = literal[0] == '"'
    clean, matches = _replaced(patterns, _decode(literal, 0)[0] if is_text else literal)
    if not matches:
        return literal, 0
    return json.dumps(clean if is_text else MARK), matches


def _pointed(pointers: Sequence[Pointer], text: str) -> tuple[str, int, bool]:
    """The text without the values that are pointed at, how many, and whether it is JSON to its end.

    Where reading stops while there are pointers, the rest is left out.
    """
    spans: list[tuple[int, int]] = []
    stopped, whole = len(text), True
    try:
        end = _blank(text, _walk(text, _blank(text, 0), pointers, spans, 0))
        if end < len(text):
            raise _StoppedAt(end)
    except _StoppedAt as error:
        stopped, whole = error.at, False
    if not pointers:
        return text, 0, whole
    pieces, at = [], 0
    for start, end in spans:
        pieces += [text[at:start], json.dumps(MARK)]
        at = end
    pieces.append(text[at:stopped])
    if stopped < len(text):
        rest = len(text[stopped:].encode("utf-8", "surrogateescape"))
        pieces.append(f"{MARK} {rest} bytes that could not be read")
    return "".join(pieces), len(spans) + (stopped < len(text)), whole


def _walk(text: str, at: int, pointers: Sequence[Pointer], spans: list[tuple[int, int]], depth: int) -> int:
    """Go through the value that begins here, noting those that are pointed at; where it ends."""
    if depth > DEEPEST:
        raise _StoppedAt(at)
    if () in pointers:
        end = _value(text, at)
        spans.append((at, end))
        return end
    opening = text[at : at + 1]
    if not pointers or opening not in ("{", "["):
        return _value(text, at)
    return _members(text, at, pointers, spans, depth, keyed=opening == "{")


def _members(
    text: str, at: int, pointers: Sequence[Pointer], spans: list[tuple[int, int]], depth: int, *, keyed: bool
) -> int:
    closing = "}" if keyed else "]"
    at = _blank(text, at + 1)
    if text[at : at + 1] == closing:
        return at + 1
    count = 0
    while True:
        step = str(count)
        if keyed:
            step, at = _key(text, at)
        inner = [each[1:] for each in pointers if each[0] in ("*", step)]
        at = _blank(text, _walk(text, _blank(text, at), inner, spans, depth + 1))
        if text[at : at + 1] == closing:
            return at + 1
        at = _blank(text, _expect(text, at, ","))
        count += 1


def _key(text: str, at: int) -> tuple[str, int]:
    _expect(text, at, '"')
    try:
        name, end = _decode(text, at)
    except (ValueError, IndexError):
        raise _StoppedAt(at) from None
    return name, _expect(text, _blank(text, end), ":")


def _value(text: str, at: int) -> int:
    try:
        return _decode(text, at)[1]
    except (ValueError, IndexError, RecursionError):
        raise _StoppedAt(at) from None


def _blank(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise _StoppedAt(at)
    return at + 1
