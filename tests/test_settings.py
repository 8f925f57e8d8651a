"""Settings: what a file means, and that every mistake in it is found and named."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import InvalidSettings
from collector.event import HOUR, MINUTE, SECOND
from collector.settings import Settings, load_settings
from collector.settings.sections import OVERRIDES
from collector.settings.values import address, duration, loopback, size
from collector.sources import SOURCES
from tests import sns

PROJECT = Path(__file__).parent.parent
DOCUMENTED = PROJECT / "config" / "timelined.yml"
BAD = sorted((Path(__file__).parent / "bad_settings").glob("*.yml"))
EXAMPLE = re.compile(r"^(\s*)#(?!#)", re.MULTILINE)


def written(folder: Path, text: str) -> Path:
    """A configuration file with this content."""
    path = folder / "timelined.yml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def mistakes(path: Path | None = None, **how: object) -> tuple[str, ...]:
    """What loading complains about."""
    with pytest.raises(InvalidSettings) as caught:
        load_settings(path, **how)  # type: ignore[arg-type]
    return caught.value.mistakes


def test_without_a_file_every_builtin_source_is_open_on_loopback() -> None:
    """A daemon without any configuration serves this machine alone and takes what comes."""
    settings = load_settings()
    assert settings.web.loopback
    assert set(settings.sources) == {kind for kind, source in SOURCES.items() if not source.needs}
    assert all(source.credentials.open for source in settings.sources.values())


def test_the_documented_file_says_the_defaults() -> None:
    """config/timelined.yml, as it stands, changes nothing."""
    documented = load_settings(DOCUMENTED)
    assert set(documented.sources) == set(Settings().sources), "each kind stands in config/timelined.yml under sources"
    assert documented == Settings()


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    """A file whose lines are all comments is a file with the defaults."""
    assert load_settings(written(tmp_path, "# nothing\nweb:\n  # listen_address: x\nsources:\n")) == Settings()


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The documented file with every example made active, and the credentials that it names."""
    text = EXAMPLE.sub(r"\1", DOCUMENTED.read_text(encoding="utf-8"))
    for name in re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/([a-z-]+)\b", text):
        (tmp_path / name).write_text(f"secret-of-{name}\n", encoding="utf-8")
    (tmp_path / "sns").write_bytes(sns.CERTIFICATE)
    return load_settings(written(tmp_path, text), {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_every_example_in_the_documented_file_works(examples: Settings) -> None:
    """Removing the # of each example gives a file that loads and means what is said beside it."""
    assert examples.api.tokens == (b"secret-of-api-token",)
    assert examples.sources["platform-code"].credentials.signing == (b"secret-of-github-new", b"secret-of-github-old")
    assert examples.sources["us-alerts"].credentials.basic == ((b"alertmanager", b"secret-of-us-alerts"),)
    assert examples.sources["eu-alerts"].reading.service_labels[0] == "team_service"
    assert examples.sources["builds"].reading.types["com.acme.deploy.finished"].refs["commit"] == "data.sha"
    assert examples.correlation.services[0].depends_on == ("cart", "payments")


def test_every_setting_stands_in_the_documented_file() -> None:
    """A key that can be set and is not in config/timelined.yml would be a secret of ours."""
    text = DOCUMENTED.read_text(encoding="utf-8")
    settings = Settings()
    for name in settings.__struct_fields__:
        part = getattr(settings, name)
        keys = () if name in ("sources", "api") else part.__struct_fields__
        hidden = {"services", "people", "longest", "signing_key", "file"}
        for key in {*keys} - hidden:
            assert re.search(rf"^ +{key}:", text, re.MULTILINE), f"{name}.{key}"
    for key in ("kind", "open", "secret_file", "bearer_token_file", "path_token_file", "basic", "types", "token_file",
                "signing_key_file"):  # fmt: skip
        assert re.search(rf"^ *# *{key}:|^ +{key}:", text, re.MULTILINE), key


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_told_every_mistake_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file of tests/bad_settings says in its first lines what loading it must say."""
    monkeypatch.chdir(PROJECT)
    relative = path.relative_to(PROJECT)
    expected = re.findall(r"^# says: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    whole = [text if text.startswith("cannot ") else f"cannot read {relative}: {text}" for text in expected]
    assert list(mistakes(relative)) == whole


DIGITS = "9" * 5000
MONSTERS = [
    ("[" * 20_000, "nested too deeply"),
    ("web: " + "[" * 3000, "nested too deeply"),
    ("web: " + "{a: " * 3000, "nested too deeply"),
    (f"web: {{queue_events: {DIGITS}}}", "longer than 15 digits"),
    (f"web: {{read_timeout: {DIGITS}s}}", "longer than 36500d"),
    ("web: {read_timeout: 99999999999d}", "longer than 36500d"),
    (f"web: {{max_body: {DIGITS}MiB}}", "larger than 1048576GiB"),
    (f"web: {{listen_address: 'localhost:{DIGITS}'}}", "not HOST:PORT"),
    ("ce: " + "[" * 3000, "longer than 2000 characters"),
    ("ce: " + "(" * 900 + "a" + ")" * 900, "nested too deeply"),
    ("ce: " + "!" * 1900 + "a", "nested too deeply"),
    (f"ce: a[{DIGITS}]", "longer than 2000 characters"),
    ("ce: `" + "[" * 1900 + "`", "nested too deeply"),
    ("am: " + "(" * 3000 + "a", "not a regular expression"),
    (f"am: a{{{DIGITS}}}", "not a regular expression"),
]


@pytest.mark.parametrize(("content", "message"), MONSTERS)
def test_what_is_monstrous_is_a_mistake_like_any_other(tmp_path: Path, content: str, message: str) -> None:
    """Brackets without end, numbers of 5,000 digits and expressions too deep to be asked: one short sentence each."""
    kind, _, value = content.partition(": ")
    if kind == "ce":
        content = f"sources: {{x: {{kind: cloudevents, open: true, types: {{t: {{title: '{value}'}}}}}}}}"
    if kind == "am":
        content = f"sources: {{alertmanager: {{open: true, redact: {{patterns: ['{value}']}}}}}}"
    (sentence,) = mistakes(written(tmp_path, content))
    assert message in sentence
    assert len(sentence) < 1000


@settings(deadline=None)
@given(st.recursive(st.text(max_size=20) | st.integers(), lambda one: st.lists(one) | st.dictionaries(st.sampled_from(
    ["web", "sources", "x", "hosts", "types", "title", "redact", "patterns", "catalog", "services", "max_body", "kind"]
), one)))  # fmt: skip
def test_whatever_is_written_is_read_or_is_a_mistake(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    """No file ends in a traceback."""
    path = tmp_path_factory.mktemp("any") / "timelined.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with contextlib.suppress(InvalidSettings):
        load_settings(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A configuration that was asked for and is missing stops the start; the defaults would be a surprise."""
    (sentence,) = mistakes(tmp_path / "none.yml")
    assert "there is no such file" in sentence


def test_a_file_that_is_not_text_is_said(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are named by their place."""
    path = tmp_path / "timelined.yml"
    path.write_bytes(b"log:\n  level: \xff\n")
    assert "byte 14 is not UTF-8" in mistakes(path)[0]


def test_values_mean_what_is_typed_and_not_what_yaml_guesses(tmp_path: Path) -> None:
    """A service called `no`, a team called 007 and a time-like version stay the words they are."""
    path = written(
        tmp_path,
        """
        catalog:
          services:
            no: {aliases: [007, 12:30, on]}
        """,
    )
    (service,) = load_settings(path).correlation.services
    assert (service.name, service.aliases) == ("no", ("007", "12:30", "on"))


def test_a_service_without_dependencies_differs_from_one_that_lists_none(tmp_path: Path) -> None:
    """`depends_on: []` says on nothing; leaving it out says not known."""
    path = written(tmp_path, "catalog:\n  services:\n    cart: {depends_on: []}\n    search: {}\n    db:\n")
    depends = {service.name: service.depends_on for service in load_settings(path).correlation.services}
    assert depends == {"cart": (), "search": None, "db": None}


def test_a_secret_file_loses_only_its_line_breaks(tmp_path: Path) -> None:
    """Editors end files with a line break, which is not part of the secret; blanks may be."""
    (tmp_path / "token").write_bytes(b" two words \r\n\n")
    path = written(tmp_path, "api: {token_file: token}")
    assert load_settings(path).api.tokens == (b" two words ",)


def test_several_secrets_are_accepted_while_one_is_replaced(tmp_path: Path) -> None:
    """A list of secrets makes each of them valid."""
    path = written(tmp_path, "sources:\n  github:\n    secret: [new, old]\n")
    assert load_settings(path).sources["github"].credentials.signing == (b"new", b"old")


def test_no_secret_is_printed(examples: Settings) -> None:
    """A log line or a traceback with settings in it shows no secret."""
    assert "secret-of" not in repr(examples)


def test_a_variable_goes_before_the_file_and_a_flag_before_the_variable(tmp_path: Path) -> None:
    """Flag, variable, file, default: the first that speaks is right."""
    path = written(tmp_path, "log: {level: error}\nstorage: {url: 'sqlite:///file.db'}\n")
    environ = {
        "TIMELINED_CONFIG_FILE": str(path),
        "TIMELINED_STORAGE_URL": "sqlite:///variable.db",
        "TIMELINED_LOG_LEVEL": "debug",
    }
    settings = load_settings(None, environ, {"log.level": "warning", "storage.url": None})
    assert (settings.log.level, settings.storage.url) == ("warning", "sqlite:///variable.db")


@pytest.mark.parametrize("key", sorted(OVERRIDES))
def test_a_mistake_names_the_flag_or_variable_it_stands_in(key: str) -> None:
    """What was typed on the command line is not looked for in a file."""
    variable = "TIMELINED_" + key.replace(".", "_").upper()
    assert mistakes(None, environ={variable: "?"})[0].startswith(f"cannot read the configuration: {variable} is '?'")
    flag = "--" + key.replace("_", "-")
    assert mistakes(None, overrides={key: "?"})[0].startswith(f"cannot read the configuration: {flag} is '?'")


def test_an_address_that_others_reach_needs_authentication_everywhere() -> None:
    """Without a file, every open source and the API are named as what stops the start."""
    sentences = mistakes(None, overrides={"web.listen_address": ":9720"})
    assert len(sentences) == len(Settings().sources) + 1
    assert all(sentence.startswith("cannot serve on :9720, which others can reach: ") for sentence in sentences)
    assert "api.token_file" in sentences[-1]


def test_an_address_that_others_reach_is_served_with_authentication(tmp_path: Path) -> None:
    """Secrets for every source and a token for the API are enough."""
    path = written(
        tmp_path,
        """
        web: {listen_address: "0.0.0.0:9720"}
        api: {token: t}
        sources:
          github: {secret: s}
          eu-alerts: {kind: alertmanager, bearer_token: b}
        """,
    )
    assert load_settings(path).web.loopback is False


@pytest.mark.parametrize(
    ("text", "micros"), [("90s", 90 * SECOND), ("15m", 15 * MINUTE), ("1h30m", 90 * MINUTE), ("1d", 24 * HOUR)]
)
def test_durations_carry_their_units(text: str, micros: int) -> None:
    """A duration is the sum of its parts, in µs."""
    assert duration(text) == micros


@given(st.text())
def test_any_text_is_a_value_or_a_mistake(text: str) -> None:
    """No text makes a parser fail in another way than by saying what is wrong."""
    for parse in (duration, size, address):
        sentence = ""
        try:
            parse(text)
        except ValueError as error:
            sentence = str(error)
        assert not sentence or sentence.startswith("is ")


@pytest.mark.parametrize(
    ("address_text", "local"),
    [("127.0.0.1:1", True), ("127.8.8.8:1", True), ("[::1]:1", True), ("localhost:1", True), (":1", False),
     ("0.0.0.0:1", False), ("[::]:1", False), ("10.0.0.1:1", False), ("localhost.example.org:1", False)],
)  # fmt: skip
def test_loopback_is_what_only_this_machine_reaches(address_text: str, local: bool) -> None:
    """A name that might lead elsewhere counts as reachable."""
    assert loopback(address(address_text)[0]) is local


KEYS = st.sampled_from(["web", "sources", "github", "types", "log", "basic", "refs", "x.y"]) | st.text()
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(TREES)
def test_any_yaml_is_read_or_refused_with_sentences(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    """Whatever shape a file has, loading gives settings or mistakes that begin with what was attempted."""
    path = tmp_path_factory.mktemp("any") / "timelined.yml"
    path.write_bytes(msgspec.json.encode(tree))
    sentences: tuple[str, ...] = ()
    try:
        load_settings(path)
    except InvalidSettings as error:
        sentences = error.mistakes
    assert all(sentence.startswith("cannot ") for sentence in sentences)
