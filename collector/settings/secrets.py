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

from collector.settings.yaml_reader import Node, Reader, list_of, section, text
from collector.webhook import Credentials

_CREDENTIALS = "${CREDENTIALS_DIRECTORY}"
_IN_A_PATH = re.compile(rb"[A-Za-z0-9._~-]+")


EVERY = ("",)
"""Every secret is read."""


class Unread(bytes):
    """Stands for a secret that is configured and was not read. Its bytes are random: nobody can guess them."""


class Files:
    """Where the paths of ``*_file`` settings count from, and which of them are read.

    ``prefixes`` are beginnings of settings' names. With a list ``unread`` a file that cannot be had here is no mistake:
    it is added to the list, with the reason. Each file that is read is added to ``read``.
    """

    def __init__(
        self,
        base: Path,
        environ: Mapping[str, str],
        prefixes: tuple[str, ...] = EVERY,
        unread: list[str] | None = None,
        read: list[str] | None = None,
    ) -> None:
        self._base = base
        self._environ = environ
        self._prefixes = prefixes
        self._unread = unread
        self._read = read

    def secret(self, node: Node) -> bytes:
        """The secret in the file that a setting names. A relative path counts from the configuration file."""
        if not node.path.startswith(self._prefixes):
            return Unread(os.urandom(32))
        if self._unread is not None and text(node).startswith(_CREDENTIALS) and not self._directory:
            self._unread.append(f"{node.path}: CREDENTIALS_DIRECTORY is not set here, systemd sets it for the daemon")
            return Unread(os.urandom(32))
        path = self._path(node)
        if self._read is not None:
            self._read.append(str(path))
        try:
            content = path.read_bytes()
        except ValueError:
            node.fail(f"names {str(path)!r}, which no file can be called")
        except OSError as error:
            if self._unread is not None and isinstance(error, PermissionError):
                self._unread.append(f"{node.path}: {path} may not be read by this user")
                return Unread(os.urandom(32))
            node.fail(f"names {path}, which cannot be read: {_what_to_do(error)}")
        secret = content.rstrip(b"\r\n")
        return secret or node.fail(f"names {path}, which is empty; write the secret into it")

    def located(self, node: Node) -> str:
        """The path of a file that a setting names, counted from the configuration file; empty where it is empty."""
        return str(self._path(node)) if node.text() else ""

    def at_use(self, node: Node) -> str:
        """The same for a file that is read when it is needed: systemd's directory may not be there for this command."""
        written = text(node)
        return written if written.startswith(_CREDENTIALS) and not self._directory else str(self._path(node))

    @property
    def _directory(self) -> str:
        return self._environ.get("CREDENTIALS_DIRECTORY", "")

    def _path(self, node: Node) -> Path:
        """systemd's directory of credentials may be written as its variable, since its place is systemd's choice."""
        value = text(node)
        if value.startswith(_CREDENTIALS):
            directory = self._directory
            if not directory:
                node.fail(f"begins with {_CREDENTIALS}, which is not set; add LoadCredential= to the unit")
            value = directory + value.removeprefix(_CREDENTIALS)
        return self._base / Path(value).expanduser()


def _what_to_do(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; create it, or correct the path"
    if isinstance(error, PermissionError):
        return "permission is denied; let the daemon's user read it, or hand it over with systemd's LoadCredential="
    if isinstance(error, IsADirectoryError):
        return "it is a directory; name a file in it"
    return f"{error.strerror or error}; name a readable file"


def inline(node: Node) -> bytes:
    """A secret that stands in the configuration itself."""
    return text(node).encode()


def secrets_of(node: Node, values: Mapping[str, Any], name: str) -> tuple[bytes, ...]:
    """What ``name`` and ``name_file`` together give; both at once are a mistake, since one would be forgotten."""
    if name in values and f"{name}_file" in values:
        node.inside(name, node.node, node.line_of(name)).report(f"stands beside {name}_file; keep one of them")
    return tuple(values.get(name, ())) + tuple(values.get(f"{name}_file", ()))


def readers(files: Files, *names: str) -> dict[str, Reader[Any]]:
    """For each name: it and its ``_file`` twin, one value or a list of them."""
    by_name: dict[str, Reader[Any]] = {}
    for name in names:
        by_name |= {name: list_of(inline), f"{name}_file": list_of(files.secret)}
    return by_name


def basic(files: Files) -> Reader[tuple[tuple[bytes, bytes], ...]]:
    """One user and password, or a list of them."""

    def build(node: Node, values: dict[str, Any]) -> list[tuple[bytes, bytes]]:
        passwords = secrets_of(node, values, "password")
        if "username" not in values:
            node.fail("has no username; set it beside the password")
        if not passwords:
            node.fail("has no password; set password_file")
        if ":" in values["username"]:
            node.fail("has a username with a colon, which HTTP cannot carry; choose another")
        return [(values["username"].encode(), password) for password in passwords]

    one = section(build, {"username": text, **readers(files, "password")})
    several = list_of(one)
    return lambda node: tuple(pair for pairs in several(node) for pair in pairs)


def credentials(node: Node, values: Mapping[str, Any]) -> Credentials:
    """What a source's senders prove themselves with, out of its settings."""
    proof = Credentials(
        signing=secrets_of(node, values, "secret"),
        header=secrets_of(node, values, "header_token"),
        bearer=secrets_of(node, values, "bearer_token"),
        basic=values.get("basic", ()),
        path=secrets_of(node, values, "path_token"),
        certificates=secrets_of(node, values, "certificate"),
        topics=values.get("topics", ()),
        address=values.get("address", ""),
        open=values.get("open", False),
    )
    if proof.open and not proof.absent:
        node.report("is open to anybody and has credentials as well; remove open, or the credentials")
    if any(not isinstance(token, Unread) and not _IN_A_PATH.fullmatch(token) for token in proof.path):
        node.report("has a path_token that cannot stand in an address; use letters, digits, dots, dashes, underscores")
    return proof
