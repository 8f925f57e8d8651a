"""The docstring of a package says which modules it has, and they are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.syntax import module_of

PROJECT = Path(__file__).parent.parent
NO_MODULES = {
    "collector/removal": {"content"},
    "collector/schema/migrations/versions": {"revision", "down_revision", "delivery"},
    "collector/sources/cloudevents": {"source", "id"},
    "collector/sources/github": {"payload"},
    "collector/web/shapes": {"null"},
    "renderers/rows": {"normal", "key", "all"},
}
"""Names that mean something else there: tables of the log, variables, fields of a sender, values of an option."""
_NAME = re.compile(r"(?<![`:])``([a-z_]+)``")


def packages() -> list[Path]:
    """Every package of the product."""
    return sorted(path.parent for room in ("collector", "renderers") for path in (PROJECT / room).rglob("__init__.py"))


def modules_near(package: Path) -> set[str]:
    """The names of what lies in a package, or beside it, or beside a package around it."""
    around = [package, *(parent for parent in package.parents if (parent / "__init__.py").is_file())]
    return {"collector", "renderers", *(path.stem for parent in around for path in parent.iterdir())}


def named_in(docstring: str) -> set[str]:
    """The bare names in double backquotes: those of modules, unless something else is meant."""
    return set(_NAME.findall(docstring))


@pytest.mark.parametrize("package", packages(), ids=lambda package: str(package.relative_to(PROJECT)))
def test_a_package_names_modules_that_are_there(package: Path) -> None:
    """A module that was renamed is renamed in the sentence about it, too."""
    names = named_in(ast.get_docstring(module_of((package / "__init__.py").read_text("utf-8"))) or "")
    others = NO_MODULES.get(str(package.relative_to(PROJECT)), set())
    assert others <= names
    assert names - modules_near(package) == others


def test_a_module_that_is_gone_is_found() -> None:
    """Of a package's own modules as of those beside it; a name with a dot, a role or an assignment is another thing."""
    names = named_in("``bodies`` and ``writer``, beside ``log``; ``web.hosts``, :func:`reading`, ``v1=`` are none.")
    assert names - modules_near(PROJECT / "collector" / "intake") == {"bodies"}
