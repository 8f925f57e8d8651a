"""Commands read a configuration without the secrets that systemd hands to the daemon alone."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.cli import output
from tests.conftest import require, timelined
from tests.processes import Process, alert, eventually, get, post

CONFIGURATION = """
storage: {{url: "sqlite:///{folder}/timelined.db"}}
api: {{token_file: "${{CREDENTIALS_DIRECTORY}}/api-token"}}
sources:
  alertmanager: {{bearer_token_file: "${{CREDENTIALS_DIRECTORY}}/alertmanager"}}
  us: {{kind: alertmanager, basic: {{username: a, password_file: "${{CREDENTIALS_DIRECTORY}}/us"}}}}
  builds: {{kind: cloudevents, path_token_file: "${{CREDENTIALS_DIRECTORY}}/builds"}}
  github: {{secret_file: ["${{CREDENTIALS_DIRECTORY}}/new", "${{CREDENTIALS_DIRECTORY}}/old"]}}
drafts: {{dir: "{folder}/drafts"}}
proof:
  origin: example.com/checkout
  signing_key_file: "${{CREDENTIALS_DIRECTORY}}/proof-key"
"""
NAMES = ("api-token", "alertmanager", "us", "builds", "new", "old")


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A configuration as documented, beside its secrets; a daemon runs with it and has sealed its log."""
    tmp_path = tmp_path_factory.mktemp("configured")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in NAMES:
        (secrets / name).write_text(f"secret-of-{name}\n")
    command = [require("openssl"), "genpkey", "-algorithm", "ed25519", "-out", str(secrets / "proof-key")]
    subprocess.run(command, check=True, capture_output=True)
    file = tmp_path / "timelined.yml"
    file.write_text(CONFIGURATION.format(folder=tmp_path))
    process = Process(tmp_path, CREDENTIALS_DIRECTORY=str(secrets))
    try:
        address = process.start("--config.file", str(file))
        # Of the second incident more is said by a test: what is proven of the first one is sealed whole.
        another = alert("firing", "Slow", 2).replace(b"checkout", b"cart").replace(b"2026-03-04", b"2026-03-06")
        for body in (alert("firing"), alert("resolved"), another):
            headers = {"Authorization": "Bearer secret-of-alertmanager"}
            assert post(f"{address}/webhooks/alertmanager", body, headers)[0] == 202
        eventually((tmp_path / "drafts" / "incident-1.md").exists)
        # A log can be sealed after the first event already: what is proven of the first incident is its end, too.
        eventually(lambda: get(f"{address}/-/ready")["sealed"] >= 2)
        yield file
    finally:
        process.kill()


COMMANDS = (
    ("incidents",), ("incident", "1"), ("draft", "1"), ("events",), ("deliveries",), ("signals",), ("sources",),
    ("db", "current"), ("backup", "copy.db"), ("verify",), ("proof", "1"), ("check",),
)  # fmt: skip


def test_commands_need_no_secret(configured: Path, tmp_path: Path) -> None:
    """With ``${CREDENTIALS_DIRECTORY}`` as documented, and that variable unset, each of them does its work."""
    for words in COMMANDS:
        done = timelined(*words, "--config.file", str(configured), cwd=tmp_path, CREDENTIALS_DIRECTORY="")
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


def test_verify_looks_at_the_configured_log_and_says_that_it_had_no_key(configured: Path, tmp_path: Path) -> None:
    """The origin of the configuration is used, so that nothing is called altered; signatures are named as not seen."""
    done = timelined("verify", "--config.file", str(configured), "-o", "json", cwd=tmp_path, CREDENTIALS_DIRECTORY="")
    found = json.loads(done.stdout)
    assert (done.returncode, found["differences"]) == (0, [])
    assert any("proof.signing_key_file" in line for line in found["not_looked_at"])


def test_check_says_what_it_did_not_check(configured: Path, tmp_path: Path) -> None:
    """Each secret that only the daemon can read is named; with the variable set by hand all of them are checked."""
    done = timelined("check", "--config.file", str(configured), "-o", "json", cwd=tmp_path, CREDENTIALS_DIRECTORY="")
    found = json.loads(done.stdout)
    assert (done.returncode, found["mistakes"]) == (0, [])
    assert len(found["not_checked"]) == len(NAMES) + 1
    folder = str(shutil.copytree(configured.parent / "secrets", tmp_path / "secrets"))
    whole = timelined(
        "check", "--config.file", str(configured), "-o", "json", cwd=tmp_path, CREDENTIALS_DIRECTORY=folder
    )
    assert json.loads(whole.stdout) == {"mistakes": [], "not_checked": [], "set_aside": 0}
    (tmp_path / "secrets" / "us").unlink()
    gone = timelined("check", "--config.file", str(configured), cwd=tmp_path, CREDENTIALS_DIRECTORY=folder)
    assert (gone.returncode, "no such file" in gone.stdout) == (output.FAILED, True)


def test_a_writing_command_asks_for_the_token_it_cannot_read(configured: Path, tmp_path: Path) -> None:
    """Where a daemon writes, its token is needed: the message says so, and ``--token-file`` gives it."""
    words = ("note", "2", "seen", "--config.file", str(configured))
    refused = timelined(*words, cwd=tmp_path, CREDENTIALS_DIRECTORY="")
    assert (refused.returncode, "--token-file" in refused.stderr) == (output.FAILED, True), refused.stderr
    token = ("--token-file", str(configured.parent / "secrets" / "api-token"))
    assert timelined(*words, *token, cwd=tmp_path, CREDENTIALS_DIRECTORY="").returncode == 0


def test_the_daemon_itself_needs_its_secrets(tmp_path: Path) -> None:
    """``serve`` refuses to start without them, and names each."""
    file = tmp_path / "timelined.yml"
    file.write_text(CONFIGURATION.format(folder=tmp_path))
    done = timelined("serve", "--config.file", str(file), cwd=tmp_path, CREDENTIALS_DIRECTORY="")
    assert done.returncode == output.FAILED
    assert done.stderr.count("CREDENTIALS_DIRECTORY") == len(NAMES) + 1
