"""Names as they are compared: of services, environments, hosts and people.

A team spells one thing in many ways. Here spellings become one key, and here
it is decided what is no name at all. Grouping, lists and sentences of absence
compare by these keys alone, so that each asks as the others do. Nothing here
knows a catalog (``correlation.catalog`` adds its aliases), and nothing changes
what the log keeps: events stay as they were sent.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

# --- what is no name --------------------------------------------------------------------------------------------------

NO_NAMES = frozenset({
    "n/a", "n.a", "n.a.", "na", "nan", "none", "null", "nil", "<nil>", "unknown", "undefined", "unset", "unspecified",
    "unassigned", "unavailable", "missing", "empty", "blank", "novalue", "noname", "noservice", "notset",
    "notavailable", "notapplicable", "notspecified", "notfound", "nodata", "tbd", "tba", "todo", "changeme",
    "placeholder", "replaceme", "fixme", "xxx", "unknownservice", "unknownhost", "unknowninstance",
    "unknownenvironment", "servicename", "yourservice", "yourservicename", "yourenvironment", "nonespecified",
    "tobedetermined", "unnamed",
})  # fmt: skip
"""What stands where a name is missing, in lower case and without spaces, dashes and brackets around it."""
_UNRENDERED = re.compile(
    r"\{\{|\}\}|\[\[|[$#%]\{|\$\(|<%|%>|\{%|%\(\w*\)s|<no value>|<nil>|<none>"
    r"|^%\w+%?$|^\$[a-z_][\w.]*(?:\[.*\])?$|^@@|^__[a-z_]+__$|^<[^<>]*>$|^\{[^{}]*\}$"
    r"|\[object \w+\]|^#(?:n/a|ref!|name\?)"
    # What OpenTelemetry calls a service that was given no name, with or without its process.
    r"|^unknown_service(?::.*)?$"
)
"""A template's text that nobody filled in, in lower case."""
_FAILED = re.compile(r"%!\w?\(|!\(?(?:bad|missing|extra)")
"""What Go prints where a value does not fit its format."""


def is_placeholder(text: str) -> bool:
    """Whether a text stands where a name is missing: ``<no value>``, ``N/A``, a template that nobody rendered.

    A text without any letter or digit is none either, nor one that says so of each of its parts (``null/null``), or
    of all but an environment (``prod/unknown``).
    """
    plain = text.casefold().strip()
    if "&" in plain:
        plain = html.unescape(plain)
    if not any(character.isalnum() for character in plain) or _UNRENDERED.search(plain) or _FAILED.search(plain):
        return True
    bare = plain.strip("<>()[]{}\"'`*_-.?! ")
    if re.sub(r"[\s_-]+", "", bare) in NO_NAMES or plain in NO_NAMES:
        return True
    if not _EMPTY.search(plain):
        return False
    words = [word for word in _words(plain) if word not in ENVIRONMENTS]
    return bool(words) and all(_EMPTY.fullmatch(word) for word in words)


_EMPTY = re.compile("none|null|nil|undefined|unknown|unset")
"""Words that name nothing beside one another, or beside an environment, either."""


# --- words that are environments --------------------------------------------------------------------------------------

ENVIRONMENTS = {
    "production": "production", "prod": "production", "prd": "production", "live": "production",
    "staging": "staging", "stage": "staging", "stg": "staging", "stag": "staging",
    "preproduction": "preproduction", "preprod": "preproduction", "preprd": "preproduction", "ppe": "preproduction",
    "nonproduction": "nonproduction", "nonprod": "nonproduction", "nonprd": "nonproduction",
    "development": "development", "dev": "development", "devel": "development", "develop": "development",
    "testing": "testing", "test": "testing", "tst": "testing", "qa": "qa", "uat": "uat", "acceptance": "uat",
    "acc": "uat",
    "sandbox": "sandbox", "sbx": "sandbox", "demo": "demo", "integration": "integration", "int": "integration",
    "preview": "preview",
}  # fmt: skip
"""Words for environments, each with the one that stands for them."""
AT_AN_END = frozenset({"prod", "production", "staging", "stg", "dev", "preprod", "preproduction", "nonprod"})
"""Those that are no part of a service's name where they come first or last in it."""
PRODUCTION = "production"
_NEGATIONS = {"pre": "preproduction", "non": "nonproduction", "not": "nonproduction", "no": "nonproduction"}
"""Words that make another environment of the word for production behind them."""

_SIDE = r"(?:north|south|east|west|central|northeast|northwest|southeast|southwest)"
_LAND = (
    r"(?:eu|us|usa|uk|gb|ap|sa|na|ca|cn|il|mx|jp|au|br|de|fr|nl|sg|kr|hk|ch|se|emea|apac|latam|global|europe|asia"
    r"|america|australia|africa|canada|japan|india|brazil|germany|france|korea)"
)
_SHORT_REGION = re.compile(r"(eu|us|ap)(ne|nw|se|sw|n|s|e|w|c)(\d)")
_SIDES = {"n": "north", "s": "south", "e": "east", "w": "west", "c": "central", "ne": "northeast", "nw": "northwest",
          "se": "southeast", "sw": "southwest"}  # fmt: skip
_SIDED_REGION = re.compile(rf"({_SIDE})-?({_LAND})(\d?)")
_ZONE_OF_SIDED = re.compile(rf"({_SIDE})({_LAND})(\d?)-(\d)")
"""Azure writes a zone so: ``westus2-1`` is the first one of ``westus2``."""
_FIRST_SIDED = re.compile(rf"{_SIDE}-{_LAND}")
"""A region of Azure's without a number: ``westus``, which ``westus2`` is not in."""
_LANDS = {"europe": "eu", "usa": "us", "gb": "uk"}
"""Lands that have two names, each with the one that stands for both."""
_IS_LAND = frozenset({"eu", "us", "uk"})
"""Lands whose regions are called in several ways."""
_REGION = re.compile(
    rf"{_SHORT_REGION.pattern}|{_LAND}\d?(?:-gov)?(?:-?{_SIDE})?(?:-?\d{{1,2}}[a-z]?)?(?:-[a-z])?"
    rf"|(?:me|af|in|northamerica|southamerica)-?{_SIDE}-?\d{{1,2}}(?:-?[a-z])?"
    rf"|{_SIDE}-?{_LAND}(?:-?\d)?|{_SIDE}{_LAND}\d?-\d|{_SIDE}-?\d{{1,2}}[a-z]?"
    r"|(?:fra|ams|nyc|sfo|lon|lhr|iad|sjc|sin|sgp|tor|blr|syd|dub|cdg|hel|nbg|fsn|dfw|ord|sea|lax|hkg|nrt|gru|mad|waw)"
    r"-?\d{1,2}|(?:dc|az|zone|cell|region|cluster|shard)-?(?:\d{1,3}|[a-z])"
)
"""A region, a zone or a cell, its words joined by dashes."""
_LONGEST_REGION = 4
"""Most words of a region: ``us-gov-west-1``."""

_WORD = re.compile(r"[^\W_]+")
_NUMBERED = re.compile(r"([a-z]+)(\d+)")
_BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")


def _words(text: str) -> list[str]:
    """The words of a text, all that is neither letter nor digit between them; marks that letters need stay."""
    if text.isascii():
        return _WORD.findall(text.casefold())
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in plain).split()


class _EnvironmentWords(NamedTuple):
    """Environment words among other words."""

    stages: tuple[str, ...]
    """In the order they were written, each as the word that stands for it."""
    regions: tuple[str, ...]
    others: tuple[str, ...]


def _sorted_out(words: Sequence[str]) -> _EnvironmentWords:
    """Which of these words are environments, which regions, and which neither."""
    stages, regions, others = [], [], []
    at = 0
    while at < len(words):
        if at + 1 < len(words) and words[at] in _NEGATIONS and ENVIRONMENTS.get(words[at + 1]) == PRODUCTION:
            stages.append(_NEGATIONS[words[at]])
            at += 2
        elif words[at] in ENVIRONMENTS:
            stages.append(ENVIRONMENTS[words[at]])
            at += 1
        elif (numbered := _NUMBERED.fullmatch(words[at])) and numbered[1] in ENVIRONMENTS:
            stages.append(ENVIRONMENTS[numbered[1]])
            others.append(numbered[2])
            at += 1
        elif size := _region_at(words, at):
            regions.append(_spaced("-".join(words[at : at + size])))
            at += size
        else:
            others.append(words[at])
            at += 1
    return _EnvironmentWords(tuple(stages), tuple(regions), _telling(others, alone=not stages and not regions))


def _telling(words: Sequence[str], *, alone: bool) -> tuple[str, ...]:
    """Without the words for what an environment is, unless nothing else is there: ``env: prod`` is ``prod``."""
    told = tuple(word for word in words if word not in _OF_ENVIRONMENTS)
    return tuple(words) if alone and not told else told


_OF_ENVIRONMENTS = frozenset({"env", "environment", "environments"})


def _spaced(region: str) -> str:
    """``us-east1-b`` and ``us-east-1b`` are ``us-east-1-b``, ``euw1`` is ``eu-west-1``, ``Europe`` is ``eu``."""
    if short := _SHORT_REGION.fullmatch(region):
        return f"{short[1]}-{_SIDES[short[2]]}-{short[3]}"
    if sided := _SIDED_REGION.fullmatch(region):
        region = f"{sided[1]}-{sided[2]}{sided[3]}"
    elif zone := _ZONE_OF_SIDED.fullmatch(region):
        region = f"{zone[1]}-{zone[2]}{zone[3]}-z{zone[4]}"
    spaced = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", "-", region)
    return _LANDS.get(spaced, spaced)


def _region_at(words: Sequence[str], at: int) -> int:
    """How many words from here on are one region; 0 where none begins."""
    for size in range(min(_LONGEST_REGION, len(words) - at), 0, -1):
        if _REGION.fullmatch("-".join(words[at : at + size])):
            return size
    return 0


# --- services ---------------------------------------------------------------------------------------------------------

SAY_NOTHING = frozenset({
    "service", "services", "svc", "srv", "microservice", "app", "apps", "application", "deploy", "deployment",
    "statefulset", "sts", "daemonset", "pod", "pods",
})  # fmt: skip
"""Words that say nothing at the end of a service's name."""
OF_REPOSITORIES = frozenset({
    "ansible", "chart", "charts", "gitops", "helm", "infra", "infrastructure", "k8s", "kubernetes", "kustomize",
    "manifest", "manifests", "repo", "repository", "terraform",
})  # fmt: skip
"""Words that, beside those, say nothing at either end of a repository's name: what lies in it, not what it is of."""
_GENERAL = frozenset({
    "api", "backend", "ci", "client", "cluster", "code", "config", "core", "data", "frontend", "host", "internal",
    "job", "main", "monorepo", "node", "ops", "platform", "server", "site", "status", "system", "tools", "web",
    "website", "worker", "www",
})  # fmt: skip
"""Words that many things have in their names."""


class ServiceName(NamedTuple):
    """A service's name as it is compared, and the environment that stood in it."""

    key: str
    """Empty where the text is no name."""
    environment: str | None
    """As one name; None where none stood in it."""


@lru_cache(maxsize=4096)
def service_name(text: str) -> ServiceName:
    """A service's name without what is not of it: case, separators, environments, words that say nothing.

    ``Package index (production)``, ``package_index`` and ``prod/package-index-svc`` are one. Where all words would
    go, they stay.
    """
    if is_placeholder(text):
        return ServiceName("", None)
    environment: list[str] = []
    words = _outside_brackets_and_paths(text, environment)
    if not words:
        return ServiceName(_joined(_words(text)), None)
    for _ in range(2):
        words = _without_ends(words, environment)
        while len(words) > 1 and words[-1] in SAY_NOTHING:
            words.pop()
    return ServiceName(_without_tail(_joined(words)), "-".join(environment) or None)


def _joined(words: Sequence[str]) -> str:
    """Words as one; numbers stay apart, since addresses and versions are made of them."""
    return re.sub(r"(?<=\d) (?=\d)", ".", " ".join(words)).replace(" ", "")


def _without_tail(key: str) -> str:
    """``PaymentService`` and ``paymentservice`` are ``payment-service``: what is one word loses it likewise."""
    rest = key.removesuffix("service")
    return rest if len(rest) > 2 and key not in SAY_NOTHING else key


def _outside_brackets_and_paths(text: str, environment: list[str]) -> list[str]:
    """The words of a name but for brackets and path segments that only say an environment; these go to the list."""

    def without(match: re.Match[str]) -> str:
        return " " if _only_environment(_words(match[1]), environment) else match[0]

    segments = _BRACKETED.sub(without, text).split("/")
    words: list[str] = []
    for segment in segments:
        inner = _words(segment)
        if len(segments) == 1 or not _only_environment(inner, environment):
            words += inner
    return words


def _only_environment(words: Sequence[str], environment: list[str]) -> bool:
    if not words or _sorted_out(words).others:
        return False
    environment += words
    return True


def _without_ends(words: list[str], environment: list[str]) -> list[str]:
    """Without an environment at either end, and the regions that stand beside it."""
    for cut in (_leading, _trailing):
        size = cut(words)
        if 0 < size < len(words):
            gone = words[:size] if cut is _leading else words[-size:]
            words = words[size:] if cut is _leading else words[:-size]
            environment += gone
    return words


def _leading(words: Sequence[str]) -> int:
    """How many words at the beginning are an environment: ``prod``, ``prod eu``, ``eu prod``, ``pre prod``."""
    before = _region_at(words, 0)
    if before and words[before : before + 1] and words[before] in AT_AN_END:
        return before + 1
    if words and words[0] in AT_AN_END:
        return 1 + _region_at(words, 1)
    return 2 if len(words) > 1 and words[0] in _NEGATIONS and words[1] in AT_AN_END else 0


def _trailing(words: Sequence[str]) -> int:
    """The same at the end."""
    region = _region_ending(words)
    at = len(words) - region - 1
    if at < 0 or words[at] not in AT_AN_END:
        return 0
    size = region + 1
    if at > 0 and words[at - 1] in _NEGATIONS:
        return size + 1
    return size + (_region_ending(words[:at]) if not region else 0)


def _region_ending(words: Sequence[str]) -> int:
    """How many words at the end are one region."""
    for size in range(min(_LONGEST_REGION, len(words)), 0, -1):
        if _REGION.fullmatch("-".join(words[-size:])):
            return size
    return 0


def fold_service(text: str) -> str:
    """How a service's name is compared; empty where the text is no name."""
    return service_name(text).key


def fold_repository(text: str) -> str:
    """The service that a repository's name, with or without its owner, is like; empty where the text is no name.

    ``acme/notebooks-deploy``, ``infra-notebooks`` and ``notebooks`` are of ``notebooks``.
    """
    words = _words(text.rstrip("/").rpartition("/")[2])
    noise = SAY_NOTHING | OF_REPOSITORIES
    while len(words) > 1 and words[-1] in noise:
        words.pop()
    while len(words) > 1 and words[0] in noise:
        del words[0]
    return fold_service(" ".join(words))


def says_nothing(words: Iterable[str]) -> bool:
    """Whether a name of these words, in lower case, is one that many things could have: ``deploy``, ``prod api``."""
    return all(word in _GENERAL or word in SAY_NOTHING or word in OF_REPOSITORIES or word in ENVIRONMENTS
               for word in words)  # fmt: skip


def only_environment(text: str) -> bool:
    """Whether a text is nothing but an environment or a region: ``prod``, ``eu-west-1``, ``staging us``."""
    return not is_placeholder(text) and not _sorted_out(_words(text)).others


def environment_in(text: str) -> str | None:
    """The environment that stands in a service's name: ``prod-eu`` of ``shop (prod-eu)``; None where none does."""
    return service_name(text).environment


# --- environments -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def fold_environment(text: str) -> tuple[str, ...]:
    """An environment in parts: what it is, then where it is, then what else its name says.

    ``prod-us-west-1`` is ``("production", "us-west-1")``, ``Production – shop`` is ``("production", "shop")``,
    ``pre-prod`` is ``("preproduction",)``. Empty where the text is no name.
    """
    if is_placeholder(text):
        return ()
    found = _sorted_out(_words(text))
    # "staging copy of production" is no production.
    stage = next((each for each in found.stages if each != PRODUCTION), PRODUCTION) if found.stages else ""
    return tuple(filter(None, (stage, *found.regions, "-".join(found.others))))


def environment_key(text: str) -> str:
    """How an environment's name is compared, its parts joined by ``/``; empty where the text is no name."""
    return "/".join(fold_environment(text))


def in_production(key: str) -> str:
    """The key of an environment that its sender says is production, whatever its name."""
    parts = key.split("/") if key else []
    return "/".join((PRODUCTION, *(part for part in parts if part != PRODUCTION)))


@lru_cache(maxsize=4096)
def apart(a: str | None, b: str | None) -> bool:
    """Whether two keys of environments are two named ones: neither is the other, nor within it.

    ``production`` is not apart from ``production/eu``, which is apart from ``production/us``. An absent one is
    apart from none.
    """
    if not a or not b or a == b:
        return False
    first, second = a.split("/"), b.split("/")
    return not (_covers(first, second) or _covers(second, first))


def _covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether each part of the one is a part of the other, or has one within it: ``eu`` has ``eu-west-1``."""
    if wide[0] != narrow[0]:
        return len(wide) == 1 and len(narrow) == 1 and _within(narrow[0], wide[0])
    return all(any(part == one or _within(one, part) for one in narrow[1:]) for part in wide[1:])


def _within(narrow: str, wide: str) -> bool:
    """``eu-west-1`` is within ``eu``, and so is ``west-europe``, which another provider calls so."""
    if narrow.startswith(f"{wide}-"):
        return not (_FIRST_SIDED.fullmatch(wide) and narrow[len(wide) + 1].isdigit())
    return (
        wide in _IS_LAND
        and bool(_REGION.fullmatch(narrow.partition("-z-")[0]))
        and wide in {_LANDS.get(word, word) for word in narrow.split("-")}
    )


def narrowest(keys: Iterable[str]) -> tuple[str, ...]:
    """Of several keys those within which no other lies: where something was, as nearly as is known."""
    known = sorted(set(keys))
    return tuple(
        one for one in known if not any(other != one and _covers(one.split("/"), other.split("/")) for other in known)
    )


def elsewhere(here: str | None, there: Iterable[str]) -> bool:
    """Whether something is apart from all of several environments; never where either names none."""
    known = set(there)
    if not here or not known or here in known:
        return False
    places = known if len(known) == 1 else narrowest(known)
    return all(apart(here, place) for place in places)


def environments_match(a: str | None, b: str | None) -> bool:
    """Whether two names of environments can be of one place; an absent one matches any."""
    return not apart(environment_key(a or ""), environment_key(b or ""))


# --- exporters -------------------------------------------------------------------------------------------------------

EXPORTERS = (
    "kube-state-metrics", "cadvisor", "kubelet", "prometheus", "alertmanager", "pushgateway", "blackbox", "exporter",
    "node", "probe", "probes", "snmp", "statsd", "windows", "federate", "kubernetes-nodes", "kubernetes-pods",
    "kubernetes-services", "kubernetes-service-endpoints", "kubernetes-apiservers", "kubernetes-nodes-cadvisor",
    "kubernetes-cadvisor", "apiserver", "telegraf", "node-metrics", "integrations/unix", "integrations/node",
    "nodes", "jmx", "collectd", "netdata",
)  # fmt: skip
"""Values of ``job`` that name who measures and not what is measured."""
_WHOLE = frozenset({"node", "nodes", "probe", "probes", "snmp", "statsd", "windows", "federate", "apiserver",
                    "telegraf", "jmx", "collectd", "netdata"})  # fmt: skip
"""Those that are words of services' names as well: they count only as a whole name."""


@lru_cache(maxsize=4096)
def is_exporter(text: str, exporters: tuple[str, ...] = EXPORTERS) -> bool:
    """Whether a text names an exporter, also behind a namespace or a release, and of an environment or a region.

    ``node``, ``nodeexporter`` and ``monitoring/prom-mysqld_exporter-eu`` do; ``graph-node`` does not.
    """
    segments = [_without_environment(_words(segment)) for segment in text.split("/")]
    known = {"-".join(_words(each)) for each in exporters}
    last = segments[-1]
    if "-".join(filter(None, segments)) in known or last in known or last.replace("-", "") in _solid(exporters):
        return True
    return any(last.endswith(f"-{each}") or (each == "blackbox" and last.startswith("blackbox-"))
               for each in known - _WHOLE)  # fmt: skip


@lru_cache(maxsize=64)
def _solid(exporters: tuple[str, ...]) -> frozenset[str]:
    """Names of several words, and those of usual exporters, as one word."""
    several = ["".join(_words(each)) for each in exporters if len(_words(each)) > 1]
    usual = (
        *_WHOLE,
        "mysqld",
        "mysql",
        "postgres",
        "redis",
        "mongodb",
        "blackbox",
        "process",
        "kafka",
        "elasticsearch",
    )
    return frozenset((*several, *(f"{each}exporter" for each in usual)))


def _without_environment(words: Sequence[str]) -> str:
    """Words joined by dashes, without environments and regions unless nothing else is there."""
    return "-".join(_sorted_out(words).others or words)


def is_of_the_cluster(job: str) -> bool:
    """Whether a ``job`` is one that measures everything from one place, so that its ``instance`` is its own."""
    return "-".join(_words(job)).endswith("kube-state-metrics")


# --- hosts and people -------------------------------------------------------------------------------------------------

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.%a-z]*", re.IGNORECASE)


def host_of(instance: str) -> str:
    """The host in an ``instance`` label: without scheme, login, port and path; empty where none is in it."""
    rest = instance.strip()
    rest = rest.partition("://")[2] if "://" in rest else rest
    rest = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if rest.startswith("["):
        rest = rest.partition("]")[0].removeprefix("[")
    elif rest.count(":") == 1:
        rest = rest.partition(":")[0]
    return rest if _HOST.fullmatch(rest) else ""


@lru_cache(maxsize=4096)
def fold_person(text: str) -> str:
    """How a person's name is compared: ``Ana Lima``, ``Lima, Ana``, ``ana.lima`` and ``@ana-lima`` are one.

    Of an address the part before the ``@`` counts; accents and what stands in brackets do not. Empty for no name.
    """
    name = _BRACKETED.sub(" ", text).strip().removeprefix("@").partition("@")[0]
    if is_placeholder(text) or is_placeholder(name):
        return ""
    family, comma, given = name.partition(",")
    plain = unicodedata.normalize("NFKD", f"{given} {family}" if comma else name)
    return "".join(_words("".join(c for c in plain if not unicodedata.combining(c))))
