"""Kinds of senders that installed packages bring, by entry points of the group ``timelined.sources``.

An entry point is called like its kind and names a :class:`collector.webhook.Source`.
What cannot be used is no reason not to start: it is left out, and said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import entry_points

from collector.webhook import Source

GROUP = "timelined.sources"
_KIND = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def load(built_in: Mapping[str, Source]) -> tuple[dict[str, Source], dict[str, str]]:
    """The kinds that can be used, and of the others why not; ``built_in`` are those that no package may replace."""
    sources: dict[str, Source] = {}
    left_out: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            source = point.load()
        except Exception as error:  # whatever goes wrong in it, is in a stranger's code
            left_out[point.name] = f"{point.value} cannot be loaded: {type(error).__name__}: {error}"
            continue
        if reason := _unusable(point.name, source, {**built_in, **sources}):
            left_out[point.name] = f"{point.value} {reason}"
        else:
            sources[point.name] = source
    return sources, {name: reason for name, reason in left_out.items() if name not in sources}


def _unusable(name: str, source: object, taken_kinds: Mapping[str, Source]) -> str:
    """Why what an entry point names is no kind of sender; empty where it is one."""
    if not isinstance(source, Source):
        return f"is a {type(source).__name__} and no collector.webhook.Source"
    if source.kind != name:
        return f"is of the kind {source.kind!r}; call the entry point so"
    if not _KIND.fullmatch(name):
        return "has a name that cannot stand in an address; use lower-case letters, digits, dashes and underscores"
    return "has the name of a kind that is there already; choose another" if name in taken_kinds else ""
