"""The host that an ``instance`` label names."""

from __future__ import annotations

import re

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.%a-z]*", re.IGNORECASE)


def host_of(instance: str) -> str:
    """The host in an ``instance`` label: without scheme, login, port and path; empty where none is in it."""
    rest = instance.strip()
    rest = rest.partition("://")[2] if "://" in rest else rest
    rest = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if rest.startswith("["):
        rest = rest.partition("]")[0].removeprefix("[")
    elif rest.count(":") == 1:
        rest = rest.partition(":")[0]
    return rest if _HOST.fullmatch(rest) else ""
