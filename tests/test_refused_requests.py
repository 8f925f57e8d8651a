"""What a request that cannot be taken is answered: what was wrong, and what would be right."""

from __future__ import annotations

import pytest

from tests.face import Face


@pytest.mark.parametrize(
    ("path", "phrase"),
    [
        ("/api/v1/incidents?severty=1", "there is no parameter 'severty' here; use status, service, "),
        ("/api/v1/openapi.json?form=1", "there is no parameter 'form' here; leave it out"),
        ("/api/v1/incidents/abc", "number is 'abc', and must be a whole number"),
        ("/api/v1/incidents?before=-1", "before is '-1', and must be a whole number"),
        ("/api/v1/incidents?limit=0", "limit is '0', and must be a whole number from 1 to 1000"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named_with_what_would_be_right(face: Face, path: str, phrase: str) -> None:
    """It is repeated as it was given; a bound that nobody meets is left out."""
    detail = (await face.get(path)).problem(400)["detail"]
    assert detail.startswith(f"cannot read the request: {phrase}"), detail
    assert "9223372036854775807" not in detail


async def test_a_field_that_is_none_is_answered_with_those_that_there_are(face: Face) -> None:
    """A slip of the pen in a body; of what lies deeper the place is named."""
    await face.incident(1)
    detail = (await face.post("/api/v1/incidents/1/notes", {"by": "Ada", "txt": "x"})).problem(422)["detail"]
    assert detail == "cannot take the request: there is no field `txt`; use by, at, text"
