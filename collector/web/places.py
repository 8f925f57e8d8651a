"""Which addresses are what: pages for people, the API for programs, files of ours that say nothing of anybody."""

from __future__ import annotations

PAGES = frozenset(
    {"", "incidents", "deliveries", "events", "undo", "analytics", "analytics.csv", "across", "across.csv", "logs"}
)
"""The first part of the addresses of pages."""

OPEN = ("/-/healthy", "/-/ready", "/login", "/logout")
"""What answers without a token, beside webhooks, which prove themselves, and files of ours."""

STREAM = "/api/v1/events/stream"
LOGS_STREAM = "/api/v1/logs/stream"
STREAMS = frozenset({STREAM, LOGS_STREAM})
"""Where events are told as they come, for as long as somebody listens: of a log, of all."""


def is_page(path: str) -> bool:
    """Whether an address is a page that shows what is in the log."""
    parts = path.split("/", 2)
    return len(parts) > 1 and parts[1] in PAGES


def is_open(path: str) -> bool:
    """Whether an address tells nothing of what is in the log, and asks for no token. Every other one does."""
    return path in OPEN or path.startswith(("/webhooks/", "/static/"))


def is_api(path: str) -> bool:
    """Whether an address is the API's."""
    return path == "/api" or path.startswith("/api/")
