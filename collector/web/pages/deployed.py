"""Deployments, and which of them failed, after DORA's words and as far as the log shows it; pure.

A deployment is confirmed as failed where a rollback took it back. It is a
candidate where grouping put it into an incident and nobody took it back, and
unknown where the log cannot tell. Correlation is no failure: the three are
counted apart, and only what is confirmed has a time of recovery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from collector import names
from collector.event import RecordedEvent, is_erased, is_retracted, reading_order
from collector.semantics.changes import kind_of, last_of, reach_of, runs_of, span_of
from collector.web.distribution import distribution

DEPLOYS = ("deploy", "workflow", "release")
"""The kinds of changes that are deployments, where they reached what runs."""
_TRIALS = frozenset(names.ENVIRONMENTS.values()) - {names.PRODUCTION}


class JudgedDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment, and what became of it."""

    event: str
    """The event that speaks for it."""
    events: Sequence[str]
    title: str
    service: str
    """As its sender wrote it, else its repository; empty where neither is told."""
    place: tuple[str, str]
    """Its service or repository and its environment, as they are compared."""
    commit: str
    finished: int
    standing: str = "sound"
    """``confirmed`` or ``candidate`` failed, ``unknown``, or ``sound``: nothing speaks against it."""
    why: str = ""
    incident: int | None = None
    recovery: int | None = None
    """From when it had finished until recovery, µs; None where that is not known."""


class DeployedService(msgspec.Struct, frozen=True, kw_only=True):
    """The deployments of a service; teams are not blended."""

    service: str
    deployments: int
    confirmed: Sequence[JudgedDeployment]
    candidates: Sequence[JudgedDeployment]
    unknown: Sequence[JudgedDeployment]

    @property
    def recoveries(self) -> Sequence[int]:
        """How long each confirmed one took to recover, as far as that is known, µs."""
        return [each.recovery for each in self.confirmed if each.recovery is not None]

    @property
    def usual(self) -> int | None:
        """The median of those; None of too few."""
        found = distribution(self.recoveries).median
        return None if found is None else int(found)


def deployed(
    revisions: Iterable[RecordedEvent], places: Mapping[str, int], ends: Mapping[int, int | None]
) -> list[DeployedService]:
    """The services that were deployed, those with most confirmed first.

    ``revisions`` are events of changes, ``places`` the incidents that events are in, ``ends`` when those were over.
    """
    found, backs = _folded(revisions)
    services: dict[str, list[JudgedDeployment]] = {}
    for one in found:
        services.setdefault(one.place[0], []).append(_judged(one, found, backs, places, ends))
    told = [_service(each) for each in services.values()]
    return sorted(told, key=lambda one: (-len(one.confirmed), -len(one.candidates), -one.deployments, one.service))


def _service(found: Sequence[JudgedDeployment]) -> DeployedService:
    of = {standing: [one for one in found if one.standing == standing] for standing in
          ("confirmed", "candidate", "unknown")}  # fmt: skip
    return DeployedService(
        service=next((one.service for one in found if one.service), ""), deployments=len(found),
        confirmed=of["confirmed"], candidates=of["candidate"], unknown=of["unknown"],
    )  # fmt: skip


def _folded(revisions: Iterable[RecordedEvent]) -> tuple[list[JudgedDeployment], list[JudgedDeployment]]:
    """The deployments that reached production, and the rollbacks there, each in order."""
    latest: dict[str, RecordedEvent] = {}
    for event in revisions:
        latest[event.id] = max(event, latest.get(event.id, event), key=lambda one: one.revision)
    entities: dict[str, list[RecordedEvent]] = {}
    for event in sorted(latest.values(), key=reading_order):
        if not (is_retracted(event) or is_erased(event)):
            entities.setdefault(event.entity, []).append(event)
    found, backs = list[JudgedDeployment](), list[JudgedDeployment]()
    for run in (run for events in entities.values() for run in runs_of(events)):
        if reach_of(run) != "deployed" or not span_of(run).ran or _is_trial(run):
            continue
        kind, one = kind_of(run), _deployment(run)
        if kind == "rollback" and not _took_itself_back(run):
            backs.append(one)
        elif kind in DEPLOYS or kind == "rollback":
            found.append(one)
    return sorted(found, key=_order), sorted(backs, key=_order)


def _order(one: JudgedDeployment) -> tuple[int, str]:
    return (one.finished, one.event)


def _took_itself_back(run: Sequence[RecordedEvent]) -> bool:
    """Whether a deployment was rolled back by what deployed it, so that both are told of one."""
    return len(run) > 1 and run[-1].type == "change.rolled_back" and run[0].data.get("task") != "rollback"


def _is_trial(run: Sequence[RecordedEvent]) -> bool:
    key = next((names.environment_key(event.environment) for event in reversed(run) if event.environment), "")
    return key.partition("/")[0] in _TRIALS


def _deployment(run: Sequence[RecordedEvent]) -> JudgedDeployment:
    last, span = last_of(run), span_of(run)
    service = next((event.service for event in run if event.service), None)
    repository = next((text for event in run if isinstance(text := event.data.get("repository"), str)), "")
    environment = next((event.environment for event in reversed(run) if event.environment), "")
    commit = next((text for event in run if isinstance(text := event.data.get("sha"), str)), "")
    standing, why = "sound", ""
    if _took_itself_back(run):
        standing, why = "confirmed", "it was rolled back"
    elif span.end is None:
        standing, why = "unknown", "no end of it is on record"
    elif last.type == "change.failed":
        standing, why = "unknown", "it did not finish as intended; whether anybody felt that is not on record"
    owner = names.fold_service(service) if service else names.fold_repository(repository)
    begun = next((event for event in run if event.type in ("change.succeeded", "change.started")), run[0])
    return JudgedDeployment(
        event=last.id, events=[event.id for event in run], title=last.title, service=service or repository,
        place=(owner, names.environment_key(environment or "") or names.PRODUCTION), commit=commit,
        finished=begun.occurred_at if why == "it was rolled back" else span.end or last.occurred_at,
        standing=standing, why=why,
        recovery=last.occurred_at - begun.occurred_at if why == "it was rolled back" else None,
    )  # fmt: skip


def _judged(
    one: JudgedDeployment, found: Sequence[JudgedDeployment], backs: Sequence[JudgedDeployment],
    places: Mapping[str, int], ends: Mapping[int, int | None],
) -> JudgedDeployment:  # fmt: skip
    """A deployment with what became of it."""
    incident = next((places[event] for event in one.events if event in places), None)
    one = msgspec.structs.replace(one, incident=incident)
    over = ends.get(incident) if incident is not None else None
    back = _taken_back(one, found, backs)
    if one.standing == "confirmed" or back is not None:
        until = over if over is not None and over > one.finished else back.finished if back else None
        recovery = until - one.finished if until is not None else one.recovery
        return msgspec.structs.replace(
            one, standing="confirmed", why=one.why or "a rollback took it back", recovery=recovery
        )
    if one.standing != "sound":
        return one
    if not one.place[0]:
        return msgspec.structs.replace(one, standing="unknown", why="it names neither a service nor a repository")
    if incident is not None:
        return msgspec.structs.replace(one, standing="candidate", why="an incident followed, and nobody took it back")
    return one


def _taken_back(
    one: JudgedDeployment, found: Sequence[JudgedDeployment], backs: Sequence[JudgedDeployment]
) -> JudgedDeployment | None:
    """The rollback of the same service and environment that came next, before another deployment did."""
    if not one.place[0]:
        return None
    back = next((each for each in backs if each.place == one.place and each.finished > one.finished), None)
    if back is None or (back.commit and back.commit == one.commit):
        return None
    later = (each for each in found if each.place == one.place and one.finished < each.finished < back.finished)
    return None if any(True for _ in later) else back
