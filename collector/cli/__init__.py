"""The command line: read, call one function, print.

stdout is the result alone and stderr everything said about it. How a command
ended stands in its exit code; the table is :data:`collector.cli.output.EXIT_CODES`.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from typing import Any, NoReturn

import click

import collector
from collector.cli import (
    amendments,
    backup,
    config,
    db,
    demo,
    drafts,
    erase,
    incidents,
    linting,
    log,
    output,
    people,
    proof,
    restore,
    serve,
    sources,
    templates,
)
from collector.errors import DiskFailed, TimelinedError


class Commands(click.Group):
    """The commands in the order a person meets them; our errors become a sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except TimelinedError as error:
            output.say(str(error))
            if isinstance(error, DiskFailed):
                _end(output.exit_code(error))
            raise click.exceptions.Exit(output.exit_code(error)) from error

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """How a command may end."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in output.EXIT_CODES.items()])


def _end(code: int) -> NoReturn:
    """End the process without closing anything: closing the database would write what nobody can vouch for."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(collector.__version__, prog_name="timelined")
def timelined() -> None:
    """The flight recorder of an on-call team.

    Webhooks in, one log that nothing is ever removed from, draft postmortems out.
    """


for command in (
    serve.serve, demo.demo,
    incidents.incidents, incidents.incident, incidents.signals, drafts.draft, linting.lint,
    log.events, log.why, log.deliveries, log.delivery,
    people.note, people.action, people.mark, people.open_incident, people.join, people.leave, people.merge,
    amendments.split, people.resolve, people.reopen, people.edit, amendments.correct, amendments.retract,
    erase.erase, proof.verify, proof.proof,
    templates.template, config.check, sources.sources, backup.backup, restore.restore, restore.accept_loss, db.db,
):  # fmt: skip
    timelined.add_command(command)


def main() -> None:
    """The entry point ``timelined``."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets a mark in its place, not a traceback.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    logging.captureWarnings(True)
    try:
        timelined(prog_name="timelined")
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        _cannot_print(error)
    except SystemExit:
        # What is still held back would fail in the interpreter's own end, where nobody can say it.
        try:
            sys.stdout.flush()
        except OSError as error:
            _cannot_print(error)
        raise


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a file or a disk that takes no more answers."""


def _cannot_print(error: OSError) -> NoReturn:
    """End the process: the result did not reach standard output."""
    output.say(f"cannot write the result to standard output: {error.strerror}")
    os._exit(output.FAILED)
