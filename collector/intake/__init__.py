"""Webhooks into the log, and answers after the commit.

``body_reader`` receives within bounds, ``verifying`` says whether a sender is who they say, ``intake`` reads and
redacts, ``writer`` commits for all who wait.
``importing`` brings in what a sender gave out afterwards, read by ``imported``, and ``doubles`` finds what came both
ways. ``browsers`` tells a page of another site from a sender.
"""

from __future__ import annotations

from collector.intake.intake import KEPT_HEADERS, Intake, derive, kept_headers
from collector.intake.verifying import Endpoint, Verifier

__all__ = ["KEPT_HEADERS", "Endpoint", "Intake", "Verifier", "derive", "kept_headers"]
