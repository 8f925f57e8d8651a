"""Help in other forms: ``timelined help``, completion for shells, and manual pages; all made from the commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
from click.shell_completion import get_completion_class

import collector
from collector.cli import output
from collector.cli.commands import GROUPS, every_command, timelined
from collector.cli.sections import OTHERS, examples_of, first_sentence, options_of
from collector.errors import NotFound

_VARIABLE = "_TIMELINED_COMPLETE"


@click.command("help")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
def show_help(words: tuple[str, ...]) -> None:
    """Say what timelined, or one of its commands, does."""
    click.echo(_context(words).get_help())


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands and options."""
    click.echo(completer(shell))


def completer(shell: str) -> str:
    """What makes a shell complete commands and options, in the shell's own language.

    Raises :class:`NotFound` for a shell that nothing is known of.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise NotFound(f"cannot make completion for {shell}")
    return kind(timelined, {}, "timelined", _VARIABLE).source()


@click.command()
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
def man(words: tuple[str, ...]) -> None:
    """Print the manual page of timelined, or of one of its commands."""
    output.result(page(words))


def page(words: tuple[str, ...] = ()) -> str:
    """The manual page of a command, in the language of man(7)."""
    context = _context(words)
    command, name = context.command, context.command_path
    lines = [
        f'.TH "{name.replace(" ", "-").upper()}" 1 "" "timelined {collector.__version__}" "timelined"',
        # Lines are not stretched, and long lists of choices may be parted: there is nothing else in them to part.
        ".ad l", ".SH NAME", f"{_plain(name.replace(' ', '-'))} \\- {_plain(_undotted(first_sentence(command)))}",
        ".SH SYNOPSIS", f".B {_plain(name)}", _plain(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION", *_paragraphs(command.help or ""),
    ]  # fmt: skip
    lines += _sections(command, context, " ".join(words))
    return "\n".join([*lines, *_seen_also(words)]) + "\n"


def _sections(command: click.Command, context: click.Context, path: str) -> Iterator[str]:
    yield ".SH OPTIONS"
    for title, options in options_of(command, context).items():
        yield from () if title == OTHERS else (f'.SS "{title}"',)
        for option, says in options:
            yield from (".TP", f".B {_plain(option)}", _plain(says))
    if command is timelined:
        for title, names in GROUPS.items():
            yield f'.SH "{title.upper()}"'
            found = every_command()
            for name in names:
                yield from (".TP", f".B {_plain(name)}", _plain(first_sentence(found[name])))
        yield '.SH "EXIT STATUS"'
        for code, meaning in output.EXIT_CODES.items():
            yield from (".TP", f".B {code}", _plain(meaning))
    elif isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for name, below in command.commands.items():
            yield from (".TP", f".B {_plain(name)}", _plain(first_sentence(below)))
    examples = examples_of(path) if path else ()
    yield from (".SH EXAMPLES",) if examples else ()
    for example in examples:
        yield from (".PP", ".nf", _plain(example), ".fi")


def _seen_also(words: tuple[str, ...]) -> list[str]:
    if not words:
        return [".SH SEE ALSO", "Each command has a page of its own, such as", ".BR timelined-draft (1)."]
    return [".SH SEE ALSO", ".BR timelined (1)"]


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from (".PP", _plain(" ".join(paragraph.replace("\b", "").split())))


def _undotted(sentence: str) -> str:
    return sentence.removesuffix(".")


def _plain(text: str) -> str:
    """A text as man(7) takes it: nothing in it is an order, and what is not ASCII is named by its number."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "").replace("|", "|\\:")
    named = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", escaped)
    return re.sub(r"^([.'])", r"\\&\1", named)


def _context(words: tuple[str, ...]) -> click.Context:
    """The context of the command that these words name. Raises :class:`NotFound` where there is none."""
    context = click.Context(timelined, info_name="timelined", **timelined.context_settings)
    for word in words:
        group = context.command
        command = group.get_command(context, word) if isinstance(group, click.Group) else None
        if command is None:
            raise NotFound(f'there is no command "timelined {" ".join(words)}"; timelined help lists them')
        context = click.Context(command, info_name=word, parent=context)
    return context
