"""Calls to the API of somebody else: to one configured host, bounded in time and size, and never led elsewhere.

No answer, header or token of such a call stands in an error: only what was
asked, of which host, and the status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from collector.errors import InvalidInput, NotFound, Unavailable
from collector.event import SECOND

MOST = 16 << 20
"""The largest answer that is read, in bytes."""


Query = Mapping[str, str] | Sequence[tuple[str, str]]
_NO_LINK: Mapping[str, str] = {"url": ""}


class Conflict(InvalidInput):
    """Something else was written meanwhile."""


class HostApi:
    """One host's API under an address."""

    def __init__(self, address: str, headers: Mapping[str, str], timeout: int, purpose: str = "publish") -> None:
        self._purpose = purpose
        self._address = address.rstrip("/")
        self._headers = {"User-Agent": "timelined", "Accept": "application/json", **headers}
        self._timeout = timeout / SECOND

    async def call(self, method: str, path: str, content: Mapping[str, Any] | None = None, query: Query = ()) -> Any:
        """The JSON that is answered.

        Raises :class:`Unavailable` where trying again may help, :class:`NotFound` for what there is not, and
        :class:`InvalidInput` for any other refusal.
        """
        return (await self._ask(method, path, content, query))[0]

    async def page(self, path: str, query: Query = ()) -> tuple[Any, str]:
        """The JSON that a GET is answered, and the address of the next page, empty where this was the last."""
        return await self._ask("GET", path, None, query)

    async def _ask(self, method: str, path: str, said: Mapping[str, Any] | None, query: Query) -> tuple[Any, str]:
        body = msgspec.json.encode(said) if said is not None else None
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.request(
                    method, self._address + path, params=query or None, data=body, allow_redirects=False
                ) as answer,
            ):  # fmt: skip
                attempt = self._attempt(method, path)
                return _read(answer.status, await _body(answer, attempt), attempt), str(
                    answer.links.get("next", _NO_LINK)["url"]
                )
        except TimeoutError as error:
            raise Unavailable(f"{self._attempt(method, path)}: no answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{self._attempt(method, path)}: {type(error).__name__}") from error

    def _attempt(self, method: str, path: str) -> str:
        return f"cannot {self._purpose}: {method} {path} at {urlsplit(self._address).netloc}"


async def _body(answer: aiohttp.ClientResponse, attempt: str) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MOST:
            raise InvalidInput(f"{attempt} was answered by more than {MOST >> 20} MiB")
    return bytes(body)


def _read(status: int, body: bytes, attempt: str) -> Any:
    if status >= 500 or status in (408, 429):
        raise Unavailable(f"{attempt} was answered {status}")
    if status == 404:
        raise NotFound(f"{attempt} was answered 404: there is no such thing, or the token does not show it", "target")
    if status == 409:
        raise Conflict(f"{attempt} was answered 409{_refusal_text(body)}", "target")
    if status in (401, 403):
        raise InvalidInput(f"{attempt} was answered {status}: give it a token that may do this", "target")
    if not 200 <= status < 300:
        raise InvalidInput(f"{attempt} was answered {status}{_refusal_text(body)}", "target")
    try:
        return msgspec.json.decode(body) if body.strip() else None
    except msgspec.DecodeError as error:
        raise InvalidInput(
            f"{attempt} was answered {status} and no JSON; correct the address of its API", "target"
        ) from error


def _refusal_text(body: bytes) -> str:
    """What a refusal says of itself, where it is one short text."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    message = answer.get("message") if isinstance(answer, dict) else None
    return f": {' '.join(message.split())[:200]}" if isinstance(message, str) else ""
