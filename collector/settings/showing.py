"""The configuration in force as a person would write it, each value with where it came from. No secret is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import yaml

from collector.event import HOUR, MINUTE, SECOND
from collector.settings.schema import Settings
from collector.settings.secrets import Files
from collector.settings.sections import OVERRIDES, document
from collector.settings.yaml_reader import Mistakes, Node, Reader, SettingsSection, UnreadableNode, parse
from collector.storage.urls import without_credentials

MASK = "<secret>"
DEFAULT = "default"
_SECRET = re.compile(r"(?:^|_)(?:token|secret|password|key)$")
_UNITS = (("d", 24 * HOUR), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", SECOND // 1000))
_SIZES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1))


class ShownSetting(msgspec.Struct, frozen=True):
    """One value."""

    path: str
    """Its keys, with dots between."""
    value: str
    """As it is written in the file."""
    origin: str
    """``default``, a file with its line, a variable, or a flag."""


def show(
    path: str, variables: Mapping[str, str], flags: Mapping[str, str], *, expand: bool = False
) -> list[ShownSetting]:
    """Every value in force, in the order of the settings.

    What cannot be read is nothing of this: :func:`collector.settings.load_settings` says what is mistaken.
    """
    in_file = _in_file(path, variables, expand) if path else {}
    sections = document(Files(Path(path).parent, variables, ())).readers
    values: list[ShownSetting] = []
    for name, reader in sections.items():
        below = {at: told for at, told in in_file.items() if at == name or at.startswith((f"{name}.", f"{name}["))}
        values += _section(name, reader, below)
    return [_above(each, variables, flags) for each in values]


def _section(name: str, reader: Reader[Any], in_file: Mapping[str, ShownSetting]) -> list[ShownSetting]:
    """The values of a section: those that were written, and the defaults of the others."""
    if name == "sources":
        every = ((f"sources.{source}.open", "true") for source in Settings().sources)
        return [*in_file.values()] or [ShownSetting(path, value, DEFAULT) for path, value in every]
    defaults = getattr(Settings(), name, None)
    if name == "api" or defaults is None or not isinstance(reader, SettingsSection):
        return [*in_file.values()]
    values, remaining = [], dict(in_file)
    for key, read in reader.readers.items():
        path = f"{name}.{key}"
        of_it = [at for at in remaining if at == path or at.startswith((f"{path}.", f"{path}["))]
        if of_it:
            values += [remaining.pop(at) for at in of_it]
        elif hasattr(defaults, key) and not _SECRET.search(key):
            values.append(ShownSetting(path, _default(getattr(defaults, key), read), DEFAULT))
    return [*values, *remaining.values()]


def _default(value: Any, read: Reader[Any]) -> str:
    """A default as it would be written: of the ways to write a number, the one that is read as this number."""
    if isinstance(value, int) and not isinstance(value, bool):
        for text in (str(value), _in_units(value, _UNITS), _in_units(value, _SIZES)):
            with suppress(UnreadableNode):
                if read(Node(yaml.ScalarNode("tag:yaml.org,2002:str", text), "", Mistakes(""), 0)) == value:
                    return text
    return _plain(msgspec.to_builtins(value))


def _in_units(value: int, units: tuple[tuple[str, int], ...]) -> str:
    name, unit = next(((name, unit) for name, unit in units if value % unit == 0 and value), units[-2])
    return f"{value // unit}{name}"


def _plain(value: Any) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("...").strip()


def _in_file(path: str, variables: Mapping[str, str], expand: bool) -> dict[str, ShownSetting]:
    """Each value that stands in a file, by its path."""
    try:
        root = parse(Path(path).read_text("utf-8"), Mistakes(path))
    except (OSError, UnicodeDecodeError):
        return {}
    if root is not None and expand:
        root.expand(variables)
    return {each.path: each for each in _leaves(root, path, "")} if root is not None else {}


def _leaves(entry: Node, file: str, key: str) -> Iterator[ShownSetting]:
    """The values at and below a place; a list is one value, unless there are keys in it."""
    node = entry.node
    if isinstance(node, yaml.MappingNode) and node.value:
        for name, child in entry.entries():
            yield from _leaves(child, file, name)
        return
    if isinstance(node, yaml.SequenceNode) and any(not isinstance(item, yaml.ScalarNode) for item in node.value):
        for item in entry.items():
            yield from _leaves(item, file, key)
        return
    if not entry.empty:
        yield ShownSetting(entry.path, _text(node, key), f"{file}, line {entry.line}")


def _text(node: yaml.Node, key: str) -> str:
    if _SECRET.search(key):
        return MASK
    if isinstance(node, yaml.SequenceNode):
        return _plain([_typed(item) for item in node.value])
    if isinstance(node, yaml.MappingNode):
        return "{}"
    return _plain(_typed(node))


def _typed(node: yaml.Node) -> Any:
    """A value as YAML takes it, so that it is written with quotes where it was; an address without its password."""
    value = str(node.value)
    if node.tag == "tag:yaml.org,2002:str":
        return _without_credentials(value)
    found = yaml.safe_load(value)
    return found if isinstance(found, bool | int | float) and str(found) == value else value


def _above(value: ShownSetting, variables: Mapping[str, str], flags: Mapping[str, str]) -> ShownSetting:
    """The value, or what a variable or a flag says instead of it."""
    if value.path not in OVERRIDES and value.path != "web.config_file":
        return value
    name = "TIMELINED_" + value.path.replace(".", "_").upper()
    flag = "--web.config.file" if value.path == "web.config_file" else f"--{value.path.replace('_', '-')}"
    if (said := flags.get(value.path)) is not None:
        return ShownSetting(value.path, _without_credentials(said), flag)
    if f"{name}_FILE" in variables and name != "TIMELINED_WEB_CONFIG":
        with suppress(OSError, UnicodeDecodeError):
            file = variables[f"{name}_FILE"]
            return ShownSetting(
                value.path, _without_credentials(Path(file).read_text("utf-8").strip()), f"{name}_FILE, {file}"
            )
    return ShownSetting(value.path, _without_credentials(variables[name]), name) if name in variables else value


def _without_credentials(text: str) -> str:
    return without_credentials(text) if "://" in text and "@" in text else text
