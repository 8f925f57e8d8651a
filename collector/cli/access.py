"""Where a command asks, and the options that say so.

Every command that reads or writes takes the same few options; a command's own
function gets one :class:`LogAccess` and asks through it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from collector.cli import logs, output
from collector.cli.commands import timelined
from collector.cli.logs import LOG, LOG_OR_ALL
from collector.errors import InvalidInput, InvalidSettings, Unavailable
from collector.settings import DEFAULT_LOG, EVERY_LOG, Settings, load_settings, of_log, path_of
from collector.storage.urls import database_path
from collector.tokens import ROLES

if TYPE_CHECKING:
    from collector.cli import client

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])


class LogAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What the options of a command say about where to ask."""

    config_file: Path | None = None
    storage_url: str | None = None
    server: str | None = None
    token_file: Path | None = None
    expand: bool = False
    """Whether variables in the file's values are put in; TIMELINED_CONFIG_EXPAND_ENV says so, too."""
    tls: ssl.SSLContext | None = None
    """Whom to trust where ``server`` speaks TLS; None: whom this machine trusts."""
    log: str = ""
    """The log that is asked; empty: the one that the command names, else the default one."""

    def settings(
        self, *, secrets: tuple[str, ...] = (), unread: list[str] | None = None, files: list[str] | None = None,
        **overrides: str | None,
    ) -> Settings:  # fmt: skip
        """The configuration, the options above the file, and of its secrets those that are asked for; that of one log
        where one is named.

        The files of secrets that were read are added to ``files``. Raises :class:`collector.errors.InvalidSettings`.
        """
        said = self.overrides(**overrides)
        settings = load_settings(
            self.config_file, os.environ, said, secrets=secrets, unread=unread, expand=self.expands, files=files
        )
        return of_log(settings, self.chosen_log) if self.chosen_log not in ("", EVERY_LOG) else settings

    @property
    def chosen_log(self) -> str:
        """The log that is named; empty where none is."""
        return self.log or logs.chosen()

    def of(self, log: str) -> LogAccess:
        """The same, asked of this log."""
        return msgspec.structs.replace(self, log=log)

    def of_every(self) -> LogAccess:
        """The same, asked of all logs where no one is named and there are several; a daemon knows its own."""
        if self.chosen_log or not (self.server or self.settings().storage.logs):
            return self
        return self.of(EVERY_LOG)

    @property
    def looked_in(self) -> str:
        """The end of a sentence that says in which log something was not found; empty where there is one log."""
        name = self.chosen_log or (DEFAULT_LOG if self.settings().storage.logs else "")
        return f"; the log asked is {name}" if name else ""

    def of_source(self, name: str) -> LogAccess:
        """The same, asked of the log that a source delivers to, where no other is named."""
        said = self.settings().sources.get(name) if not self.chosen_log else None
        return self.of(said.log) if said is not None else self

    def overrides(self, **overrides: str | None) -> dict[str, str]:
        """What the options say of the settings, by the setting; those that were not given say nothing."""
        named = {"storage.url": self.storage_url} | {k.replace("__", "."): v for k, v in overrides.items()}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def expands(self) -> bool:
        """Whether variables are put into the values of the file."""
        return self.expand or os.environ.get("TIMELINED_CONFIG_EXPAND_ENV") == "true"

    def ask(self, question: Callable[[client.ApiClient], Awaitable[T]], *, writing: bool = False) -> T:
        """The answer to a question, from wherever these options lead."""

        async def ask_api() -> T:
            async with self._api(writing) as api:
                return await question(api)

        return asyncio.run(ask_api())

    def ask_daemon(self, question: Callable[[client.ApiClient], Awaitable[T]]) -> T:
        """The answer of a running daemon: the one that is named, else the one that writes to the log.

        Raises :class:`Unavailable` where there is none.
        """
        from collector import daemon

        if not self.server and not daemon.holder(self.settings()):
            raise Unavailable(
                "cannot follow the log: no daemon writes to it; start it with timelined serve, or name it with --server"
            )
        return self.ask(question, writing=True)

    def get(self, path: str, **parameters: object) -> client.ApiAnswer:
        """Read one thing."""
        return self.ask(lambda api: api.get(path, **parameters))

    def post(
        self, path: str, body: Mapping[str, object], key: str | None = None, patience: float | None = None
    ) -> client.ApiAnswer:
        """State one thing; ``patience`` is how long an answer may take, in seconds; None: as of any command."""
        return self.ask(lambda api: api.post(path, body, key, patience), writing=True)

    @asynccontextmanager
    async def _api(self, writing: bool) -> AsyncIterator[client.ApiClient]:
        # Here and not above: to say what a command does, nothing of the daemon is needed, and it takes long to import.
        from collector import daemon
        from collector.cli import client

        if timelined.loaded is not None:
            timelined.loaded()
        whole = self.chosen_log == EVERY_LOG
        if self.server:
            server = self.server.rstrip("/") + ("" if whole else path_of(self.chosen_log or DEFAULT_LOG))
            async with client.remote(server, self._token(), self.tls) as api:
                yield api
            return
        settings = self.settings()
        if whole and not writing:
            async with daemon.read_only_all(settings, say=output.say) as app, client.in_process(app) as api:
                yield api
            return
        name = "" if whole else self.chosen_log or (DEFAULT_LOG if settings.storage.logs else "")
        settings = settings if self.chosen_log and not whole else of_log(settings, DEFAULT_LOG)
        holder = daemon.holder(settings) if writing else None
        if holder:
            async with client.remote(holder, self._token(holder), self.trust(holder)) as api:
                yield api
            return
        if writing:
            _must_exist(settings)
        opened = (
            daemon.offline(settings, name=name) if writing else daemon.read_only(settings, say=output.say, name=name)
        )
        async with opened as app, client.in_process(app) as api:
            yield api

    def trust(self, holder: str) -> ssl.SSLContext | None:
        """What the daemon of this machine at ``holder`` proves itself with: the certificate that is configured."""
        if not holder.startswith("https:"):
            return None
        from collector.cli import client

        return client.trusting(self.settings(secrets=("web.",), unread=[]))

    def _token(self, holder: str = "") -> str:
        """The API's token: out of the file that was named, or the configured one for the daemon that writes here."""
        if self.token_file:
            return _token_in(self.token_file)
        if not holder:
            return ""
        try:
            api = self.settings(secrets=("api.",)).api
        except InvalidSettings as error:
            raise InvalidInput(
                f"cannot write: the daemon at {holder} does, and its token cannot be read here ({error}); "
                "name a file with it: --token-file"
            ) from error
        # One without a name says who writes; of the others the one that may do most.
        best = sorted(api.all, key=lambda token: (bool(token.name), -ROLES.index(token.role)))
        return best[0].secret.decode() if best else ""


def _token_in(file: Path) -> str:
    """The one line of a file that holds a token. Raises :class:`InvalidInput`, and repeats nothing of it."""
    try:
        token = file.read_text("utf-8").strip()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error
    except ValueError:
        token = ""
    if not token.isprintable() or not token:
        raise InvalidInput(
            f"cannot use {file} as a token: it has to hold one line of text, the token; name another file"
        )
    return token


def _must_exist(settings: Settings) -> None:
    """Raises :class:`Unavailable` where a command would make a database: a mistyped address shall not become one."""
    path = database_path(settings.storage.url)
    if path is not None and not path.exists():
        raise Unavailable(f"cannot write to the log {path}: there is no such file; timelined serve makes it")


CONFIG_FILE = click.option(
    "--config.file", "config_file", type=click.Path(path_type=Path), envvar="TIMELINED_CONFIG_FILE",
    help="The configuration, a YAML file.",
)  # fmt: skip
EXPAND = click.option(
    "--config.expand-env", "expand", is_flag=True,
    help="Put variables into the file's values: ${NAME}, or ${NAME:-OTHERWISE}.",
)  # fmt: skip
STORAGE_URL = click.option(
    "--storage.url", "storage_url", metavar="URL", envvar="TIMELINED_STORAGE_URL",
    help="The database: sqlite:///data/timelined.db, or postgresql://HOST/DATABASE.",
)  # fmt: skip
SERVER = click.option(
    "--server", metavar="URL", envvar="TIMELINED_SERVER", help="Ask this daemon and not the database."
)
TOKEN_FILE = click.option(
    "--token-file", type=click.Path(path_type=Path), envvar="TIMELINED_TOKEN_FILE",
    help="A file with the API token of that daemon.",
)  # fmt: skip
OUTPUT = click.option(
    "-o", "--output", "form", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="How the result is written.",
)  # fmt: skip


def asking(command: Command) -> Command:
    """Give a command the options that say where to ask, as its first argument ``where``."""
    return _asking(command, LOG)


def asking_all(command: Command) -> Command:
    """The same, where all logs can be asked at once."""
    return _asking(command, LOG_OR_ALL)


def _asking(command: Command, log: Callable[[Any], Any]) -> Command:
    @functools.wraps(command)
    def with_where(*args: Any, **named: Any) -> Any:
        told = {name: named.pop(name) for name in ("config_file", "storage_url", "server", "token_file")}
        return command(LogAccess(**told), *args, **named)

    wrapped: Any = with_where
    for option in (TOKEN_FILE, SERVER, log, STORAGE_URL, CONFIG_FILE):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]
