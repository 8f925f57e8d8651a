"""Modules taken apart, each once in a process of tests: several tests look at all of them."""

from __future__ import annotations

import ast
from functools import cache


@cache
def module_of(text: str) -> ast.Module:
    """What a module's text says. All who ask share it, so nobody changes it."""
    return ast.parse(text)


@cache
def nodes_of(tree: ast.AST) -> tuple[ast.AST, ...]:
    """What :func:`ast.walk` gives, in its order: a node and all below it. Also shared, as they are walked often."""
    nodes = [tree]
    for node in nodes:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                nodes.append(value)
            elif isinstance(value, list):
                nodes += [each for each in value if isinstance(each, ast.AST)]
    return tuple(nodes)
