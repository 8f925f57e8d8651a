"""README's chapters, and the blocks in them."""

from __future__ import annotations

from tests.processes import PROJECT

README = (PROJECT / "README.md").read_text("utf-8")


def chapters() -> dict[str, list[tuple[str, str]]]:
    """Chapter → its blocks, each with its language; chapters without any are left out."""
    blocks: dict[str, list[tuple[str, str]]] = {}
    chapter, language, lines = "", "", list[str]()
    for line in README.splitlines():
        if not line.startswith("```"):
            if language:
                lines.append(line)
            elif line.startswith("## "):
                chapter = line.removeprefix("## ")
        elif language:
            blocks.setdefault(chapter, []).append((language, "\n".join(lines) + "\n"))
            language, lines = "", []
        else:
            language = line.removeprefix("```")
    return blocks
