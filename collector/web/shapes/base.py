"""What every answer has in common."""

from __future__ import annotations

from typing import Annotated

import msgspec

Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC, ending in ``Z``."""


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing else stands in an answer than its fields."""


class Link(Shape, frozen=True):
    """A web address that belongs to an event."""

    rel: str
    url: str
