"""Every fault, briefly; ``make faults`` does each of them often. A verdict that is not good says what was found."""

from __future__ import annotations

import msgspec
import pytest

from tests.faults.__main__ import FAULTS, perform

SEED = 1


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_acknowledged_is_lost_or_doubled(fault: str) -> None:
    """Every promise holds through the fault, and it was done as often as it was meant to be."""
    report = perform(fault, SEED, short=True)
    if report.skipped and report.ok:
        pytest.skip(report.skipped)
    assert report.ok, msgspec.json.format(msgspec.json.encode(report.verdict())).decode()
