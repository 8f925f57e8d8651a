"""Addresses of logs as messages show them: whatever stands in them, no password."""

from __future__ import annotations

import pytest

from collector.storage.urls import without_credentials


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://tl:secret@db:5432/all", "postgresql://db:5432/all"),
        ("postgresql+asyncpg://tl:sec@ret@db/all?sslmode=require", "postgresql+asyncpg://db/all?sslmode=require"),
        ("postgresql://tl:sec/ret@db/all", "postgresql://db/all"),
        ("postgresql://tl:sec?ret@db/all", "postgresql://db/all"),
        ("postgresql://tl:sec#ret@db/all", "postgresql://db/all"),
        ("postgresql://db/all?user=tl&password=secret&a=b", "postgresql://db/all?user=tl&password=…&a=b"),
        ("postgresql://db/all?pass%77ord=secret", "postgresql://db/all?pass%77ord=…"),
        ("postgresql:///all?host=one,two&PASSWORD=secret", "postgresql:///all?host=one,two&PASSWORD=…"),
        ("sqlite:////var/lib/a@b/timelined.db", "sqlite:////var/lib/a@b/timelined.db"),
        ("mysql://tl:secret@db/all", "mysql://db/all"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_password(url: str, text: str) -> None:
    """Also one that is written as no address may be: it is what an error is about."""
    assert without_credentials(url) == text
