"""How the key ``fetch`` of a source is read: where records that were missed are fetched."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from collector.event import MINUTE
from collector.fetching.values import Fetch
from collector.settings.secrets import Files
from collector.settings.values import duration, loopback, timeout
from collector.settings.yaml_reader import Node, Reader, list_of, parsed, section, text
from collector.sources import SOURCES

_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9._-]+)+")


def fetch(files: Files) -> Reader[dict[str, Any]]:
    """The section's values; :func:`fetch_of` makes them what they are for a kind of sender."""
    return section(
        lambda node, values: values | {"node": node},
        {
            "url": parsed(_url),
            "token_file": files.at_use,
            "token_variable": text,
            "repositories": list_of(parsed(_repository)),
            "every": parsed(_every),
            "timeout": parsed(timeout),
        },
    )


def fetch_of(kind: str, fields: dict[str, Any] | None) -> Fetch | None:
    """What is fetched for a source of this kind."""
    if fields is None:
        return None
    node: Node = fields["node"]
    values = {name: value for name, value in fields.items() if name != "node"}
    interface = SOURCES[kind].interface
    if interface is None:
        others = ", ".join(name for name, source in SOURCES.items() if source.interface is not None)
        node.fail(f"is set, but nothing is fetched from {kind}; it belongs to a source of kind {others}")
    values.setdefault("url", interface.url)
    if not values["url"]:
        node.fail("has no url; write the address of its API, like url: http://127.0.0.1:9093")
    secret = "token_file" in values or "token_variable" in values
    if secret and urlsplit(values["url"]).scheme == "http" and not loopback(urlsplit(values["url"]).hostname or ""):
        node.report("sends a token in the clear to another machine; use https")
    if interface.token and not secret:
        node.report("has no token to ask with; set token_file")
    if interface.repositories and not values.get("repositories"):
        node.report("names no repositories; write them like repositories: [acme/checkout]")
    if values.get("repositories") and not interface.repositories:
        node.report(f"names repositories, but {kind} has none; remove them")
    nested = [name for name in values.get("repositories", ()) if name.count("/") > 1]
    if nested and not interface.groups:
        node.report(
            f"names the repository {nested[0]!r}, but {kind} has no groups in groups; write it like acme/checkout"
        )
    if "every" in values and interface.missed is None:
        node.report(f"has every, but {kind} keeps nothing that it could not deliver; remove it")
    return Fetch(**values)


def _url(value: str) -> str:
    parts = urlsplit(value)
    known = parts.scheme in ("http", "https") and parts.hostname
    if not known or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"is {value!r}, which is no address of an API; write it like https://api.github.com")
    return value.rstrip("/")


def _repository(value: str) -> str:
    if not _REPOSITORY.fullmatch(value) or ".." in value:
        raise ValueError(f"is {value!r}, which is no repository; write it like acme/checkout")
    return value


def _every(value: str) -> int:
    micros = duration(value)
    if micros < MINUTE:
        raise ValueError(f"is {value!r}; write 1m or more")
    return micros
