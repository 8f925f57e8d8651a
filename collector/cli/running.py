"""The options that a daemon is run with, for whatever starts one or says how one would run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from collector.cli.access import CONFIG_FILE, EXPAND, STORAGE_URL, LogAccess
from collector.settings import LEVELS

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--log.level", {"type": click.Choice(LEVELS), "help": "How much the daemon logs."}),
    ("--web.enable-lifecycle", {"is_flag": True, "help": "Let POST /-/reload reload the configuration."}),
    ("--web.config.file", {
        "metavar": "FILE",
        "help": "A file with TLS, client certificates, users and headers, in the format of Prometheus.",
    }),
    ("--web.route-prefix", {
        "metavar": "PATH", "help": "The path that every request begins with; by default that of --web.external-url.",
    }),
    ("--web.external-url", {
        "metavar": "URL",
        "help": "The address at which readers of drafts reach this daemon. Citations become links to it.",
    }),
    ("--web.listen-address", {
        "metavar": "HOST:PORT", "multiple": True,
        "help": "The address to listen on; by default 127.0.0.1:9720. May be given several times.",
    }),
)  # fmt: skip
_CALLED = {"--web.config.file": "web__config_file"}


def _name(flag: str) -> str:
    """A flag as an override of the settings is called."""
    return _CALLED.get(flag, flag.removeprefix("--").replace(".", "__").replace("-", "_"))


def options_of_serve(*, variables: bool) -> Callable[[Command], Command]:
    """Give a command the options of ``serve``, as its first arguments ``where`` and ``said`` (the flags given).

    With ``variables`` help names the variable of each, and one that is set counts as its flag.
    """

    def give(command: Command) -> Command:
        @functools.wraps(command)
        def run(*args: Any, **arguments: Any) -> Any:
            overrides = {_name(flag): arguments.pop(_name(flag)) for flag, _ in _OPTIONS}
            overrides["web__listen_address"] = " ".join(overrides["web__listen_address"]) or None
            overrides["web__enable_lifecycle"] = "true" if overrides["web__enable_lifecycle"] else None
            options = {name: arguments.pop(name) for name in ("config_file", "storage_url", "expand")}
            return command(LogAccess(**options), overrides, *args, **arguments)

        wrapped: Any = STORAGE_URL(run)
        for flag, attributes in _OPTIONS:
            name = "TIMELINED_" + flag.removeprefix("--").replace(".", "_").replace("-", "_").upper()
            reads: dict[str, Any] = {"envvar": name} if variables and "is_flag" not in attributes else {}
            wrapped = click.option(flag, _name(flag), **reads, **attributes)(wrapped)
        return CONFIG_FILE(EXPAND(wrapped))  # type: ignore[no-any-return]

    return give
