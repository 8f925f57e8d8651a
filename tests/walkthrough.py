"""What the walkthrough of docs/adding-a-source.md says to write, read out of the page."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "adding-a-source.md").read_text("utf-8")


def block(language: str) -> str:
    """The page's code in that language; there is one piece of it."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert isinstance(code, str)
    return code
