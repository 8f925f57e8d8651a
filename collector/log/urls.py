"""The address of a log, as ``storage.url`` has it: which back end it names, and how it may be shown."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from collector.errors import InvalidSettings

_CREDENTIALS = re.compile(r"(?:(?<=//)|^)[^/?]*@")
_SECRETS = re.compile(r"([?&](?:password|sslpassword)=)[^&]*", re.IGNORECASE)


def is_postgresql(url: str) -> bool:
    """Whether an address names a database of a PostgreSQL server."""
    return url.partition("://")[0].partition("+")[0] == "postgresql"


def shown(url: str) -> str:
    """An address for messages: without user and password."""
    return _SECRETS.sub(r"\1…", _CREDENTIALS.sub("", url))


def database_path(url: str) -> Path | None:
    """The file a URL names; None where it names a server.

    Raises :class:`collector.errors.InvalidSettings` where it names neither.
    """
    if is_postgresql(url):
        # Its driver reads it, which understands more than one host.
        return None
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidSettings(("storage.url is not a database URL; write sqlite:///timelined.db",)) from error
    kind = parsed.get_backend_name()
    if kind != "sqlite":
        raise InvalidSettings((f"storage.url names {kind}, which is not supported; write sqlite:///timelined.db",))
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidSettings(("storage.url names no file, and a log in memory keeps nothing; write sqlite:///PATH",))
    return Path(parsed.database)
