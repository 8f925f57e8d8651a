"""Hostile text through every format, in short; ``make hostile`` tries 50,000 texts in each."""

from __future__ import annotations

import random

import pytest

from renderers.formats import RENDERERS
from renderers.markdown import markdown
from tests.examples import TIMES
from tests.histories import MADE_UP
from tests.hostile import STRUCTURES, read_by_cmark, read_by_markdown_it, tried


@pytest.mark.parametrize("form", STRUCTURES)
def test_no_text_changes_the_structure(form: str) -> None:
    """Whatever stands in each place of a draft: other texts in each run."""
    seed = random.randrange(1 << 30)  # noqa: S311 - not a secret
    count, failed = tried(form, 400 * TIMES, seed)
    assert count >= 400
    assert failed == [], f"seed {seed}"


def test_every_format_is_tried() -> None:
    assert set(STRUCTURES) == set(RENDERERS)


@pytest.mark.parametrize("name", MADE_UP)
def test_two_parsers_read_the_same(name: str) -> None:
    """What GitHub's parser reads is what markdown-it reads, element by element."""
    text = markdown(MADE_UP[name]().draft())
    assert read_by_cmark(text) == read_by_markdown_it(text)


def test_the_check_sees_a_change() -> None:
    """A format that lets text through would be found."""
    assert read_by_cmark("a <b>c</b>") != read_by_cmark("a b c")
    build, structure = STRUCTURES["md"]
    shown = RENDERERS["md"](build(iter(["x"] * 100)))
    assert structure(shown) != structure(shown.replace("It said", "It @said www.example.com"))
