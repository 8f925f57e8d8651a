"""What is read out of a CloudEvent's data, where the configuration says nothing.

Teams call the same thing by a few usual names. They are looked for in the
data, then in what CDEvents and others put one step below it. Keys are compared
without case, ``_`` and ``-``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from collector import normalise

TEXTS = ("summary", "message", "description", "title", "text", "reason", "body", "comment")
"""Keys of the sentence that a person would read, the first present one."""
_ACTIONS = ("note", "notes", "msg", "what", "action", "operation", "command", "cmd")
"""Keys of what was done or remarked, which say so where there is no such sentence; often they hold but a word."""
_ACTORS = ("actor", "user", "by", "triggeredby", "principal", "username", "startedby", "deployedby", "createdby",
           "reportedby", "changedby", "updatedby", "performedby", "initiatedby")  # fmt: skip
_AUTHORS = ("author", "authorname", "sender", "reporter", "requester", "from")
"""Keys of who wrote or made it: of messages, reports and changes only. An observation's author is nobody's deed."""
_STATES = ("outcome", "conclusion", "result", "status", "state", "phase")
_NAMES = ("name", "login", "displayname", "fullname", "username", "email", "id", "key", "slug")
"""Within an object that stands for a person or a thing, what it is called."""
_BELOW = ("content", "customdata", "attributes", "details", "detail", "payload", "metadata", "resource", "labels",
          "tags", "event", "data")  # fmt: skip
_PLACES = {
    key.replace("_", ""): key
    for key in ("service", "app", "application", "component", "environment", "env", "stage", "severity", "priority",
                "level", "namespace", "deployment", "statefulset", "instance", "job")
} | {
    "servicename": "service", "appname": "app", "applicationname": "application", "componentname": "component",
    "environmentname": "environment", "envname": "env",
}  # fmt: skip
"""Keys of services, environments and severities, folded, and the label that each is read like."""
_IDS = ("deploymentid", "deployid", "releaseid", "rolloutid", "runid", "executionid", "flag", "flagkey", "flagname",
        "featurekey", "featurename", "feature",
        "version", "revision", "sha", "commit", "image", "tag", "ticketid", "ticket", "messageid")  # fmt: skip
"""Keys that tell one change from the next of the same thing."""

_FLAGS = ("flag", "flagkey", "flagname", "featurekey", "featurename", "feature", "toggle", "togglename", "switch",
          "key", "name")  # fmt: skip
_NUMBERED = frozenset({"pagerdutyincident", "pagerdutyincidentid", "pagerdutyincidentnumber", "pagerdutynumber",
                       "pdincident", "pdincidentid", "pdincidentnumber", "pagerduty"})  # fmt: skip
"""Keys under which a number is PagerDuty's; under ``incident`` it may be anybody's."""
_PAGES = _NUMBERED | {"pageid", "incidentid", "incident", "page"}
_ALERTS = frozenset({"incidentkey", "dedupkey", "alertkey", "fingerprint", "deduplicationkey"})
_COMMITS = frozenset({"commit", "sha", "gitsha", "commitsha", "revision", "headsha", "gitcommit", "commitid"})
_REPOSITORIES = frozenset({"repository", "repo", "repositoryname", "repositoryurl", "repourl"})
_PAGE_URL = re.compile(r"https?://[^/\s]+/incidents/([A-Z0-9]{5,})(?:[/?#].*)?")
_PAGE_URLS = re.compile(r"https?://[^/\s]+/incidents/([A-Z0-9]{5,})(?![A-Za-z0-9_-])")
"""The same in a sentence."""
_PAGE_ID = re.compile(r"[PQ][A-Z0-9]{5,31}")
_NUMBER = re.compile(r"#?(\d{1,15})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PULL = re.compile(r"https?://[^/\s]+/[^/\s]+/[^/\s]+/(?:-/)?(?:pull|merge_requests)/\d+")
_REPOSITORY = re.compile(r"(?:https?://[^/\s]+/|git@[^:\s]+:)?([\w.-]+/[\w.-]+?)(?:\.git)?/?")
_MARKUP = frozenset("<{[")
"""What data begins with that is XML or JSON sent as text, and no sentence."""
_LINKS = ("url", "htmlurl", "link", "href", "permalink", "weburl", "ticketuri", "runurl", "logurl")


def _folded(key: str) -> str:
    return key.replace("_", "").replace("-", "").replace(" ", "").casefold()


def _levels(data: Any) -> Iterator[Mapping[str, Any]]:
    """The data, then what stands one step below it under the usual names, and in the subject of a CDEvent."""
    if not isinstance(data, dict):
        return
    yield data
    subject = data.get("subject")
    for holder in (subject if isinstance(subject, dict) else {}, data):
        yield from (value for key, value in holder.items() if _folded(key) in _BELOW and isinstance(value, dict))


def scalar(value: Any) -> str:
    """A value as one line: a text, a number, or what an object is called; empty where it is none of these."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return normalise.line(str(normalise.tree(value)))
    if isinstance(value, dict):
        named = {_folded(key): each for key, each in value.items()}
        return next((text for name in _NAMES if (text := normalise.line(named.get(name)))), "")
    return normalise.line(value)


def texts(data: Any) -> dict[str, str]:
    """Every value that is a text or is called something, by its key as written; the nearest to the top speaks."""
    by_key: dict[str, str] = {}
    for level in _levels(data):
        for key, value in level.items():
            if (
                not isinstance(value, list | bool)
                and value is not None
                and key not in by_key
                and (text := scalar(value))
            ):
                by_key[key] = text
    for key, text in list(by_key.items()):
        by_key.setdefault(_PLACES.get(_folded(key), key), text)
    for kind, name in _subject(data):
        by_key.setdefault(kind, name)
    return by_key


_CDEVENT = re.compile(r"dev\.cdevents\.([a-z]+)\.")


def about(data: Any) -> tuple[str, str]:
    """What kind of thing a CDEvent is about, in small letters, and its id; empty texts for other data."""
    subject = data.get("subject") if isinstance(data, dict) else None
    if not isinstance(subject, dict) or not (name := normalise.line(subject.get("id"))):
        return "", ""
    # Since 0.5 the kind of the subject stands in the event's type alone: dev.cdevents.service.deployed.0.3.0.
    context = data.get("context")
    told = _CDEVENT.match(str(context.get("type"))) if isinstance(context, dict) else None
    return normalise.line(subject.get("type") or (told[1] if told else "")).casefold(), name


def name_of(data: Any) -> str:
    """What a CDEvent is about, as a person calls it: by its name where it has one, else by its id."""
    kind, name = about(data)
    return first(data, (f"{kind.removesuffix('run')}name", "name")) or name if kind else ""


def _subject(data: Any) -> Iterator[tuple[str, str]]:
    """What a CDEvent is about, where that is a service or an environment: its id is the name."""
    kind, name = about(data)
    if kind in ("service", "environment"):
        yield kind, name


def first(data: Any, keys: Iterable[str]) -> str:
    """The value of the first of these keys that is present, at whatever level."""
    levels = [{_folded(key): value for key, value in level.items()} for level in _levels(data)]
    return next((text for key in keys for level in levels if (text := scalar(level.get(key)))), "")


def text_of(data: Any) -> str:
    """The sentence that the data holds, its line breaks kept; a text that is all the data there is is that sentence."""
    if isinstance(data, str):
        text = normalise.text(data).strip()
        return "" if text[:1] in _MARKUP else text
    title = _headline(data)
    found = [told for key in TEXTS for level in _levels(data) if (told := _sentence(level.get(key)))] or _actions(data)
    # A title is the sentence only where there is no other: what stands under it says more.
    return next((told for told in found if normalise.line(told) != title), found[0] if found else "")


def _actions(data: Any) -> list[str]:
    """What was done, in more than one word: ``restart`` alone is said by the type, or is a field of a program's."""
    levels = [{_folded(key): value for key, value in level.items()} for level in _levels(data)]
    actions = [_sentence(level.get(key)) for key in _ACTIONS for level in levels]
    return [action for action in actions if " " in action]


def _sentence(value: object) -> str:
    return normalise.text(value).strip() if isinstance(value, str) else ""


def _headline(data: Any) -> str:
    """The title that a sender gave it; of a ticket or a letter it is called the subject."""
    subject = data.get("subject") if isinstance(data, dict) else None
    return first(data, ("title", "headline")) or normalise.line(subject)


def title_of(data: Any) -> str:
    """The headline: what the data calls its title, else the sentence it holds."""
    return _headline(data) or normalise.line(text_of(data))


def flag_of(data: Any) -> str:
    """What a flag is called; empty where the data does not say."""
    return next((name for key in _FLAGS if (name := first(data, (key,))) not in ("", "true", "false")), "")


def actor_of(data: Any, *, authored: bool) -> str | None:
    """Who did it; ``authored`` says that whoever wrote or made it is that person. A bot is automation."""
    found = first(data, (*_ACTORS, *_AUTHORS) if authored else _ACTORS)
    return None if found in ("true", "false") else normalise.person(found)


def states(data: Any) -> list[str]:
    """What the data says of how it stands."""
    return [text for key in _STATES if (text := first(data, (key,)))]


def identity_of(data: Any) -> str:
    """What tells this change from the next one of the same thing; empty where nothing does."""
    kind, name = about(data)
    return name if kind == "pipelinerun" else first(data, _IDS)


def links(data: Any) -> list[tuple[str, object]]:
    """The addresses in the data's own fields for addresses."""
    levels = [{_folded(key): value for key, value in level.items()} for level in _levels(data)]
    return [("link", level[key]) for level in levels for key in _LINKS if key in level]


def refs(data: Any) -> list[str]:
    """What the data points at: pages, alerts, commits, repositories, pull requests."""
    refs_found = [
        ref
        for level in _levels(data)
        for key, value in level.items()
        for each in (value if isinstance(value, list) else [value])
        for ref in _ref(_folded(key), scalar(each))
    ]
    return list(dict.fromkeys(refs_found))


def _ref(key: str, value: str) -> Iterator[str]:
    if not value:
        return
    if page := _PAGE_URL.fullmatch(value):
        yield f"page:{page[1]}"
    elif pages := _PAGE_URLS.findall(value):
        yield from (f"page:{page}" for page in pages)
    elif pull := _PULL.match(value):
        yield f"pr:{pull[0]}"
    elif key in _PAGES:
        if _PAGE_ID.fullmatch(value):
            yield f"page:{value}"
        elif key in _NUMBERED and (number := _NUMBER.fullmatch(value)):
            yield f"page:#{int(number[1])}"
    elif key in _ALERTS:
        yield f"alertgroup:{value}" if _SHA256.fullmatch(value) else f"alert:{value}"
    elif key == "groupkey":
        yield f"alertgroup:{hashlib.sha256(value.encode()).hexdigest()}"
    elif key in _COMMITS and _COMMIT.fullmatch(value.lower()):
        yield f"commit:{value.lower()}"
    elif key in _REPOSITORIES and (repository := _REPOSITORY.fullmatch(value)):
        yield f"repository:{repository[1]}"
