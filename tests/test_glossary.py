"""One meaning for each word: the glossary defines each term once, and says where it is at home."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).parent.parent


def test_each_term_is_defined_once() -> None:
    """In the order of the alphabet, with a meaning, and a file that is there."""
    lines = (PROJECT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]
    terms = [row[0] for row in rows]
    assert len(terms) > 40
    assert terms == sorted(set(terms))
    for term, meaning, home in rows:
        assert meaning, term
        assert (PROJECT / home.strip("`")).is_file(), (term, home)
