"""Kinds of senders that other packages bring, out of real distributions that importlib.metadata finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collector.sources import BUILT_IN
from collector.sources.installed import GROUP, load
from tests.walkthrough import block

ROOT = Path(__file__).parents[1]
MODULES = {
    "timelined_forge": block("python"),
    "timelined_broken": "raise OSError('no such forge')\n",
    "timelined_odd": "SOURCE = 3\nfrom collector.sources import github\nGITHUB = github.SOURCE\n",
}
POINTS = {
    "forge": "timelined_forge:SOURCE",
    "broken": "timelined_broken:SOURCE",
    "absent": "timelined_nowhere:SOURCE",
    "odd": "timelined_odd:SOURCE",
    "renamed": "timelined_odd:GITHUB",
    "github": "timelined_odd:GITHUB",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder into which a throw-away distribution was installed."""
    for name, code in MODULES.items():
        (tmp_path / f"{name}.py").write_text(code, "utf-8")
    info = tmp_path / "timelined_forge-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: timelined-forge\nVersion: 1.0\n", "utf-8")
    points = "".join(f"{name} = {value}\n" for name, value in POINTS.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}", "utf-8")
    return tmp_path


def test_a_package_brings_a_kind(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be used is there under its name; of each other it is said why not, and none of ours is replaced."""
    monkeypatch.syspath_prepend(str(site))
    found, left_out = load(BUILT_IN)
    assert {name: source.called for name, source in found.items()} == {"forge": "Forge"}
    assert left_out == {
        "broken": "timelined_broken:SOURCE cannot be loaded: OSError: no such forge",
        "absent": "timelined_nowhere:SOURCE cannot be loaded: ModuleNotFoundError: No module named 'timelined_nowhere'",
        "odd": "timelined_odd:SOURCE is a int and no collector.webhook.Source",
        "renamed": "timelined_odd:GITHUB is of the kind 'github'; call the entry point so",
        "github": "timelined_odd:GITHUB has the name of a kind that is there already; choose another",
    }


def test_an_installed_kind_is_used_like_any_other(site: Path) -> None:
    """A new process finds it: it can be configured and tried; it is not served unasked, and what is broken is named."""
    (site / "timelined.yml").write_text("sources:\n  ours: {kind: forge, open: true}\n", "utf-8")
    (site / "wrong.yml").write_text("sources:\n  ours: {kind: broken, open: true}\n", "utf-8")
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}

    def run(*arguments: str, sent: str = "") -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "collector", *arguments)
        return subprocess.run(
            command, env=environ, cwd=site, input=sent, capture_output=True, text=True, timeout=60, check=False
        )

    tried = run("sources", "try", "ours", "-", "--config.file", "timelined.yml", "-o", "json", sent=block("json"))
    assert (tried.returncode, tried.stderr) == (0, "")
    (event,) = json.loads(tried.stdout)["events"]
    assert (event["type"], event["entity"]) == ("change.succeeded", "deployment:4711")
    listed = run("sources")
    assert "\nforge " not in listed.stdout
    assert "The kind broken of an installed package cannot be used: timelined_broken:SOURCE" in listed.stderr
    wrong = run("check", "wrong.yml")
    assert wrong.returncode == 1
    assert "is 'broken', which an installed package offers and which cannot be used: timelined_broken" in wrong.stdout
