"""The HTTP face as a whole: how the bytes of a connection are cut changes no answer."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import uvloop

from tests.examples import TIMES
from tests.fuzz.run import fuzz

STREAMS = 2_000 * TIMES


@pytest.mark.slow
def test_however_a_stream_is_cut_it_is_answered_the_same(tmp_path: Path) -> None:
    """2,000 streams, right ones and wrong ones: in one write, in pieces and byte by byte each is answered the same.

    None is answered 500, none leaves an error or a traceback in the log, and the same deliveries are stored.
    """
    first = int(os.environ.get("FUZZ_SEED", "0")) * 1_000_000
    # The daemon's own loop: half of what a byte by itself costs is the turn of the loop.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        statuses = runner.run(fuzz(tmp_path, range(first, first + STREAMS)))
    assert statuses.keys() >= {200, 202, 400, 401, 404, 405, 413, 415, 417}


def test_a_request_without_a_version_is_none_however_it_is_cut(tmp_path: Path) -> None:
    """The parser took its line for one of HTTP/0.9, or for the beginning of a broken one."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(fuzz(tmp_path, [12_843])) == {400: 1}
