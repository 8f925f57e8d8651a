"""Texts that stand where a name is missing."""

from __future__ import annotations

import html
import re

from collector.names.stages import ENVIRONMENTS
from collector.names.words import words_of

NO_NAMES = frozenset({
    "n/a", "n.a", "n.a.", "na", "nan", "none", "null", "nil", "<nil>", "unknown", "undefined", "unset", "unspecified",
    "unassigned", "unavailable", "missing", "empty", "blank", "novalue", "noname", "noservice", "notset",
    "notavailable", "notapplicable", "notspecified", "notfound", "nodata", "tbd", "tba", "todo", "changeme",
    "placeholder", "replaceme", "fixme", "xxx", "unknownservice", "unknownhost", "unknowninstance",
    "unknownenvironment", "servicename", "yourservice", "yourservicename", "yourenvironment", "nonespecified",
    "tobedetermined", "unnamed",
})  # fmt: skip
"""What stands where a name is missing, in lower case and without spaces, dashes and brackets around it."""
_UNRENDERED = re.compile(
    r"\{\{|\}\}|\[\[|[$#%]\{|\$\(|<%|%>|\{%|%\(\w*\)s|<no value>|<nil>|<none>"
    r"|^%\w+%?$|^\$[a-z_][\w.]*(?:\[.*\])?$|^@@|^__[a-z_]+__$|^<[^<>]*>$|^\{[^{}]*\}$"
    r"|\[object \w+\]|^#(?:n/a|ref!|name\?)"
    # What OpenTelemetry calls a service that was given no name, with or without its process.
    r"|^unknown_service(?::.*)?$"
)
"""A template's text that nobody filled in, in lower case."""
_FAILED = re.compile(r"%!\w?\(|!\(?(?:bad|missing|extra)")
"""What Go prints where a value does not fit its format."""

_EMPTY = re.compile("none|null|nil|undefined|unknown|unset")
"""Words that name nothing beside one another, or beside an environment, either."""


def is_placeholder(text: str) -> bool:
    """Whether a text stands where a name is missing: ``<no value>``, ``N/A``, a template that nobody rendered.

    A text without any letter or digit is none either, nor one that says so of each of its parts (``null/null``), or
    of all but an environment (``prod/unknown``).
    """
    plain = text.casefold().strip()
    if "&" in plain:
        plain = html.unescape(plain)
    if not any(character.isalnum() for character in plain) or _UNRENDERED.search(plain) or _FAILED.search(plain):
        return True
    bare = plain.strip("<>()[]{}\"'`*_-.?! ")
    if re.sub(r"[\s_-]+", "", bare) in NO_NAMES or plain in NO_NAMES:
        return True
    if not _EMPTY.search(plain):
        return False
    words = [word for word in words_of(plain) if word not in ENVIRONMENTS]
    return bool(words) and all(_EMPTY.fullmatch(word) for word in words)
