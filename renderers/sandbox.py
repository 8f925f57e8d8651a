"""Templates of a team's own: Markdown with places for what a draft says, in a sandbox.

A template sees the two values that :mod:`renderers.sheet` describes and
nothing else. A name that they do not have is an error and never an empty
place, and whatever it shows that is not finished Markdown is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from itertools import count
from types import TracebackType

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from renderers import escape
from renderers.sheet import Md, Sheet, ShownMeasure, TemplateFacts
from renderers.shipped import SHIPPED

_HEAD = ("title", "lead", "date", "status", "incident", "references")
_NAME = "<template>"


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a template."""

    severity: str
    """``error``: it cannot be used; ``warning``: something would be missing from its drafts."""
    line: int
    """From 1; 0 where it is about the whole template."""
    text: str


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("renderers"),
        autoescape=False,  # that is for HTML; finalize escapes for Markdown
        finalize=_finalize,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def _finalize(value: object) -> str:
    """What the template shows: finished Markdown as it is, anything else as a stranger's words."""
    return value if isinstance(value, Md) else escape.prose(str(value))


@lru_cache(maxsize=16)
def template(chosen: str) -> Template:
    """A template by its name or by its text. Raises jinja2's TemplateError for a text that is none."""
    if chosen in SHIPPED:
        return _environment().get_template(SHIPPED[chosen])
    return _environment().from_string(chosen)


def check(text: str) -> tuple[Flaw, ...]:
    """The flaws of a template. It is tried on a full draft and on an empty one."""
    try:
        compiled = _environment().from_string(text)
    except TemplateSyntaxError as error:
        return (Flaw(severity="error", line=error.lineno, text=error.message or "not a template"),)
    marks = {field.name: f"%{number}%" for number, field in zip(count(1), fields(Sheet), strict=False)}
    sheet = Sheet(**{name: Md(mark) for name, mark in marks.items()})
    output = ""
    for facts in (_FULL, TemplateFacts()):
        try:
            output = compiled.render(sheet=sheet, facts=facts)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            return (Flaw(severity="error", line=_line(error.__traceback__), text=str(error)),)
    return tuple(_missing(marks, output))


def _missing(marks: dict[str, str], shown: str) -> Iterator[Flaw]:
    for name, mark in marks.items():
        times = shown.count(mark)
        if times > 1:
            yield Flaw(severity="warning", line=0, text=f"shows sheet.{name} {times} times")
        elif not times and name not in _HEAD:
            yield Flaw(severity="warning", line=0, text=f"leaves out sheet.{name}: what was found for it is not shown")
        elif not times and name == "references":
            yield Flaw(severity="warning", line=0, text="leaves out sheet.references: its citations are no links")


def _line(trace: TracebackType | None) -> int:
    """The line of the template in which an error arose."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


_FULL = TemplateFacts(
    number=1,
    title="checkout: HighErrorRate",
    services=("checkout", "cart"),
    environments=("production",),
    severity="critical",
    resolved=True,
    started="2026-03-04 18:02:10",
    ended="2026-03-04 18:24:40",
    durations=(ShownMeasure(term="Time to resolve", value="22 min 30 s", known="observed"),),
)
