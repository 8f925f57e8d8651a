"""Pure: values in, text out.

``replay`` folds an incident's events into a History, sections say what it
shows, ``draft`` puts them in order, and a renderer turns the Document into
text. Same events, same bytes: nothing here sees the clock, the network, the
database or the locale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from renderers import json, markdown
from renderers.document import Document

RENDERERS: Mapping[str, Callable[[Document], str]] = {"md": markdown.markdown, "json": json.to_json}
"""Every format a document can be written in, by the name it has in an address and on the command line."""
