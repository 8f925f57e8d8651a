"""The long run of everything together (``make soak``): it causes every alert there is, by the rules we ship."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import require
from tests.soak.episodes import EPISODES
from tests.soak.rules import FILES, MIXIN, WAITS, Pace, alerts, shortened


def test_every_alert_of_the_mixin_has_an_episode_that_brings_it_about() -> None:
    """One, so that it is to fire once."""
    caused = [name for episode in EPISODES for name in episode.alerts]
    assert sorted(caused) == sorted(alerts())


@pytest.mark.parametrize("minutes", [10, 60])
def test_shortened_rules_are_rules_that_wait_for_less(minutes: int, tmp_path: Path) -> None:
    """Prometheus takes them, and no wait, range or age is longer than the run has time for."""
    pace = Pace(minutes * 60)
    for name in FILES:
        (tmp_path / name).write_text(shortened((MIXIN / name).read_text("utf-8"), pace))
    paths = [str(tmp_path / name) for name in FILES]
    checked = subprocess.run(
        [require("promtool"), "check", "rules", *paths], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for name in FILES:
        text = (tmp_path / name).read_text("utf-8")
        assert not [age for age in ("86400", "93600", "[6h]", "[1h]", "[10m]") if age in text]
        for group in yaml.safe_load(text)["groups"]:
            waits = [rule.get(wait, "0s") for rule in group["rules"] for wait in WAITS]
            assert all(int(wait.removesuffix("s")) <= pace.lasting for wait in waits)
