"""One YAML file into frozen settings, or every mistake in it, each with its line.

A flag goes before a variable, a variable before the file, the file before the
default. Unknown keys are mistakes. Nothing is asked for: without a file the
daemon serves this machine alone, with every built-in source open.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import yaml

from collector.errors import InvalidSettings
from collector.settings.logs import EVERY_LOG, LOGS, log_names, mistaken_logs, of_log, path_of
from collector.settings.schema import (
    DEFAULT_LOG,
    Api,
    BackupSettings,
    Drafts,
    Heartbeat,
    LogOutput,
    Proof,
    PublishingSettings,
    Settings,
    SourceSettings,
    Storage,
    Web,
)  # fmt: skip
from collector.settings.secrets import EVERY, Files, Unread
from collector.settings.sections import LEVELS, OVERRIDES, document
from collector.settings.showing import ShownSetting, show
from collector.settings.webfile import WebFile, context_of, is_pem, read_web_file, why_not
from collector.settings.yaml_reader import Mistakes, Node, UnreadableNode, parse
from collector.storage.urls import is_postgresql

__all__ = [
    "DEFAULT_LOG",
    "EVERY",
    "EVERY_LOG",
    "LEVELS",
    "LOGS",
    "Api",
    "BackupSettings",
    "Drafts",
    "Heartbeat",
    "LogOutput",
    "Proof",
    "PublishingSettings",
    "Settings",
    "ShownSetting",
    "SourceSettings",
    "Storage",
    "Unread",
    "Web",
    "WebFile",
    "context_of",
    "is_pem",
    "load_settings",
    "log_names",
    "of_log",
    "path_of",
    "read_web_file",
    "show",
    "why_not",
]

CONFIG_FILE = "TIMELINED_CONFIG_FILE"
WEB_CONFIG_FILE = "TIMELINED_WEB_CONFIG_FILE"


def load_settings(
    path: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str | None] = {},
    *,
    secrets: tuple[str, ...] = EVERY,
    unread: list[str] | None = None,
    expand: bool = False,
    files: list[str] | None = None,
) -> Settings:
    """The settings in force: ``path`` (or what ``TIMELINED_CONFIG_FILE`` names), then variables, then ``overrides``.

    ``overrides`` are the command line's: ``web.listen_address``, ``storage.url`` … → a text, None where the flag was
    not given. ``secrets`` are beginnings of the settings whose files are read, and each is added to ``files``; where
    others stand, a value that nobody can guess stands for them. With ``unread`` a secret that cannot be had here is no
    mistake, and is added to it. With ``expand`` variables in the file's values are put in (``${NAME}``,
    ``${NAME:-OTHERWISE}``). Raises :class:`collector.errors.InvalidSettings` with every mistake, including what must
    not be served on an address that others reach.
    """
    variables = environ or {}
    file_name = str(path) if path is not None else variables.get(CONFIG_FILE, "")
    file = Mistakes(file_name)
    root = _root(file_name, file) if file_name else None
    if expand and root is not None:
        root.expand(variables)
    settings = _read(root, Files(Path(file_name).parent, variables, secrets, unread, files))
    mistakes = [*file.sentences()]
    for key in OVERRIDES:
        value = _variable_value(variables, _variable(key), mistakes)
        settings = _overridden(settings, key, _variable(key), value, mistakes)
        flag = overrides.get(key)
        # The command line takes some of the variables for flags: what is mistaken there is said once.
        settings = _overridden(settings, key, "--" + key.replace("_", "-"), flag if flag != value else None, mistakes)
    settings = _web_file(settings, overrides.get("web.config_file") or variables.get(WEB_CONFIG_FILE))
    if settings.web.config_file and "web.".startswith(secrets):
        try:
            settings = _with_web(settings, file=read_web_file(settings.web.config_file, unread))
        except InvalidSettings as error:
            mistakes.extend(error.mistakes)
    mistakes.extend(_exposures(settings, root, file))
    mistakes.extend(mistaken_logs(settings, root, file.origin))
    urls = (settings.storage.url, *settings.storage.logs.values())
    if settings.backup.dir and all(is_postgresql(url) for url in urls):
        mistakes.append(
            "backup.dir is set, and storage.url names PostgreSQL, which its own tools back up (docs/backup.md); "
            "remove backup.dir"
        )
    if mistakes:
        raise InvalidSettings(tuple(mistakes))
    return settings


def _web_file(settings: Settings, named: str | None) -> Settings:
    """The settings with the file of a flag or a variable, whose path counts from the working directory."""
    return _with_web(settings, config_file=named) if named else settings


def _with_web(settings: Settings, **changed: Any) -> Settings:
    return msgspec.structs.replace(settings, web=msgspec.structs.replace(settings.web, **changed))


def _variable(key: str) -> str:
    return "TIMELINED_" + key.replace(".", "_").upper()


def _variable_value(variables: Mapping[str, str], name: str, mistakes: list[str]) -> str | None:
    """What a variable says, or the file that its twin ``…_FILE`` names; None where neither is set."""
    file = variables.get(f"{name}_FILE")
    if file is None:
        return variables.get(name)
    if name in variables:
        mistakes.append(f"{name} and {name}_FILE are both set; set one of them")
        return None
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        mistakes.append(f"{name}_FILE: cannot read {file}: {why}")
        return None


def _root(path: str, mistakes: Mistakes) -> Node | None:
    content = _content(path, mistakes)
    return parse(content, mistakes) if content is not None else None


def _read(root: Node | None, files: Files) -> Settings:
    if root is not None:
        with suppress(UnreadableNode):
            return document(files)(root)
    return Settings()


def _exposures(settings: Settings, root: Node | None, file: Mistakes) -> list[str]:
    """What an address that others reach would expose, leaving out what is mistaken anyway."""
    sentences = []
    for keys, exposure in settings.unprotected.items():
        line = root.line_of(*keys) if root is not None else 0
        where = f"{file.origin}, line {line}, " if line else ""
        attempt = f"cannot serve on {', '.join(settings.web.reached)}, which others can reach"
        subject = "/api" if keys == ("api",) else ".".join(keys)
        if not file.under(keys[0] if keys == ("api",) else subject) and not file.under(""):
            sentences.append(f"{attempt}: {where}{subject} {exposure}")
    return sentences


def _content(path: str, mistakes: Mistakes) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        mistakes.add(0, "", "there is no such file; create it, or leave the setting out to run with the defaults")
    except UnicodeDecodeError as error:
        mistakes.add(0, "", f"byte {error.start} is not UTF-8; save the file as UTF-8")
    except IsADirectoryError:
        mistakes.add(0, "", "that is a folder; name the file in it")
    except OSError as error:
        mistakes.add(0, "", f"{error.strerror}; let the daemon's user read the file")
    return None


def _overridden(settings: Settings, key: str, origin: str, raw_value: str | None, sentences: list[str]) -> Settings:
    """The settings with one value replaced by a flag's or a variable's, by the same reader as the file's."""
    if raw_value is None:
        return settings
    section, name, reader = OVERRIDES[key]
    mistakes = Mistakes("the configuration")
    try:
        value = reader(Node(yaml.ScalarNode("tag:yaml.org,2002:str", raw_value, _START), origin, mistakes))
    except UnreadableNode:
        sentences.extend(mistakes.sentences())
        return settings
    changed = msgspec.structs.replace(getattr(settings, section), **{name: value})
    return msgspec.structs.replace(settings, **{section: changed})


_START = yaml.Mark("", 0, -1, 0, "", 0)
"""A flag has no line: this one counts as 0."""
