"""The command line: read, call one function, print.

stdout is the result alone and stderr everything said about it. How a command
ended stands in its exit code; the table is :data:`collector.cli.output.EXIT_CODES`.
``commands`` says which commands there are, and where each of them is.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
from typing import NoReturn

import click

from collector.cli.commands import GROUPS, every_command, timelined
from collector.cli.sections import first_sentence
from collector.interpreter import tune_gc

__all__ = ["GROUPS", "every_command", "first_sentence", "main", "timelined"]


def main() -> None:
    """The entry point ``timelined``."""
    # Until the command's modules are there: what they make is no garbage, and to look through it takes a tenth of a
    # second.
    gc.disable()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets a mark in its place, not a traceback.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    logging.captureWarnings(True)
    timelined.loaded = _loaded
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


def _loaded() -> None:
    """Look for garbage from now on, and say on stderr what a command's own work logs: it is no result.

    Logging is set up only for commands that log, since that takes time.
    """
    tune_gc()
    if "structlog" in sys.modules:
        from collector.telemetry import log_output

        log_output.set_up("warning")
        timelined.loaded = None


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a file or a disk that takes no more answers."""


def _cannot_print(error: OSError) -> NoReturn:
    """End the process: the result did not reach standard output. A reader that went away is told nothing."""
    if error.errno == errno.EPIPE:
        os._exit(1)
    click.echo(f"cannot write the result to standard output: {error.strerror}", err=True)
    os._exit(1)
