"""YAML read with the line of every value, so that each mistake can say where it stands.

A reader is a function from a place in the file to a value. Readers of parts
are put together into readers of sections, and every mistake is collected:
whoever starts the daemon sees all of them at once. Nothing here knows what
the settings are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Generic, NoReturn, TypeVar

import yaml

T = TypeVar("T")

LONGEST_REPEATED = 200
"""Characters at each end of a message that repeats more than twice as many."""
LONGEST_NUMBER = 15
"""Digits of a whole number."""

_NULL = "tag:yaml.org,2002:null"
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_HALVES = re.compile("[\ud800-\udfff]")
"""YAML can write half a character, which can be written nowhere else."""


class UnreadableNode(Exception):
    """A mistake was reported and this value cannot be read; the section around it goes on with its other keys."""


class Mistakes:
    """All mistakes of one file, in the order of their lines."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        """What is being read, as the user wrote it: a path, a flag, a variable."""
        self._entries: list[tuple[int, str, str]] = []

    def add(self, line: int, path: str, complaint: str) -> None:
        """Note one mistake: ``line`` from 1, 0 where there is none; ``complaint`` ends the sentence about ``path``."""
        if len(complaint) > 2 * LONGEST_REPEATED:
            # Somebody typed very much; its ends are enough to find it by.
            complaint = f"{complaint[:LONGEST_REPEATED]} … {complaint[-LONGEST_REPEATED:]}"
        where = f"line {line}, " if line else ""
        subject = f"{path} " if path else ""
        self._entries.append((line, path, f"cannot read {self.origin}: {where}{subject}{complaint}"))

    def under(self, path: str) -> bool:
        """Whether anything at or below ``path`` is mistaken, so that what follows from it is not worth saying."""
        return any(found == path or found.startswith((f"{path}.", f"{path}[")) for _, found, _ in self._entries)

    def sentences(self) -> tuple[str, ...]:
        """One sentence for each, the topmost first."""
        return tuple(dict.fromkeys(text for _, _, text in sorted(self._entries, key=lambda found: found[0])))


class Node:
    """A value in the file: its node, its path as a person would write it, and where mistakes go."""

    def __init__(self, node: yaml.Node, path: str, mistakes: Mistakes, line: int | None = None) -> None:
        self.node = node
        self.path = path
        self.mistakes = mistakes
        self.line = _line(node) if line is None else line
        """The line of its key, or where it starts if it has none; from 1."""

    @property
    def empty(self) -> bool:
        """Whether nothing was written: a section whose keys are all comments is an empty section, not a mistake."""
        return self.node.tag == _NULL

    def expand(self, variables: Mapping[str, str]) -> None:
        """Put variables into every value here: ``${NAME}``, or ``${NAME:-OTHERWISE}`` where it may be unset."""
        _expand(self.node, variables, self.path, self.mistakes, set())

    def report(self, complaint: str) -> None:
        """Report a mistake here and go on."""
        self.mistakes.add(self.line, self.path, complaint)

    def fail(self, complaint: str) -> NoReturn:
        """Report a mistake here and give this value up."""
        self.report(complaint)
        raise UnreadableNode

    @property
    def sound(self) -> bool:
        """Whether nothing in it was mistaken so far."""
        return not self.mistakes.under(self.path)

    def line_of(self, *keys: str) -> int:
        """The line of a key below, 0 where it was not written."""
        node, line = self.node, 0
        for key in keys:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            pairs_of_key = [(at, value) for at, value in pairs if at.value == key]
            if not pairs_of_key:
                return 0
            line, node = _line(pairs_of_key[0][0]), pairs_of_key[0][1]
        return line

    def inside(self, key: str, node: yaml.Node, line: int | None = None) -> Node:
        """The place of a key within this one. Keys with dots are written in brackets, so that paths stay readable."""
        name = key if _PLAIN_KEY.fullmatch(key) else f'["{key}"]'
        dot = "." if self.path and not name.startswith("[") else ""
        return Node(node, f"{self.path}{dot}{name}", self.mistakes, line)

    def text(self) -> str:
        """A scalar as it was typed. YAML's guesses (``no`` is false, ``012`` is ten) are not followed."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail("holds several values where one is expected")
        if self.empty:
            self.fail("is empty; give it a value, or remove the line to keep the default")
        scalar = str(self.node.value)
        if _HALVES.search(scalar):
            self.fail("holds half a character (\\ud800 to \\udfff), which no file can have; write a whole one")
        return scalar

    def entries(self) -> Iterator[tuple[str, Node]]:
        """The keys of a mapping and their places. A key that stands twice is a mistake and is given once."""
        if self.empty:
            return
        if not isinstance(self.node, yaml.MappingNode):
            self.fail("is a single value or a list where keys are expected")
        line_of_key: dict[str, int] = {}
        for key_node, node in self.node.value:
            key = Node(key_node, self.path, self.mistakes).text()
            line = _line(key_node)
            entry = self.inside(key, node, line)
            if key in line_of_key:
                self.mistakes.add(line, entry.path, f"stands twice, first in line {line_of_key[key]}; keep one of them")
                continue
            line_of_key[key] = line
            yield key, entry

    def items(self) -> list[Node]:
        """The items of a list; a single value is a list of one, so that ``depends_on: cart`` means what it says."""
        if isinstance(self.node, yaml.SequenceNode):
            return [Node(n, f"{self.path}[{i}]", self.mistakes) for i, n in enumerate(self.node.value)]
        return [] if self.empty else [self]

    def unknown(self, allowed: Iterable[str]) -> None:
        """Report that this key is not a setting, with the nearest one that is."""
        names = list(allowed)
        key = self.path.rpartition(".")[2]
        near = difflib.get_close_matches(key, names, n=1)
        self.report(f"is not a setting; {f'did you mean {near[0]}?' if near else 'known here: ' + ', '.join(names)}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


Reader = Callable[[Node], T]


def text(node: Node) -> str:
    """Any text that says something."""
    written = node.text()
    return written if written.strip() else node.fail("is empty; give it a value, or remove the line")


def parsed(parse: Callable[[str], T]) -> Reader[T]:
    """A text that a function understands; its ``ValueError`` ends the sentence."""

    def read(node: Node) -> T:
        try:
            return parse(node.text())
        except ValueError as error:
            node.fail(str(error))
        except RecursionError:
            node.fail("is nested too deeply; write it simpler")

    return read


def one_of(*allowed: str) -> Reader[str]:
    """One of a few words."""

    def read(node: Node) -> str:
        word = node.text()
        if word not in allowed:
            near = difflib.get_close_matches(word, allowed, n=1)
            node.fail(f"is {word!r}; {f'did you mean {near[0]}?' if near else 'use one of ' + ', '.join(allowed)}")
        return word

    return read


def truth(node: Node) -> bool:
    """``true`` or ``false``."""
    return one_of("true", "false")(node) == "true"


def whole(node: Node) -> int:
    """A whole number above 0."""
    value = node.text()
    if len(value) > LONGEST_NUMBER:
        node.fail(f"is {value!r}, which is longer than {LONGEST_NUMBER} digits; write less")
    if not (value.isascii() and value.isdigit()) or not int(value):
        node.fail(f"is {value!r}, which is not a whole number above 0")
    return int(value)


def list_of(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list, or a single value that stands for a list of one."""

    def read(node: Node) -> tuple[T, ...]:
        values = []
        for item in node.items():
            with suppress(UnreadableNode):
                values.append(reader(item))
        return tuple(values)

    return read


def positive(parse: Callable[[str], int]) -> Reader[int]:
    """A number that ``parse`` makes of a text, and that is not 0."""

    def read(raw_value: str) -> int:
        value = parse(raw_value)
        if not value:
            raise ValueError(f"is {raw_value!r}, which leaves nothing; write more than 0")
        return value

    return parsed(read)


def mapping_of(reader: Reader[T], key: Callable[[Node, str], None] = lambda node, name: None) -> Reader[dict[str, T]]:
    """Keys that the user chooses; ``key`` may report a name that cannot be used."""

    def read(node: Node) -> dict[str, T]:
        values: dict[str, T] = {}
        for name, child in node.entries():
            with suppress(UnreadableNode):
                key(child, name)
                values[name] = reader(child)
        return values

    return read


class SettingsSection(Generic[T]):
    """Known keys, each with its reader; ``build`` gets those that were written and could be read."""

    def __init__(self, build: Callable[[Node, dict[str, Any]], T], readers: Mapping[str, Reader[Any]]) -> None:
        self._build = build
        self.readers = readers
        """Key → how it is read."""

    def __call__(self, node: Node) -> T:
        """The value of a section that stands at this place."""
        values: dict[str, Any] = {}
        for key, child in node.entries():
            with suppress(UnreadableNode):
                if key not in self.readers:
                    child.unknown(self.readers)
                    continue
                values[key] = self.readers[key](child)
        return self._build(node, values)


def section(build: Callable[[Node, dict[str, Any]], T], readers: Mapping[str, Reader[Any]]) -> SettingsSection[T]:
    """See :class:`SettingsSection`."""
    return SettingsSection(build, readers)


def struct_of(kind: type[T]) -> Callable[[Node, dict[str, Any]], T]:
    """Keys that are absent keep the default of the struct."""
    return lambda node, values: kind(**values)


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}", re.ASCII)
_SYSTEMD = "CREDENTIALS_DIRECTORY"
"""Which is put in where a secret's path is read, also without being asked for."""


def _expand(node: yaml.Node, variables: Mapping[str, str], path: str, mistakes: Mistakes, expanded: set[int]) -> None:
    """Put variables into every value beneath a node, once, however often it is referred to."""
    if id(node) in expanded:
        return
    expanded.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        _put_in(node, variables, path, mistakes)
    elif isinstance(node, yaml.SequenceNode):
        for below in node.value:
            _expand(below, variables, path, mistakes, expanded)
    elif isinstance(node, yaml.MappingNode):
        for key, below in node.value:
            _expand(below, variables, f"{path}.{key.value}".lstrip("."), mistakes, expanded)


def _put_in(node: yaml.ScalarNode, variables: Mapping[str, str], path: str, mistakes: Mistakes) -> None:
    """Put variables into one value; one that is not set and has nothing in its place is a mistake."""

    def value(match: re.Match[str]) -> str:
        name, otherwise = match.groups()
        if name == _SYSTEMD:
            return match[0]
        if name not in variables and otherwise is None:
            mistakes.add(node.start_mark.line + 1, path, f"names ${{{name}}}, which is not set")
        return variables.get(name, otherwise or "")

    raw_value = _VARIABLE.sub(value, node.value)
    if raw_value != node.value and node.style is None:
        # A plain value is of the kind that it now looks like.
        node.tag = yaml.SafeLoader("").resolve(yaml.ScalarNode, raw_value, (True, False))  # type: ignore[no-untyped-call]
    node.value = raw_value


def parse(content: str, mistakes: Mistakes) -> Node | None:
    """The root of a YAML document; None where it is not YAML at all, which is then the one mistake."""
    try:
        node = yaml.compose(content, Loader=yaml.SafeLoader)
    except RecursionError:
        mistakes.add(0, "", "its brackets or lists are nested too deeply; write it with fewer levels")
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        mistakes.add(mark.line + 1 if mark else 0, "", f"this is not YAML: {error.problem or error.context}")
        return None
    except yaml.YAMLError as error:
        mistakes.add(0, "", f"this is not YAML: {' '.join(str(error).split())}")
        return None
    return Node(node or yaml.ScalarNode(_NULL, "", yaml.Mark("", 0, 0, 0, "", 0)), "", mistakes)
