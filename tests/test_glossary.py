"""One meaning for each word: the glossary is read, and the code is held to it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.syntax import module_of, nodes_of

PROJECT = Path(__file__).parent.parent
GLOSSARY = PROJECT / "docs" / "glossary.md"
LONG = 3
"""Lines that a variable may live under any name."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of the glossary."""
    section = GLOSSARY.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


@cache
def modules() -> tuple[tuple[Path, ast.Module], ...]:
    """Every module of the product."""
    return _parsed("collector") + _parsed("renderers")


@cache
def _parsed(room: str) -> tuple[tuple[Path, ast.Module], ...]:
    paths = sorted((PROJECT / room).rglob("*.py"))
    return tuple((path.relative_to(PROJECT), module_of(path.read_text("utf-8"))) for path in paths)


def words(name: str) -> set[str]:
    """The words that a name is made of, also those it has in the plural."""
    apart = re.findall(r"[a-z]+", re.sub(r"([A-Z])", r"_\1", name).lower())
    return {*apart, *(word.removesuffix("s") for word in apart)}


def names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """What a module calls things: classes, functions, parameters, attributes, and variables that live long."""
    for node in nodes_of(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
            yield from _within(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
    for statement in [node for owner in nodes_of(tree) if isinstance(owner, ast.Module | ast.ClassDef)
                      for node in owner.body]:  # fmt: skip
        for name in nodes_of(statement) if isinstance(statement, ast.Assign | ast.AnnAssign) else ():
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                yield name.id, name.lineno


def _within(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, int]]:
    asked = function.args
    for parameter in (*asked.posonlyargs, *asked.args, *asked.kwonlyargs, asked.vararg, asked.kwarg):
        if parameter is not None:
            yield parameter.arg, parameter.lineno
    lines: dict[str, list[int]] = defaultdict(list)
    for node in nodes_of(function):
        if isinstance(node, ast.Name):
            lines[node.id].append(node.lineno)
    stored = {node.id for node in nodes_of(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for name in stored:
        if max(lines[name]) - min(lines[name]) >= LONG:
            yield name, min(lines[name])


def retired(stem: str, tree: ast.Module, no_longer: set[str]) -> list[str]:
    """The names of a module that have a retired word in them, each with its line."""
    known = [(stem, 1), *names(tree)]
    return sorted({f"{line}: {name}" for name, line in known if words(name) & no_longer})


def test_each_term_is_defined_once() -> None:
    """In the order of the alphabet, with a meaning, and a file that is there."""
    rows = table("Terms")
    terms = [row[0] for row in rows]
    assert terms == sorted(set(terms))
    assert len(terms) > 40
    for term, meaning, home in rows:
        assert meaning, term
        assert (PROJECT / home.strip("`")).is_file(), (term, home)


def test_no_term_is_a_retired_word() -> None:
    """What is to be said instead of a word is said of each, and none of them is defined above."""
    rows = table("Retired words")
    assert all(word and instead for word, instead in rows)
    assert not {word for word, _ in rows} & {row[0] for row in table("Terms")}


def test_no_two_classes_have_one_name() -> None:
    """But for the payloads of senders and the answers of the API, which are called as their readers call them."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path, tree in modules():
        if "sources" not in path.parts and "shapes" not in path.parts:
            for node in nodes_of(tree):
                if isinstance(node, ast.ClassDef):
                    homes[node.name.lstrip("_")].append(f"{path}:{node.lineno}")
    assert len(homes) > 200
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_no_class_is_called_by_a_vague_word() -> None:
    """A class is what a value is: a noun, and not what was done with it. In the product and in its tests."""
    vague = {row[0] for row in table("Vague words")}
    violations = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in (*modules(), *_parsed("tests"))
        for node in nodes_of(tree)
        if isinstance(node, ast.ClassDef) and node.name.strip("_").lower() in vague
    ]
    assert violations == []


def test_no_name_is_a_retired_word() -> None:
    """Of modules, classes, functions, parameters, attributes and variables that live longer than three lines.

    In the product and in its tests; but a test is called by a sentence.
    """
    no_longer = {row[0] for row in table("Retired words")}
    assert len(no_longer) >= 7
    names_by_file = {str(path): retired(path.stem, tree, no_longer) for path, tree in modules()}
    for path, tree in _parsed("tests"):
        names_by_file[str(path)] = [x for x in retired(path.stem, tree, no_longer) if ": test_" not in x]
    # The heading of a postmortem, which has lessons learned.
    names_by_file = {
        path: kept
        for path, lines in names_by_file.items()
        if (kept := [x for x in lines if not x.endswith(" lessons")])
    }
    assert names_by_file == {}


RIGHT = {
    "tests/histories.py fires": "what an alert said of itself, and what other tests call it",
}
"""Where a vague word is right: file and function, and why."""
RIGHT_NAMES: dict[str, str] = {
    "collector/cli/importing.py known": "a key of the answer of timelined import -o json",
    "collector/cli/status.py found": "a key of the answer of timelined doctor -o json",
    "collector/cli/status.py what": "a key of the answer of timelined doctor -o json",
    "collector/correlation/placing.py place": "the verb of placement, as the glossary defines it",
    "collector/following/follower.py _place": "the verb of placement, as the glossary defines it",
    "collector/proof/lost.py found": "a key of the event collector.lost, which stays as it was stored",
    "collector/times.py known": "whether a time is known: started.known says what it asks",
    "collector/web/shapes/events.py known": "a key of the API",
    "collector/web/shapes/measures.py known": "a key of the API",
    "collector/web/shapes/requests.py known": "a key of the API",
    "collector/web/shapes/requests.py written": "a key of the API",
    "renderers/document.py said": "a key of the draft as JSON",
    "renderers/history.py known": "a key of the draft as JSON",
    "renderers/json_shape.py known": "a key of the draft as JSON",
    "renderers/json_shape.py said": "a key of the draft as JSON",
    "renderers/sheet.py known": "a name that templates of users read",
}
"""Where a function or a field is rightly called by one: file and name, and why."""


def long_lived(function: Function) -> Iterator[tuple[str, int]]:
    """The variables and parameters of a function that live longer than three lines, each with its first line.

    One of a comprehension lives as long as that.
    """
    inner = _of_comprehensions(function)
    lines: dict[str, list[int]] = defaultdict(list)
    for node in nodes_of(function):
        if isinstance(node, ast.Name) and node not in inner:
            lines[node.id].append(node.lineno)
        elif isinstance(node, ast.arg):
            lines[node.arg].append(node.lineno)
    own = {node.arg for node in nodes_of(function.args) if isinstance(node, ast.arg)}
    own |= {node.id for node in nodes_of(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for name in sorted(own & lines.keys()):
        if max(lines[name]) - min(lines[name]) >= LONG:
            yield name, min(lines[name])


def _of_comprehensions(function: Function) -> set[ast.AST]:
    """The variables of the comprehensions of a function, wherever these use them."""
    inner: set[ast.AST] = set()
    for node in nodes_of(function):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            targets = {
                name.id for part in node.generators for name in nodes_of(part.target) if isinstance(name, ast.Name)
            }
            if node.end_lineno is not None and node.end_lineno - node.lineno < LONG:
                inner |= {name for name in nodes_of(node) if isinstance(name, ast.Name) and name.id in targets}
    return inner


def vague_variables(tree: ast.Module, vague: set[str]) -> list[str]:
    """The variables of a module that live long and are called by a vague word, each with its function and line."""
    lines = {
        f"{node.name}:{line} {name}"
        for node in nodes_of(tree)
        if isinstance(node, Function) and _has_one(node, vague)
        for name, line in long_lived(node)
        if name.strip("_") in vague
    }
    return sorted(lines)


def _has_one(function: Function, words: set[str]) -> bool:
    """Whether a word is a variable or a parameter of a function at all: most have none, and that is soon seen."""
    names = (getattr(node, "id", None) or getattr(node, "arg", None) for node in nodes_of(function))
    return any(name.strip("_") in words for name in names if name)


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The functions and methods of a module, at any depth, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node.name, node.lineno


def fields(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The fields of the classes of a module, declared or assigned, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.ClassDef):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.target.id, field.lineno


@pytest.mark.parametrize("names_of", [pytest.param(functions, id="function"), pytest.param(fields, id="field")])
def test_none_is_called_by_a_vague_word(names_of: Callable[[ast.Module], Iterator[tuple[str, int]]]) -> None:
    """But by those of which it is said why."""
    vague = {row[0] for row in table("Vague words")}
    violations = [
        f"{path}:{line} {name}"
        for path, tree in modules()
        for name, line in names_of(tree)
        if name.strip("_") in vague and f"{path} {name}" not in RIGHT_NAMES
    ]
    assert violations == []


def test_every_exception_is_still_one() -> None:
    """What is right is there, and is called by a vague word."""
    vague = {row[0] for row in table("Vague words")}
    names = {
        f"{path} {name}"
        for path, tree in modules()
        for name, _ in (*functions(tree), *fields(tree))
        if name.strip("_") in vague
    }
    assert RIGHT_NAMES.keys() - names == set()


def test_no_variable_that_lives_long_is_called_by_a_vague_word() -> None:
    """Neither in the product nor in its tests: it says what was done with a value, and not what that is."""
    vague = {row[0] for row in table("Vague words")}
    assert len(vague) > 15
    lines = {
        f"{path} {line}" for path, tree in (*modules(), *_parsed("tests")) for line in vague_variables(tree, vague)
    }
    assert sorted(line for line in lines if line.partition(":")[0] not in RIGHT) == []


def test_no_variable_of_the_daemon_that_lives_long_is_called_by_a_word_without_a_noun() -> None:
    """Such a word says whose a value is, where it is or how many it is one of, and not what it is."""
    without_noun = {row[0] for row in table("Words without a noun")}
    assert len(without_noun) > 20
    lines = {
        f"{path} {line}"
        for path, tree in modules()
        if path.parts[0] == "collector"
        for line in vague_variables(tree, without_noun)
    }
    assert sorted(lines) == []


def test_each_word_stands_in_one_table() -> None:
    """In the order of the alphabet, with what to say instead."""
    tables = {heading: table(heading) for heading in ("Retired words", "Vague words", "Words without a noun")}
    for heading, rows in tables.items():
        words_of_table = [row[0] for row in rows]
        assert words_of_table == sorted(set(words_of_table)), heading
        assert all(instead for _, instead in rows), heading
    assert not {row[0] for row in tables["Words without a noun"]} & {row[0] for row in tables["Vague words"]}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f(told):\n    a = 1\n    b = 2\n    return told", ["f:1 told"]),
        ("def f():\n    found = 1\n    b = 2\n    c = 3\n    return found", ["f:2 found"]),
        ("def f():\n    told = 1\n    return told", []),
        ("def f(a):\n    b = [told for told in a]\n    c = 1\n    d = 2\n    return [told for told in a]", []),
    ],
)
def test_a_vague_variable_is_found(source: str, lines: list[str]) -> None:
    """A parameter as well as a variable; one of a comprehension lives as long as that."""
    assert vague_variables(ast.parse(source), {"told", "found"}) == lines


def test_functions_and_fields_are_found() -> None:
    """At any depth, private or not; what only reads one is no second of it."""
    tree = ast.parse(
        "class A:\n    told: int = 1\n    async def _f(self):\n        self._said = self.told\n        def g(): pass"
    )
    assert set(functions(tree)) == {("_f", 3), ("g", 5)}
    assert set(fields(tree)) == {("told", 2), ("_said", 4)}


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("class SqlShelf: pass", "1: SqlShelf"),
        ("def by_shelves(): pass\ndef _shelf(): pass", "2: _shelf"),
        ("def f(*, shelf=None): pass", "1: shelf"),
        ("class A:\n    shelf: int = 1", "2: shelf"),
        ("class A:\n    def f(self):\n        self._shelf = 1", "3: _shelf"),
        ("shelf = 1", "1: shelf"),
        ("def f():\n    shelf = 1\n    a = 2\n    b = 3\n    return shelf", "2: shelf"),
    ],
)
def test_a_retired_word_is_found(source: str, line: str) -> None:
    """Wherever a name can be given, and with whatever is around the word."""
    assert retired("module", ast.parse(source), {"shelf"}) == [line]


def test_a_variable_of_three_lines_may_have_any_name() -> None:
    """It is read where it is written; and words in sentences are nobody's business."""
    source = '"""The shelf."""\ndef f():\n    shelf = 1\n    return shelf'
    assert retired("module", ast.parse(source), {"shelf"}) == []
    assert retired("shelf", ast.parse(""), {"shelf"}) == ["1: shelf"]
