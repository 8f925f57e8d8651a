"""One meaning for each word: the glossary is read, and the code is held to it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
GLOSSARY = PROJECT / "docs" / "glossary.md"
LONG = 3
"""Lines that a variable may live under any name."""


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of the glossary."""
    section = GLOSSARY.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the product."""
    for room in ("collector", "renderers"):
        for path in sorted((PROJECT / room).rglob("*.py")):
            yield path.relative_to(PROJECT), ast.parse(path.read_text("utf-8"))


def words(name: str) -> set[str]:
    """The words that a name is made of, also those it has in the plural."""
    apart = re.findall(r"[a-z]+", re.sub(r"([A-Z])", r"_\1", name).lower())
    return {*apart, *(word.removesuffix("s") for word in apart)}


def names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """What a module calls things: classes, functions, parameters, attributes, and variables that live long."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
            yield from _within(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
    for statement in [node for owner in ast.walk(tree) if isinstance(owner, ast.Module | ast.ClassDef)
                      for node in owner.body]:  # fmt: skip
        for name in ast.walk(statement) if isinstance(statement, ast.Assign | ast.AnnAssign) else ():
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                yield name.id, name.lineno


def _within(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, int]]:
    asked = function.args
    for parameter in (*asked.posonlyargs, *asked.args, *asked.kwonlyargs, asked.vararg, asked.kwarg):
        if parameter is not None:
            yield parameter.arg, parameter.lineno
    lines: dict[str, list[int]] = defaultdict(list)
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            lines[node.id].append(node.lineno)
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
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
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    homes[node.name.lstrip("_")].append(f"{path}:{node.lineno}")
    assert len(homes) > 200
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_no_class_is_called_by_a_participle() -> None:
    """A class is what a value is: a noun, and not what was done with it."""
    participles = {"asked", "found", "given", "held", "kept", "known", "seen", "said", "taken", "told"}
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.strip("_").lower() in participles
    ]
    assert found == []


def test_no_name_is_a_retired_word() -> None:
    """Of modules, classes, functions, parameters, attributes and variables that live longer than three lines."""
    no_longer = {row[0] for row in table("Retired words")}
    assert len(no_longer) >= 7
    found = {str(path): retired(path.stem, tree, no_longer) for path, tree in modules()}
    # The heading of a postmortem, which has lessons learned.
    found = {path: kept for path, lines in found.items() if (kept := [x for x in lines if not x.endswith(" lessons")])}
    assert found == {}


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
