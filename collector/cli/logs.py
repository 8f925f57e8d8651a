"""Which log a command is about, where the daemon serves several: by ``--log``, or by a number such as ``eu/12``."""

from __future__ import annotations

import click

from collector.errors import InvalidInput
from collector.settings import DEFAULT_LOG, EVERY_LOG

_CHOSEN = "timelined.log"
_LEFT_OPEN = "timelined.name"


def choose(name: str, by: str = "name") -> None:
    """Have the running command be about this log: ``by`` a name such as ``eu/12``, or by an ``option``.

    Raises :class:`InvalidInput` where it is about another one, or where a name stands before this one without a log.
    """
    meta = click.get_current_context().meta
    open_name = meta.get(_LEFT_OPEN)
    if by == "name" and open_name is not None:
        raise InvalidInput(
            f"cannot tell which log {open_name!r} is of: what is named after it is of {name!r}; write "
            f"{name}/{open_name} or {DEFAULT_LOG}/{open_name}"
        )
    before = meta.setdefault(_CHOSEN, name)
    if before != name:
        raise InvalidInput(f"cannot ask two logs at once: {before!r} and {name!r} are named; name one of them")


def leave_open(value: str) -> None:
    """Something is named without a log, while none is chosen."""
    meta = click.get_current_context().meta
    if _CHOSEN not in meta:
        meta.setdefault(_LEFT_OPEN, value)


def chosen() -> str:
    """The log that the running command is about; empty: the default one."""
    context = click.get_current_context(silent=True)
    return str(context.meta.get(_CHOSEN, "")) if context is not None else ""


def called(number: int, log: str = "") -> str:
    """An incident's number as it is written and taken: of a log with a name with that, ``eu/12``.

    ``log`` is the one it is of, where that is not the one that the command is about.
    """
    name = log or chosen()
    return str(number) if name in ("", DEFAULT_LOG) else f"{name}/{number}"


def of_all() -> bool:
    """Whether it is about all of them."""
    return chosen() == EVERY_LOG


def _choose_one(context: click.Context, parameter: click.Parameter, name: str | None) -> None:
    if name == EVERY_LOG:
        raise click.BadParameter(
            "this asks one log; only `incidents`, `events` and `metrics` ask all of them", context, parameter
        )
    _choose(context, parameter, name)


def _choose(context: click.Context, parameter: click.Parameter, name: str | None) -> None:
    if name:
        choose(name, "option")


def only(of: str, **given: object) -> None:
    """Raises :class:`InvalidInput` where all logs are asked with an option that one log alone can answer."""
    option = next((name for name, value in given.items() if value), None) if of_all() else None
    if option is not None:
        raise InvalidInput(
            f"cannot list {of} of all logs with --{option.replace('_', '-')}: that is of one log; name it with --log"
        )


LOG = click.option(
    "--log", metavar="NAME", expose_value=False, callback=_choose_one,
    help="The log, of storage.logs, that is asked; by default that of storage.url.",
)  # fmt: skip
LOG_OR_ALL = click.option(
    "--log", metavar="NAME", expose_value=False, callback=_choose,
    help="The log, of storage.logs, that is asked; by default that of storage.url; all of them: all.",
)  # fmt: skip
