"""The command line, in this process."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from collector.cli import timelined
from tests.conftest import Played


def run(*arguments: str, **environment: str) -> Result:
    """One command in this process; its result, its messages and its exit code."""
    return CliRunner(env={"TIMELINED_BY": "Ana", **environment}).invoke(timelined, list(arguments))


def read(played: Played, *arguments: str) -> Result:
    """One reading command over the demo's database."""
    command, *rest = arguments
    return run(command, "--storage.url", played.url, *rest)


def printed(result: Result) -> Any:
    """The JSON a command printed."""
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


EVIL = "\x1b[31mred\x1b]0;title\x07 \u202egnp.exe\u2066 [bold]x[/bold] a\nb\u200b"
"""A sender's text that would colour, retitle, reverse, mark up and break a line."""
