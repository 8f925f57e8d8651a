"""``timelined status`` and ``timelined doctor``: how it is, and what to do where it is not well."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner, Result

from collector.cli import output, timelined
from tests.conftest import Played
from tests.processes import Process, alert, eventually, get, post


def run(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(timelined, list(arguments))


def test_status_tells_of_the_log_and_of_each_source(played: Played) -> None:
    """From the database alone; each source with when it was heard last."""
    shown = run("status", "--storage.url", played.url)
    assert shown.exit_code == 0, shown.stderr
    text = " ".join(shown.stdout.split())
    # The database could store them; that a stopped daemon takes them was told for as long as nobody looked.
    assert "Deliveries: none are taken, since no daemon runs over this log; start it: timelined serve" in text
    for source in ("alertmanager", "github", "pagerduty"):
        assert re.search(rf"{source} [0-9]+ [0-9]+ 0 0 0 2026-03-04", text), text
    told = json.loads(run("status", "--storage.url", played.url, "-o", "json").stdout)
    assert told["ready"]
    assert f"Log: {told['position']} events" in text


def test_status_names_the_daemon_that_writes_to_the_log(tmp_path: Path, process: Process) -> None:
    """The database is asked beside it, as by every command that reads."""
    url = f"sqlite:///{tmp_path}/log.db"
    address = process.start("--storage.url", url)
    eventually(lambda: get(f"{address}/-/ready")["lists"] == "well")
    text = " ".join(run("status", "--storage.url", url).stdout.split())
    assert f"Asked: the database itself; the daemon at {address} writes to it Deliveries: are stored" in text
    asked = " ".join(run("status", "--server", address).stdout.split())
    assert f"Asked: {address} Deliveries: are stored" in asked


def test_status_of_a_daemon_that_is_not_there_ends_with_4(free_port: int) -> None:
    """And names the address."""
    result = run("status", "--server", f"http://127.0.0.1:{free_port}")
    assert (result.exit_code, str(free_port) in result.stderr) == (output.UNAVAILABLE, True)


def findings(*arguments: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    """The exit code, and what was found by what was looked at; of several the last that is not well."""
    result = run("doctor", *arguments, "-o", "json")
    by_name: dict[str, tuple[bool, str]] = {}
    for each in json.loads(result.stdout)["findings"]:
        if each["what"] not in by_name or not each["well"]:
            by_name[each["what"]] = (each["well"], each["found"])
    return result.exit_code, by_name


def test_the_doctor_finds_a_daemon_well(tmp_path: Path, process: Process) -> None:
    """With one that runs: configuration, database and daemon are well; the clock is this machine's own matter."""
    url = f"sqlite:///{tmp_path}/log.db"
    address = process.start("--storage.url", url)
    post(f"{address}/webhooks/alertmanager", alert("firing"))
    eventually(lambda: (ready := get(f"{address}/-/ready"))["lists"] == "well" and ready["lag"] == 0)
    _, checks = findings("--storage.url", url)
    assert checks["daemon"] == (True, f"answers at {address}; only this machine reaches it (web.listen_address)")
    assert checks["configuration"][0]
    # One line of all, and not one of each: what is not well would be lost among them.
    assert checks["secret"][0]
    assert re.search(r"deliveries: alertmanager, .* and \d+ more sources$", checks["secret"][1])
    assert checks["database"][0], checks["database"]
    assert "clock" in checks


def test_the_doctor_says_what_to_do(tmp_path: Path, empty_log: str) -> None:
    """No daemon, no database, a mistake in the configuration: each with what helps, and nothing is made."""
    code, checks = findings("--storage.url", empty_log)
    assert (code, checks["daemon"][0]) == (output.FAILED, False)
    assert "timelined serve" in checks["daemon"][1]
    code, checks = findings("--storage.url", f"sqlite:///{tmp_path}/none/x.db")
    assert not checks["database"][0]
    assert not (tmp_path / "none").exists()
    (tmp_path / "bad.yml").write_text("webb: {}\n", "utf-8")
    code, checks = findings("--config.file", str(tmp_path / "bad.yml"))
    assert (code, checks["configuration"][0]) == (output.FAILED, False)
    assert "webb" in checks["configuration"][1]
