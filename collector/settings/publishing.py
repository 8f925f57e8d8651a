"""How the keys under ``publishing`` are read: the targets where postmortems are published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from collector.publishing.targets import COMMENT, CONFLUENCE, FORGES, GIT, KINDS, Target
from collector.settings.schema import PublishingSettings
from collector.settings.secrets import Files
from collector.settings.values import loopback, timeout
from collector.settings.yaml_reader import Node, Reader, mapping_of, one_of, parsed, section, text
from renderers.choices import PEOPLE

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}(?<![./])")
_FOLDER = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*/?)*")
_PROJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
_SPACE = re.compile(r"[A-Za-z0-9~][A-Za-z0-9_~.-]{0,254}")
_DIGITS = re.compile(r"[0-9]{1,20}")
_AUTHOR = re.compile(r"[^<>\n]+ <[^<>\s]+>")
_NEEDS: Mapping[str, tuple[str, ...]] = {
    GIT: ("repository",),
    COMMENT: ("forge", "api_url", "project"),
    CONFLUENCE: ("api_url", "space"),
}
_PUBLIC = {
    "github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4", "gitea": "https://gitea.com/api/v1",
}  # fmt: skip


def publishing(files: Files) -> Reader[PublishingSettings]:
    """The section."""
    target = section(
        _target,
        {
            "kind": one_of(*KINDS),
            "repository": parsed(_repository),
            "branch": _matching(_BRANCH, "no name of a branch; write it like main"),
            "folder": _matching(_FOLDER, "no folder within a repository; write it like docs/postmortems"),
            "author": _matching(_AUTHOR, "no author; write it like timelined <timelined@example.com>"),
            "forge": one_of(*FORGES),
            "api_url": parsed(_api_url),
            "project": _matching(_PROJECT, "no project; write it like acme/postmortems"),
            "edition": one_of("cloud", "datacenter"),
            "space": _matching(_SPACE, "no key of a space; write it like OPS"),
            "parent": _matching(_DIGITS, "no id of a page; write it like 123456"),
            "people": one_of(*PEOPLE),
            "token_file": files.at_use,
            "token_variable": text,
            "username": text,
            "timeout": parsed(timeout),
        },
    )
    return section(lambda node, values: PublishingSettings(**values), {"targets": mapping_of(target, _target_name)})


def _target(node: Node, values: dict[str, Any]) -> Target:
    kind = values.get("kind") or node.fail(f"has no kind; use one of {', '.join(KINDS)}")
    if "forge" in values:
        values.setdefault("api_url", _PUBLIC[values["forge"]])
    needs = _NEEDS[kind] if "forge" not in values else (*_NEEDS[kind], "project")
    for name in needs:
        if name not in values:
            node.fail(f"has no {name}, which {kind} needs; set it")
    if "token_file" in values and "token_variable" in values:
        node.report("has token_file and token_variable; keep one of them")
    if "forge" in values and not ("token_file" in values or "token_variable" in values):
        node.report("has a forge and no token to ask it with; set token_file")
    return Target(**values)


def _target_name(node: Node, name: str) -> None:
    if not _NAME.fullmatch(name):
        node.report(f"is named {name!r}; use lower-case letters, digits, dashes and underscores")


def _matching(pattern: re.Pattern[str], expectation: str) -> Reader[str]:
    def read(value: str) -> str:
        if not pattern.fullmatch(value) or ".." in value:
            raise ValueError(f"is {value!r}, which is {expectation}")
        return value

    return parsed(read)


def _repository(value: str) -> str:
    """An address that git takes, without a password in it; or an absolute path."""
    parts = urlsplit(value)
    known = value.startswith("/") or parts.scheme in ("https", "ssh", "file") or _plain(parts.scheme, parts.hostname)
    if not known or parts.password or (parts.username and parts.scheme != "ssh"):
        raise ValueError(
            "is no address of a repository; write it like https://git.example.com/acme/postmortems.git, "
            "ssh://git@git.example.com/acme/postmortems.git or /srv/git/postmortems.git, and the token into token_file"
        )
    return value


def _api_url(value: str) -> str:
    parts = urlsplit(value)
    known = parts.scheme == "https" or _plain(parts.scheme, parts.hostname)
    if not known or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"is {value!r}, which is no address of an API; write it like https://git.example.com/api/v4")
    return value.rstrip("/")


def _plain(scheme: str, host: str | None) -> bool:
    """Whether it goes in the clear, and only within this machine."""
    return scheme == "http" and host is not None and loopback(host)
