"""Answers as the bytes they become, for a connection that is answered without aiohttp's help.

aiohttp builds an answer's headers anew each time, through four coroutines. A
receipt has always the same ones, so they are written as they stand.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from collector.web.access import secure


def receipt(body: bytes, status: int, *, last: bool) -> bytes:
    """A small JSON answer; ``last`` says that the connection ends with it."""
    return _head(status, len(body), rfc822_formatted_time(), last) + body


def written(response: web.Response, *, last: bool) -> bytes:
    """Any other answer that is complete."""
    body = response.body
    assert isinstance(body, bytes)  # noqa: S101 - ours are
    secure(response.headers)
    headers = dict(response.headers)
    headers |= {"Content-Length": str(len(body)), "Date": rfc822_formatted_time()} | _closing(last)
    return _lines(response.status, headers) + body


@lru_cache(maxsize=64)
def _head(status: int, length: int, date: str, last: bool) -> bytes:
    """Status line and headers; they change with the length of the body and once a second."""
    headers: dict[str, str] = {}
    secure(headers)
    headers |= {"Content-Type": "application/json", "Content-Length": str(length), "Date": date} | _closing(last)
    return _lines(status, headers)


def _closing(last: bool) -> dict[str, str]:
    return {"Connection": "close"} if last else {}


def _lines(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")
