"""What the authors of alerting rules wrote beside an alert: annotations, as Prometheus calls them.

Their names are the authors' own. ``summary``, ``description``, and ``message`` of rules
written before the names settled, say what is wrong; a runbook and a dashboard are known by
a word of their name. All others are kept by their names, and addresses among them are
links. What begins with two underscores is the sender's own, and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from collector import normalise

Pair = tuple[str, str]

_LINKS = {"runbook_url": "runbook", "runbook": "runbook", "dashboard_url": "dashboard", "dashboard": "dashboard"}
_USUAL = frozenset({"summary", "description", "message", *_LINKS})
_WORDS = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GUIDES = ("runbook", "playbook", "sop")
_DASHBOARDS = ("dashboard", "grafana")
_ADDRESS = re.compile(r"https?://\S+")


def links_in(annotations: Mapping[str, str]) -> list[Pair]:
    """What each address among the annotations is, and the address: runbooks first, then dashboards, then the others by
    their names."""
    if annotations.keys() <= _USUAL:
        return [(rel, url) for name, rel in _LINKS.items() if (url := annotations.get(name))]
    pairs = [(_rel(name), url.strip()) for name, url in annotations.items() if _is_link(name, url)]
    order = {"runbook": 0, "dashboard": 1}
    return sorted(pairs, key=lambda pair: order.get(pair[0], len(order)))


def texts_in(annotations: Mapping[str, str]) -> dict[str, str]:
    """``summary`` and ``description``, where they say something."""
    texts = {
        "summary": normalise.text(annotations.get("summary")),
        "description": normalise.text(annotations.get("description") or annotations.get("message")),
    }
    return {key: text for key, text in texts.items() if text}


def others_in(annotations: Mapping[str, str]) -> dict[str, str]:
    """All that is neither of these nor a link, by its name; also a runbook that is written out instead of linked."""
    if not annotations or annotations.keys() <= _SAID:
        return {}
    return {
        normalise.line(name): words
        for name, text in annotations.items()
        if _is_other(name, annotations) and not _is_link(name, text) and (words := normalise.text(text).strip())
    }


_SAID = frozenset({"summary", "description"})


def _is_other(name: str, annotations: Mapping[str, str]) -> bool:
    """Whether an annotation is told under its own name: ``message`` is, where there is a description, too."""
    if name == "message":
        return bool(annotations.get("description"))
    return name not in _SAID and not name.startswith("__")


def _is_link(name: str, text: str) -> bool:
    return not name.startswith("__") and name not in _SAID and _ADDRESS.fullmatch(text.strip()) is not None


def _rel(name: str) -> str:
    """``runbook`` of ``playbook_url``, ``dashboard`` of ``grafanaDashboard``; else the name without ``url``."""
    words = _WORDS.findall(_CAMEL.sub(" ", name).casefold())
    for rel, known in (("runbook", _GUIDES), ("dashboard", _DASHBOARDS)):
        if any(word.startswith(known) for word in words):
            return rel
    return "_".join(word for word in words if word not in ("url", "link")) or "link"
