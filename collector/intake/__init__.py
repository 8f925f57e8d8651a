"""Webhooks into the log, and answers after the commit.

``bodies`` receives within bounds, ``intake`` verifies, reads and redacts, ``writer`` commits for all who wait.
``importing`` brings in what a sender gave out afterwards, read by ``imported``, and ``doubles`` finds what came both
ways. ``browsers`` tells a page of another site from a sender.
"""

from __future__ import annotations

from collector.intake.intake import KEPT_HEADERS, Endpoint, Intake, derive, kept_headers

__all__ = ["KEPT_HEADERS", "Endpoint", "Intake", "derive", "kept_headers"]
