"""How a command reaches the log: always through the HTTP API, wherever that is.

With ``--server`` it is that daemon's. Without, a reading command brings the
API up for itself over the database file, read-only, on a private socket for
the length of the command; a writing one does so only if no daemon holds the
log, and otherwise goes to the daemon that does. So there is one way to ask
and one shape of answer, and whoever can use the command line can use the API.

The daemon's answers are the truth here: nothing is decided, retried or
cached.
"""

from __future__ import annotations

import json
import os
import ssl
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from collector.errors import InvalidInput, NotFound, TimelinedError, Unavailable
from collector.settings import Settings, is_pem
from collector.web import Runner, server_kwargs

PATIENCE = 30
"""How long an answer may take, in seconds."""
SILENCE = 45
"""How long a stream may say nothing, in seconds; the daemon says every 15 that it lives."""
LONG = 3600
"""The same where a database is written anew before the answer."""


_COMMANDS = {
    f"list /api/v1/{name}": f"list them with timelined {name}" for name in ("incidents", "events", "deliveries")
}
"""What an answer of the API advises, and the command that does the same."""


_ELSE = ", and not of timelined's API; is what answers there a timelined daemon?"
_EMPTY_SAYS = ("group",)
"""Fields that say something where they are empty: private to no group is public."""


class ApiRefusal(TimelinedError):
    """The server took the request and said no, in its own words; or it is not one of ours."""


class ApiAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, already known to be a success."""

    body: bytes
    created: bool = False
    """Whether the server recorded something new."""

    def json(self) -> Any:
        """The body read as JSON. Raises :class:`ApiRefusal` where it is none: somebody else answered."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ApiRefusal(f"cannot read the answer: it is no JSON{_ELSE}") from error

    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class ApiClient:
    """Asks one API over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, base: URL) -> None:
        self._session = session
        self._base = base

    async def get(self, path: str, **parameters: object) -> ApiAnswer:
        """Read something. Parameters that are None or empty are left out."""
        query = {name: str(value) for name, value in parameters.items() if value is not None and value != ""}
        return await self._ask("GET", path, params=query)

    async def post(
        self, path: str, body: Mapping[str, object], key: str | None = None, patience: float | None = None
    ) -> ApiAnswer:
        """State something. ``key`` makes saying it twice the same as saying it once; ``patience`` is in seconds."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE if patience is None else patience)
        said = {name: value for name, value in body.items() if value not in (None, "", []) or name in _EMPTY_SAYS}
        headers = {"Idempotency-Key": key} if key else {}
        return await self._ask("POST", path, json=said, headers=headers, timeout=timeout)

    async def send(
        self, path: str, body: bytes, headers: Mapping[str, str], patience: float = PATIENCE
    ) -> ApiAnswer:  # fmt: skip
        """Post bytes as they are: a delivery, or records of an import."""
        timeout = aiohttp.ClientTimeout(total=patience)
        return await self._ask("POST", path, data=body, headers=headers, timeout=timeout)

    async def stream(self, path: str, **parameters: object) -> AsyncGenerator[tuple[str, Any]]:
        """Server-sent events as they come, each with its position, or its place in each of several logs; ends where the
        server ends it.

        The first one is what the stream goes on after, with None.

        Raises :class:`Unavailable` where the server is not reached, or says nothing for :data:`SILENCE` seconds.
        """
        query = {name: str(value) for name, value in parameters.items() if value is not None and value != ""}
        address = URL(str(self._base).rstrip("/") + path, encoded=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=SILENCE)
        try:
            async with self._session.get(address, params=query, timeout=timeout, allow_redirects=False) as response:
                if response.status >= 300:
                    raise problem(response.status, await response.read())
                if response.content_type != "text/event-stream":
                    raise ApiRefusal(f"cannot follow the events: the answer is {response.content_type}{_ELSE}")
                rest = b""
                async for piece in response.content.iter_any():
                    *messages, rest = (rest + piece).split(b"\n\n")
                    for message in messages:
                        fields = dict(line.partition(b": ")[::2] for line in message.split(b"\n"))
                        if fields.get(b"", b"").startswith(b"position "):
                            yield fields[b""].split()[1].decode(), None
                        if b"data" in fields:
                            yield fields[b"id"].decode(), json.loads(fields[b"data"])
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"cannot reach {self._base.origin()}: {_why(error) or 'it says nothing'}") from error

    async def _ask(self, method: str, path: str, **options: Any) -> ApiAnswer:
        # The daemon may stand below a path of its own.
        address = URL(str(self._base).rstrip("/") + path, encoded=True)
        try:
            async with self._session.request(method, address, allow_redirects=False, **options) as response:
                body = await response.read()
                if response.status >= 300:
                    raise problem(response.status, body, of_api=path.startswith("/api"))
                if response.content_type == "text/html" and not path.endswith(".html"):
                    raise ApiRefusal(f"cannot read the answer: it is a page{_ELSE}")
                return ApiAnswer(body=body, created=response.status == 201)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            where = str(self._base.origin())
            raise Unavailable(
                f"cannot reach {where}: {_why(error) or 'no answer in time'}; is the daemon running?"
            ) from error


def _why(error: Exception) -> str:
    """What kept us from an answer, in the words of the system and not of a library; empty where nobody knows."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        refused = error.certificate_error
        return f"its certificate is not trusted: {getattr(refused, 'verify_message', '') or refused}"
    if isinstance(error, aiohttp.ClientResponseError):
        return "what answers there speaks no HTTP"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"what answers there speaks no TLS that we take ({getattr(error.os_error, 'reason', None) or error})"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.errno is not None:
        # What asyncio says of it names addresses in brackets; a name that is not found has a number of its own.
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    return str(cause)


def problem(status: int, body: bytes, *, of_api: bool = True) -> TimelinedError:
    """An answer that is not a success, as the error it tells of; a delivery is not proved by the API's token."""
    try:
        told = json.loads(body)
        message = str(told.get("detail") or told.get("title") or told.get("reason") or "")
    except (ValueError, AttributeError):
        message = ""
    for address, command in _COMMANDS.items():
        message = message.replace(address, command)
    message = message or f"the server answered {status} without a reason{_ELSE}"
    if status == 404:
        return NotFound(message)
    if status in (400, 409, 415, 422):
        return InvalidInput(message)
    if status == 401 and of_api:
        return ApiRefusal(f"{message.rstrip('.;')}; name the file that holds the API token with --token-file")
    return Unavailable(message) if status >= 500 else ApiRefusal(message)


@asynccontextmanager
async def remote(server: str, token: str = "", tls: ssl.SSLContext | None = None) -> AsyncIterator[ApiClient]:
    """The API of a running daemon; ``tls`` is whom to trust, by default whom this machine trusts."""
    base = _address(server)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    connector = aiohttp.TCPConnector(ssl=True if tls is None else tls)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        yield ApiClient(session, base)


def _address(server: str) -> URL:
    """Where a server is. Raises :class:`InvalidInput` for what is no address of one."""
    try:
        url = URL(server if "://" in server else f"http://{server}")
        # The port is looked at when it is asked for. Without a host the scheme itself would be one.
        if url.scheme in ("http", "https") and url.host and url.port and server.strip(":/") != url.scheme:
            return url
    except ValueError:
        pass
    raise InvalidInput(f"cannot use {server!r} as a server; write it like http://127.0.0.1:9720")


def trusting(settings: Settings) -> ssl.SSLContext | None:
    """Trust in the daemon's own certificate, under whatever name; None where it has none that can be read here.

    The daemon of this machine is asked by its address, which no certificate names.
    """
    file = settings.web.file
    if file is None or file.tls is None:
        return None
    context = ssl.create_default_context()
    text, inline = file.tls.certificate, is_pem(file.tls.certificate)
    try:
        context.load_verify_locations(cafile=None if inline else text, cadata=text if inline else None)
    except OSError:
        return None
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return context


@asynccontextmanager
async def in_process(app: web.Application) -> AsyncIterator[ApiClient]:
    """An API of our own, on a socket that only this user can open and that ends with the command."""
    runner = Runner(app, **server_kwargs())
    with tempfile.TemporaryDirectory(prefix="timelined-") as folder:
        path = str(Path(folder) / "api")
        await runner.setup()
        try:
            await web.UnixSite(runner, path).start()
            connector = aiohttp.UnixConnector(path)
            timeout = aiohttp.ClientTimeout(total=PATIENCE)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                yield ApiClient(session, URL("http://localhost"))
        finally:
            await runner.cleanup()
