"""Logs that are copied and put back."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.conftest import timelined
from tests.processes import alert, eventually, get, post

URL = "sqlite:///data/timelined.db"


def take(address: str, *numbers: int) -> int:
    """Have deliveries acknowledged; the last position."""
    last = 0
    for number in numbers:
        status, receipt = post(f"{address}/webhooks/alertmanager", alert("firing", number=number))
        assert status == 202
        last = receipt["items"][-1]["position"]
    eventually(lambda: get(f"{address}/-/ready")["lag"] == 0)
    return last


def run(folder: Path, *words: str, url: str = URL) -> CompletedProcess[str]:
    """A command over the database of a folder, as a process of its own."""
    return timelined(*words, "--storage.url", url, cwd=folder)


def facts(done: CompletedProcess[str]) -> Any:
    """What a command says as JSON."""
    return json.loads(done.stdout)
