"""Who writes what: every store into a field of an object that is not one's own, by the text of the modules.

A field is known by its name: a *container* is one that some class of the room declares as a dict, a set or a list.
A variable is followed one step back: ``homes = changes.homes`` is that field, and so is an entry of a dict of dicts.
What a method gives away, and what a function does to its argument, is not seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.syntax import module_of

MUTATORS = frozenset({
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "insert", "intersection_update",
    "pop", "popitem", "popleft", "remove", "reverse", "setdefault", "sort", "subtract", "symmetric_difference_update",
    "update",
})  # fmt: skip
ENTRIES = frozenset({"get", "pop", "setdefault", "values", "items"})
"""Methods of a dict that answer with what is in it."""
ORDERING = frozenset({"heapify", "heappop", "heappush", "insort", "setattr"})
"""Functions that change their first argument."""
_KINDS = r"(?:dict|set|list|deque|defaultdict|Counter)"
_DISPLAYS = (ast.Dict, ast.DictComp, ast.List, ast.ListComp, ast.Set, ast.SetComp)

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Foreign(NamedTuple):
    """One store into what belongs to another."""

    module: str
    function: str
    line: int
    field: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}:{self.line} stores into {self.field}"


class Fields(NamedTuple):
    """The names of the fields that are containers, and of those that hold containers themselves."""

    containers: frozenset[str]
    nested: frozenset[str]


def fields(trees: Mapping[str, ast.Module]) -> Fields:
    """Of all classes of a room."""
    containers: set[str] = set()
    nested: set[str] = set()
    for tree in trees.values():
        for node in ast.walk(tree):
            for target, value, annotation in _assigned(node):
                if isinstance(target, ast.Attribute) and (_is_display(value) or re.match(_KINDS + r"\b", annotation)):
                    containers.add(target.attr)
                    if re.match(rf"{_KINDS}\[(?:.*, )?{_KINDS}\[", annotation):
                        nested.add(target.attr)
    return Fields(frozenset(containers), frozenset(nested))


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None, str]]:
    if isinstance(node, ast.AnnAssign):
        yield node.target, node.value, ast.unparse(node.annotation)
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from ((one, value, "") for one, value in zip(target.elts, node.value.elts, strict=True))
            else:
                yield target, node.value, ""


def _is_display(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return re.fullmatch(_KINDS, ast.unparse(value.func).partition("[")[0]) is not None
    return isinstance(value, _DISPLAYS)


def foreign(trees: Mapping[str, ast.Module]) -> list[Foreign]:
    """Every store into a field of another object, in the order of modules and lines."""
    names = fields(trees)
    return sorted(
        Foreign(module, name, line, field)
        for module, tree in trees.items()
        for name, function in _functions(tree)
        for line, field in _Stores(function, names).found()
    )


def _functions(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, Function]]:
    """Those of a module and of its classes; one within another belongs to that."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield owner + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{node.name}.")


class _Stores:
    """What one function stores, and where."""

    def __init__(self, function: Function, names: Fields) -> None:
        self._function, self._names = function, names
        self._aliases: dict[str, str] = {}
        """Variables that are another's container, each with the field."""

    def found(self) -> Iterator[tuple[int, str]]:
        """Line and field of each."""
        for node in ast.walk(self._function):
            self._follow(node)
        for node in ast.walk(self._function):
            for changed in self._changed(node):
                field = self._field(changed)
                if field is not None:
                    yield changed.lineno, field

    def _follow(self, node: ast.AST) -> None:
        """Note what a variable is."""
        pairs = [(target, value) for target, value, _ in _assigned(node) if value is not None]
        if isinstance(node, ast.NamedExpr):
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.For | ast.comprehension):
            sources = node.iter.elts if isinstance(node.iter, ast.Tuple) else [_entry_of(node.iter)]
            targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
            pairs = [(target, source) for target in targets for source in sources]
        for target, value in pairs:
            field = self._container(value)
            if isinstance(target, ast.Name) and field is not None:
                self._aliases[target.id] = field

    def _changed(self, node: ast.AST) -> Iterator[ast.expr]:
        """What a piece of code changes: a field that it assigns, or a container."""
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield node if isinstance(node, ast.Attribute) else node.value
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield ast.Name(node.target.id, ast.Load(), lineno=node.lineno, col_offset=0)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
                yield node.func.value
            elif isinstance(node.func, ast.Name) and node.func.id in ORDERING and node.args:
                yield node.args[0]

    def _field(self, changed: ast.expr) -> str | None:
        """The field of another that this is; None where it is one's own, or no field."""
        if isinstance(changed, ast.Attribute) and not isinstance(changed.ctx, ast.Load):
            return None if _is_self(changed.value) else changed.attr
        return self._container(changed)

    def _container(self, value: ast.expr) -> str | None:
        """The field of another whose container this is, or an entry of it that is one."""
        if isinstance(value, ast.Name):
            return self._aliases.get(value.id)
        if isinstance(value, ast.Attribute):
            return value.attr if value.attr in self._names.containers and not _is_self(value.value) else None
        inner = _entry(value)
        field = self._container(inner) if inner is not None else None
        return field if field in self._names.nested else None


def _is_self(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def _entry(value: ast.expr) -> ast.expr | None:
    """Of ``a[b]``, ``a.get(b)`` and the like: ``a``."""
    if isinstance(value, ast.Subscript):
        return value.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ENTRIES:
        return value.func.value
    return None


def _entry_of(looped: ast.expr) -> ast.expr:
    """What a loop gives, of ``list(a.values())`` as of ``a.values()``."""
    called = isinstance(looped, ast.Call) and isinstance(looped.func, ast.Name)
    return looped.args[0] if isinstance(looped, ast.Call) and called and looped.args else looped


def parsed(folder: Path) -> dict[str, ast.Module]:
    """Every module of a folder by its name."""
    return {path.stem: module_of(path.read_text("utf-8")) for path in sorted(folder.glob("*.py"))}
