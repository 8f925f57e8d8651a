"""The templates that timelined has, as texts. Nothing here renders: whoever only reads them needs no Jinja2."""

from __future__ import annotations

from pkgutil import get_data

from renderers.choices import TEMPLATES

SHIPPED = {name: f"{'postmortem' if name == 'default' else name}.md.j2" for name in TEMPLATES}
"""The file of each, by name."""


def source(name: str) -> str:
    """The text of one of them: a part of this package, like its code."""
    return (get_data("renderers", f"templates/{SHIPPED[name]}") or b"").decode()
