"""People as they are compared, and what acts under a name without being one."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from collector.names.placeholders import is_placeholder
from collector.names.words import BRACKETED, words_of


@lru_cache(maxsize=4096)
def fold_person(text: str) -> str:
    """How a person's name is compared: ``Ana Lima``, ``Lima, Ana``, ``ana.lima`` and ``@ana-lima`` are one.

    Of an address the part before the ``@`` counts; accents and what stands in brackets do not. Empty for no name.
    """
    name = BRACKETED.sub(" ", text).strip().removeprefix("@").partition("@")[0]
    if is_placeholder(text) or is_placeholder(name):
        return ""
    family, comma, given = name.partition(",")
    plain = unicodedata.normalize("NFKD", f"{given} {family}" if comma else name)
    return "".join(words_of("".join(c for c in plain if not unicodedata.combining(c))))


_ACCOUNT = re.compile(
    r".*\[bot\]|(?:project|group)_\d+_bot(?:_[0-9a-f]+)?|service_account_.+|sa-\d+-.+|system:serviceaccount:.+"
    r"|.+\.gserviceaccount\.com|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
)
"""Accounts that systems make for automation, in lower case."""
_ACTING = frozenset({
    "api", "auto", "automated", "automatic", "automatically", "automation", "bot", "cron", "githubactions",
    "integration", "scheduler", "system", "webhook", "workflow",
})  # fmt: skip
_TOOLS = frozenset({"dependabot", "hubot", "renovate"})
_PARTICLES = frozenset({"de", "den", "der", "la", "le", "van", "von"})
"""Words that begin family names: ``yves-le-bot`` is a person."""
_DUTIES = frozenset({
    "account", "agent", "alert", "alerts", "app", "backup", "build", "cd", "chat", "chatops", "ci", "deploy",
    "deployment", "deployments", "dev", "devops", "docs", "github", "gitlab", "grafana", "healer", "incident",
    "incidents", "infra", "jenkins", "jira", "k8s", "kubernetes", "maintenance", "merge", "monitor", "monitoring",
    "oncall", "ops", "pagerduty", "pipeline", "platform", "prod", "production", "release", "releases", "robot",
    "rollback", "rootly", "service", "slack", "sre", "staging", "status", "sync", "terraform", "test", "tool",
    "update", "user", *_ACTING, *_TOOLS,
})  # fmt: skip
"""What automations are named for, their work or their tool: ``Release Bot`` is one, ``Ben Bot`` is a person."""
_CAMEL = re.compile(r"(?<=[a-z])(?=Bot$)")


@lru_cache(maxsize=4096)
def is_automation(name: str, tool: str = "") -> bool:
    """Whether a name is that of an automation: ``SYSTEM``, ``Release Bot``, ``deploy-bot``, ``renovate[bot]``, an
    account of a service, or the tool's own, whose name is folded (``betterstack``).

    ``Talbot``, ``Ben Bot``, ``ben.bot`` and ``Bot, Jan`` are people. Of an address the part before the ``@`` counts.
    """
    plain = name.strip()
    if _ACCOUNT.fullmatch(plain.casefold()):
        return True
    account = plain.removeprefix("@").partition("@")[0]
    words = words_of(_CAMEL.sub(" ", account))
    if not words or "".join(words) in {*_ACTING, tool} or account.casefold() in _TOOLS:
        return bool(words)
    family_name = "," in account or not _PARTICLES.isdisjoint(words[-2:-1])
    if family_name or "bot" not in (words[0], words[-1]):
        return False
    others = [word for word in words if word != "bot"]
    named_for_work = "".join(others) == tool or all(word in _DUTIES or word.isdecimal() for word in others)
    return named_for_work or _is_account(account)


def _is_account(name: str) -> bool:
    """Whether it is written as accounts are, in one piece: ``acme-bot``, ``RootlyBot``; dots join people's names."""
    return len(name.split()) == 1 and "." not in name
