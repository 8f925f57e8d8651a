"""Drafts: rendered on request, and on disk, written when incidents resolve, go quiet or change.

``rendering`` makes the text of one, ``cache`` keeps what is dear to make, ``versions`` says what changed between two.
On disk, ``due`` says which, ``folder`` writes them around what people wrote, ``job`` brings the two together.
"""

from collector.drafting.due import DraftRecord, DueDrafts, due, state_of
from collector.drafting.folder import FORMATS, RECORD, DraftFile, DraftFolder, Merge
from collector.drafting.job import EVERY, DraftJob, Render, Resolved

__all__ = [
    "EVERY",
    "FORMATS",
    "RECORD",
    "DraftFile",
    "DraftFolder",
    "DraftJob",
    "DraftRecord",
    "DueDrafts",
    "Merge",
    "Render",
    "Resolved",
    "due",
    "state_of",
]
