"""The headings of a postmortem, word for word as the template has them, and the status in its head."""

from __future__ import annotations

from collections.abc import Mapping

from renderers import times
from renderers.document import Document

HEADINGS: Mapping[str, str] = {
    "summary": "Summary (Tl;dr)",
    "impact": "Impact",
    "timeline": "Timeline",
    "detection": "Detection: How We Discovered the Incident",
    "root_causes": "Root Causes",
    "diagnostics": "Diagnostic Steps",
    "resolution": "Resolution and Mitigation",
    "lessons": "Lessons Learned",
    "actions": "Action Items",
    "appendix": "Appendix (Optional)",
}
"""Section → its heading, in the order of the sections."""
FOOTER = "This postmortem follows SRE best practices, focusing on continuous improvement through blameless analysis."


def status(document: Document) -> str:
    """Whether it is over; a draft of what was known at some time says at which."""
    over = "Resolved" if document.resolved else "Unresolved"
    if document.as_of is None:
        return over
    zone = document.options.zone
    day, time = times.clock(document.as_of, zone)
    return f"{over}, as known at {day} {time} ({times.offset(document.as_of, zone)})"
