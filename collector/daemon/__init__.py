"""Where real things meet: opened in order, closed in reverse.

    addresses → lock → log → follower and jobs → web

Each closing is registered the moment the thing exists, so that whatever goes
wrong, what was opened is closed and what was acknowledged stays. The same
parts, without jobs and without a port, serve the command line where no daemon
runs: :func:`offline` writes, :func:`read_only` does not.

``runtime`` is what is open, and ``opening`` opens it; ``follower_process``
starts the process that follows, again whenever it ended; ``leader_tasks`` are
the jobs' and the follower's, of whoever holds the lease; ``lifecycle`` records that
we started and stopped; ``rehearsing`` is the application over a copy, and
``restoring`` over a backup; ``listening`` takes the addresses; ``serving`` is a whole daemon, ``process`` its process,
and ``terminal`` what a person is told who started it by hand.
"""

from __future__ import annotations

from collector.daemon.opening import accept_loss, compact, holder, offline, read_only, rebuild, set_aside
from collector.daemon.overall import read_only_all
from collector.daemon.process import run, serve
from collector.daemon.rehearsing import rehearsal
from collector.daemon.restoring import restored
from collector.daemon.runtime import Clock, endpoints, proof_folder_of, signer_of, wall_clock
from collector.daemon.serving import Daemon, running
from collector.daemon.terminal import hints
from collector.interpreter import tune_gc

__all__ = [
    "Clock",
    "Daemon",
    "accept_loss",
    "compact",
    "endpoints",
    "hints",
    "holder",
    "offline",
    "proof_folder_of",
    "read_only",
    "read_only_all",
    "rebuild",
    "rehearsal",
    "restored",
    "run",
    "running",
    "serve",
    "set_aside",
    "signer_of",
    "tune_gc",
    "wall_clock",
]
