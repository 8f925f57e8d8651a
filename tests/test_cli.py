"""The command line: how it ends, and what it takes of the configuration."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from collector.cli import output
from collector.cli.client import ApiRefusal, problem
from collector.errors import InvalidInput, NotFound, TimelinedError, Unavailable
from collector.sources import SOURCES
from tests.commands import read, run
from tests.conftest import Played, require

# --- how it ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, NotFound, output.NOT_FOUND),
        (400, InvalidInput, output.FAILED),
        (422, InvalidInput, output.FAILED),
        (409, InvalidInput, output.FAILED),
        (401, ApiRefusal, output.FAILED),
        (302, ApiRefusal, output.FAILED),
        (503, Unavailable, output.UNAVAILABLE),
        (500, Unavailable, output.UNAVAILABLE),
    ],
)
def test_every_answer_has_its_exit_code(status: int, kind: type[TimelinedError], code: int) -> None:
    """A problem of the API becomes one of our errors, which keeps the server's words and has one exit code."""
    error = problem(status, json.dumps({"detail": "because"}).encode())
    assert type(error) is kind
    assert "because" in str(error)
    assert output.exit_code(error) == code


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff"])
def test_an_answer_that_is_no_problem_json_is_told_by_its_status(body: bytes) -> None:
    """A proxy's page instead of ours does not break the command."""
    assert "502" in str(problem(502, body))


def test_a_wrong_command_line_is_a_usage_error() -> None:
    """An unknown option, a missing argument and a bad value end with 2 and say so on stderr."""
    for arguments in (["incidents", "--nonsense"], ["draft"], ["mark", "1", "sometime"], ["nonsense"]):
        result = run(*arguments)
        assert result.exit_code == output.USAGE
        assert result.stdout == ""
        assert result.stderr


def test_help_tells_the_exit_codes() -> None:
    """Every exit code and its meaning stand in the help."""
    text = " ".join(run("--help").stdout.split())
    for code, meaning in output.EXIT_CODES.items():
        assert f"{code} {meaning}" in text


def test_a_missing_database_is_unavailable(tmp_path: Path) -> None:
    """Reading a log that is not there creates nothing, says what is missing and ends with 4."""
    result = run("incidents", "--storage.url", f"sqlite:///{tmp_path / 'none.db'}")
    assert result.exit_code == output.UNAVAILABLE
    assert result.stdout == ""
    assert "none.db" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_daemon_that_is_not_there_is_unavailable(free_port: int) -> None:
    """Nobody listens: the message names the address, and the exit code is 4."""
    result = run("incidents", "--server", f"127.0.0.1:{free_port}")
    assert result.exit_code == output.UNAVAILABLE
    assert f"127.0.0.1:{free_port}" in result.stderr


# --- configuration ----------------------------------------------------------------------------------------------------


def test_check_reports_every_mistake_and_fails(tmp_path: Path) -> None:
    """All mistakes at once, as the result, each with its line; exit code 1."""
    bad = tmp_path / "bad.yml"
    bad.write_text("web:\n  listen_adress: x\nsources:\n  pagerduty:\n    kind: pager\n", "utf-8")
    result = run("check", str(bad))
    assert result.exit_code == output.FAILED
    assert "line 2" in result.stdout
    assert "line 5" in result.stdout
    machine = run("check", str(bad), "-o", "json")
    assert machine.exit_code == output.FAILED
    assert len(json.loads(machine.stdout)["mistakes"]) >= 2


def test_check_passes_the_configuration_we_ship() -> None:
    """config/timelined.yml has no mistakes."""
    result = run("check", str(Path(__file__).parents[1] / "config" / "timelined.yml"))
    assert result.exit_code == 0, result.stdout
    assert "no mistakes" in result.stdout


def test_a_wrong_configuration_stops_every_command_with_its_mistakes(tmp_path: Path) -> None:
    """The same sentences on stderr, and exit code 1."""
    bad = tmp_path / "bad.yml"
    bad.write_text("webb: {}\n", "utf-8")
    result = run("incidents", "--config.file", str(bad))
    assert result.exit_code == output.FAILED
    assert "webb" in result.stderr


def test_sources_tells_what_to_enter_where_and_no_secret(tmp_path: Path) -> None:
    """Each source with its authentication and address; the secret itself is never shown."""
    (tmp_path / "secret").write_text("do-not-show-this-secret", "utf-8")
    (tmp_path / "t.yml").write_text(
        "sources:\n  pd-eu:\n    kind: pagerduty\n    secret_file: secret\n"
        "  am:\n    kind: alertmanager\n    open: true\n",
        "utf-8",
    )
    result = run("sources", "--config.file", str(tmp_path / "t.yml"))
    assert result.exit_code == 0, result.stderr
    assert "signature" in result.stdout
    assert "http://127.0.0.1:9720/webhooks/pd-eu" in result.stdout
    assert "anybody may send" in result.stdout
    assert "do-not-show" not in result.output


WAYS = {
    "open": ("open: true", ""),
    "bearer": (
        "bearer_token: do-not-show",
        "http_config: {authorization: {credentials_file: /etc/alertmanager/timelined-token}}",
    ),
    "basic": (
        "basic: {username: do-not-show, password: do-not-show}",
        "http_config: {basic_auth: {username: USER, password_file: /etc/alertmanager/timelined-password}}",
    ),
    "path": ("path_token: do-not-show", "/webhooks/alertmanager/TOKEN"),
}


@pytest.mark.alertmanager
@pytest.mark.parametrize("way", WAYS)
def test_what_to_enter_at_alertmanager_proves_it_as_configured(tmp_path: Path, way: str) -> None:
    """Pasted into a configuration as it stands, with what it says behind it; Alertmanager's own tool takes it."""
    setting, needed = WAYS[way]
    (tmp_path / "t.yml").write_text(f"sources:\n  alertmanager:\n    {setting}\n", "utf-8")
    result = run("sources", "--config.file", str(tmp_path / "t.yml"))
    assert result.exit_code == 0, result.stderr
    line = next(each for each in result.stdout.splitlines() if each.startswith("alertmanager: "))
    assert needed in line
    assert "do-not-show" not in result.output
    pasted = line.partition("under receivers: ")[2]
    (tmp_path / "am.yml").write_text(
        f"route: {{receiver: timelined}}\nreceivers:\n  - name: timelined\n    {pasted}\n", "utf-8"
    )
    command = [require("amtool"), "check-config", str(tmp_path / "am.yml")]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 receivers" in checked.stdout


def test_what_to_enter_at_a_sender_says_how_it_proves_itself(tmp_path: Path) -> None:
    """By the best of the ways that are configured, in words, and in which setting its secret stands."""
    (tmp_path / "t.yml").write_text(
        "sources:\n"
        "  github: {secret: do-not-show, bearer_token: do-not-show}\n"
        "  gitlab: {header_token: do-not-show}\n"
        "  datadog: {bearer_token: do-not-show, path_token: do-not-show}\n"
        "  jenkins: {basic: {username: do-not-show, password: do-not-show}}\n"
        "  pingdom: {path_token: do-not-show}\n"
        "  slack: {open: true}\n",
        "utf-8",
    )
    result = run("sources", "--config.file", str(tmp_path / "t.yml"))
    assert "do-not-show" not in result.output
    entries = dict(line.split(": ", 1) for line in result.stdout.splitlines() if ": " in line)
    assert entries["github"].endswith("; its secret is the secret of this source")
    assert entries["gitlab"].endswith(
        "; with the header X-Gitlab-Token: TOKEN, which is the header_token of this source"
    )
    assert entries["datadog"].endswith(
        "; with the header Authorization: Bearer TOKEN, which is the bearer_token of this source"
    )
    assert "/webhooks/datadog," in entries["datadog"]
    assert entries["jenkins"].endswith("; with the user and the password of this source's basic")
    assert "/webhooks/pingdom/TOKEN" in entries["pingdom"]
    assert entries["pingdom"].endswith("; TOKEN is the path_token of this source")
    assert entries["slack"] == SOURCES["slack"].paste.format(address="http://127.0.0.1:9720/webhooks/slack")


def test_the_database_of_a_reader_is_never_written(played: Played) -> None:
    """Reading opens the file read-only: not even a journal of ours stays beside it."""
    path = Path(played.url.removeprefix("sqlite:///"))
    path.chmod(0o444)
    try:
        assert read(played, "incidents").exit_code == 0
    finally:
        path.chmod(0o644)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
