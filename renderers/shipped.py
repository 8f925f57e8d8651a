"""The templates that timelined has, as texts. Nothing here renders: whoever only reads them needs no Jinja2."""

from __future__ import annotations

from importlib.resources import files

from renderers.choices import TEMPLATES

SHIPPED = {name: f"{'postmortem' if name == 'default' else name}.md.j2" for name in TEMPLATES}
"""The file of each, by name."""


def source(name: str) -> str:
    """The text of one of them."""
    return (files("renderers") / "templates" / SHIPPED[name]).read_text("utf-8")
