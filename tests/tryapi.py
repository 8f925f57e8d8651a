"""The API, tried by its own description: ``make api`` sends thousands of requests, the suite a few of each."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.processes import Process, alert, post

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection", "missing_required_header", "unsupported_method",
)  # fmt: skip
"""All but that what fits its schema is taken: whether there is such an incident, no schema says."""


CASES = 5_000
"""Requests that ``make api`` makes at least, with its own number of examples."""
EXAMPLES = 60
"""Cases of each operation that it has made up, beside those of the operation's edges."""


class Trial(NamedTuple):
    """What a daemon was tried with, and what came of it."""

    cases: int
    """Requests that were made and judged."""
    untried: int
    """Operations of the description for which none was made; streams, which never end, are left out of it."""
    failures: str
    """What schemathesis says where it found something wrong; empty where it did not."""


def tried(address: str, folder: Path, *, phases: str, examples: int, seed: int = 7, seconds: float = 500) -> Trial:
    """Try a daemon by its description. ``seconds`` is how long that may take."""
    report = folder / "tried.json"
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{address}/api/v1/openapi.json", "--no-color",
        "--checks", ",".join(CHECKS), "--phases", phases, "--max-examples", str(examples), "--seed", str(seed),
        # Streams never end.
        "--exclude-path", "/api/v1/events/stream", "--exclude-path", "/api/v1/logs/stream",
        "--suppress-health-check", "all", "--request-timeout", "30", "--report-json-path", str(report),
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=seconds)
    failures = "" if ran.returncode == 0 else ran.stdout[-8000:] + ran.stderr[-2000:]
    if not report.exists():
        return Trial(0, 0, failures or "schemathesis wrote no report")
    counts = json.loads(report.read_text("utf-8"))
    operations, cases = counts["operations"], counts["test_cases"]
    return Trial(cases["generated"] - cases["without_checks"], operations["selected"] - operations["tested"], failures)


def main() -> None:
    """Start a daemon and try it; exits with 1 where something was found, or too little was tried."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="cases made up for each operation")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process = Process(Path(folder))
        try:
            address = process.start()
            post(f"{address}/webhooks/alertmanager", alert("firing"))
            trial = tried(
                address, Path(folder), phases="examples,coverage,fuzzing", examples=options.examples, seed=options.seed,
                seconds=7200,
            )  # fmt: skip
        finally:
            process.kill()
    few = options.examples >= EXAMPLES and trial.cases < CASES
    sys.stdout.write(trial.failures or "Nothing was found.\n")
    sys.stdout.write(f"Cases: {trial.cases}{f', and there were to be {CASES}' if few else ''}.")
    sys.stdout.write(f" Operations that were not tried: {trial.untried}.\n")
    sys.exit(1 if trial.failures or few or trial.untried else 0)


if __name__ == "__main__":
    main()
