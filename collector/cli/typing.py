"""Text that a person gives a command: as an argument, on standard input or in an editor."""

from __future__ import annotations

import sys

import click

_LINE = "------------------------ >8 ------------------------"


class TextParam(click.ParamType[str]):
    """Words, and not none; ``-`` reads them from standard input."""

    name = "text"

    def __init__(self, otherwise: str = "say it in a few words") -> None:
        self._otherwise = otherwise

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it was given, without the blanks around what came on standard input."""
        read = sys.stdin.read().strip() if value == "-" else value
        if not read.strip():
            self.fail(f"it is empty; {self._otherwise}", param, ctx)
        return read


TEXT = TextParam()


class WordChoice(click.Choice[str]):
    """One of several words, also with dashes or blanks for what joins its parts, and in capitals."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """What a word is compared by."""
        return str(choice).strip().casefold().replace("-", "_").replace(" ", "_")


def text_from_editor(about: str) -> str:
    """What a person writes in their editor. Raises a usage error where there is no terminal, or nothing was written."""
    if not sys.stdin.isatty():
        raise click.UsageError("say what in TEXT, or - to read it from standard input")
    text = click.edit(f"\n{_LINE}\n{about}. Only what stands above the line is kept.\n") or ""
    text_written = text.partition(_LINE)[0].strip()
    if not text_written:
        raise click.UsageError("nothing was written, and nothing recorded")
    return text_written
