"""README's blocks: each is executed by a test as it stands. Here is the chapter on senders."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.alertmanagers import free_port
from tests.processes import PROJECT
from tests.readme import chapters
from tests.shell_program import timelined_in

EXECUTED = {
    "": ["sh"],  # make run and make test, by whoever reads this
    "See it work": ["sh", "markdown"],  # test_demo
    "Your own first incident": ["yaml", "sh", "sh", "sh", "sh"],  # test_first_incident
    "Point your senders at it": ["yaml", "sh"],  # here
    "Ask": ["sh"],  # test_cli_help
    "Say what machines cannot know": ["sh"],  # test_cli_help
}
"""Chapter → the languages of its blocks, and where they are executed."""


def test_no_block_is_executed_by_nobody() -> None:
    """A new one has to be entered above, with its test."""
    assert {name: [language for language, _ in blocks] for name, blocks in chapters().items()} == EXECUTED


def test_senders_prove_themselves_as_it_says(tmp_path: Path) -> None:
    """Nothing is changed but the folder of the secrets and the port; the daemon is waited for before it is asked."""
    [(_, configuration), (_, commands)] = chapters()["Point your senders at it"]
    for name in ("alertmanager.token", "pagerduty.secret"):
        (tmp_path / name).write_text(f"{name}-0123456789abcdef\n", "utf-8")
    (tmp_path / "config").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "config/timelined.yml").write_text(configuration.replace("/etc/timelined", str(tmp_path)), "utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIMELINED_")}
    address = f"127.0.0.1:{free_port()}"
    environment = inherited | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT), "TIMELINED_WEB_LISTEN_ADDRESS": address,
    }  # fmt: skip
    listening = "until timelined sources send-test alertmanager >out 2>&1; do kill -0 $! || exit 9; sleep 0.2; done\n"
    script = 'trap "kill %1; wait" EXIT\n' + commands.replace("serve &\n", f"serve 2>daemon.log &\n{listening}")
    with timelined_in(tmp_path):
        ran = subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no mistakes" in ran.stdout
    assert re.search(r"alertmanager +alertmanager +.*bearer", ran.stdout), ran.stdout
    assert "Taken and stored" in ran.stdout
