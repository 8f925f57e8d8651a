r"""Values that are not to be kept, replaced in a delivery before anything of it is parsed or stored.

Pure: rules and a webhook in, a webhook and a count out. A pointer names values
of the JSON by their place (RFC 6901, with ``*`` for any member or item), a
pattern finds texts by their look. The rest of the body keeps its bytes. Where
pointers are set and reading the JSON stops, what follows cannot be judged and
is left out: redaction never fails open.

A pattern runs on what any authentic sender sends, and Python's expressions can
take exponential time. :func:`pattern` therefore refuses what can be slow: what
it takes needs, from each place of a text, at most :data:`MOST_WAYS` attempts.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in the stubs
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from collector.webhook import Webhook

MARK = "[redacted]"
"""What stands in the place of a redacted value."""
MOST_WAYS = 10_000
"""Ways to match from one place of a text that a pattern may have."""
LONGEST_REPEAT = 256
"""The most that a repetition within a pattern may take; at its end it may be open."""
DEEPEST = 64
"""Levels of brackets that are looked into."""

_LITERAL = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+-]*+', re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*")
# Numbers stay texts: one of a million digits is no reason to stop.
_skip = json.JSONDecoder(parse_int=str, parse_float=str, strict=False).raw_decode

Pointer = tuple[str, ...]
"""The steps from the root to a value."""


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """What is not to be kept of one source's deliveries."""

    pointers: tuple[Pointer, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()


class _Unreadable(Exception):
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


def pattern(text: str) -> re.Pattern[str]:
    """A pattern, compiled; ``ValueError`` with the end of a sentence for one that is wrong or may be slow."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(text)
            # The only way to see a pattern's shape; the compiler itself stands on it.
            tree = re._parser.parse(text)  # type: ignore[attr-defined]
    except (re.error, RecursionError, OverflowError, ValueError, Warning) as error:
        raise ValueError(f"is {text!r}, which is not a regular expression: {error}") from error
    if compiled.match(""):
        raise ValueError(f"is {text!r}, which matches where nothing stands; write what must be there")
    try:
        ways = _ways(tree, last=True)
    except _Slow as error:
        raise ValueError(f"is {text!r}, which {error}") from None
    if ways > MOST_WAYS:
        raise ValueError(f"is {text!r}, which can match in {ways} ways from one place; shorten its repetitions")
    return compiled


class _Slow(Exception):
    """A pattern that may take very long: the end of a sentence that says why."""


_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_REFUSED = {
    "ASSERT": "looks around", "ASSERT_NOT": "looks around", "GROUPREF": "refers back",
    "GROUPREF_EXISTS": "refers back",
}  # fmt: skip


def _ways(tree: Iterable[tuple[Any, Any]], *, last: bool) -> int:
    """In how many ways a sequence can match from one place; ``last`` says that nothing follows it."""
    items = list(tree)
    ways = 1
    for place, (op, value) in enumerate(items):
        ways *= _ways_of(str(op), value, last=last and place == len(items) - 1)
    return ways


def _ways_of(op: str, value: Any, *, last: bool) -> int:
    if op in _REFUSED:
        raise _Slow(f"{_REFUSED[op]}, which can take very long; write what stands there instead")
    if op == "BRANCH":
        return sum(_ways(branch, last=last) for branch in value[1])
    if op == "SUBPATTERN":
        return _ways(value[3], last=last)
    if op == "ATOMIC_GROUP":
        return _ways(value, last=last)
    return _repeated(*value, last=last) if op in _REPEATS else 1


def _repeated(least: int, most: Any, what: Any, *, last: bool) -> int:
    once = int(most) == 1
    within = _ways(what, last=last and once)
    if within > 1 and not once:
        raise _Slow("repeats what repeats or has alternatives, which can take very long; write one repetition")
    if int(least) > LONGEST_REPEAT or (int(most) > LONGEST_REPEAT and not last):
        raise _Slow(
            f"repeats without an end, or over {LONGEST_REPEAT} times, before its own end; "
            f"write how often at most, like {{1,{LONGEST_REPEAT}}}"
        )
    if int(most) > LONGEST_REPEAT:
        return 1
    return (int(most) - int(least)) * within + 1 if once else int(most) - int(least) + 1


# --- a delivery -------------------------------------------------------------------------------------------------------


def redact(rules: Redaction, webhook: Webhook) -> tuple[Webhook, int]:
    """The delivery without what the rules name, and how many values were replaced; itself where none was."""
    body, count = _body(rules, webhook)
    headers, more = _headers(rules.patterns, webhook.headers)
    if not count + more:
        return webhook, 0
    return msgspec.structs.replace(webhook, body=body, headers=headers), count + more


def _headers(patterns: Sequence[re.Pattern[str]], headers: Mapping[str, str]) -> tuple[dict[str, str], int]:
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


def _replaced(patterns: Sequence[re.Pattern[str]], text: str) -> tuple[str, int]:
    total = 0
    for each in patterns:
        text, count = each.subn(MARK, text)
        total += count
    return text, total


def _searched(patterns: Sequence[re.Pattern[str]], text: str, count: int) -> tuple[str, int]:
    """Every text and number of a JSON document, each by itself: a match never reaches over its end."""
    if not patterns:
        return text, count
    found = 0

    def clean(literal: re.Match[str]) -> str:
        nonlocal found
        written = literal[0]
        said = scanstring(written, 1, False)[0] if written[0] == '"' else written
        kept, matches = _replaced(patterns, said)
        found += matches
        if not matches:
            return written
        return json.dumps(kept if written[0] == '"' else MARK)

    return _LITERAL.sub(clean, text), count + found


def _pointed(pointers: Sequence[Pointer], text: str) -> tuple[str, int, bool]:
    """The text without the values that are pointed at, how many, and whether it is JSON to its end.

    Where reading stops while there are pointers, the rest is left out.
    """
    spans: list[tuple[int, int]] = []
    stopped, whole = len(text), True
    try:
        end = _blank(text, _walk(text, _blank(text, 0), pointers, spans, 0))
        if end < len(text):
            raise _Unreadable(end)
    except _Unreadable as error:
        stopped, whole = error.at, False
    if not pointers:
        return text, 0, whole
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], json.dumps(MARK)]
        at = end
    parts.append(text[at:stopped])
    if stopped < len(text):
        rest = len(text[stopped:].encode("utf-8", "surrogateescape"))
        parts.append(f"{MARK} {rest} bytes that could not be read")
    return "".join(parts), len(spans) + (stopped < len(text)), whole


def _walk(text: str, at: int, pointers: Sequence[Pointer], spans: list[tuple[int, int]], depth: int) -> int:
    """Go through the value that begins here, noting those that are pointed at; where it ends."""
    if depth > DEEPEST:
        raise _Unreadable(at)
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
    start = _expect(text, at, '"')
    try:
        name, end = scanstring(text, start, False)
    except (ValueError, IndexError):
        raise _Unreadable(at) from None
    return name, _expect(text, _blank(text, end), ":")


def _value(text: str, at: int) -> int:
    try:
        return _skip(text, at)[1]
    except (ValueError, IndexError, RecursionError):
        raise _Unreadable(at) from None


def _blank(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise _Unreadable(at)
    return at + 1
