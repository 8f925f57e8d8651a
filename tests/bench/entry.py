"""The options of a benchmark, each with its value in the short form, and how a benchmark is started from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.bench import load, results


class Option(NamedTuple):
    """One option: its name on the command line, with underscores for dashes, and what it is unless it is given."""

    name: str
    default: Any
    short: Any = None
    """What it is in the short form, whatever is given; None where that has none of its own."""
    help: str | None = None
    choices: Sequence[str] | None = None


TOOL = Option("tool", "auto", "python", choices=("auto", "wrk", "python"))
"""What sends the load."""


def main(
    name: str,
    about: str | None,
    options: Sequence[Option],
    measure: Callable[[argparse.Namespace, results.Report], None],
) -> int:
    """Run the benchmark that a command line asks for; the exit status says whether its goals were reached.

    ``about`` is the docstring of its module.
    """
    return results.run(name, parsed(about, options), measure)


def parsed(about: str | None, options: Sequence[Option], arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options as a command line gives them, by default that of this process."""
    reader = results.parser(about)
    for option in options:
        _add(reader, option)
    values = reader.parse_args(arguments)
    for option in options if values.short else ():
        if option.short is not None:
            setattr(values, option.name, option.short)
    if TOOL in options:
        values.tool = load.tool_of(values.tool)
    return values


def _add(reader: argparse.ArgumentParser, option: Option) -> None:
    flag, default = f"--{option.name.replace('_', '-')}", option.default
    if isinstance(default, bool):
        reader.add_argument(flag, action="store_true", help=option.help)
    elif isinstance(default, tuple):
        kind = type(default[0])
        reader.add_argument(flag, nargs="+", type=kind, default=default, choices=option.choices, help=option.help)
    else:
        kind = str if default is None else type(default)
        reader.add_argument(flag, type=kind, default=default, choices=option.choices, help=option.help)
