"""Fifty thousand streams against the HTTP face, each in one write, in pieces and byte by byte.

``python -m tests.fuzz --streams 50000 --seed 1``: the same answers each time, no 500, no traceback in the log.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.run import fuzz


def main() -> int:
    """Run and say what was answered; 1 where a stream broke a promise."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--streams", type=int, default=50_000)
    reader.add_argument("--seed", type=int, default=int(time.time()))
    options = reader.parse_args()
    first = options.seed * 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        try:
            statuses = asyncio.run(fuzz(Path(folder), range(first, first + options.streams)))
        except AssertionError as error:
            sys.stderr.write(f"seed {options.seed}: {error}\n")
            return 1
    sys.stdout.write(f"{options.streams} streams of seed {options.seed}, each cut in three ways: the same answers.\n")
    sys.stdout.writelines(f"{status}: {count}\n" for status, count in sorted(statuses.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
