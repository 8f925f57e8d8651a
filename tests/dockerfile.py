"""The Dockerfile, read."""

from __future__ import annotations

from tests.processes import PROJECT


def instructions() -> list[tuple[str, str]]:
    """The lines of the Dockerfile, each with its word."""
    text = (PROJECT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, rest in lines]
