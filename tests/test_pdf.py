"""A draft on paper, printed by a real Chromium where one is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from collector.cli import output, pdf
from tests.commands import read
from tests.conftest import Played

needs = pytest.mark.skipif(not any(map(shutil.which, pdf.PROGRAMS)), reason="no Chromium is installed")


@needs
def test_a_draft_is_printed(played: Played, tmp_path: Path) -> None:
    """A PDF of some pages, written to the file that is named; never to standard output, nor over another file."""
    path = tmp_path / "incident.pdf"
    done = read(played, "draft", "1", "-o", "pdf", "--to", str(path))
    assert done.exit_code == 0, done.stderr
    content = path.read_bytes()
    assert content.startswith(b"%PDF-")
    assert b"/Type /Page" in content
    assert read(played, "draft", "1", "-o", "pdf").exit_code == output.USAGE
    other = tmp_path / "notes.txt"
    other.write_text("mine", "utf-8")
    assert read(played, "draft", "1", "-o", "pdf", "--to", str(other)).exit_code == output.FAILED
    assert other.read_text("utf-8") == "mine"


def test_where_nothing_prints_that_is_said(monkeypatch: pytest.MonkeyPatch, played: Played, tmp_path: Path) -> None:
    """With what to install, or to do in its place."""
    monkeypatch.setenv("PATH", str(tmp_path))
    done = read(played, "draft", "1", "-o", "pdf", "--to", str(tmp_path / "x.pdf"))
    assert done.exit_code == output.FAILED
    assert "install Debian's chromium" in done.stderr
    assert not (tmp_path / "x.pdf").exists()
