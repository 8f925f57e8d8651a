"""Deployments that failed, and hours in which people were disturbed: counted as the page says that it counts them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec

from collector.event import Event, RecordedEvent, event_id
from collector.web.pages.deployed import DeploymentSpan, StatedCause, deployed
from collector.web.pages.disturbed import SentPages, disturbed

_positions = count(1)


def at(text: str) -> int:
    """A time of 4 March 2026, a Wednesday, or any that names its day; UTC."""
    told = text if "T" in text else f"2026-03-04T{text}"
    return int(datetime.fromisoformat(told).replace(tzinfo=UTC).timestamp()) * 1_000_000


def told(kind: str, time: str, entity: str, data: dict[str, Any] | None = None, **more: Any) -> RecordedEvent:
    """An event as the log has it."""
    when, position = at(time), next(_positions)
    event = Event(
        id=event_id("test.1", "ci", when, entity, kind), type=kind, source="ci", entity=entity, occurred_at=when,
        title=entity, data=data or {}, **more,
    )  # fmt: skip
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return msgspec.convert(fields | {"position": position, "received_at": when}, RecordedEvent, strict=False)


def deploy(time: str, name: str, *, kind: str = "change.succeeded", **more: Any) -> RecordedEvent:
    return told(kind, time, f"deployment:{name}", **{"service": "checkout", "environment": "production"} | more)


def test_what_a_rollback_took_back_is_confirmed() -> None:
    """The deployment before it, and none before that; recovery is the end of its incident, else of the rollback."""
    first, second = deploy("10:00:00", "1"), deploy("11:00:00", "2")
    back = deploy("11:20:00", "3", kind="change.rolled_back")
    [service] = deployed([first, second, back], {}, {})
    assert (service.service, service.deployments) == ("checkout", 2)
    assert [each.event for each in service.confirmed] == [second.id]
    assert list(service.recoveries) == [20 * 60_000_000]
    assert service.usual is None
    [service] = deployed([first, second, back], {second.id: 7}, {7: DeploymentSpan(at("11:05:00"), at("11:45:00"))})
    assert list(service.recoveries) == [45 * 60_000_000]
    assert service.confirmed[0].incident == 7


def test_what_is_in_an_incident_is_a_candidate_and_no_more() -> None:
    """Correlation is no failure, and it has no time of recovery."""
    one = deploy("10:00:00", "1")
    [service] = deployed([one], {one.id: 3}, {3: DeploymentSpan(at("10:01:00"), at("12:00:00"))})
    assert (len(service.confirmed), len(service.candidates), len(service.unknown)) == (0, 1, 0)
    assert list(service.recoveries) == []


def test_a_candidate_says_what_came_of_it() -> None:
    """That nobody took it back is not so where what ran before it was deployed again, as without a rollback's name."""
    first = deploy("09:00:00", "1", data={"sha": "aa"})
    second, again = deploy("10:00:00", "2", data={"sha": "bb"}), deploy("10:30:00", "3", data={"sha": "aa"})
    span = {3: DeploymentSpan(at("10:01:00"), at("12:00:00"))}
    [service] = deployed([first, second], {second.id: 3}, span)
    assert [each.why for each in service.candidates] == ["an incident followed, and nobody took it back"]
    [service] = deployed([first, second, again], {second.id: 3, again.id: 3}, span)
    assert [each.why for each in service.candidates] == [
        "an incident followed, and an earlier version was deployed again after it"
    ]
    begun, ended = deploy("10:00:00", "4", kind="change.started"), deploy("11:00:00", "4")
    [service] = deployed([begun, ended], {begun.id: 3, ended.id: 3}, span)
    assert [each.why for each in service.candidates] == ["an incident began while it went on, and nobody took it back"]


def test_a_hotfix_or_a_revert_in_its_incident_confirms_it() -> None:
    """By its title or its branch; elsewhere, or in another incident, it says nothing of the one before it."""
    first = deploy("10:00:00", "1")
    span = {3: DeploymentSpan(at("10:01:00"), at("10:40:00"))}
    for title, ref in (("Hotfix: pool size", ""), ('Revert "bigger pool"', ""), ("main", "hotfix/pool")):
        fix = msgspec.structs.replace(deploy("10:30:00", "2"), title=title, data={"ref": ref} if ref else {})
        [service] = deployed([first, fix], {first.id: 3, fix.id: 3}, span)
        assert [each.why for each in service.confirmed] == ["a hotfix or a revert followed it in its incident"]
        assert list(service.recoveries) == [40 * 60_000_000]
        assert ([each.event for each in service.rework], service.every) == ([fix.id], 2)
        [service] = deployed([first, fix], {first.id: 3, fix.id: 4}, span)
        assert (len(service.confirmed), len(service.candidates)) == (0, 1 + 1)
    plain = msgspec.structs.replace(deploy("10:30:00", "2"), title="prefix hotfixture")
    [service] = deployed([first, plain], {first.id: 3, plain.id: 3}, span)
    assert (len(service.confirmed), len(service.candidates), len(service.rework)) == (0, 1, 0)


def test_a_person_who_names_it_as_the_cause_confirms_it() -> None:
    """As a draft cites it or by its whole id, in its own incident; who denies it, or names no event, says nothing."""
    first, other = deploy("10:00:00", "1"), deploy("10:05:00", "2", service="cart")
    places, span = {first.id: 3, other.id: 3}, {3: DeploymentSpan(at("10:06:00"), at("12:00:00"))}

    def confirmed(text: str, incident: int = 3) -> list[str]:
        stated = [StatedCause(incident=incident, by="Ada", text=text)]
        return [each.event for service in deployed([first, other], places, span, stated) for each in service.confirmed]

    assert confirmed(f"the deploy [{first.id[-5:]}] did it") == [first.id]
    assert confirmed(f"see {first.id}") == [first.id]
    assert confirmed(f"[{first.id[-5:]}]", incident=4) == []
    assert confirmed(f"not [{first.id[-5:]}]") == []
    assert confirmed(f"{first.id[-5:]} it was") == []
    assert confirmed("a full disk") == []


def test_rework_is_what_an_incident_made() -> None:
    """A rollback in one, and as a candidate whatever else was deployed after it had begun; such a one did not fail."""
    first, back, third = (
        deploy("10:00:00", "1"),
        deploy("10:20:00", "2", kind="change.rolled_back"),
        deploy("10:30:00", "3"),
    )
    before = deploy("09:00:00", "4")
    events = [first, back, third, before]
    span = {3: DeploymentSpan(at("10:01:00"), at("12:00:00"))}
    [service] = deployed(events, dict.fromkeys((first.id, back.id, third.id), 3), span)
    assert (service.deployments, service.every) == (3, 4)
    assert [each.event for each in service.confirmed] == [first.id]
    assert [each.event for each in service.rework] == [back.id]
    assert [each.event for each in service.rework_candidates] == [third.id]
    assert list(service.candidates) == []
    [service] = deployed(events, {}, {})
    assert (len(service.rework), len(service.rework_candidates)) == (0, 0)


def test_what_the_log_cannot_tell_is_unknown() -> None:
    """No end, no success, or no name."""
    services = deployed(
        [
            deploy("10:00:00", "1", kind="change.started"), deploy("10:05:00", "2", kind="change.failed"),
            deploy("10:10:00", "3", service=None), deploy("10:20:00", "4"),
        ],
        {}, {},
    )  # fmt: skip
    assert [(each.service, each.deployments, len(each.unknown)) for each in services] == [
        ("checkout", 3, 2),
        ("", 1, 1),
    ]


def test_a_rollback_elsewhere_takes_nothing_back() -> None:
    """Of another service or environment, or that put back the very commit; and a trial is no deployment."""
    first = deploy("10:00:00", "1", data={"sha": "a" * 40})
    others = [
        deploy("10:10:00", "2", kind="change.rolled_back", service="cart"),
        deploy("10:11:00", "3", kind="change.rolled_back", environment="staging"),
        deploy("10:12:00", "4", kind="change.rolled_back", data={"sha": "a" * 40}),
        deploy("10:13:00", "5", environment="staging"),
    ]
    [service] = deployed([first, *others], {}, {})
    assert (service.deployments, len(service.confirmed)) == (1, 0)


def test_what_is_taken_back_counts_no_longer() -> None:
    """A later revision stands for an earlier one."""
    one = deploy("10:00:00", "1")
    gone = msgspec.structs.replace(one, revision=1, amendment="retraction")
    assert deployed([one, gone], {}, {}) == []


def page(time: str, name: str, *people: str, kind: str = "page.triggered") -> RecordedEvent:
    return told(kind, time, f"page:{name}", {"assignees": [*people]})


def test_an_hour_counts_once_and_in_the_persons_own_zone() -> None:
    """Three pages in one hour are one; 3 in the morning in Auckland is the afternoon before in UTC."""
    people = {"anamaria": ("Ana Maria", "Pacific/Auckland"), "am": ("Ana Maria", "Pacific/Auckland")}
    rows = disturbed(
        [SentPages(incident_of={}, revisions=[
            page("14:01:00", "1", "Ana Maria"), page("14:02:00", "2", "am"), page("14:59:00", "3", "ana.maria"),
            page("15:00:00", "3", "Ana Maria", kind="page.escalated"),
            page("15:01:00", "4", "Ana Maria", kind="page.acknowledged"), page("09:00:00", "5", "Ben"),
            page("2026-03-07T12:00:00", "6", "Ben"), page("19:00:00", "7", "Ben"), page("20:00:00", "8"),
        ])],
        people, "UTC",
    )  # fmt: skip
    assert [(one.person, one.zone, one.zone_known) for one in rows] == [
        ("Ana Maria", "Pacific/Auckland", True), ("Ben", "UTC", False),
    ]  # fmt: skip
    assert [(one.pages, one.night, one.evening, one.work) for one in rows] == [(3, 2, 0, 0), (3, 0, 2, 1)]


def test_each_leads_to_its_incidents() -> None:
    """And to no other."""
    one, other = page("14:00:00", "1", "Ana"), page("16:00:00", "2", "Ana")
    [ana] = disturbed([SentPages(log="eu", revisions=[one, other], incident_of={other.id: 4})], {}, "UTC")
    assert list(ana.incidents) == [("eu", 4)]
