"""What a CloudEvent's type says, where the configuration says nothing: https://cloudevents.io

A type is read by its words, without the reversed domain in front and the
version behind. Words that speak of a status page, a chat, a user's report, a
flag, a rollback, an image, a deployment or a release give the event its type;
any other stays an observation. How a deployment stands is taken from the type,
else from the data; where neither says so, it has begun and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

OBSERVATION = "observation.recorded"

_DOMAINS = frozenset({"com", "org", "net", "io", "dev", "co", "eu", "de", "uk", "us", "fr", "app", "cloud", "tech",
                      "ai", "internal", "local", "example", "gov", "edu"})  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PIECES = re.compile(r"[./:#]+")
_WORDS = re.compile(r"[^\W_]+")
_VERSION = re.compile(r"v?\d+(?:[._-]?\d+)*(?:[-_]?(?:alpha|beta|rc|draft)\d*)?|draft", re.IGNORECASE)
_COMPOUNDS = {
    "pipelinerun": "pipeline run", "taskrun": "task run", "testcaserun": "test case run",
    "testsuiterun": "test suite run", "testoutput": "test output", "rolledback": "rolled back",
    "killswitch": "kill switch", "featureflag": "feature flag", "statuspage": "status page",
}  # fmt: skip
"""Words that CDEvents and others write as one."""

_OF_PAGES = frozenset({"status", "incident", "maintenance", "component", "subscriber"})
"""What a status page tells of, by the words of its types: https://support.atlassian.com/statuspage/docs/enable-webhook-notifications/"""
_CHATS = frozenset({"chat", "slack", "mattermost", "discord", "zulip", "irc", "msteams", "teams"})
_WRITES = frozenset({"message", "messages", "posted", "post", "sent", "said", "comment", "reply", "thread", "mention"})
_HELPED = frozenset({"support", "helpdesk", "servicedesk", "zendesk", "freshdesk", "intercom", "customer", "user"})
_PRODUCTS = frozenset({"statuspage", "slack", "mattermost", "discord", "zulip", "zendesk", "freshdesk", "intercom"})
"""Senders whose name says what their events are about, also where it stands as the domain in front of a type."""
_RAISED = frozenset({"created", "opened", "received", "submitted", "reported", "raised", "new", "filed"})
_ROLLBACKS = frozenset({"rollback", "rollbacks", "reverted", "revert", "undeployed"})
_PUBLISHED = frozenset({"pushed", "published", "uploaded", "push", "publish"})
_READ = frozenset({"evaluated", "evaluation", "viewed", "read", "exposure", "created", "archived"})
_SWITCHED = frozenset({"enabled", "disabled", "toggled"})
_ABOUT_DEPLOYS = frozenset({
    "lock", "locked", "locks", "unlock", "unlocked", "freeze", "frozen", "unfrozen", "unfreeze", "thaw", "thawed",
    "block", "blocked", "unblocked", "key", "keys", "token", "tokens", "window", "policy", "permission", "permissions",
    "notes", "calendar",
})  # fmt: skip
"""Words of what is done about deployments and releases, and is none: ``deploys.locked``, ``deploy.key.added``."""
_CONFIGURATIONS = frozenset({"config", "configs", "configuration", "configurations", "ruleset", "rulesets"})
_PUT_INTO_FORCE = frozenset({"published", "applied", "pushed", "activated", "changed", "updated"})
"""Words of what is done with a configuration when it begins to hold: what runs is changed by it."""
_SCALED = frozenset(
    {"scaling", "scaled", "scale", "autoscaling", "autoscaled", "autoscaler", "restarting", "restarted"}
)
"""Words of what happens to a deployment in Kubernetes without another version of it."""

_STATES = {
    "change.requested": "requested queued pending waiting scheduled approval approved created planned",
    "change.started": "started starting start begin began begun running progressing triggered initiated launched "
                      "inprogress progress",
    "change.failed": "failed failure fail error errored timedout unhealthy degraded",
    "change.cancelled": "cancelled canceled cancel aborted skipped superseded stopped rejected",
    "change.succeeded": "succeeded success successful successfully finished completed complete done ended deployed "
                        "promoted upgraded rolledout synced healthy passed",
}  # fmt: skip
_STATE_OF = {word: state for state, words in _STATES.items() for word in words.split()}


_CDEVENT = re.compile(r"dev\.cdevents\.([a-z]+\.[a-z]+)(?:\..*)?")
_CDEVENTS = {
    "incident.detected": "alert.firing", "incident.resolved": "alert.resolved", "service.removed": "change.succeeded",
    "environment.created": "change.succeeded", "environment.modified": "change.succeeded",
    "environment.deleted": "change.succeeded", "change.merged": "change.merged",
    "pipelinerun.queued": "change.requested", "pipelinerun.started": "change.started",
}  # fmt: skip
"""What CDEvents prescribes and words alone do not say: https://github.com/cdevents/spec/blob/main/continuous-operations.md"""


def segments_of(kind: str) -> list[str]:
    """The pieces of a type without its reversed domain and without versions."""
    pieces = [piece for piece in _PIECES.split(kind) if piece]
    kept = [piece for piece in pieces if not _VERSION.fullmatch(piece)] or pieces
    reversed_domain = len(kept) > 2 and kept[0].casefold() in _DOMAINS
    return kept[2:] if reversed_domain and (len(kept) > 3 or kept[1].casefold() == "cdevents") else kept


def words_of(kind: str) -> list[str]:
    """The words of a type, in small letters."""
    return [word for segment in segments_of(kind) for word in _split(segment)]


def called(kind: str) -> str:
    """A type as a person would say it, by its last two pieces: ``pipeline run finished``, ``release rolled back``."""
    return " ".join(subject_and_state(kind))


def subject_and_state(kind: str) -> list[str]:
    """The same in its two pieces: what it is about, and what happened."""
    return [" ".join(_split(segment)) for segment in segments_of(kind)[-2:]]


def _split(segment: str) -> list[str]:
    words = _WORDS.findall(_CAMEL.sub(" ", segment).casefold())
    return [word for each in words for word in _COMPOUNDS.get(each, each).split()]


def event_type(kind: str, states: Iterable[str] = (), source: str = "") -> str:
    """Which of our types a sender's type is; ``states`` are what the data says of how it stands, the best first, and
    ``source`` is where the event comes from."""
    prescribed = _CDEVENT.fullmatch(kind)
    if prescribed and prescribed[1] in _CDEVENTS:
        return _CDEVENTS[prescribed[1]]
    if prescribed and prescribed[1] == "pipelinerun.finished":
        return _state([], states) or OBSERVATION
    words = words_of(kind)
    vocabulary = frozenset(words) | _products(kind)
    if not words:
        return OBSERVATION
    if _is_status(words, vocabulary) or (vocabulary & _OF_PAGES and _is_status_page(source)):
        return "status.updated"
    if vocabulary & _CHATS and vocabulary & _WRITES:
        return "chat.message"
    if _is_report(words, vocabulary):
        return "report.received"
    if is_any_change(kind) and not prescribed:
        return _state(words, states) or "change.succeeded"
    return _change(words, vocabulary, states) or OBSERVATION


def is_any_change(kind: str) -> bool:
    """Whether a type tells of a change that is no deployment: ``config.published``; or ``change.started``, as a ticket
    of a change of what runs is called."""
    words = words_of(kind)
    if len(words) > 1 and words[-2] in _CONFIGURATIONS and words[-1] in _PUT_INTO_FORCE:
        return True
    return words[:-1] in (["change"], ["changes"], ["change", "request"]) and words[-1] in _STATE_OF


def is_rollback(kind: str) -> bool:
    """Whether a type says that an earlier version is put back."""
    return _puts_back(words_of(kind))


def _products(kind: str) -> frozenset[str]:
    """The products that a type names in its domain."""
    return _PRODUCTS.intersection(word for piece in _PIECES.split(kind) for word in _WORDS.findall(piece.casefold()))


def _is_status(words: list[str], vocabulary: frozenset[str]) -> bool:
    """``status.updated`` alone may be of an order; a public status, and one that is posted, are for readers."""
    posted = words[0] == "status" and words[-1] in ("posted", "post", "published")
    return (
        _follows(words, "status", "page") or bool(vocabulary & {"stakeholder", "statuspage"}) or posted
        or _follows(words, "public", "status") or words[:2] == ["status", "incident"]
    )  # fmt: skip


def _is_status_page(source: str) -> bool:
    """Whether a CloudEvent's source is a status page: ``https://status.example.com``, ``/status``, ``/statuspage/x``;
    ``/orders/status`` may be of anything."""
    host, _, path = source.rpartition("://")[2].partition("/")
    named = any(_follows(_split(each), "status", "page") for each in _PIECES.split(source))
    return named or host.casefold().startswith("status.") or (host or path).strip("/").casefold() == "status"


def _is_report(words: list[str], vocabulary: frozenset[str]) -> bool:
    raised = words[-1] in _RAISED or (not vocabulary & _RAISED and words[-1] in ("report", "ticket", "complaint"))
    helped = vocabulary & _HELPED and vocabulary & {
        "report",
        "ticket",
        "issue",
        "complaint",
        "case",
        "reported",
        "request",
    }
    reported = ("report" in vocabulary and words[-1] in ("received", "submitted")) or words[-2:] == [
        "incident",
        "reported",
    ]
    return bool(raised and (helped or reported or "complaint" in vocabulary))


def _change(words: list[str], vocabulary: frozenset[str], states: Iterable[str]) -> str:
    if _is_flag(words, vocabulary) and not vocabulary & _READ:
        return "change.flag_toggled"
    if vocabulary & _ABOUT_DEPLOYS:
        return ""
    new_state = _state(words, states)
    if _puts_back(words):
        return new_state if new_state not in ("", "change.succeeded") else "change.rolled_back"
    if vocabulary & {"image", "artifact", "container", "package", "registry"} and vocabulary & _PUBLISHED:
        return "change.published"
    if vocabulary & {"deploy", "deploys", "deployed", "redeployed", "redeploy"} or _is_deployment(words, vocabulary):
        return new_state or "change.started"
    # A restart is rolled out, too, and puts no other version there.
    if "rollout" in vocabulary and not vocabulary & _SCALED:
        return new_state or "change.started"
    if vocabulary & {"release", "released", "releases", "promotion"}:
        return new_state if new_state not in ("", "change.succeeded", "change.requested") else "change.released"
    return "change.succeeded" if words[-2:] == ["service", "upgraded"] else ""


def _is_flag(words: list[str], known: frozenset[str]) -> bool:
    switched = bool(known & {"feature", "features"}) and words[-1] in _SWITCHED
    return bool(known & {"flag", "flags", "toggle", "toggles"}) or _follows(words, "kill", "switch") or switched


def _is_deployment(words: list[str], vocabulary: frozenset[str]) -> bool:
    """``deployment`` is a resource in Kubernetes, too: scaling one deploys nothing."""
    named = words[-1] in _STATE_OF or words[-1].startswith("deployment")
    return bool(vocabulary & {"deployment", "deployments"}) and named and not vocabulary & _SCALED


def _puts_back(words: list[str]) -> bool:
    return bool(_ROLLBACKS.intersection(words)) or any(_follows(words, word, "back") for word in ("rolled", "roll"))


def _state(words: list[str], states: Iterable[str]) -> str:
    """How a change stands: what the data says where the type only says that it is over, else the type's last word."""
    told = next((_STATE_OF[word] for word in reversed(words) if word in _STATE_OF), "")
    said = next((known for state in states for word in _split(state) if (known := _STATE_OF.get(word))), "")
    return said if said and told in ("", "change.succeeded") else told


def _follows(words: list[str], first: str, second: str) -> bool:
    return any(pair == (first, second) for pair in pairwise(words))
