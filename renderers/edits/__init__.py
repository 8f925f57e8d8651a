"""Files that people edit: the marks in them, and bringing them up to date without touching people's words."""

from renderers.edits.compare import Difference, compare
from renderers.edits.contents import merged
from renderers.edits.marks import plain
from renderers.edits.merge import Merged, merge

__all__ = ["Difference", "Merged", "compare", "merge", "merged", "plain"]
