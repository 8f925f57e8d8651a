"""Metrics as they are exposed, and as the manual has them."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

DOCUMENTED = re.compile(r"`(timelined_[a-z_]+)`")
MANUAL = Path(__file__).parent.parent / "docs" / "api.md"


def values(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    """One sample; None where there is none."""
    return values(text).get((name, tuple(sorted(labels.items()))))
