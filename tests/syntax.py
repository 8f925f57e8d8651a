"""Modules taken apart, each once in a process of tests: several tests look at all of them."""

from __future__ import annotations

import ast
from functools import cache


@cache
def module_of(text: str) -> ast.Module:
    """What a module's text says. All who ask share it, so nobody changes it."""
    return ast.parse(text)
