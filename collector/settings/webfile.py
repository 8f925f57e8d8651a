"""The file that ``web.config_file`` names, in the format of Prometheus' exporter-toolkit.

It says how HTTP is spoken: TLS, clients' certificates, users with hashed
passwords, headers. A file that serves Prometheus or Alertmanager serves here;
what of the format cannot be done here is a mistake and never left out in
silence. Relative paths count from the file itself.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from collector.errors import InvalidSettings
from collector.settings.ciphers import CURVES, SUITES
from collector.settings.values import password_hash, word
from collector.settings.yaml_reader import (
    Mistakes,
    Node,
    Reader,
    UnreadableNode,
    list_of,
    mapping_of,
    one_of,
    parse,
    parsed,
    section,
    text,
    truth,
)

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_UNSAFE = ("TLS10", "TLS11")
ASKED: Mapping[str, ssl.VerifyMode] = {
    "NoClientCert": ssl.CERT_NONE,
    # Whoever shows any certificate or none is let in: nothing is asked of it.
    "RequestClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""``client_auth_type`` → what is asked of a client."""
HEADERS = (
    "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "X-XSS-Protection",
    "Strict-Transport-Security",
)  # fmt: skip
"""The headers that may be set."""


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """How TLS is spoken. What stands in files is named here, and read when a context is made of it."""

    certificate: str
    """The chain of certificates in PEM, ours first: a path, or the text itself."""
    key: str
    """Our private key, likewise."""
    client_authority: str = ""
    """The certificates that clients' own are verified with, likewise; empty where none are."""
    client: str = "NoClientCert"
    """What is asked of a client: a key of :data:`ASKED`."""
    names: tuple[str, ...] = ()
    """The subject alternative names of which a client's certificate needs one; none: any will do."""
    minimum: str = "TLS12"
    maximum: str = "TLS13"
    suites: tuple[str, ...] = ()
    """OpenSSL's names of the cipher suites for TLS 1.2; none: OpenSSL's choice."""
    curve: str = ""
    """OpenSSL's name of the one curve; empty: OpenSSL's choice."""
    ours_first: bool = True
    """Whether our order of suites counts, and not the client's."""

    def __repr__(self) -> str:
        return f"Tls(client={self.client!r})"


class WebFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file, read."""

    tls: Tls | None = None
    """None: HTTP is spoken in the clear."""
    users: Mapping[str, bytes] = {}
    """Name → bcrypt hash of the password."""
    headers: Mapping[str, str] = {}
    """What every answer carries, where we do not say otherwise ourselves."""
    files: tuple[str, ...] = ()
    """What this was read from."""

    def __repr__(self) -> str:
        return f"WebFile(tls={self.tls!r}, users=<{len(self.users)}>, headers={sorted(self.headers)})"


def read_web_file(path: str, unread: list[str] | None = None) -> WebFile:
    """The file at this path. Raises :class:`collector.errors.InvalidSettings` with every mistake in it.

    With ``unread`` a file that this user may not read is no mistake, and is added to it.
    """
    mistakes, reading = Mistakes(path), _WebFileReading(Path(path).parent, unread)
    try:
        root = parse(Path(path).read_text("utf-8"), mistakes)
    except UnicodeDecodeError as error:
        mistakes.add(0, "", f"byte {error.start} is not UTF-8; save the file as UTF-8")
        root = None
    except OSError as error:
        root = None
        if unread is not None and isinstance(error, PermissionError):
            unread.append(f"web.config_file: {path} may not be read by this user")
        else:
            mistakes.add(0, "", f"{error.strerror}; let the daemon's user read the file, or correct web.config_file")
    file = WebFile()
    if root is not None:
        with suppress(UnreadableNode):
            file = _document(reading)(root)
    if sentences := mistakes.sentences():
        raise InvalidSettings(sentences)
    named = (file.tls.certificate, file.tls.key, file.tls.client_authority) if file.tls else ()
    return msgspec.structs.replace(file, files=(path, *(each for each in named if each and not is_pem(each))))


def is_pem(text: str) -> bool:
    """Whether this is the content itself and not a path."""
    return "-----BEGIN" in text


def _document(reading: _WebFileReading) -> Reader[WebFile]:
    def build(node: Node, values: dict[str, Any]) -> WebFile:
        return WebFile(
            tls=values.get("tls_server_config"),
            headers=values.get("http_server_config", {}),
            users=values.get("basic_auth_users", {}),
        )

    return section(
        build,
        {
            "tls_server_config": _tls(reading),
            "http_server_config": _HTTP,
            "basic_auth_users": mapping_of(parsed(password_hash), _user_name),
            "rate_limit": _no_rate_limit,
        },
    )


def _user_name(node: Node, name: str) -> None:
    if ":" in name or not name.isprintable():
        node.fail("has a colon or a character that cannot be shown, which HTTP cannot carry; choose another name")


def _no_rate_limit(node: Node) -> NoReturn:
    node.fail("is not offered: a delivery that can be stored is not refused; remove it (web.queue_events bounds us)")


class _WebFileReading:
    """Where the paths count from, and what of them this user may not read."""

    def __init__(self, base: Path, unread: list[str] | None) -> None:
        self._base, self._unread = base, unread
        self.whole = True
        """Whether all that was named could be read."""

    def path(self, node: Node) -> str:
        """The file that a key names."""
        path = self._base / Path(text(node)).expanduser()
        try:
            path.read_bytes()
        except OSError as error:
            if self._unread is None or not isinstance(error, PermissionError):
                node.fail(f"names {path}, which cannot be read: {error.strerror}")
            self._unread.append(f"{node.path}: {path} may not be read by this user")
            self.whole = False
        return str(path)


def _pem(node: Node) -> str:
    written = text(node)
    return written if is_pem(written) else node.fail("is not PEM; name a file with the key that ends in _file")


def _version(node: Node) -> str:
    if node.text() in _UNSAFE:
        node.fail(f"is {node.text()}, which is not safe any more and not spoken here; write TLS12 or TLS13")
    return one_of(*VERSIONS)(node)


def _client_auth(node: Node) -> str:
    if node.text() == "RequireAnyClientCert":
        node.fail(
            "is RequireAnyClientCert, which would let in any certificate unverified; write RequireAndVerifyClientCert"
        )
    return one_of(*ASKED)(node)


def _suite(node: Node) -> str:
    # Those of TLS 1.3 are not chosen, by Go neither: they are all on.
    return "" if node.text().startswith(("TLS_AES_", "TLS_CHACHA20_")) else SUITES[one_of(*SUITES)(node)]


def _tls(reading: _WebFileReading) -> Reader[Tls]:
    def build(node: Node, values: dict[str, Any]) -> Tls:
        curves = values.get("curve_preferences", ())
        if len(curves) > 1:
            node.report(
                "has several curve_preferences, and one can be set here; keep one, or none for OpenSSL's choice"
            )
        tls = Tls(
            certificate=_one_of_both(node, values, "cert", needed=True),
            key=_one_of_both(node, values, "key", needed=True),
            client_authority=_one_of_both(node, values, "client_ca", needed=False),
            client=values.get("client_auth_type", "NoClientCert"),
            names=values.get("client_allowed_sans", ()),
            minimum=values.get("min_version", "TLS12"),
            maximum=values.get("max_version", "TLS13"),
            suites=tuple(filter(None, values.get("cipher_suites", ()))),
            curve=curves[0] if curves else "",
            ours_first=values.get("prefer_server_cipher_suites", True),
        )
        _agree(node, tls)
        if node.sound and reading.whole:
            try:
                context_of(tls)
            except (OSError, ValueError) as error:
                node.report(f"cannot be used: {why_not(error)}")
        return tls

    def both(name: str) -> dict[str, Reader[Any]]:
        return {f"{name}_file": reading.path, name: _pem}

    return section(
        build,
        {
            **both("cert"), **both("key"), **both("client_ca"),
            "client_auth_type": _client_auth,
            "client_allowed_sans": list_of(text),
            "min_version": _version,
            "max_version": _version,
            "cipher_suites": list_of(_suite),
            "prefer_server_cipher_suites": truth,
            "curve_preferences": list_of(parsed(word(CURVES))),
        },
    )  # fmt: skip


def _one_of_both(node: Node, values: Mapping[str, Any], name: str, *, needed: bool) -> str:
    if name in values and f"{name}_file" in values:
        node.inside(name, node.node, node.line_of(name)).report(f"stands beside {name}_file; keep one of them")
    path = values.get(f"{name}_file") or values.get(name) or ""
    if needed and not path and node.line_of(name) == 0 == node.line_of(f"{name}_file"):
        node.report(f"has no {name}_file; name one, or remove the section to speak HTTP in the clear")
    return str(path)


def _agree(node: Node, tls: Tls) -> None:
    """Refuse what would let in other clients than are meant."""
    verifies = ASKED[tls.client] is not ssl.CERT_NONE
    if tls.client_authority and not verifies:
        node.report("has a client_ca_file and asks no client for a certificate; set client_auth_type")
    if verifies and not tls.client_authority:
        node.report(f"has client_auth_type {tls.client} and no client_ca_file to verify certificates with; name one")
    if tls.names and tls.client != "RequireAndVerifyClientCert":
        node.report("has client_allowed_sans, which need client_auth_type RequireAndVerifyClientCert")
    if VERSIONS[tls.minimum] > VERSIONS[tls.maximum]:
        node.report(f"has min_version {tls.minimum} above max_version {tls.maximum}; no client could come")


def context_of(tls: Tls) -> ssl.SSLContext:
    """A context for new connections. Raises ``OSError`` or ``ValueError`` where the files do not make one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = VERSIONS[tls.minimum], VERSIONS[tls.maximum]
    _chain(context, tls)
    context.verify_mode = ASKED[tls.client]
    if tls.client_authority:
        content, inline = tls.client_authority, is_pem(tls.client_authority)
        context.load_verify_locations(cafile=None if inline else content, cadata=content if inline else None)
    if tls.suites:
        context.set_ciphers(":".join(tls.suites))
    if tls.curve:
        context.set_ecdh_curve(tls.curve)
    if not tls.ours_first:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def _chain(context: ssl.SSLContext, tls: Tls) -> None:
    """Load our certificate; OpenSSL reads it from a file alone, so that a text becomes one for a moment."""
    with tempfile.TemporaryDirectory(prefix="timelined-tls-") as folder:
        paths = []
        for name, content in (("certificate", tls.certificate), ("key", tls.key)):
            path = Path(content)
            if is_pem(content):
                path = Path(folder, name)
                path.touch(mode=0o600)
                path.write_text(content, "utf-8")
            paths.append(path)
        # A key that asks for its password would have OpenSSL ask at the terminal.
        context.load_cert_chain(paths[0], paths[1], password=_no_password)


def _no_password() -> str:
    raise ValueError("its private key is encrypted; keep one that is not, for the daemon's user alone")


def why_not(error: Exception) -> str:
    """In a few words, why no context can be made; OpenSSL's own name nothing to do."""
    if isinstance(error, ssl.SSLError):
        if error.reason == "KEY_VALUES_MISMATCH":
            return "the private key is not that of the certificate; name files that belong together"
        return f"OpenSSL refuses it ({error.reason or error}); see that each file is PEM and whole"
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return str(error)


def _two(node: Node) -> bool:
    """HTTP/2, which the format can turn off, is not spoken in any case: clients take HTTP/1.1."""
    return truth(node)


_HTTP = section(
    lambda node, values: values.get("headers", {}),
    {
        "http2": _two,
        "headers": section(lambda node, values: dict(values), dict.fromkeys(HEADERS, text)),
    },
)
