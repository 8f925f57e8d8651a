"""``python -m collector.backup SOURCE TARGET MOST``: one backup, in a process of its own.

The daemon starts it, so that reading the copy back takes no time from deliveries. It ends with the daemon. The last
line of its output is what was made, in JSON; where it fails, why stands on standard error.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec

from collector.backup import folder
from collector.backup.copying import backup
from collector.errors import TimelinedError
from collector.interpreter import end_with_parent

_LATER = 15
"""By how much others go before it, as nice(1) counts."""


def main(source: str, target: str, most: str) -> int:
    """Make one backup, and keep the latest ``most`` of its folder; the exit code."""
    end_with_parent()
    os.nice(_LATER)
    # A stop of the daemon shall leave no half of a file.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        made_backup = backup(Path(source), Path(target))
        removed = folder.keep(made_backup.path, int(most))
    except TimelinedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    result = {
        "path": str(made_backup.path),
        "position": made_backup.position,
        "size": made_backup.size,
        "removed": len(removed),
    }
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
