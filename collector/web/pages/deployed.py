"""Deployments, which of them failed and which were rework, after DORA's words and as far as the log shows it; pure.

A deployment is confirmed as failed where a rollback took it back, where a
hotfix or a revert followed it in its incident, or where a person named it as
the cause. It is a candidate if it belongs to an incident that began later and nobody did any of that. It is unknown
if the log cannot tell. Correlation is no
failure: the three are counted apart, and only what is confirmed has a time of
recovery. Rework is what was deployed because of an incident: a rollback, or a
hotfix or a revert in one; a candidate is what else was deployed after an
incident that has it had begun.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from collector import names
from collector.event import RecordedEvent, is_erased, is_retracted, newest_revisions, reading_order
from collector.semantics.changes import kind_of, last_of, reach_of, runs_of, span_of, took_itself_back
from collector.web.distribution import distribution

DEPLOYS = ("deploy", "workflow", "release")
"""The kinds of changes that are deployments, where they reached what runs."""
_REPAIR = re.compile(r"\bhot-?\s?fix(?:es|ed)?\b|^\W*(?:revert|roll(?:ing|ed)?[ -]?back|back out)\w*\b", re.IGNORECASE)
"""A title or a branch that says that what it deploys mends or takes back another change."""
_CITED = re.compile(r"\[([0-9a-f]{5,32}(?:, ?[0-9a-f]{5,32})*)\]|\b([0-9a-f]{32})\b")
"""How a person names an event in words: as drafts cite it, or by its whole id."""
_DENIED = re.compile(r"\b(?:not?|neither|nor|never|isn|wasn|without|unrelated)\b", re.IGNORECASE)
"""Words with which a sentence may say that what it names was no cause; such a sentence confirms nothing."""
_TRIALS = frozenset(names.ENVIRONMENTS.values()) - {names.PRODUCTION}


class JudgedDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment, and what became of it."""

    log: str = ""
    """The log that it is of."""
    event: str
    """The event that speaks for it."""
    events: Sequence[str]
    title: str
    service: str
    """As its sender wrote it, else its repository; empty where neither is told."""
    whereabouts: tuple[str, str]
    """Its service or repository and its environment, as they are compared."""
    commit: str
    began: int
    finished: int
    repairs: bool = False
    """Whether it is a rollback, or calls itself a hotfix or a revert."""
    rework: str = ""
    """``confirmed`` or ``candidate``: whether an incident made it; empty where nothing says so."""
    standing: str = "sound"
    """``confirmed`` or ``candidate`` failed, ``unknown``, or ``sound``: nothing speaks against it."""
    why: str = ""
    incident: int | None = None
    recovery: int | None = None
    """From when it had finished until recovery, µs; None where that is not known."""


class DeployedService(msgspec.Struct, frozen=True, kw_only=True):
    """The deployments of a service; teams are not blended."""

    key: str
    """The service, or the repository, as it is compared."""
    service: str
    deployments: int
    confirmed: Sequence[JudgedDeployment]
    candidates: Sequence[JudgedDeployment]
    unknown: Sequence[JudgedDeployment]
    every: int
    """All deployments, rollbacks among them: what rework is a share of."""
    rework: Sequence[JudgedDeployment]
    rework_candidates: Sequence[JudgedDeployment]

    @property
    def judged(self) -> Sequence[JudgedDeployment]:
        """Those that anything is said of, each once."""
        kinds = (self.confirmed, self.candidates, self.unknown, self.rework, self.rework_candidates)
        return list({(one.log, one.event): one for kind in kinds for one in kind}.values())

    @property
    def recoveries(self) -> Sequence[int]:
        """How long each confirmed one took to recover, as far as that is known, µs."""
        return [each.recovery for each in self.confirmed if each.recovery is not None]

    @property
    def usual(self) -> int | None:
        """The median of those; None of too few."""
        found = distribution(self.recoveries).median
        return None if found is None else int(found)


class DeploymentSpan(msgspec.Struct, frozen=True):
    """An incident as deployments are judged by it, µs UTC."""

    began: int
    over: int | None = None


class StatedCause(msgspec.Struct, frozen=True, kw_only=True):
    """What a person stated as the cause of an incident, in words."""

    incident: int
    by: str
    text: str


def deployed(
    revisions: Iterable[RecordedEvent], incident_of: Mapping[str, int], spans: Mapping[int, DeploymentSpan],
    causes: Sequence[StatedCause] = (), log: str = "",
) -> list[DeployedService]:  # fmt: skip
    """The services that were deployed, those with most confirmed first.

    ``revisions`` are events of changes, ``incident_of`` the incidents that events are in, ``spans`` when those were,
    and ``causes`` what people stated as theirs; all of them of one ``log``.
    """
    found, backs = _folded(revisions)
    every = [_placed(one, incident_of, spans) for one in sorted((*found, *backs), key=_order)]
    causes_by_event = _people_by_event(every, causes)
    services: dict[str, list[JudgedDeployment]] = {}
    rollbacks = {one.event for one in backs}
    for one in every:
        judged = one if one.event in rollbacks else _judged(one, every, rollbacks, spans, causes_by_event)
        services.setdefault(one.whereabouts[0], []).append(msgspec.structs.replace(judged, log=log))
    told = [_service(each, rollbacks) for each in services.values()]
    # A rollback of what was deployed before the period, and no incident's work, says nothing of any deployment here.
    return _sorted(one for one in told if one.deployments or one.rework)


def together(logs: Iterable[Sequence[DeployedService]]) -> list[DeployedService]:
    """The services of several logs: one of a name is one service, and each of its deployments was judged in its log."""
    services: dict[str, list[DeployedService]] = {}
    for one in (one for log in logs for one in log):
        services.setdefault(one.key, []).append(one)
    return _sorted(_joined(each) for each in services.values())


def _joined(services: Sequence[DeployedService]) -> DeployedService:
    lists = ("confirmed", "candidates", "unknown", "rework", "rework_candidates")
    return DeployedService(
        key=services[0].key, service=next((one.service for one in services if one.service), ""),
        deployments=sum(one.deployments for one in services), every=sum(one.every for one in services),
        **{name: [judged for one in services for judged in getattr(one, name)] for name in lists},
    )  # fmt: skip


def _sorted(services: Iterable[DeployedService]) -> list[DeployedService]:
    return sorted(services, key=lambda one: (-len(one.confirmed), -len(one.candidates), -one.deployments, one.service))


def _service(every: Sequence[JudgedDeployment], went: Collection[str]) -> DeployedService:
    deployments = [one for one in every if one.event not in went]
    of = {standing: [one for one in deployments if one.standing == standing] for standing in
          ("confirmed", "candidate", "unknown")}  # fmt: skip
    return DeployedService(
        key=every[0].whereabouts[0], service=next((one.service for one in every if one.service), ""),
        deployments=len(deployments),
        confirmed=of["confirmed"], candidates=of["candidate"], unknown=of["unknown"], every=len(every),
        rework=[one for one in every if one.rework == "confirmed"],
        rework_candidates=[one for one in every if one.rework == "candidate"],
    )  # fmt: skip


def _placed(
    deployment: JudgedDeployment, incident_of: Mapping[str, int], spans: Mapping[int, DeploymentSpan]
) -> JudgedDeployment:  # fmt: skip
    """A deployment with the incident that has it, and whether that made it."""
    incident = next((incident_of[event] for event in deployment.events if event in incident_of), None)
    span = spans.get(incident) if incident is not None else None
    later = span is not None and span.began < deployment.began
    rework = ("confirmed" if deployment.repairs else "candidate") if later else ""
    return msgspec.structs.replace(deployment, incident=incident, rework=rework)


def _people_by_event(every: Sequence[JudgedDeployment], causes: Sequence[StatedCause]) -> dict[str, str]:
    """Deployments that people named as the cause of the incident that has them → who did."""
    people_by_event: dict[str, str] = {}
    for cause in causes:
        if _DENIED.search(cause.text):
            continue
        names = [name for match in _CITED.finditer(cause.text) for name in re.split(", ?", match[1] or match[2])]
        for one in every:
            if one.incident == cause.incident and any(event.endswith(name) for event in one.events for name in names):
                people_by_event[one.event] = cause.by
    return people_by_event


def _folded(revisions: Iterable[RecordedEvent]) -> tuple[list[JudgedDeployment], list[JudgedDeployment]]:
    """The deployments that reached production, and the rollbacks there, each in order."""
    entities: dict[str, list[RecordedEvent]] = {}
    for event in sorted(newest_revisions(revisions), key=reading_order):
        if not (is_retracted(event) or is_erased(event)):
            entities.setdefault(event.entity, []).append(event)
    deployments, backs = list[JudgedDeployment](), list[JudgedDeployment]()
    for run in (run for events in entities.values() for run in runs_of(events)):
        if reach_of(run) != "deployed" or not span_of(run).ran or _is_trial(run):
            continue
        kind, run_deployment = kind_of(run), _deployment(run)
        if kind == "rollback":
            backs.append(run_deployment)
        elif kind in DEPLOYS:
            deployments.append(run_deployment)
    return sorted(deployments, key=_order), sorted(backs, key=_order)


def _order(one: JudgedDeployment) -> tuple[int, str]:
    return (one.finished, one.event)


def _is_trial(run: Sequence[RecordedEvent]) -> bool:
    key = next((names.environment_key(event.environment) for event in reversed(run) if event.environment), "")
    return key.partition("/")[0] in _TRIALS


def _deployment(run: Sequence[RecordedEvent]) -> JudgedDeployment:
    last, span = last_of(run), span_of(run)
    service = next((event.service for event in run if event.service), None)
    repository = next((text for event in run if isinstance(text := event.data.get("repository"), str)), "")
    environment = next((event.environment for event in reversed(run) if event.environment), "")
    commit = next((text for event in run if isinstance(text := event.data.get("sha"), str)), "")
    standing, why, rolled_back = "sound", "", took_itself_back(run)
    if rolled_back:
        standing, why = "confirmed", "it was rolled back"
    elif span.end is None:
        standing, why = "unknown", "no end of it is on record"
    elif last.type == "change.failed":
        standing, why = "unknown", "it did not finish as intended; whether anybody felt that is not on record"
    owner = names.fold_service(service) if service else names.fold_repository(repository)
    begun = next((event for event in run if event.type in ("change.succeeded", "change.started")), run[0])
    words = [last.title, *(text for event in run if isinstance(text := event.data.get("ref"), str))]
    return JudgedDeployment(
        event=last.id, events=[event.id for event in run], title=last.title, service=service or repository,
        whereabouts=(owner, names.environment_key(environment or "") or names.PRODUCTION), commit=commit,
        began=span.start,
        repairs=kind_of(run) == "rollback" or any(map(_REPAIR.search, words)),
        finished=begun.occurred_at if rolled_back else span.end or last.occurred_at,
        standing=standing, why=why, recovery=last.occurred_at - begun.occurred_at if rolled_back else None,
    )  # fmt: skip


def _judged(
    deployment: JudgedDeployment, every: Sequence[JudgedDeployment], rollbacks: Collection[str],
    spans: Mapping[int, DeploymentSpan], named_by: Mapping[str, str],
) -> JudgedDeployment:  # fmt: skip
    """A deployment with what became of it."""
    span = spans.get(deployment.incident) if deployment.incident is not None else None
    mended, why = _mended(deployment, every, rollbacks)
    by = named_by.get(deployment.event)
    if deployment.standing == "confirmed" or mended is not None or by is not None:
        over = span.over if span is not None and span.over is not None and span.over > deployment.finished else None
        until = over if over is not None else mended.finished if mended is not None else None
        return msgspec.structs.replace(
            deployment, standing="confirmed", why=deployment.why or why or f"{by} named it as the cause",
            recovery=until - deployment.finished if until is not None else deployment.recovery,
        )  # fmt: skip
    if deployment.standing != "sound":
        return deployment
    if not deployment.whereabouts[0]:
        return msgspec.structs.replace(
            deployment, standing="unknown", why="it names neither a service nor a repository"
        )
    if deployment.incident is not None and not deployment.rework:
        return msgspec.structs.replace(deployment, standing="candidate", why=_suspicion(deployment, every, span))
    return deployment


def _suspicion(
    deployment: JudgedDeployment, every: Sequence[JudgedDeployment], span: DeploymentSpan | None
) -> str:  # fmt: skip
    """Why a deployment is a candidate: that an incident came, and whether what ran before it was deployed again."""
    during = span is not None and span.began < deployment.finished
    here = [each for each in every if each.whereabouts == deployment.whereabouts]
    before = {each.commit for each in here if _order(each) < _order(deployment)} - {deployment.commit, ""}
    again = any(each.commit in before for each in here if _order(each) > _order(deployment))
    came = "an incident began while it went on" if during else "an incident followed"
    return f"{came}, and {'an earlier version was deployed again after it' if again else 'nobody took it back'}"


def _mended(
    deployment: JudgedDeployment, every: Sequence[JudgedDeployment], rollbacks: Collection[str]
) -> tuple[JudgedDeployment | None, str]:
    """What took a deployment back or mended it, and how that reads: what came next to the same service and environment.

    A hotfix or a revert counts in the incident that has both, since it may mend what another one broke.
    """
    later = next(
        (each for each in every if each.whereabouts == deployment.whereabouts and _order(each) > _order(deployment)),
        None,
    )
    if not deployment.whereabouts[0] or later is None or later.finished <= deployment.finished:
        return None, ""
    if later.event in rollbacks:
        same = bool(later.commit) and later.commit == deployment.commit
        return (None, "") if same else (later, "a rollback took it back")
    if (
        later.repairs
        and deployment.incident is not None
        and later.incident == deployment.incident
        and not deployment.rework
    ):
        return later, "a hotfix or a revert followed it in its incident"
    return None, ""
