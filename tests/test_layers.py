"""The arrow, executed: every import of both packages against the map in ``collector/__init__.py``."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import collector
from tests.layers import ROOT, impure_calls, layers, modules, planted, violations


def test_the_map_names_every_layer_once() -> None:
    """The table in the docstring counts its layers from 0 without a gap, and no module stands in two."""
    table = layers(collector.__doc__ or "")
    assert sorted(set(table.values())) == list(range(max(table.values()) + 1))
    assert table["__main__"] == max(table.values())
    rows = re.findall(r"^ +\d+  (.+)$", collector.__doc__ or "", re.MULTILINE)
    assert len(table) == sum(len(names.split()) for names in rows)


def test_every_module_of_the_map_exists() -> None:
    """A map that names what is not there misleads."""
    known = modules(ROOT)
    assert [name for name in layers(collector.__doc__ or "") if f"collector.{name}" not in known] == []


def test_every_module_where_something_is_decided_exists() -> None:
    """The same of the table of questions: each of its names is a module, or a function of one."""
    answers = re.findall(r"^    \w.*?  +(.*)$", collector.__doc__ or "", re.MULTILINE)
    names = [name for answer in answers for name in re.findall(r"[a-z_]+(?:\.[a-z_]+)+", answer)]
    assert len(names) > 15
    assert [name for name in names if not _exists(name if name.startswith("renderers.") else f"collector.{name}")] == []


def _exists(name: str) -> bool:
    module, _, function = name.rpartition(".")
    return name in modules(ROOT) or hasattr(importlib.import_module(module), function)


def test_nothing_imports_against_the_arrow() -> None:
    """Every import of both packages, inside functions too, obeys the map and the rules of the rooms."""
    assert violations(ROOT, collector.__doc__ or "") == []


def test_pure_modules_read_no_clock_and_no_file() -> None:
    """Adapters, correlation and renderers are functions of their arguments."""
    assert impure_calls(ROOT) == []


def test_an_import_from_above_is_found(tmp_path: Path) -> None:
    """An event that imports the daemon, even inside a function, is reported with its line."""
    files = {"collector/event.py": "def f():\n    from collector import daemon\n", "collector/daemon.py": ""}
    assert planted(tmp_path, files) == ["collector.event:2 imports collector.daemon: layer 0 imports from layer 10"]


def test_a_circle_inside_one_room_is_found(tmp_path: Path) -> None:
    """Two files of one folder may not import each other."""
    files = {"collector/log/__init__.py": "", "collector/log/a.py": "from . import b\n"}
    files["collector/log/b.py"] = "import collector.log.a\n"
    complaints = planted(tmp_path, files)
    assert len([c for c in complaints if c.startswith("a circle: ")]) == 1


def test_a_file_below_its_folder_may_not_import_the_folder(tmp_path: Path) -> None:
    """Inside a folder ``__init__`` gathers the files beside it and comes last."""
    files = {"collector/log/__init__.py": "", "collector/log/a.py": "from collector.log import open_log\n"}
    assert planted(tmp_path, files) == ["collector.log.a:1 imports collector.log: inside a folder __init__ comes last"]


def test_a_library_in_the_wrong_room_is_found(tmp_path: Path) -> None:
    """SQLAlchemy in a handler, the collector in a renderer and a clock in a renderer are three complaints."""
    files = {
        "collector/web/__init__.py": "from sqlalchemy import select\n",
        "collector/errors.py": "",
        "renderers/words.py": "import time\nfrom collector.errors import NotFound\n",
    }
    assert [complaint.split(": ")[1].split(" ")[0] for complaint in planted(tmp_path, files)] == [
        "sqlalchemy", "this", "renderers",
    ]  # fmt: skip
