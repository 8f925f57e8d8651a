"""Every format a document can be written in, with what a browser needs for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from renderers import (
    archive,
    article,
    confluence,
    events,
    html,
    inlaid,
    json,
    markdown,
    measured,
    picture,
    remarks,
    standing,
)
from renderers.document import Document

RENDERERS: Mapping[str, Callable[[Document], str]] = {
    "md": markdown.markdown,
    "json": json.to_json,
    "html": html.html,
    "svg": picture.svg,
    "confluence": confluence.confluence,
    "archive": archive.archive,
    "csv": events.table,
    "jsonl": events.jsonl,
}
"""Every format a document can be written in, by the name it has in an address and on the command line."""

INLAID: Mapping[str, Callable[[Document], str]] = {
    "page": inlaid.inlaid,
    "standing": standing.standing,
    "measures": measured.measured,
    "article": article.article,
    "remarks": remarks.remarks,
}
"""What the daemon's own pages and answers are made of; no format for anybody else."""
STYLES: Mapping[str, str] = {"picture.css": picture.STYLE}
"""The style sheets that a page needs for it, by their file's name."""

POLICIES: Mapping[str, str] = {
    form: f"{policy}; frame-ancestors 'none'" for form, policy in (("html", html.POLICY), ("svg", picture.POLICY))
}
"""The Content-Security-Policy of each format that a browser shows by itself: its own style sheet, and nothing else."""
