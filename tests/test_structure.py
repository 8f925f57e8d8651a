"""The shape of the code, counted: short functions, short files, everything annotated, each room on the plan."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path
from statistics import median

import pytest

import collector
from tests.layers import ROOT, imports, layers, modules, under
from tests.syntax import module_of, nodes_of

PRODUCT = ("collector", "renderers")
LONGEST_FUNCTION = 60
"""Lines, its docstring among them, blank ones not."""
MEDIAN_FUNCTION = 8
LONGEST_FILE = 500
MODULES_OF_THE_LOG = 25
"""So many modules are too many for ``collector/log``."""
CHAIN_OF_CORRELATION = 9
"""So many modules of ``collector/correlation``, each of which imports the next, are too many to follow."""
DOCUMENTED = {("os", "_exit")} | {("", name) for name in ("_asdict", "_fields", "_make", "_replace")}
"""Names with an underscore that libraries promise: Python's own exit without cleaning up; and those of named tuples,
whatever the tuple is called, which have it so that no field is called like them."""
PRIVATE_NAMES = ("collector/web/server.py",)
"""Modules that use what a library does not promise: ``tests/test_connection.py`` holds it to a list with reasons."""
OWN = ("self", "cls", "super()")
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


def test_the_log_has_few_modules() -> None:
    """Whoever reads how a log appends and reads finds it in fewer than 25 of them."""
    found = [name for name in modules(ROOT) if under(name, ["collector.log"])]
    assert 10 < len(found) < MODULES_OF_THE_LOG


def chain(imported: Mapping[str, set[str]], name: str) -> list[str]:
    """The longest chain of imports that begins with a module: itself, and each time what the last one imports."""
    return max(([name, *chain(imported, each)] for each in imported.get(name, ())), key=len, default=[name])


def test_correlation_is_read_in_few_steps() -> None:
    """No chain of imports within it has nine modules."""
    paths = {name: path for name, path in modules(ROOT).items() if under(name, ["collector.correlation"])}
    imported = {
        name: {each.imported for each in imports(name, path, paths) if each.imported in paths} - {name}
        for name, path in paths.items()
    }
    longest = max((chain(imported, name) for name in paths), key=len)
    assert len(longest) > 2
    assert len(longest) < CHAIN_OF_CORRELATION, " → ".join(longest)


def test_the_longest_chain_is_found() -> None:
    """Not the one that is met first."""
    assert chain({"a": {"b", "c"}, "b": {"d"}, "c": {"b"}}, "a") == ["a", "c", "b", "d"]


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def of_its_own(tree: ast.Module) -> set[str]:
    """The attributes that a module gives to its own things: in the body of a class, or by ``self``."""
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    own = {node.attr for node in attributes if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) in OWN}
    for owner in [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]:
        for each in owner.body:
            targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
            own |= {each.name} if isinstance(each, Function) else set()
            own |= {target.id for target in targets if isinstance(target, ast.Name)}
    return own


def borrowed(tree: ast.Module, inherited: Set[str]) -> list[str]:
    """Each private name that a module uses and that is not ours, with its line.

    On another thing than ``self`` a name is ours where this module gives it; on ``self`` also where a base may have
    it, ``inherited``. By the name of an attribute as text it is asked for in the same way.
    """
    own, strangers = of_its_own(tree), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            thing, names = ast.unparse(node.value), [node.attr]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "setattr", "hasattr"):
            thing, names = ast.unparse(node.args[0]), [str(getattr(node.args[1], "value", ""))]
        elif isinstance(node, ast.ImportFrom) and not under(node.module or "", PRODUCT):
            thing, names = node.module or "", [alias.name for alias in node.names]
        else:
            continue
        ours = own | inherited if thing in OWN else own
        strangers += [f"{node.lineno} {thing}.{name}" for name in names if _is_private(name) and name not in ours
                  and not {(thing, name), ("", name)} & DOCUMENTED]  # fmt: skip
    return strangers


def test_private_names_of_libraries_stay_out() -> None:
    """What a library does not promise may be gone with its next version."""
    trees = {str(path): tree for path, tree in parsed().items() if path.parts[0] in PRODUCT}
    assert set(PRIVATE_NAMES) <= set(trees)
    held = {path: tree for path, tree in trees.items() if path not in PRIVATE_NAMES}
    inherited = set[str]().union(*map(of_its_own, held.values()))
    assert [f"{path}:{each}" for path, tree in held.items() for each in borrowed(tree, inherited)] == []
    assert all(borrowed(trees[path], inherited) for path in PRIVATE_NAMES)


@pytest.mark.parametrize(
    "source",
    [
        "loop._ready.clear()",
        "library._count = 0",
        "class Ours(Theirs):\n    def ask(self):\n        return self._request",
        "class Ours(Theirs):\n    def _make(self):\n        return super()._make_server()",
        "class Ours:\n    def __init__(self, other):\n        self._open, self.other = 0, other\nresponse._start",
        "getattr(response, '_start')",
        "from library import _compat",
        "signal._exit",
    ],
)
def test_a_private_name_of_a_library_is_found(source: str) -> None:
    """Read or written, by ``self`` or by another name, as an attribute, as text or by an import."""
    assert len(borrowed(ast.parse(source), set())) == 1


def test_names_of_ours_are_not_taken_for_those_of_a_library() -> None:
    """On another thing of the same class, too, and where a named tuple is changed."""
    source = "class Ours:\n    _size: int\n    def same(self, other):\n        return self._size == other._size\n"
    assert borrowed(ast.parse(f"{source}pair._replace(a=1)\nos._exit(0)"), set()) == []


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
