"""Postmortems where teams keep them: in Git, as a comment on an issue.

``publisher`` decides and records; ``git`` and ``comments`` know one kind of place each, ``program`` runs git,
``forges`` and ``calls`` speak with the APIs of others. Nothing is called but what the configuration names.
"""

from __future__ import annotations

from collector.publishing.publisher import EVERY, Asking, Published, Publisher
from collector.publishing.values import Edited

__all__ = ["EVERY", "Asking", "Edited", "Published", "Publisher"]
