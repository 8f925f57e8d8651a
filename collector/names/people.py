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
    "api", "auto", "automated", "automatic", "automatically", "automation", "bot", "cron", "integration", "scheduler",
    "system", "webhook", "workflow",
})  # fmt: skip
_TOOLS = frozenset({"dependabot", "hubot", "renovate"})
_JOINED = re.compile(r"(?<=[a-z])(?=Bot$)")
_PARTICLES = frozenset({"de", "den", "der", "la", "le", "van", "von"})
"""Words that begin family names: ``Yves Le Bot`` is a person."""


@lru_cache(maxsize=4096)
def is_automation(name: str, tool: str = "") -> bool:
    """Whether a name is that of an automation: ``SYSTEM``, ``Release Bot``, ``deploy-bot``, ``renovate[bot]``, an
    account of a service, or the tool's own, whose name is folded (``betterstack``).

    ``Talbot``, ``Yves Le Bot`` and ``Bot, Jan`` are people. Of an address the part before the ``@`` counts.
    """
    plain = name.strip()
    if _ACCOUNT.fullmatch(plain.casefold()):
        return True
    account = plain.removeprefix("@").partition("@")[0]
    words = words_of(_JOINED.sub(" ", account))
    if not words or "".join(words) in {*_ACTING, *_TOOLS, tool}:
        return bool(words)
    family_name = "," in account or not _PARTICLES.isdisjoint(words[-2:-1])
    return not family_name and "bot" in (words[0], words[-1])
