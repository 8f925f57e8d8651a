"""Secrets: out of a file or inline, never both; several while one is being replaced.

A file is read at the start of who needs it, and by the daemon again whenever it
changes: the daemon needs all of them, and most commands none, so what systemd hands to the daemon alone does
not have to be there for them. Its trailing line break is an editor's and not
part of the secret. Nothing here prints or keeps a secret anywhere but in
the value it returns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collector.settings.marks import Node, Reader, list_of, section, text
from collector.webhook import Credentials

_CREDENTIALS = "${CREDENTIALS_DIRECTORY}"
_IN_A_PATH = re.compile(rb"[A-Za-z0-9._~-]+")


EVERY = ("",)
"""Every secret is read."""


class Unread(bytes):
    """Stands for a secret that is configured and was not read. Its bytes are random: nobody can guess them."""


class Files:
    """Where the paths of ``*_file`` settings count from, and which of them are read.

    ``wanted`` are beginnings of settings' names. With a list ``unread`` a file that cannot be had here is no mistake:
    it is added to the list, with the reason. Each file that is read is added to ``read``.
    """

    def __init__(
        self,
        base: Path,
        environ: Mapping[str, str],
        wanted: tuple[str, ...] = EVERY,
        unread: list[str] | None = None,
        read: list[str] | None = None,
    ) -> None:
        self._base = base
        self._environ = environ
        self._wanted = wanted
        self._unread = unread
        self._read = read

    def secret(self, place: Node) -> bytes:
        """The secret in the file that a setting names. A relative path counts from the configuration file."""
        if not place.path.startswith(self._wanted):
            return Unread(os.urandom(32))
        if self._unread is not None and text(place).startswith(_CREDENTIALS) and not self._directory:
            self._unread.append(f"{place.path}: CREDENTIALS_DIRECTORY is not set here, systemd sets it for the daemon")
            return Unread(os.urandom(32))
        path = self._path(place)
        if self._read is not None:
            self._read.append(str(path))
        try:
            content = path.read_bytes()
        except OSError as error:
            if self._unread is not None and isinstance(error, PermissionError):
                self._unread.append(f"{place.path}: {path} may not be read by this user")
                return Unread(os.urandom(32))
            place.wrong(f"names {path}, which cannot be read: {_what_to_do(error)}")
        secret = content.rstrip(b"\r\n")
        return secret or place.wrong(f"names {path}, which is empty; write the secret into it")

    def located(self, place: Node) -> str:
        """The path of a file that a setting names, counted from the configuration file; empty where it is empty."""
        return str(self._path(place)) if place.text() else ""

    def at_use(self, place: Node) -> str:
        """The same for a file that is read when it is needed: systemd's directory may not be there for this command."""
        written = text(place)
        return written if written.startswith(_CREDENTIALS) and not self._directory else str(self._path(place))

    @property
    def _directory(self) -> str:
        return self._environ.get("CREDENTIALS_DIRECTORY", "")

    def _path(self, place: Node) -> Path:
        """systemd's directory of credentials may be written as its variable, since its place is systemd's choice."""
        written = text(place)
        if written.startswith(_CREDENTIALS):
            directory = self._directory
            if not directory:
                place.wrong(f"begins with {_CREDENTIALS}, which is not set; add LoadCredential= to the unit")
            written = directory + written.removeprefix(_CREDENTIALS)
        return self._base / Path(written).expanduser()


def _what_to_do(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; create it, or correct the path"
    if isinstance(error, PermissionError):
        return "permission is denied; let the daemon's user read it, or hand it over with systemd's LoadCredential="
    if isinstance(error, IsADirectoryError):
        return "it is a directory; name a file in it"
    return f"{error.strerror or error}; name a readable file"


def inline(place: Node) -> bytes:
    """A secret that stands in the configuration itself."""
    return text(place).encode()


def secrets_of(place: Node, values: Mapping[str, Any], name: str) -> tuple[bytes, ...]:
    """What ``name`` and ``name_file`` together give; both at once are a mistake, since one would be forgotten."""
    if name in values and f"{name}_file" in values:
        place.inside(name, place.node, place.line_of(name)).note(f"stands beside {name}_file; keep one of them")
    return tuple(values.get(name, ())) + tuple(values.get(f"{name}_file", ()))


def readers(files: Files, *names: str) -> dict[str, Reader[Any]]:
    """For each name: it and its ``_file`` twin, one value or a list of them."""
    both: dict[str, Reader[Any]] = {}
    for name in names:
        both |= {name: list_of(inline), f"{name}_file": list_of(files.secret)}
    return both


def basic(files: Files) -> Reader[tuple[tuple[bytes, bytes], ...]]:
    """One user and password, or a list of them."""

    def build(place: Node, values: dict[str, Any]) -> list[tuple[bytes, bytes]]:
        passwords = secrets_of(place, values, "password")
        if "username" not in values:
            place.wrong("has no username; set it beside the password")
        if not passwords:
            place.wrong("has no password; set password_file")
        if ":" in values["username"]:
            place.wrong("has a username with a colon, which HTTP cannot carry; choose another")
        return [(values["username"].encode(), password) for password in passwords]

    one = section(build, {"username": text, **readers(files, "password")})
    several = list_of(one)
    return lambda place: tuple(pair for pairs in several(place) for pair in pairs)


def credentials(place: Node, values: Mapping[str, Any]) -> Credentials:
    """What a source's senders prove themselves with, out of its settings."""
    found = Credentials(
        signing=secrets_of(place, values, "secret"),
        header=secrets_of(place, values, "header_token"),
        bearer=secrets_of(place, values, "bearer_token"),
        basic=values.get("basic", ()),
        path=secrets_of(place, values, "path_token"),
        certificates=secrets_of(place, values, "certificate"),
        topics=values.get("topics", ()),
        address=values.get("address", ""),
        open=values.get("open", False),
    )
    if found.open and not found.absent:
        place.note("is open to anybody and has credentials as well; remove open, or the credentials")
    if any(not isinstance(token, Unread) and not _IN_A_PATH.fullmatch(token) for token in found.path):
        place.note("has a path_token that cannot stand in an address; use letters, digits, dots, dashes, underscores")
    return found
