"""The address of a log, as ``storage.url`` has it: which back end it names, and how it may be shown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

from collector.errors import InvalidSettings

_CREDENTIALS = re.compile(r"(?:(?<=//)|^)[^/?]*@")
_CREDENTIALS_OF_SERVER = re.compile(r"(?<=//).*@", re.DOTALL)
"""All before the host: who writes a password with ``/`` or ``?`` as it is may not read it in an error."""
_QUERY = re.compile(r"[?&][\w%.-]+=")
_OPTION = re.compile(r"([?&])([^=&]*)=([^&]*)")
_SECRETS = frozenset({"password", "sslpassword"})


def is_postgresql(url: str) -> bool:
    """Whether an address names a database of a PostgreSQL server."""
    return url.partition("://")[0].partition("+")[0] == "postgresql"


def without_credentials(url: str) -> str:
    """An address for messages: without user and password."""
    query = _QUERY.search(url)
    end = query.start() if query else len(url)
    credentials = _CREDENTIALS_OF_SERVER if is_postgresql(url) else _CREDENTIALS
    return credentials.sub("", url[:end]) + _OPTION.sub(_without_secret, url[end:])


def _without_secret(option: re.Match[str]) -> str:
    return f"{option[1]}{option[2]}=…" if unquote(option[2]).lower() in _SECRETS else option[0]


def each_host(url: str) -> list[tuple[str, str]]:
    """An address of several hosts as one for each: the host's name, and its address. Whatever else it says stays.

    Both ways of writing them are understood, ``//one:5432,two/`` and ``?host=one,two&port=5432,5433``. Who prefers a
    standby has to ask all of them before one is taken, so such an address stays one.
    """
    scheme, _, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
    authority, tail = rest[:end], rest[end:]
    credentials, at, hosts = authority.rpartition("@")
    listed = re.search(r"[?&]host=([^&]*)", tail)
    names = (hosts or (unquote(listed[1]) if listed else "")).split(",")
    if len(names) == 1 or "prefer-standby" in tail:
        return [(names[0], url)]
    urls = []
    for number, name in enumerate(names):
        own = _of_one("port", tail, number, len(names))
        if not hosts:
            own = _of_one("host", own, number, len(names))
        urls.append((name, f"{scheme}://{credentials}{at}{name if hosts else ''}{own}"))
    return urls


def _of_one(parameter: str, tail: str, number: int, count: int) -> str:
    """A parameter that lists a value for each host, with that of one; one value is everybody's."""

    def own(match: re.Match[str]) -> str:
        values = unquote(match[2]).split(",")
        return match[1] + (quote(values[number], safe="/:[]") if len(values) == count else match[2])

    return re.sub(rf"([?&]{parameter}=)([^&]*)", own, tail)


def database_path(url: str) -> Path | None:
    """The file a URL names; None where it names a server.

    Raises :class:`collector.errors.InvalidSettings` where it names neither.
    """
    if is_postgresql(url):
        # Its driver reads it, which understands more than one host.
        return None
    # Every command's configuration asks here once it runs, and --help need not wait for it.
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidSettings(("storage.url is not a database URL; write sqlite:///timelined.db",)) from error
    kind = parsed.get_backend_name()
    if kind != "sqlite":
        raise InvalidSettings((f"storage.url names {kind}, which is not supported; write sqlite:///timelined.db",))
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidSettings(("storage.url names no file, and a log in memory keeps nothing; write sqlite:///PATH",))
    path = Path(parsed.database)
    # By its own name: what lies beside a file lies beside that, and not beside every link to it.
    return Path(os.path.realpath(path)) if path.is_symlink() else path
