"""The shape of the code, counted: short functions, short files, everything annotated, each room on the plan."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

import collector
from tests.layers import ROOT, layers
from tests.syntax import module_of, nodes_of

PRODUCT = ("collector", "renderers")
LONGEST_FUNCTION = 60
"""Lines, its docstring among them, blank ones not."""
MEDIAN_FUNCTION = 8
LONGEST_FILE = 500
ARCHITECTURE = ROOT / "docs" / "architecture.md"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed() -> dict[Path, ast.Module]:
    """Every module of the product and of the tests by its path."""
    folders = (*PRODUCT, "tests")
    return {
        path.relative_to(ROOT): module_of(path.read_text("utf-8"))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def functions() -> Iterator[tuple[str, Function]]:
    """Every function of the product, with where it stands."""
    for path, tree in parsed().items():
        if path.parts[0] in PRODUCT:
            for node in nodes_of(tree):
                if isinstance(node, Function):
                    yield f"{path}:{node.lineno} {node.name}", node


def filled(lines: list[str]) -> int:
    """How many lines are not blank."""
    return sum(bool(line.strip()) for line in lines)


def test_functions_are_short() -> None:
    """The median function has fewer than eight lines, and none more than sixty."""
    sources = {path: (ROOT / path).read_text("utf-8").splitlines() for path in parsed() if path.parts[0] in PRODUCT}
    lengths = {
        where: filled(sources[Path(where.partition(":")[0])][node.lineno - 1 : node.end_lineno])
        for where, node in functions()
    }
    assert len(lengths) > 2000
    assert median(lengths.values()) < MEDIAN_FUNCTION
    assert {where: lines for where, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_files_are_short() -> None:
    """A file that outgrows 500 lines has more than one purpose: tests, too."""
    lines = {str(path): filled((ROOT / path).read_text("utf-8").splitlines()) for path in parsed()}
    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}


def test_everything_is_annotated() -> None:
    """Each parameter but ``self`` and ``cls``, and what is returned."""
    bare = [where for where, node in functions() if not _is_annotated(node)]
    assert bare == []


def _is_annotated(function: Function) -> bool:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    named = [each for each in every if each is not None and each.arg not in ("self", "cls")]
    return function.returns is not None and all(each.annotation for each in named)


def crossing(name: str, tree: ast.Module) -> list[str]:
    """The test files that a file of the tests imports from."""
    imports = []
    for node in nodes_of(tree):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        tests = {test[0] for each in modules if (test := re.match(r"(?:tests\.)?test_\w+", each))}
        imports += [f"{name}:{node.lineno} {test}" for test in sorted(tests)]
    return imports


def test_no_test_file_imports_another() -> None:
    """What several of them use lies in a module that has no tests: else one cannot be changed without the other."""
    tests = {path: tree for path, tree in parsed().items() if path.parts[0] == "tests"}
    assert len(tests) > 150
    assert [each for path, tree in tests.items() for each in crossing(str(path), tree)] == []


@pytest.mark.parametrize("source", ["from tests.test_log import fact", "from tests import test_log", "import test_log"])
def test_an_import_of_a_test_file_is_found(source: str) -> None:
    """In each way in which one can be written."""
    assert len(crossing("tests/test_made_up.py", ast.parse(source))) == 1


def test_the_architecture_says_what_lies_in_each_room() -> None:
    """Each name of the map has a word in the section on rooms."""
    section = ARCHITECTURE.read_text("utf-8").partition("\n## Rooms\n")[2].partition("\n## ")[0]
    rooms = [name for name in layers(collector.__doc__ or "") if name != "__main__"]
    assert [room for room in rooms if f"`{room}`" not in section] == []
