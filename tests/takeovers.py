"""Daemons that share a log: which one follows it."""

from __future__ import annotations

from tests.processes import get

TAKEOVER = 5.0
"""Seconds within which another daemon follows the log."""


def follows(address: str) -> bool:
    """Whether this daemon follows the log, as it says itself."""
    return bool(get(f"{address}/-/ready")["follows"])
