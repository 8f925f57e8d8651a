"""Bodies as they come in, for tests of what takes them: at one time, in pieces or whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

from collector.webhook import Webhook

AT = 1_772_633_530_000_000


# Bodies


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """A body in pieces."""
    for part in parts:
        yield part


# Depth


def hook(body: bytes) -> Webhook:
    """A delivery of this body."""
    return Webhook(source="pager", headers={}, body=body, received_at=AT)
