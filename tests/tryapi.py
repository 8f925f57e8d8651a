"""The API, tried by its own description: ``make api`` sends thousands of requests, the suite a few of each."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.processes import Process, alert, post

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection", "missing_required_header", "unsupported_method",
)  # fmt: skip
"""All but that what fits its schema is taken: whether there is such an incident, no schema says."""


def tried(address: str, folder: Path, *, phases: str, examples: int, seed: int = 7, seconds: float = 500) -> str:
    """What schemathesis says where it found something wrong with a daemon; empty where it did not."""
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{address}/api/v1/openapi.json", "--no-color",
        "--checks", ",".join(CHECKS), "--phases", phases, "--max-examples", str(examples), "--seed", str(seed),
        # Streams never end.
        "--exclude-path", "/api/v1/events/stream", "--exclude-path", "/api/v1/logs/stream",
        "--suppress-health-check", "all", "--request-timeout", "30",
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=seconds)
    return "" if ran.returncode == 0 else ran.stdout[-8000:] + ran.stderr[-2000:]


def main() -> None:
    """Start a daemon and try it; exits with 1 where something was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=60, help="cases of each operation, beside those of its edges")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process = Process(Path(folder))
        try:
            address = process.start()
            post(f"{address}/webhooks/alertmanager", alert("firing"))
            failures = tried(
                address, Path(folder), phases="examples,coverage,fuzzing", examples=options.examples, seed=options.seed,
                seconds=7200,
            )  # fmt: skip
        finally:
            process.kill()
    sys.stdout.write(failures or "Nothing was found.\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
