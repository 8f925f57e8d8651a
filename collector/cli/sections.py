"""What the help of a command consists of: its options by what they are for, and examples.

The manual pages have the same sections, and the page of the documentation is made of the help.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MethodType

import click

from collector.cli.examples import EXAMPLES

OTHERS = "Options"
"""Where an option stands that no section has."""
_WHERE = {
    "Where to ask": ("--config.file", "--config.expand-env", "--storage.url", "--log", "--server", "--token-file")
}
_OF_A_DAEMON = {"Configuration": ("--config.",), "Web": ("--web.",), "Database": ("--storage.",)}
_OF_A_DRAFT = {
    "What it shows": (
        "--as-of", "--zone", "--detail", "--profile", "--citations", "--people", "--seconds", "--template",
        "--width",
    ),
    **_WHERE,
}  # fmt: skip


def examples_of(path: str) -> tuple[str, ...]:
    """What somebody would type of a command and of those within it; ``path`` is its name below ``timelined``."""
    return tuple(
        each for name, said in EXAMPLES.items() if name == path or name.startswith(f"{path} ") for each in said
    )


def options_of(command: click.Command, context: click.Context) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Its options as help shows them, each section with what stands in it; those without one come first."""
    sections = _sections(command)
    records: dict[str, list[tuple[str, str]]] = {OTHERS: [], **{title: [] for title in sections}}
    for each in command.get_params(context):
        if isinstance(each, click.Option) and (record := each.get_help_record(context)):
            records[_section(each.opts, sections)].append(record)
    return {title: options for title, options in records.items() if options}


def _sections(command: click.Command) -> Mapping[str, Iterable[str]]:
    if any(name.startswith("--web.") for each in command.params for name in each.opts):
        return _OF_A_DAEMON
    return _OF_A_DRAFT if command.name == "draft" else _WHERE


def _section(names: Iterable[str], sections: Mapping[str, Iterable[str]]) -> str:
    """The section that has an option: by its name, or by how that begins where the section's ends in a point."""
    for title, listed in sections.items():
        if any(name == one or (one.endswith(".") and name.startswith(one)) for name in names for one in listed):
            return title
    return OTHERS


def put_into(command: click.Command, path: str) -> None:
    """Have the help of a command, and of those within it, say all that is known of it."""
    examples = examples_of(path)
    command.epilog = "\n".join(["\b", "Examples:", *(f"    {each}" for each in examples)]) if examples else None
    # A list of commands would cut it.
    command.short_help = first_sentence(command)
    for name, one in _within(command):
        put_into(one, f"{path} {name}")
    if not isinstance(command, click.Group):
        # Commands are made in many modules, by click's own decorator; what they are is the same for all.
        command.format_options = MethodType(_format_options, command)  # type: ignore[method-assign]


def first_sentence(command: click.Command) -> str:
    """What a command does, as its help begins."""
    return " ".join((command.help or "").split("\n\n")[0].split())


def _within(command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        yield from command.commands.items()


def _format_options(command: click.Command, context: click.Context, formatter: click.HelpFormatter) -> None:
    for title, options in options_of(command, context).items():
        with formatter.section(title):
            formatter.write_dl(options)
