"""Pure: values in, text out.

``replay`` folds an incident's events into a History, sections say what it
shows, ``draft`` puts them in order, and a renderer turns the Document into
text. Same events, same bytes: nothing here sees the clock, the network, the
database or the locale.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping

from renderers import inlaid, json, markdown, picture
from renderers.document import Document

RENDERERS: Mapping[str, Callable[[Document], str]] = {"md": markdown.markdown, "json": json.to_json, "svg": picture.svg}
"""Every format a document can be written in, by the name it has in an address and on the command line."""

INLAID: Mapping[str, Callable[[Document], str]] = {"page": inlaid.inlaid}
"""What the daemon's own pages are made of; no format for anybody else."""
STYLES: Mapping[str, str] = {"picture.css": picture.STYLE}
"""The style sheets that a page needs for it, by their file's name."""


def _policy(*styles: str) -> str:
    """A policy that lets a page have these style sheets and nothing else: no script, no picture, no request."""
    digests = [base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; style-src {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


POLICIES: Mapping[str, str] = {"svg": _policy(picture.STYLE)}
"""The Content-Security-Policy of each format that a browser shows by itself."""
