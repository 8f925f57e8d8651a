"""How the key ``fetch`` of a source is read: where records that were missed are fetched."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from collector.event import MINUTE
from collector.fetching.values import Fetch
from collector.settings.marks import Node, Reader, list_of, parsed, section, text
from collector.settings.secrets import Files
from collector.settings.values import duration, loopback, timeout
from collector.sources import SOURCES

_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9._-]+)+")


def fetch(files: Files) -> Reader[dict[str, Any]]:
    """The section's values; :func:`fetch_of` makes them what they are for a kind of sender."""
    return section(
        lambda place, values: values | {"place": place},
        {
            "url": parsed(_url),
            "token_file": files.at_use,
            "token_variable": text,
            "repositories": list_of(parsed(_repository)),
            "every": parsed(_every),
            "timeout": parsed(timeout),
        },
    )


def fetch_of(kind: str, said: dict[str, Any] | None) -> Fetch | None:
    """What is fetched for a source of this kind."""
    if said is None:
        return None
    place: Node = said["place"]
    values = {name: value for name, value in said.items() if name != "place"}
    interface = SOURCES[kind].interface
    if interface is None:
        others = ", ".join(name for name, source in SOURCES.items() if source.interface is not None)
        place.wrong(f"is set, but nothing is fetched from {kind}; it belongs to a source of kind {others}")
    values.setdefault("url", interface.url)
    if not values["url"]:
        place.wrong("has no url; write the address of its API, like url: http://127.0.0.1:9093")
    secret = "token_file" in values or "token_variable" in values
    if secret and urlsplit(values["url"]).scheme == "http" and not loopback(urlsplit(values["url"]).hostname or ""):
        place.note("sends a token in the clear to another machine; use https")
    if interface.token and not secret:
        place.note("has no token to ask with; set token_file")
    if interface.repositories and not values.get("repositories"):
        place.note("names no repositories; write them like repositories: [acme/checkout]")
    if values.get("repositories") and not interface.repositories:
        place.note(f"names repositories, but {kind} has none; remove them")
    nested = [name for name in values.get("repositories", ()) if name.count("/") > 1]
    if nested and not interface.groups:
        place.note(
            f"names the repository {nested[0]!r}, but {kind} has no groups in groups; write it like acme/checkout"
        )
    if "every" in values and interface.missed is None:
        place.note(f"has every, but {kind} keeps nothing that it could not deliver; remove it")
    return Fetch(**values)


def _url(written: str) -> str:
    parts = urlsplit(written)
    known = parts.scheme in ("http", "https") and parts.hostname
    if not known or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"is {written!r}, which is no address of an API; write it like https://api.github.com")
    return written.rstrip("/")


def _repository(written: str) -> str:
    if not _REPOSITORY.fullmatch(written) or ".." in written:
        raise ValueError(f"is {written!r}, which is no repository; write it like acme/checkout")
    return written


def _every(written: str) -> int:
    micros = duration(written)
    if micros < MINUTE:
        raise ValueError(f"is {written!r}; write 1m or more")
    return micros
