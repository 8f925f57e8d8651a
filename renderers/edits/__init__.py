"""Files that people edit: the marks in them, and bringing them up to date without touching people's words."""

from renderers.edits.combine import combined
from renderers.edits.compare import StatementDifference, compare
from renderers.edits.contents import merged
from renderers.edits.kept import people_of
from renderers.edits.marks import plain
from renderers.edits.merge import Merged, merge
from renderers.edits.renamed import renamed, restored
from renderers.edits.revised import copy_taken_in, file_taken_in, revised, taken_in

__all__ = [
    "Merged",
    "StatementDifference",
    "combined",
    "compare",
    "copy_taken_in",
    "file_taken_in",
    "merge",
    "merged",
    "people_of",
    "plain",
    "renamed",
    "restored",
    "revised",
    "taken_in",
]
