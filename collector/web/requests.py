"""Taking out of a request what a handler needs, each mistake named with its place.

Promises: an unknown parameter or field is a mistake and never ignored; a time
is RFC 3339 and nothing else; a body is read once, within bounds of size and
time, as UTF-8 JSON. Whatever a client sends, what is raised here is one of our
errors.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from collector import times
from collector.errors import BrokenOff, InvalidInput, TooLarge, TooSlow, UnsupportedEncoding
from collector.web.keys import CLOCK, LIMITS, WHO
from collector.web.problems import InvalidParameter, UnsupportedMedia

T = TypeVar("T", bound=msgspec.Struct)

MOST = 1000
"""The most that one answer lists."""
LATEST = 2**63 - 1
"""The largest number a database takes."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,30})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?")
_AT = re.compile(r" - at `(?:key in )?\$?\.?(.*)`$")
_NO_FIELD = "there is no field "
_PLAIN = {
    re.compile(r"^Object missing required field (`[^`]*`)$"): r"the field \1 is missing, or empty",
    re.compile(r"^Object contains unknown field (`[^`]*`)$"): rf"{_NO_FIELD}\1",
}
"""What msgspec says, and how it is said to somebody who sent it."""
_FIELD = re.compile(r"field `([^`]*)`")


_WITHOUT_JOINERS = {0x200C: None, 0x200D: None}


class Query:
    """The parameters of a request; those named are allowed, each at most once."""

    def __init__(self, request: web.Request, *allowed: str) -> None:
        self._values = request.query
        for name in self._values:
            if name not in allowed:
                known = f"use {', '.join(allowed)}" if allowed else "leave it out"
                what = f"there is no parameter {printable(name)!r} here; {known}"
                raise InvalidParameter(f"cannot read the request: {what}", printable(name))
            if len(self._values.getall(name)) > 1:
                raise InvalidParameter(f"cannot read the request: {name} is given twice; give it once", name)

    def text(self, name: str) -> str | None:
        """A parameter's text; None where it is absent or empty."""
        value = self._values.get(name) or None
        # Joiners are parts of words in many scripts, and of pictures.
        if value is not None and not value.translate(_WITHOUT_JOINERS).isprintable():
            raise InvalidParameter(f"cannot read the request: {name} holds characters that cannot be shown", name)
        return value

    def texts(self, *names: str) -> dict[str, str]:
        """Those of these parameters that were given."""
        return {name: value for name in names if (value := self.text(name)) is not None}

    def one_of(self, name: str, *allowed: str) -> str | None:
        """A parameter that is one of a few words."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise InvalidParameter(f"cannot read the request: {name} must be one of {', '.join(allowed)}", name)
        return value

    def moment(self, name: str) -> int | None:
        """A time, µs UTC."""
        value = self._values.get(name)
        # A plus that was not encoded arrives as a blank, and RFC 3339 has no blank of its own.
        return moment(value.replace(" ", "+"), name) if value else None

    def zone(self, name: str) -> ZoneInfo | None:
        """A time zone, by its name."""
        zone_name = self.text(name)
        try:
            return ZoneInfo(zone_name) if zone_name is not None else None
        except (KeyError, ValueError, OSError):
            what = f"{name} is {zone_name!r}, which is no time zone; write it like UTC or Europe/Madrid"
            raise InvalidInput(what, name) from None

    def number(self, name: str) -> int | None:
        """A whole number from 0."""
        value = self.text(name)
        return None if value is None else whole(value, name, most=LATEST)

    def limit(self, default: int) -> int:
        """How many at most: 1 to 1000."""
        value = self.text("limit")
        return default if value is None else whole(value, "limit", least=1, most=MOST)


class Statement(msgspec.Struct, Generic[T], frozen=True):
    """What a client states by a write."""

    body: T
    key: str
    """Names this command: sent twice, it states one fact."""
    now: int
    """When it was said, µs UTC."""


async def statement(request: web.Request, kind: type[T], most: int | None = None) -> Statement[T]:
    """Read a write: its JSON body as ``kind``, of at most so many bytes, and its ``Idempotency-Key``."""
    Query(request)
    key = idempotency_key(request)
    return Statement(decode(_signed(request, await json_body(request, most), kind), kind), key, request.app[CLOCK]())


def writer(request: web.Request) -> str:
    """Whose token what is written comes with: its actor, whoever else the writer says to be. Empty: it has no name."""
    who = request.get(WHO)
    return who.name if who is not None else ""


def _signed(request: web.Request, body: bytes, kind: type[T]) -> bytes:
    """A body in which the token's name stands as who says it."""
    name = writer(request)
    if not name or "by" not in kind.__struct_fields__:
        return body
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return msgspec.json.encode(fields | {"by": name}) if isinstance(fields, dict) else body


def moment(text: str, name: str) -> int:
    """The time a text states, µs UTC; RFC 3339 with an offset, between 1970 and 9999."""
    at = times.parse(text) if len(text) <= 64 and _RFC3339.fullmatch(text) else None
    if at is None or at < 0:
        raise InvalidParameter(
            f"cannot read the request: {name} is {text[:64]!r}, which is not a time; write RFC 3339 like "
            "2026-03-04T14:02:10Z",
            name,
        )
    return at


def optional_moment(text: str | None, name: str) -> int | None:
    """The same, where it may be absent."""
    return moment(text, name) if text else None


def whole(text: str, name: str, *, least: int = 0, most: int) -> int:
    """A whole number within bounds, in plain digits."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else -1
    if not least <= number <= most:
        bounds = "" if most == LATEST else f" from {least} to {most}"
        what = f"{name} is {text[:64]!r}, and must be a whole number{bounds}"
        raise InvalidParameter(f"cannot read the request: {what}", name)
    return number


def idempotency_key(request: web.Request) -> str:
    """The client's key, or a new one that nobody else has."""
    keys = request.headers.getall("Idempotency-Key", [])
    if not keys:
        return secrets.token_hex(16)
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise InvalidParameter(
            "cannot read the request: Idempotency-Key must be given once, with 1 to 200 printable ASCII characters",
            "Idempotency-Key",
        )
    return keys[0]


async def json_body(request: web.Request, most: int | None = None) -> bytes:
    """The raw bytes of a JSON body, within the limits of a write; ``most`` stands for its size."""
    limits = request.app[LIMITS]
    most = most or limits.command
    if request.content_type != "application/json":
        raise UnsupportedMedia("cannot read the body: a write takes only Content-Type application/json")
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedEncoding("cannot read the body: it is encoded; send a write as it is")
    if (request.content_length or 0) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(limits.read_timeout):
            return await _read(request, most)
    except TimeoutError as error:
        raise TooSlow(f"cannot read the body: it took over {limits.read_timeout:g} s to arrive") from error


async def _read(request: web.Request, most: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in chunks(request):
            body += chunk
            if len(body) > most:
                raise _too_large(most)
    except BrokenOff as error:
        # Whether what came before had been looked at already is a matter of time alone.
        if error.received > most:
            raise _too_large(most) from error
        raise
    return bytes(body)


def incoming(request: web.BaseRequest) -> bytes | AsyncIterator[bytes]:
    """The body's bytes: all at once where they are here already, as small ones are; else as they come."""
    content = request.content
    if content.is_eof() and content.exception() is None:
        return content.read_nowait()
    return chunks(request)


async def chunks(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """The body's bytes as they come; raises :class:`BrokenOff` where the connection or the framing ends before it."""
    content = request.content
    try:
        async for chunk in content.iter_any():
            yield chunk
        # Whoever was woken just before the end does not hear why there is no more.
        if (failure := content.exception()) is not None:
            raise failure
    except (web.RequestPayloadError, web.PayloadAccessError, OSError) as error:
        message = f"cannot read the body: it broke off at byte {content.total_bytes}; send it whole"
        raise BrokenOff(message, content.total_bytes) from error


def headers_of(request: web.BaseRequest) -> dict[str, str]:
    """Headers by their names in lower case; several of one name are joined, as RFC 9110 §5.3 allows."""
    all_headers = request.headers
    headers = {name.lower(): value for name, value in all_headers.items()}
    if len(headers) < len(all_headers):
        headers = {name: ", ".join(all_headers.getall(name)) for name in headers}
    return headers


def decode(body: bytes, kind: type[T]) -> T:
    """A body as the struct it must be; broken JSON is refused as syntax, a wrong field by its name."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        sentence = _sentence(error)
        if sentence.startswith(_NO_FIELD) and " (at " not in sentence:
            sentence += f"; use {', '.join(kind.__struct_encode_fields__)}"
        raise InvalidInput(f"cannot take the request: {sentence}", _field(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter(f"cannot read the body: it is not JSON ({_sentence(error)})", "$") from error


def _sentence(error: Exception) -> str:
    """What is wrong with a body; fields and types are named, and never values."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    sentence, _, where = str(error).partition(" - at ")
    for said, means in _PLAIN.items():
        sentence = said.sub(means, sentence)
    return f"{sentence} (at {where})" if where else sentence


def _field(error: Exception) -> str:
    """The field a validation error is about."""
    text = str(error)
    place = _AT.search(text)
    field = _FIELD.search(text)
    parts = [place.group(1) if place else "", field.group(1) if field else ""]
    return printable(".".join(part for part in parts if part)) or "$"


def printable(name: str) -> str:
    """A client's own name for something, safe to repeat in an answer."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name[:100])


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"cannot read the body: it is larger than {most} bytes")
