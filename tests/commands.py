"""The command line, in this process."""

from __future__ import annotations

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
