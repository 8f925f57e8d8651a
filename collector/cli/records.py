"""The records in what a person saved of a sender's API: a list, pages of lists, or one on each line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from collector.errors import InvalidInput

TOGETHER = 200
"""Records that are brought in at a time …"""
BYTES = 512 << 10
"""… or as many as have so many bytes."""

_DOCUMENT = msgspec.json.Decoder(msgspec.Raw)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_PAGE = msgspec.json.Decoder(dict[str, msgspec.Raw])


def records(content: bytes, name: str, within: str = "") -> list[bytes]:
    """Every record in ``content``, as it stands there. ``within`` is the key under which a page has them.

    Takes a list, an object with such a list, several of either after each other (as tools write pages), or one record
    on each line. Raises :class:`InvalidInput` with the line where that is no JSON.
    """
    found = [record for document in _documents(content, name) for record in _of(document, within)]
    if not found:
        raise InvalidInput(f"cannot import {name}: there is no record in it")
    return found


def _documents(content: bytes, name: str) -> Iterator[bytes]:
    content = content.removeprefix(b"\xef\xbb\xbf").strip()
    try:
        yield bytes(_DOCUMENT.decode(content))
        return
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"cannot import {name}: it is not UTF-8, at byte {error.start}") from error
    decoder, place = json.JSONDecoder(), 0
    while place < len(text):
        try:
            _, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, getattr(error, "pos", place)) + 1
            said = getattr(error, "msg", "it is nested too deeply")
            raise InvalidInput(
                f"cannot import {name}: line {line} is no JSON ({said}); nothing was imported"
            ) from error
        yield text[place:end].encode()
        place = end
        while place < len(text) and text[place] in " \t\r\n,\x1e":
            place += 1


def _of(document: bytes, within: str) -> Iterable[bytes]:
    """The records of a document: of a list each, of a page those that it has, else the one that it is."""
    if document[:1] == b"[":
        return map(bytes, _LIST.decode(document))
    if document[:1] == b"{" and within:
        page = _PAGE.decode(document)
        if within in page and bytes(page[within])[:1] == b"[":
            return map(bytes, _LIST.decode(page[within]))
    return [document]


def batches(found: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lists of some records each, in JSON, with how many they are."""
    some: list[bytes] = []
    size = 0
    for record in found:
        if some and (len(some) >= TOGETHER or size + len(record) > BYTES):
            yield len(some), b"[" + b",".join(some) + b"]"
            some, size = [], 0
        some.append(record)
        size += len(record)
    if some:
        yield len(some), b"[" + b",".join(some) + b"]"
