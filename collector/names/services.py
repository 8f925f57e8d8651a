"""Services and repositories as they are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from collector.names.placeholders import is_placeholder
from collector.names.regions import region_at, region_ending
from collector.names.stages import AT_AN_END, ENVIRONMENTS, NEGATIONS, environment_words
from collector.names.words import BRACKETED, words_of

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
        return ServiceName(_joined(words_of(text)), None)
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
        return " " if _only_environment(words_of(match[1]), environment) else match[0]

    segments = BRACKETED.sub(without, text).split("/")
    words: list[str] = []
    for segment in segments:
        inner = words_of(segment)
        if len(segments) == 1 or not _only_environment(inner, environment):
            words += inner
    return words


def _only_environment(words: Sequence[str], environment: list[str]) -> bool:
    if not words or environment_words(words).others:
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
    before = region_at(words, 0)
    if before and words[before : before + 1] and words[before] in AT_AN_END:
        return before + 1
    if words and words[0] in AT_AN_END:
        return 1 + region_at(words, 1)
    return 2 if len(words) > 1 and words[0] in NEGATIONS and words[1] in AT_AN_END else 0


def _trailing(words: Sequence[str]) -> int:
    """The same at the end."""
    region = region_ending(words)
    at = len(words) - region - 1
    if at < 0 or words[at] not in AT_AN_END:
        return 0
    size = region + 1
    if at > 0 and words[at - 1] in NEGATIONS:
        return size + 1
    return size + (region_ending(words[:at]) if not region else 0)


def fold_service(text: str) -> str:
    """How a service's name is compared; empty where the text is no name."""
    return service_name(text).key


def fold_repository(text: str) -> str:
    """The service that a repository's name, with or without its owner, is like; empty where the text is no name.

    ``acme/notebooks-deploy``, ``infra-notebooks`` and ``notebooks`` are of ``notebooks``.
    """
    words = words_of(text.rstrip("/").rpartition("/")[2])
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


def environment_in(text: str) -> str | None:
    """The environment that stands in a service's name: ``prod-eu`` of ``shop (prod-eu)``; None where none does."""
    return service_name(text).environment
