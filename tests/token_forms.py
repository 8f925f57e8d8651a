"""Forms and headers by which a person signs in."""

from __future__ import annotations

from tests.face import Answer, Face

OPENING = {"by": "Somebody", "title": "the checkout is down"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


async def wrote(face: Face, answer: Answer) -> str:
    """Whom the log has as having said what was recorded."""
    assert answer.status == 201, answer.body
    [event, *_] = await face.log.read_ids([answer.json["event"]])
    return event.actor or ""
