"""Each promise of docs/architecture.md has tests that hold it, and those exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def rows(heading: str) -> dict[int, str]:
    """The rows of the table under a heading, by the number in their first column."""
    section = re.split(r"^#+ ", PAGE.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return {int(number): row for number, row in re.findall(r"^\| (\d+) \| (.*)$", section, re.MULTILINE)}


PROMISES = rows("Ten promises")
HELD = rows("The tests that hold them")
NAMED = [(number, *name) for number, row in HELD.items() for name in re.findall(r"`(test_\w+)::(test_\w+)`", row)]
"""Each promise with each of its tests: a file and a function."""


def functions_of(file: str) -> set[str]:
    """The test functions that a file has."""
    tree = ast.parse((ROOT / "tests" / f"{file}.py").read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_promise_has_its_tests() -> None:
    """None is only said: each number of the first table has a row in the second, with a test or several."""
    assert list(PROMISES) == list(range(1, 11))
    assert list(HELD) == list(PROMISES)
    assert {number for number, _, _ in NAMED} == set(PROMISES)


@pytest.mark.parametrize(("number", "file", "name"), NAMED)
def test_every_named_test_exists(number: int, file: str, name: str) -> None:
    """A test that was renamed or taken away is missed where it was counted on."""
    assert name in functions_of(file), f"promise {number}"


def test_the_rows_of_a_table_are_read_whole() -> None:
    """What is no row of the second table names no test either: all names on the page were found in it."""
    assert len(NAMED) == len(re.findall(r"`test_\w+::test_\w+`", PAGE))
