"""Where records of a source are fetched that were missed. Values alone; nothing is called."""

from __future__ import annotations

import os

import msgspec

from collector.event import SECOND
from collector.files import read_secret


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """A source's API, and what of it is asked."""

    url: str
    token_file: str = ""
    """The file with the token, read for each use."""
    token_variable: str = ""
    """The environment variable that holds the token, where no file does."""
    repositories: tuple[str, ...] = ()
    """Where its API wants to know: ``owner/name`` each."""
    every: int | None = None
    """How often what was not taken is asked for, µs; None: only when somebody imports."""
    timeout: int = 30 * SECOND
    """How long one answer may take, µs."""

    def token(self) -> str:
        """The token, read now; empty where none is configured. Raises :class:`InvalidInput` where it cannot be had."""
        if self.token_variable:
            return os.environ.get(self.token_variable, "").strip()
        return read_secret(self.token_file, "fetch") if self.token_file else ""
