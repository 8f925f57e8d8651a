"""``timelined config show``: what is in force, where it came from, and nothing that is secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collector.cli import timelined
from collector.settings import Settings, load_settings, show

TEXT = """\
web:
  listen_address: [127.0.0.1:1, "127.0.0.1:2"]
  drain: 1m30s
storage:
  url: postgresql://u:passw0rd@h/db
api:
  token: s3cret
  tokens:
    Ana Lima: {role: write, token: [s3cret, s3cret2]}
sources:
  am: {kind: alertmanager, bearer_token: [s3cret, s3cret2]}
  us: {kind: alertmanager, basic: [{username: u, password: s3cret}]}
catalog:
  services:
    cart: {aliases: [no, 007], depends_on: []}
log: {level: "${LEVEL:-error}"}
"""


def run(*arguments: str, **variables: str) -> Result:
    """The command, in this process."""
    return CliRunner(env={"TIMELINED_CONFIG_FILE": None, **variables}).invoke(timelined, ["config", "show", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with secrets of each kind."""
    path = tmp_path / "t.yml"
    path.write_text(TEXT, "utf-8")
    return path


def test_each_value_is_shown_with_its_origin(file: Path) -> None:
    """Flag, variable, file with its line, default: the first that says something, as for the daemon."""
    flags = ("--config.expand-env", "--web.external-url", "https://t.example", "--log.level", "debug")
    result = run("--origin", "-o", "json", "--config.file", str(file), *flags, TIMELINED_WEB_ROUTE_PREFIX="/t")
    assert result.exit_code == 0, result.output
    values = {path: (each["value"], each["origin"]) for path, each in json.loads(result.stdout).items()}
    assert values["web.external_url"] == ("https://t.example", "--web.external-url")
    assert values["web.route_prefix"] == ("/t", "TIMELINED_WEB_ROUTE_PREFIX")
    assert values["web.listen_address"] == ("['127.0.0.1:1', '127.0.0.1:2']", f"{file}, line 2")
    assert values["web.drain"] == ("1m30s", f"{file}, line 3")
    assert values["web.max_body"] == ("4MiB", "default")
    assert values["web.queue_events"] == ("10000", "default")
    assert values["drafts.stale_after"] == ("1d", "default")
    assert values["log.level"] == ("debug", "--log.level")
    assert values["catalog.services.cart.aliases"] == ("['no', '007']", f"{file}, line 15")
    assert values["catalog.services.cart.depends_on"] == ("[]", f"{file}, line 15")


def test_no_secret_is_shown(file: Path) -> None:
    """Tokens, passwords, and what stands in an address; wherever they came from."""
    result = run("--config.file", str(file), "--config.expand-env", TIMELINED_STORAGE_URL="postgresql://u:s3cret@h/x")
    assert result.exit_code == 0, result.output
    assert "s3cret" not in result.output
    assert "passw0rd" not in result.output
    assert result.output.count("<secret>") == 4
    assert "storage.url: postgresql://" in result.output


def test_a_value_in_a_file_of_a_variable_is_named_by_both(tmp_path: Path) -> None:
    """As systemd and Docker hand secrets over."""
    (tmp_path / "url").write_text("postgresql://u:s3cret@h/x\n", "utf-8")
    values = {each.path: each for each in show("", {"TIMELINED_STORAGE_URL_FILE": str(tmp_path / "url")}, {})}
    assert values["storage.url"].origin == f"TIMELINED_STORAGE_URL_FILE, {tmp_path / 'url'}"
    assert "s3cret" not in values["storage.url"].value


def test_variables_in_values_are_shown_put_in(file: Path) -> None:
    """Where they are; and the mistake is said where one is not set and nothing is in its place."""
    command = ("--config.file", str(file), "--config.expand-env")
    assert "log.level: warning" in run(*command, LEVEL="warning").output
    assert "log.level: error" in run(*command).output
    file.write_text("log: {level: '${LEVEL}'}", "utf-8")
    result = run(*command)
    assert result.exit_code == 1
    assert "names ${LEVEL}, which is not set" in result.output


def test_what_is_shown_of_the_defaults_is_a_file_with_the_defaults(tmp_path: Path) -> None:
    """Each line is read as what it says: a number in the wrong unit would be another number."""
    lines = [(each.path, each.value) for each in show("", {}, {}) if each.value != "''"]
    assert len(lines) > 60
    sections: dict[str, list[str]] = {}
    for path, value in lines:
        section, _, key = path.partition(".")
        line = f"{key}: {value}" if section != "sources" else f"{key.removesuffix('.open')}: {{open: {value}}}"
        sections.setdefault(section, []).append(f"  {line}")
    text = "\n".join(f"{section}:\n" + "\n".join(below) for section, below in sections.items())
    (tmp_path / "t.yml").write_text(text, "utf-8")
    assert load_settings(tmp_path / "t.yml") == Settings()
