"""The worked example in the documentation is what today's code makes of its deliveries."""

from __future__ import annotations

import re

from renderers import edits
from renderers.edits.marks import bare
from tests.example import EDITED, FOLDER, made


async def test_the_example_is_what_its_deliveries_become() -> None:
    """To the byte; in the edited file nothing is to be brought up to date, and a person's words are in it."""
    files = await made()
    assert sorted(files) == ["draft.md", "postmortem.html", EDITED, "timeline.svg"]
    for file, text in files.items():
        assert (FOLDER / file).read_text("utf-8") == text, f"{file} is another one; run make example, and read it"
    theirs = [line for line in files[EDITED].split("\n") if "eleven minutes" in line or "by mail" in line]
    assert len(theirs) == 2
    assert edits.plain(files[EDITED]).count("<!--") == 0
    assert bare(theirs[0]) == theirs[0]


def test_the_example_says_what_each_of_its_files_is() -> None:
    """Every file in the folder stands in its table."""
    told = set(re.findall(r"\]\(([\w.]+)\)", (FOLDER / "README.md").read_text("utf-8")))
    assert told == {path.name for path in FOLDER.iterdir()} - {"README.md"}
