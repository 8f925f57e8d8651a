"""What people say of an incident, as events, and how they name an event.

``statements`` are new facts, ``amendments`` further revisions of known ones, ``citations`` the short names that a
person types or copies, and ``moments`` times as a person writes them. All of it is pure.
"""

from __future__ import annotations

from collector.people.statements import (
    ANSWERED,
    FIELDS,
    LONGEST,
    LONGEST_GROUP,
    MARKS,
    REVIEWS,
    STATES,
    action,
    edited,
    is_day,
    joined,
    kept_private,
    left,
    mark,
    merged,
    note,
    opened,
    published,
    reopened,
    required_text,
    resolved,
    restricted,
    reviewed,
    revised,
    split,
)

__all__ = [
    "ANSWERED",
    "FIELDS",
    "LONGEST",
    "LONGEST_GROUP",
    "MARKS",
    "REVIEWS",
    "STATES",
    "action",
    "edited",
    "is_day",
    "joined",
    "kept_private",
    "left",
    "mark",
    "merged",
    "note",
    "opened",
    "published",
    "reopened",
    "required_text",
    "resolved",
    "restricted",
    "reviewed",
    "revised",
    "split",
]
