"""The map in ``collector/__init__.py`` as rules, and every import held to them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from tests.syntax import module_of, nodes_of

ROOT = Path(__file__).parents[1]
PACKAGES = ("collector", "renderers")
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "sqlalchemy": (
        "collector.storage",
        "collector.proof",
        "collector.schema",
        "collector.log",
        "collector.removal",
        "collector.verification",
        "collector.backup",
        "collector.projections",
        "collector.reparsing",
        "collector.intake.doubles",
        "collector.following.follower",
        "collector.following.attempts",
        "collector.following.outbox",
        "collector.following.numbers",
    ),
    "sqlite3": (
        "collector.storage",
        "collector.schema",
        "collector.log",
        "collector.backup",
        "collector.projections.database",
    ),
    "aiosqlite": ("collector.storage.first_rows",),
    "alembic": ("collector.schema.migrations",),
    "asyncpg": ("collector.log.postgres",),
    "aiohttp": ("collector.web", "collector.daemon", "collector.cli.client", "collector.publishing.calls"),
    "apscheduler": ("collector.jobs.schedule",),
    "markupsafe": ("collector.web.pages",),
    "jinja2": ("renderers.sandbox", "renderers.html", "collector.web.pages"),
    "bcrypt": ("collector.web.front",),
    "click": ("collector.cli",),
    "prometheus_client": (
        "collector.telemetry",
        "collector.web",
        "collector.daemon.gauges",
        "collector.daemon.runtime",
    ),
    "rich": ("collector.cli",),
    "yaml": ("collector.settings",),
    "yarl": ("collector.web", "collector.daemon", "collector.cli.client"),
    "markdown_it": ("renderers.prose",),
    "jmespath": ("collector.sources", "collector.settings"),
    "re2": ("collector.redaction",),
    "structlog": (
        "collector.log.postgres",
        "collector.telemetry",
        "collector.daemon",
        "collector.drafting",
        "collector.jobs",
        "collector.publishing",
        "collector.fetching",
        "collector.following",
        "collector.web",
        "collector.cli",
    ),
    "cryptography": ("collector.proof", "collector.sources.aws"),
    "uvloop": ("collector.interpreter",),
    "msgspec": PACKAGES,
}
"""Each library, and the modules (with all below them) that may know it."""
SETTINGS_READERS = ("collector.daemon", "collector.cli")
RENDERER_USERS = ("collector.drafting", "collector.following", "collector.daemon", "collector.cli")
CHOICES = "renderers.choices"
CHOICE_USERS = (*RENDERER_USERS, "collector.settings", "collector.web")
"""What may be chosen of a draft is known to whoever asks what was chosen."""
ADAPTER_MAY_IMPORT = {
    f"collector.{name}" for name in ("event", "times", "webhook", "signing", "normalise", "errors", "semantics.changes")
}
RENDERERS_MAY_IMPORT = ("collector.event", "collector.semantics", "collector.names")
MADE_UP_MAP = """
    0  errors event
    1  log
    9  web
   10  daemon
"""
"""The map of the small made-up projects below."""
BARE = ("collector.event", "renderers.document")
"""Modules that know the standard library and msgspec only."""
PURE = (
    "collector.event",
    "collector.semantics",
    "collector.names",
    "collector.people",
    "collector.correlation",
    "collector.sources",
    "collector.following.announcements",
    "renderers",
)
"""Modules without a clock, a network, a file system, randomness or a locale."""
IMPURE_MODULES = {"asyncio", "http", "io", "locale", "os", "random", "secrets", "shutil", "socket", "subprocess"}
IMPURE_MODULES |= {"tempfile", "threading", "time", "urllib.request", "uuid"}
IMPURE_CALLS = {"now", "utcnow", "today", "fromtimestamp", "open", "read_text", "read_bytes", "getenv"}


class Import(NamedTuple):
    """One import statement: who, of what, where."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def layers(docstring: str) -> dict[str, int]:
    """The table of the map: module name → layer."""
    rows = re.findall(r"^ +(\d+)  ([\w ]+)$", docstring, re.MULTILINE)
    return {name: int(number) for number, names in rows for name in names.split()}


def modules(root: Path) -> dict[str, Path]:
    """Every module of both packages by its dotted name."""
    paths = {}
    for path in sorted(p for package in PACKAGES for p in (root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


def imports(name: str, path: Path, names_known: Iterable[str]) -> Iterator[Import]:
    """Every import of a module, those inside functions and type-checking blocks included."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in nodes_of(module_of(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(name, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module or "") if part)
            for alias in node.names:
                whole = f"{origin}.{alias.name}"
                yield Import(name, whole if whole in names_known else origin, node.lineno)


def under(module: str, roots: Iterable[str]) -> bool:
    """Whether a module is one of these or stands below one of them."""
    return any(module == root or module.startswith(root + ".") for root in roots)


def violations(root: Path, docstring: str) -> list[str]:
    """Every import that the map or the rules of the rooms do not allow."""
    paths, table = modules(root), layers(docstring)
    everything = [each for name, path in paths.items() for each in imports(name, path, paths)]
    complaints = [f"{name} stands in no layer" for name in paths if not _layered(name, table)]
    for each in everything:
        complaints += [f"{each}: {reason}" for reason in _reasons(each, paths, table)]
    return complaints + _circle(everything)


def _layered(name: str, table: Mapping[str, int]) -> bool:
    package, _, rest = name.partition(".")
    return package != "collector" or not rest or rest.split(".")[0] in table


def _reasons(imported_by: Import, known: Mapping[str, Path], table: Mapping[str, int]) -> Iterator[str]:
    if imported_by.imported.split(".")[0] in PACKAGES:
        yield from _inside(imported_by, known, table)
    else:
        yield from _outside(imported_by)


def _inside(import_: Import, known: Mapping[str, Path], table: Mapping[str, int]) -> Iterator[str]:
    importer, imported = import_.importer, import_.imported
    if imported not in known:
        yield "there is no such module"
    if importer.startswith("renderers"):
        if imported.startswith("collector") and not under(imported, RENDERERS_MAY_IMPORT):
            yield "renderers read events and what decides about events alone"
    elif imported.startswith("renderers"):
        if not under(importer, CHOICE_USERS if imported == CHOICES else RENDERER_USERS):
            yield "only drafting and what stands above it import renderers"
    else:
        yield from _upward(import_, table)
    if under(imported, ["collector.settings"]) and not under(importer, [*SETTINGS_READERS, "collector.settings"]):
        yield "only daemon and cli read settings"
    if importer.startswith("collector.sources.") and not _adapter_may(imported):
        yield "an adapter knows event, times, webhook, signing, normalise, errors and changes only"


def _adapter_may(imported: str) -> bool:
    return imported in ADAPTER_MAY_IMPORT or imported.startswith("collector.sources.")


def _upward(import_: Import, table: Mapping[str, int]) -> Iterator[str]:
    above, below = ([*name.split("."), ""][1] for name in (import_.importer, import_.imported))
    if above == below:
        if below and import_.imported == f"collector.{below}" != import_.importer:
            yield "inside a folder __init__ comes last"
    elif below and above in table and below in table and table[below] >= table[above]:
        yield f"layer {table[above]} imports from layer {table[below]}"


def _outside(import_: Import) -> Iterator[str]:
    library = import_.imported.split(".")[0]
    if library not in sys.stdlib_module_names and library not in LIBRARIES:
        yield "no rule says who may know this library"
    if library in LIBRARIES and not under(import_.importer, LIBRARIES[library]):
        yield f"{library} is known to {', '.join(LIBRARIES[library])} only"
    if import_.importer in BARE and library != "msgspec" and library not in sys.stdlib_module_names:
        yield "this module knows the standard library and msgspec only"
    if under(import_.importer, PURE) and (import_.imported in IMPURE_MODULES or library in IMPURE_MODULES):
        yield "this module is pure"


def _circle(everything: Iterable[Import]) -> list[str]:
    graph: dict[str, set[str]] = {}
    for each in everything:
        if each.imported.split(".")[0] in PACKAGES and each.imported != each.importer:
            graph.setdefault(each.importer, set()).add(each.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["a circle: " + " → ".join(error.args[1])]
    return []


def impure_calls(root: Path) -> list[str]:
    """Every call in a pure module that reads a clock, a file or the environment."""
    calls = []
    for name, path in modules(root).items():
        for node in nodes_of(module_of(path.read_text("utf-8"))) if under(name, PURE) else ():
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                calls += [f"{name}:{node.lineno} calls {called}"] if called in IMPURE_CALLS else []
    return calls


def planted(root: Path, files: Mapping[str, str]) -> list[str]:
    """What the checker says of a small made-up project."""
    for package in PACKAGES:
        (root / package).mkdir()
    for name, text in ({"collector/__init__.py": "", "renderers/__init__.py": ""} | dict(files)).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return violations(root, MADE_UP_MAP)
