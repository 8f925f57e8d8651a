"""Variables in the configuration: put into values where asked for, and never able to change its shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.errors import InvalidSettings
from collector.settings import Settings, load_settings


def expanded(folder: Path, text: str, **variables: str) -> Settings:
    """The settings of a file with these variables put in."""
    path = folder / "t.yml"
    path.write_text(text, "utf-8")
    return load_settings(path, variables, expand=True)


def test_a_variable_stands_for_a_value_of_any_kind(tmp_path: Path) -> None:
    """Texts, numbers and switches, whole or in part, in lists, and through an alias."""
    text = (
        "storage:\n  url: sqlite:///${FOLDER}/x.db\n"
        "web:\n  queue_events: ${MOST}\n  hosts:\n    - &h ${HOST}\n    - *h\n"
        "drafts:\n  enabled: ${DRAFTS:-false}\n  zone: ${ZONE:-Europe/Madrid}\n"
    )
    settings = expanded(tmp_path, text, FOLDER="/srv", MOST="77", HOST="t.example")
    assert settings.storage.url == "sqlite:////srv/x.db"
    assert settings.web.queue_events == 77
    assert settings.web.hosts == ("t.example", "t.example")
    assert (settings.drafts.enabled, settings.drafts.zone) == (False, "Europe/Madrid")


def test_a_variable_that_is_not_set_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    """And never an empty value."""
    with pytest.raises(InvalidSettings, match=r"line 2.*\$\{NOWHERE\}, which is not set"):
        expanded(tmp_path, "storage:\n  url: ${NOWHERE}\n")


def test_a_variable_cannot_add_settings(tmp_path: Path) -> None:
    """Whatever stands in it is one value."""
    with pytest.raises(InvalidSettings, match=r"drafts\.zone"):
        expanded(tmp_path, "drafts:\n  zone: ${ZONE}\n", ZONE="UTC\nlog:\n  level: debug")


def test_nothing_is_put_in_without_being_asked(tmp_path: Path) -> None:
    """As Alertmanager holds it: a dollar may be meant."""
    path = tmp_path / "t.yml"
    path.write_text("drafts: {dir: 'a${X}b'}\n", "utf-8")
    assert load_settings(path, {"X": "1"}).drafts.dir == "a${X}b"
    assert load_settings(path, {"X": "1"}, expand=True).drafts.dir == "a1b"
