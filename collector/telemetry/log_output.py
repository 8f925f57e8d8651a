"""What the daemon says about itself, one line for each thing, on standard error.

Lines of our own and of the libraries come out in the same shape, logfmt or
JSON. Nothing here writes secrets, bodies or headers; an address of a webhook,
which may hold a secret, is cut off wherever it stands. A stranger's text in a
value is quoted, so that it cannot pass for fields of ours.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from collector.telemetry.masking import masked

_QUIETER = {
    # One line for each job and minute would bury what matters.
    "apscheduler": logging.WARNING,
    # What it brings along and does, at the first start; that a file is upgraded we say ourselves.
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "aiosqlite": logging.WARNING,
}


def set_up(level: str = "info", form: str = "logfmt", stream: TextIO | None = None, process: str = "") -> None:
    """Have everything logged from ``level`` on, as ``logfmt`` or ``json``. A second call replaces the first.

    ``process`` is which of several that write to one stream says a line.
    """

    def of_process(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**line, "process": process} if process else line

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        of_process,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(form)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIETER.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def _mask(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line without addresses of webhooks."""
    return {name: masked(value) if isinstance(value, str) else value for name, value in line.items()}


def _renderer(form: str) -> Any:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    order = ["ts", "level", "process", "event", "logger", "request"]
    return structlog.processors.LogfmtRenderer(key_order=order, drop_missing=True, bool_as_flag=False)
