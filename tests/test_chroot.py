"""The long form that installs in bare systems (``make chroot``): what of it needs none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chroot import image
from tests.chroot.roots import Root, Skipped


class Noted(Root):
    """A folder in which nothing is run: what would be is noted."""

    def __init__(self, folder: Path, scripts: list[str]) -> None:
        super().__init__(folder)
        self.scripts = scripts
        (folder / "usr/local/bin").mkdir(parents=True)

    def run(self, script: str, **told: Any) -> str:
        self.scripts.append(script)
        # What the first stage hands on is there once its commands ran.
        (self.folder / "opt/timelined/bin").mkdir(parents=True, exist_ok=True)
        return ""


def test_each_step_of_the_image_is_one_that_is_run(tmp_path: Path) -> None:
    """Each line of the Dockerfile has its meaning; the last stage has what the first one made, and no source."""
    scripts: list[str] = []
    last = image.made(lambda name: Noted(tmp_path / name, scripts))
    assert [each for each in scripts if "pip install" in each]
    assert (tmp_path / "build/src/collector/__init__.py").exists()
    assert (last.root.folder / "opt/timelined/bin").is_dir()
    assert not (last.root.folder / "src").exists()
    assert last.environ["PATH"].startswith("/opt/timelined/bin:/")
    assert (last.user, str(last.folder)) == ("65532:65532", "/var/lib/timelined")


def test_it_says_why_it_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where debootstrap is not installed nothing fails, and nothing seems to have been shown."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Skipped, match="debootstrap is not installed"):
        Root.made(tmp_path / "bookworm")
