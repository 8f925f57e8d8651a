"""Calls to the API of somebody else: to one configured host, bounded in time and size, and never led elsewhere.

No answer, header or token of such a call stands in an error: only what was
asked, of which host, and the status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from collector.errors import InvalidInput, NotFound, Unavailable
from collector.event import SECOND

MOST = 16 << 20
"""The largest answer that is read, in bytes."""


class Api:
    """One host's API under an address."""

    def __init__(self, address: str, headers: Mapping[str, str], timeout: int) -> None:
        self._address = address.rstrip("/")
        self._headers = {"User-Agent": "timelined", "Accept": "application/json", **headers}
        self._timeout = timeout / SECOND

    async def call(
        self, method: str, path: str, said: Mapping[str, Any] | None = None, query: Mapping[str, str] = {}
    ) -> Any:
        """The JSON that is answered.

        Raises :class:`Unavailable` where trying again may help, :class:`NotFound` for what there is not, and
        :class:`InvalidInput` for any other refusal.
        """
        body = msgspec.json.encode(said) if said is not None else None
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.request(
                    method, self._address + path, params=query, data=body, allow_redirects=False
                ) as answer,
            ):  # fmt: skip
                return _read(answer.status, await _body(answer), self._asked(method, path))
        except TimeoutError as error:
            raise Unavailable(f"{self._asked(method, path)}: no answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{self._asked(method, path)}: {type(error).__name__}") from error

    def _asked(self, method: str, path: str) -> str:
        return f"cannot publish: {method} {path} at {urlsplit(self._address).netloc}"


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MOST:
            raise InvalidInput(f"cannot publish: the answer of {answer.url.host} is larger than {MOST >> 20} MiB")
    return bytes(body)


def _read(status: int, body: bytes, asked: str) -> Any:
    if status >= 500 or status in (408, 429):
        raise Unavailable(f"{asked} was answered {status}")
    if status == 404:
        raise NotFound(f"{asked} was answered 404: there is no such thing, or the token does not show it", "target")
    if status in (401, 403):
        raise InvalidInput(f"{asked} was answered {status}: give the target a token that may do this", "target")
    if not 200 <= status < 300:
        raise InvalidInput(f"{asked} was answered {status}{_told(body)}", "target")
    try:
        return msgspec.json.decode(body) if body.strip() else None
    except msgspec.DecodeError as error:
        raise InvalidInput(
            f"{asked} was answered {status} and no JSON; correct the address of its API", "target"
        ) from error


def _told(body: bytes) -> str:
    """What a refusal says of itself, where it is one short text."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    message = said.get("message") if isinstance(said, dict) else None
    return f": {' '.join(message.split())[:200]}" if isinstance(message, str) else ""
