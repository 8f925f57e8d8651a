"""What every page is held to, and pages that are looked at."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

import html5lib

from collector.drafting import rendering, versions
from renderers.formats import STYLES
from tests.face import NOW, Answer, Face, running

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</table></main><h1>", "{{ 7*7 }}", "&lt;b&gt;",
    "' onmouseover='x", "\u202egnp.exe\u202c", "javascript:alert(1)", "<!--", "]]>", "\x1b[31m", "a\x00b\x7f\x85",
    "\ufdd0\ufffe\U0001fffe", "x" * 400,
)  # fmt: skip
"""Texts that would become structure, run, or break a page if anybody let them."""


def parsed(answer: Answer, status: int = 200) -> Element:
    """A page that a strict parser takes without one complaint."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8"), answer.body[:400]
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree: Element = parser.parse(answer.body.decode())
    return tree


def text(element: Element | None) -> str:
    """What a reader sees of an element."""
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def structure(tree: Element) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The elements of a page and the names of their attributes: what no sender's text may change."""
    for element in tree.iter():
        yield str(element.tag), tuple(sorted(map(str, element.attrib)))


async def seen(face: Face, path: str, status: int = 200, **headers: str) -> Element:
    """A page as a browser is shown it."""
    return parsed(await face.get(path, headers=HTML | headers), status)


async def sign_in(face: Face, token: str, onward: str = "/incidents", **headers: str) -> Answer:
    """What the form that takes the token is answered."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    told = urlencode({"token": token, "next": onward})
    return await face.ask("POST", "/login", data=told, headers=HTML | form | headers)


SECOND = 1_000_000


@asynccontextmanager
async def showing(folder: Path, **settings: Any) -> AsyncIterator[Face]:
    """A server whose pages are made by the real renderers."""
    faces: list[Face] = []

    async def inlaid(number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await rendering.postmortem(faces[0].lists, number, format="page", as_of=as_of, options=asked)

    async def render(number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await rendering.postmortem(faces[0].lists, number, format=form, as_of=as_of, options=asked)

    async def remarks(number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await render(number, "remarks", as_of, asked)

    async def stands(number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await render(number, versions.STANDING, as_of, asked)

    real: dict[str, Any] = {
        "inlaid": inlaid,
        "standing": stands,
        "remarks": remarks,
        "changes": partial(versions.changes, render),
        "styles": STYLES,
    }
    async with running(folder, **real, **settings) as face:
        faces.append(face)
        yield face


async def rings(face: Face, count: int, name: str = "ring", service: str = "checkout") -> None:
    """So many loud rings of one service, a second apart: one incident."""
    notification = [
        {"name": f"{name} {number}", "at": NOW + number * SECOND, "loud": True, "service": service}
        for number in range(count)
    ]
    assert (await face.deliver(json.dumps(notification).encode())).status == 202
    await face.followed()


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
