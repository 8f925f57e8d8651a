"""What a change was, when it ran, and whether it reached the running system.

Senders speak of tests, previews, approvals and deployments in the same words.
What one of them was is decided here and nowhere else, from the types of its
events and the keys of ``data`` that the adapters fill in. Lists, grouping and
drafts ask here. Refuses to say which incident a change belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from collector.event import MINUTE, SECOND, Event

Reach = Literal["deployed", "merged", "none", "unknown"]
"""``deployed``: it changed the running system. ``merged``: it changed the branch that is deployed. ``none``: nothing
that runs was changed by it. ``unknown``: the events do not show it."""

AnyEvent = TypeVar("AnyEvent", bound=Event)

SINGLE = frozenset({
    "change.flag_toggled", "change.pushed", "change.tagged", "change.released", "change.published",
})  # fmt: skip
"""Types whose entity outlives one change: each event of them is a change of its own."""

_STEPS = frozenset({
    "change.requested", "change.started", "change.succeeded", "change.failed", "change.cancelled",
})  # fmt: skip
"""Types of what a change is not called by: how far it came."""

UNFINISHED = frozenset({"change.requested", "change.started"})
"""Types after which more is to come."""

_KINDS = {
    "change.merged": "merge",
    "change.pushed": "push",
    "change.tagged": "tag",
    "change.released": "release",
    "change.published": "image",
    "change.flag_toggled": "flag",
    "change.rolled_back": "rollback",
}
_REACHES: dict[str, Reach] = {
    "change.flag_toggled": "deployed",
    "change.rolled_back": "deployed",
    "change.published": "none",
    "change.tagged": "none",
}
_PULL_REQUESTS = frozenset({
    "pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment", "merge_group",
    "merge_request_event", "issue_comment", "issues",
})  # fmt: skip
"""Triggers of runs that judge a change before it is merged, or talk about it."""
_BY_HAND = frozenset({"workflow_dispatch", "repository_dispatch", "workflow_call", "deployment", "release"})
"""Triggers for which the branch of a run says nothing: somebody, or a release, asked for it."""

# Words as people write them in the names of workflows and pipelines: ``deploy-prod``, ``CD``, ``Release to live``.
_WORDS = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DEPLOYS = (
    "deploy", "rollout", "rollback", "release", "publish", "promot", "ship", "migrat", "provision", "failover", "apply",
)  # fmt: skip
"""Beginnings of words that say that something running is changed."""
_PUT_THERE = ("deploy", "redeploy", "rollout", "rollback", "releas", "promot", "ship")
"""Those that say so of a version."""
_DEPLOYS_WHOLE = frozenset({"cd", "cicd", "hotfix", "helmfile", "argocd", "delivery"})
_CHECKS = (
    "test", "lint", "build", "codeql", "scan", "verif", "valid", "format", "audit", "coverage", "benchmark",
    "stale", "label", "triage", "welcome", "greet", "dependabot", "renovate", "backport", "nightly", "typecheck",
    "review", "analy", "compil", "integration",
)  # fmt: skip
"""Beginnings of words that say that nothing running is changed."""
_CHECKS_WHOLE = frozenset(
    {
        "check",
        "checks",
        "checker",
        "checked",
        "checking",
        "ci",
        "e2e",
        "unit",
        "smoke",
        "fuzz",
        "docs",
        "cleanup",
        "plan",
        "sync",
    }
)
_TRIES = frozenset({"preview", "previews", "dry", "dryrun", "ephemeral", "drafter", "notes"})
"""Words that make a try, or words about it, of what else would deploy."""
_TRIED = ("test", "lint", "verif", "valid", "scan", "audit")
_TRIED_WHOLE = frozenset({"check", "checks", "checker", "checked", "checking"})
"""Words that, in front, make what follows the thing that is looked at: ``Lint release charts``. A service is called
``checkout`` too often for its beginning to say anything."""
_JOINS = re.compile(r"[&+,/]|\b(?:and|then)\b", re.IGNORECASE)
"""What puts two steps beside each other: ``Test and deploy``."""

_BRANCHES = frozenset({"main", "master", "trunk", "default", "production", "prod", "live"})
"""Branches that are taken for what is deployed where the sender does not say which branch is the default one."""
_LIVE_BRANCHES = frozenset({"production", "prod", "live"})
_VERSION = re.compile(r"(?:\S*[-/@_])?v?\d+(?:\.\d+)+\S*")
_REVISION = re.compile(r"v\d+[:,;.]?", re.IGNORECASE)
"""``v42``"""

_ENVIRONMENTS = frozenset({"production", "prod", "live", "staging", "stage", "stg", "preprod", "preproduction",
                           "uat", "qa", "sandbox", "testing", "development", "dev", "canary"})  # fmt: skip
_AFTER_TO = frozenset({"test", "acceptance", "integration", "demo", "beta"})
"""Words that name an environment only behind ``to``; alone they say what a workflow does."""
_TRANSIENT = re.compile(r"(?:.*[-_/ ])?(?:pr|pull|mr|review|preview|ephemeral)s?(?:[-_/# ].*|\d+)?", re.IGNORECASE)
"""Names of environments that live as long as a pull request."""


class ChangeSpan(msgspec.Struct, frozen=True):
    """When a change ran, µs UTC."""

    start: int
    """When it began; where nothing says so, its request if it did not wait, else its end."""
    end: int | None
    """When it finished; None while it runs or waits."""
    ran: bool
    """Whether it began at all: a change that only waited, was skipped or was refused did not."""
    measured: bool
    """Whether ``start`` is when it began, so that a duration may be told."""


def kind_of(events: Iterable[Event]) -> str:
    """What a change was: ``deploy``, ``rollback``, ``workflow``, ``merge``, ``push``, ``tag``, ``release``, ``image``,
    ``flag``, or ``change`` where its sender says no more. ``events`` are all events of one change."""
    all_events = list(events)
    itself = took_itself_back(all_events)
    for event in all_events:
        if event.type in _KINDS and not (itself and event.type == "change.rolled_back"):
            return _KINDS[event.type]
    if any(_text(event, "task").casefold() == "rollback" for event in all_events):
        return "rollback"
    if any(_text(event, "task") == "change" for event in all_events):
        return "change"
    if any(event.entity.startswith("workflow_run:") or event.data.get("workflow") for event in all_events):
        return "workflow"
    return "deploy"


def took_itself_back(events: Sequence[Event]) -> bool:
    """Whether a deployment was rolled back by what deployed it, so that both are told of one: it had been asked for or
    begun as no rollback, neither by its task nor in its sender's words. ``events`` are all events of one change, in
    reading order."""
    if len(events) < 2 or events[0].type not in UNFINISHED or last_of(events).type != "change.rolled_back":
        return False
    if any(_text(event, "task").casefold() == "rollback" for event in events):
        return False
    begun = (event for event in events if event.type in UNFINISHED)
    return not any(_PUTS_BACK.search(f"{event.title} {_text(event, 'type')}") for event in begun)


_PUTS_BACK = re.compile(r"roll(?:ed|ing|s)?[-_ ]?back|revert", re.IGNORECASE)
"""How people and systems say that an earlier version is put back."""


def runs_of(events: Sequence[AnyEvent]) -> list[list[AnyEvent]]:
    """The changes that one entity's events tell of, each with all its events; ``events`` are in reading order.

    An entity may be deployed again and again: what is asked for or begins after an end is another change, and so is a
    second success, what comes of another commit, a rollback and what follows it, and a failure after a success. Of a
    deployment or a run that has an id of its own only what its sender says to have begun after an end is another one.
    A success that comes a minute or more after a failure is always one: it was tried again.
    """
    runs: list[list[AnyEvent]] = []
    for event in events:
        if event.type in SINGLE or not runs or _is_next(runs[-1], event):
            runs.append([event])
        else:
            runs[-1].append(event)
    return runs


def _is_next(run: Sequence[Event], event: Event) -> bool:
    last = run[-1]
    if last.type in SINGLE:
        return True
    if event.entity.startswith(("deployment:", "workflow_run:")):
        return last.type not in UNFINISHED and (_is_begun_after(event, last) or _is_tried_again(event, last))
    if last.type in UNFINISHED:
        return False
    if event.type in UNFINISHED or event.type == last.type or "change.rolled_back" in (last.type, event.type):
        return True
    after_success = last.type == "change.succeeded" and event.type == "change.failed"
    another_commit = "" != _text(last, "sha") != _text(event, "sha") != ""
    return after_success or another_commit or _is_tried_again(event, last)


def _is_begun_after(event: Event, end: Event) -> bool:
    """Whether something began anew after an end. Within a second it may be one time, cut off in two ways; and where
    its sender tells none, the time is that of receipt."""
    later = event.occurred_at - end.occurred_at >= SECOND
    return event.type == "change.started" and event.time_quality == "exact" and later


def _is_tried_again(event: Event, end: Event) -> bool:
    """Whether what had failed succeeded later than a correction of its state would have come."""
    failed = end.type == "change.failed" and event.type == "change.succeeded"
    return failed and event.occurred_at - end.occurred_at >= MINUTE


def last_of(events: Sequence[AnyEvent]) -> AnyEvent:
    """The event that speaks for a change: the state it finished in, or the latest where it did not finish.

    A cancellation counts only where nothing else finished it.
    """
    done = [event for event in events if event.type not in UNFINISHED]
    better = [event for event in done if event.type != "change.cancelled"]
    return (better or done or list(events))[-1]


def span_of(events: Sequence[Event]) -> ChangeSpan:
    """When a change ran. ``events`` are all events of one change, in reading order; at least one."""
    last = last_of(events)
    end = None if last.type in UNFINISHED else last.occurred_at
    begun = next((event.occurred_at for event in events if event.type == "change.started"), None)
    # Where a sender says no time of the beginning, its receipt stands in, which may be long after the end.
    if begun is not None and (end is None or begun <= end):
        return ChangeSpan(begun, end, ran=True, measured=True)
    if end is None or last.type == "change.cancelled":
        return ChangeSpan(events[0].occurred_at, end, ran=False, measured=False)
    took = last.data.get("duration")
    if type(took) is int and took >= 0:
        return ChangeSpan(end - took, end, ran=True, measured=True)
    requests = [event for event in events if event.type == "change.requested"]
    # Without a word on when it began it began by its end; one that nothing kept waiting may have begun at once.
    waited = any(_text(event, "state") not in ("", "requested") for event in requests)
    start = requests[0].occurred_at if requests and not waited else end
    return ChangeSpan(min(start, end), end, ran=True, measured=False)


def reach_of(events: Iterable[Event]) -> Reach:
    """Whether a change reached the running system. ``events`` are all events of one change, in reading order."""
    all_events = list(events)
    if not all_events:
        return "unknown"
    last = last_of(all_events)
    if last.type in ("change.requested", "change.cancelled") or any(map(_is_transient, all_events)):
        return "none"
    if last.type in _REACHES:
        return _REACHES[last.type]
    match kind_of(all_events):
        case "merge" | "push":
            return _of_branch(last)
        case "release":
            return "none" if last.data.get("prerelease") is True else "deployed"
        case "workflow":
            return _of_run(all_events, last)
    return "deployed"


def is_broken_off(events: Sequence[Event]) -> bool:
    """Whether a deployment, a rollback or a run that deploys had begun when it was cancelled, or took itself back: how
    far it had come is not known, a canary may have served for long. ``events`` are all events of one change, in
    reading order."""
    if took_itself_back(events):
        return True
    if not events or last_of(events).type != "change.cancelled" or any(map(_is_transient, events)):
        return False
    if kind_of(events) == "workflow":
        return span_of(events).ran and _of_run(events, last_of(events)) == "deployed"
    return kind_of(events) in ("deploy", "rollback") and span_of(events).ran


def is_idle(events: Sequence[Event]) -> bool:
    """Whether a change is a run of a workflow that changes nothing, whatever comes of it: a test, a chore, a run of a
    pull request or of a side branch. ``events`` are all events of one change, in reading order."""
    return bool(events) and kind_of(events) == "workflow" and _is_idle_run(events, last_of(events))


def environment_named(name: str) -> str | None:
    """The environment that the name of a workflow tells: ``Deploy to staging`` and ``staging-deploy`` tell staging."""
    words = _words(name)
    names = [
        word for before, word in zip(["", *words], words, strict=False)
        if word in _ENVIRONMENTS or (word in _AFTER_TO and before in ("to", "into"))
    ]  # fmt: skip
    # A canary of production is production.
    return min(names, key=lambda word: word == "canary", default=None)


def deploys(name: str) -> bool | None:
    """Whether a workflow of this name changes what runs; None where its name does not say."""
    words = [*_words(name), *_WORDS.findall(name.casefold())]
    if _TRIES.intersection(words) or (words and _is_tried(words[0]) and not _JOINS.search(name)):
        return False
    if any(word in _DEPLOYS_WHOLE or word.startswith(_DEPLOYS) for word in words):
        return True
    return False if any(word in _CHECKS_WHOLE or word.startswith(_CHECKS) for word in words) else None


def is_plain_change(event: Event, *texts: str) -> bool:
    """Whether neither a change nor these words on it say that something was deployed: a sender of no kind that is known
    tells of upgrades, migrations and settings in the same way."""
    known = any(_text(event, key) for key in ("task", "workflow", "sha", "ref"))
    return event.type in _STEPS and not known and not deployment_named(event.title, *texts)


def deployment_named(*texts: str) -> bool:
    """Whether these words on a change call it a deployment, or name a version."""
    words = [word for text in texts for word in _words(text)]
    named = any(word in _DEPLOYS_WHOLE or word.startswith(_PUT_THERE) for word in words)
    return named or any(
        _VERSION.fullmatch(word) or _REVISION.fullmatch(word) for text in texts for word in text.split()
    )


def _is_tried(word: str) -> bool:
    return word.startswith(_TRIED) or word in _TRIED_WHOLE


def _words(name: str) -> list[str]:
    return _WORDS.findall(_CAMEL.sub(" ", name).casefold())


def _text(event: Event, key: str) -> str:
    value: Any = event.data.get(key)
    return value if isinstance(value, str) else ""


def _is_transient(event: Event) -> bool:
    """Whether it is about an environment that lives as long as a pull request."""
    if event.data.get("production") is True:
        return False
    if event.data.get("transient") is True:
        return True
    return event.environment is not None and _TRANSIENT.fullmatch(event.environment.strip()) is not None


def _of_branch(event: Event) -> Reach:
    """A merge or push: into the branch that is deployed, into another one, or nobody said which that is."""
    if _text(event, "state") == "deleted":
        return "none"
    branch, default = _text(event, "branch") or _text(event, "ref"), event.data.get("default_branch")
    if branch.casefold() in _LIVE_BRANCHES:
        return "merged"
    if isinstance(default, str) and default:
        return "merged" if branch == default else "none"
    if isinstance(default, bool):
        return "merged" if default else "none"
    return "merged" if branch.casefold() in _BRANCHES else "unknown"


def _of_run(events: Sequence[Event], last: Event) -> Reach:
    """A run of a workflow: by what set it off, by its branch, and by what its name says that it does."""
    if _is_idle_run(events, last):
        return "none"
    return "deployed" if _does(last) else "unknown"


def _is_idle_run(events: Sequence[Event], last: Event) -> bool:
    trigger = next((text for event in reversed(events) if (text := _text(event, "event"))), "")
    if trigger in _PULL_REQUESTS:
        return True
    does = _does(last)
    if does is False or (trigger == "schedule" and not does):
        return True
    return trigger not in _BY_HAND and _on_side_branch(last)


def _does(run: Event) -> bool | None:
    """Whether a run changes what runs, by the name of its workflow, else by that of its file."""
    does = deploys(_text(run, "workflow") or run.title)
    return deploys(_text(run, "path").rpartition("/")[2].partition(".")[0]) if does is None else does


def _on_side_branch(event: Event) -> bool:
    """Whether a run was of a branch that is not the one that is deployed; a version's tag is none."""
    branch = _text(event, "branch") or _text(event, "ref")
    return bool(branch) and _VERSION.fullmatch(branch) is None and _of_branch(event) == "none"
