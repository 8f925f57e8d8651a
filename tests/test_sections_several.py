"""Sentences on several pages of one incident, and on what lies beside it, read by somebody who was not there."""

from __future__ import annotations

from typing import Any

import msgspec

from renderers import phrases
from renderers.history import Grouped
from renderers.plain_text import plain
from tests.histories import Facts
from tests.sections import cells, rows, said


def test_every_page_is_told_and_who_took_it() -> None:
    """Three teams are called: a reader of the first page alone would think that two of them slept."""
    story = Facts()
    story.ends(story.fires("Down", "07:00:00", "orders-db"), "07:14:00")
    for number, when, who in ((701, "07:00:20", "Dirk"), (702, "07:00:50", "Ella"), (703, "07:01:40", "Finn")):
        story.page("triggered", when, number, data={"assignees": [who]})
    story.page("acknowledged", "07:03:00", 702, actor="Ella")
    story.page("acknowledged", "07:05:00", 701, actor="Dirk")
    for number in (701, 702, 703):
        story.page("resolved", "07:15:00", number)
    assert said(story, "summary")[1:3] == [
        "PagerDuty incident 701 paged Dirk at 07:00:20, who acknowledged it at 07:05:00",
        ("PagerDuty incident 702 paged Ella at 07:00:50, who acknowledged it at 07:03:00; "
         "PagerDuty incident 703 paged Finn at 07:01:40"),
    ]  # fmt: skip
    taken = "Ella acknowledged PagerDuty incident 702 at 07:03:00, 2 min 10 s after it was opened"
    assert taken in said(story, "detection")
    assert "Observed: PagerDuty incident 703 was resolved without an acknowledgement" in said(story, "lessons")
    assert "| resolved 07:15:00 | the last page was resolved [" in story.markdown()


def test_the_summary_names_an_alert_of_many_services_once() -> None:
    """A storm of one alert is read as that."""
    story = Facts()
    story.fires("SwitchDown", "04:30:00", "core")
    for service in ("api", "auth", "cart", "feed", "geo"):
        story.fires("InstanceDown", "04:30:20", service)
    alike = "InstanceDown on api, auth, cart and 2 more services"
    assert said(story, "summary")[0].endswith(f"; {alike} followed within 20 s")
    story.fires("Slow", "04:30:40", "api")
    assert said(story, "summary")[0].endswith(f"; {alike}, and Slow on api followed within 40 s")


def test_an_acknowledgement_is_told_with_its_own_page() -> None:
    """Nobody acknowledges an incident that no sentence has told of yet."""
    story = Facts()
    story.ends(story.fires("Errors", "11:01:00", "webshop"), "11:14:00")
    for number, when, who in ((60, "11:01:10", "Gus"), (61, "11:01:40", "Fay")):
        story.page("triggered", when, number, data={"assignees": [who]})
    story.page("escalated", "11:01:50", 60, data={"assignees": ["Oz"]})
    story.page("acknowledged", "11:02:28", 61, actor="Fay")
    assert said(story, "summary")[1:4] == [
        "PagerDuty incident 60 paged Gus at 11:01:10",
        "PagerDuty incident 60 was escalated to Oz at 11:01:50",
        "PagerDuty incident 61 paged Fay at 11:01:40, who acknowledged it at 11:02:28",
    ]


def test_a_page_that_was_closed_overnight_is_told_so() -> None:
    """Nine hours in which nobody took it for going on are no nine hours of response."""
    story = Facts()
    story.ends(story.fires("Lag", "09:00:00", "sync"), "09:20:00")
    story.page("triggered", "09:01:00", data={"assignees": ["Bo"]})
    story.page("resolved", "09:22:00", actor="Bo")
    story.page("reopened", "18:11:00", actor="Sam")
    assert said(story, "summary")[2] == (
        "PagerDuty incident 311 was closed by Bo at 09:22:00 and opened again by Sam at 18:11:00, 8 h 49 min later"
    )


def test_a_page_that_was_deleted_was_not_resolved() -> None:
    """It is over; the word is its sender's."""
    story = Facts()
    story.page("triggered", "10:00:00", source="opsgenie")
    story.page("resolved", "10:30:00", source="opsgenie", actor="Kim", data={"resolve_reason": "deleted"})
    assert rows(story)[-1] == "Resolved: Opsgenie alert 311 was deleted by Kim"
    assert cells(story, "measures")[3].endswith("the page was deleted")
    assert "Observed: Opsgenie alert 311 was closed without an acknowledgement" in said(story, "lessons")


def test_the_last_action_of_the_incident_need_not_be_the_last_one() -> None:
    """A flag that no service is known of was set meanwhile, and a rollback came too late."""
    story = Facts()
    alert = story.fires("Slow", "14:00:00", "checkout")
    story.deploys("checkout", "14:03:00", "14:05:00", "v41", actor="Uma")
    story.nearby("no service and no reference", "change.flag_toggled", "14:09:00", entity="flag:cart", actor="Tom",
                title="cart", data={"state": "off"})  # fmt: skip
    story.deploys("checkout", "14:09:30", "14:16:00", "v40", rollback=True, failed=True, actor="Uma")
    story.ends(alert, "14:10:00")
    since = 'Recorded after that action, but not known to belong to this incident: flag "cart" at 14:09:00'
    assert since in said(story, "summary")
    assert said(story, "resolution")[1:3] == [
        'The rollback "v40" of checkout by Uma was begun at 14:09:30 and failed at 14:16:00, after the end',
        'In that time, not known to belong to this incident: the flag "cart" was set to off by Tom at 14:09:00',
    ]


def test_what_is_not_known_to_belong_is_called_by_its_kind() -> None:
    """A run of a workflow is no deploy, and a rollback is not rolled back."""
    story = Facts()
    story.ends(story.fires("NightlyJob", "03:15:00", "billing"), "07:41:00")
    story.nearby(
        "no service", "change.started", "07:10:00", title="Merge pull request #9", data={"workflow": "Nightly"}
    )
    story.nearby("no service", "change.rolled_back", "07:20:00", title="v40", entity="deploy:9")
    assert (
        'In that time, not known to belong to this incident: the workflow run "Nightly" ("Merge pull request #9") '
        'began at 07:10:00 and the rollback "v40" finished at 07:20:00'
    ) in said(story, "resolution")


def test_a_change_that_is_only_known_to_have_begun_says_so() -> None:
    """Of what lies beside an incident its first event is known: that is no end."""
    story = Facts()
    story.page("triggered", "08:30:00", service=None, actor="Mara")
    story.nearby("nothing ties it to this one", "change.started", "09:10:00", service="tax", title="Old table")
    story.page("resolved", "11:00:00", service=None)
    assert said(story, "resolution")[0] == (
        'Between 08:30:00 and 11:00:00 one change was recorded: deploy "Old table" of tax, begun at 09:10:00 '
        "(not known to belong)"
    )


def test_a_status_post_says_what_it_is_about_and_in_which_state() -> None:
    """A page that says resolved before it is; what its words say already is not said twice."""
    story = Facts()
    story.fires("X", "10:00:00", "billing")
    about = {"subject": "Wrong VAT", "kind": "resolved"}
    story.add("status.updated", "10:05:00", service="billing", title="Done.", data=about)
    story.add("status.updated", "10:06:00", service="billing", title="Wrong VAT is resolved.", data=about)
    assert rows(story)[1:] == ['Status page, "Wrong VAT" (resolved): "Done."', 'Status page: "Wrong VAT is resolved."']


def test_an_inhibition_that_lasts_over_midnight_is_one() -> None:
    """Its sender tells it once a day; one that comes after the alert fired is another."""
    story = Facts()
    inhibited: dict[str, Any] = {"entity": "f1", "source": "alertmanager", "title": "Alert A was inhibited",
                                 "data": {"type": "alertmanager.inhibition_muted_alert"}}  # fmt: skip
    story.fires("X", "23:00:00", "web")
    story.add("observation.recorded", "23:50:00", **inhibited)
    story.add("observation.recorded", "+1 00:00:02", **inhibited)
    story.add("alert.firing", "+1 00:10:00", entity="f1", source="alertmanager", title="A", data={})
    story.add("observation.recorded", "+1 00:20:00", **inhibited)
    found = [row for row in rows(story) if "inhibited" in row]
    assert [row.rpartition("; ")[2] for row in found] == ["told again at 2026-03-05 00:00:02", found[1]]


def test_alerts_that_are_inhibited_together_have_one_row() -> None:
    """In a storm there are hundreds; what is told of one alert again, and another minute, have rows of their own."""
    story = Facts()
    story.fires("Down", "10:00:00", "core")
    for n, service in enumerate(("api", "auth", "cart", "cart", "feed", "geo")):
        story.add("observation.recorded", f"10:00:{10 + n}", source="alertmanager", entity=f"f{n}", service=service,
                  title="Alert Slow was inhibited", data={"type": "alertmanager.inhibition_muted_alert"})  # fmt: skip
    story.add("observation.recorded", "10:02:00", source="alertmanager", entity="f9", service="geo",
              title="Alert Slow was inhibited", data={"type": "alertmanager.inhibition_muted_alert"})  # fmt: skip
    assert rows(story)[1:] == [
        '"Alert Slow was inhibited" (6 times: api, auth, cart and 2 more services)',
        '"Alert Slow was inhibited" (alertmanager.inhibition_muted_alert, geo)',
    ]


def test_a_span_that_shows_its_offset_names_no_zone_behind_it() -> None:
    """In the night when the clocks go back the offset says all."""
    story = Facts()
    story.context["reported"] = {"change": ("e1",)}
    story.fires("X", 1_792_888_200_000_000, "web")
    shown = story.markdown(zone="Europe/Berlin")
    assert "between 00:30:00 and 02:30:00 +02:00." in shown
    assert "CEST" not in shown


def test_of_several_alerts_that_no_page_names_each_is_one() -> None:
    """``The alert X fired …, and no page names them`` has no sense."""
    story = Facts()
    for name, when in (("Slow", "09:50:00"), ("Lag", "09:51:00"), ("Full", "09:52:00")):
        story.fires(name, when, "web")
    story.page("triggered", "10:00:00", service="web", title="Something else")
    found = [text for text in said(story, "detection") if "no page names" in text]
    assert len(found) == 2
    assert all(text.endswith("and no page names it") for text in found)


def test_what_only_its_time_ties_says_so_and_how_to_part_it() -> None:
    """A reason of grouping names pages and services as people do; nearness in time is no more than that."""
    story = Facts()
    first = story.fires("X", "10:00:00", "Search API")
    story.page("triggered", "10:00:30", service="Search API")
    other = story.fires("Disk", "10:02:00", "etl")
    merged = story.add("change.merged", "09:58:00", title="Fix")
    story.context["grouped"] = {
        first.id: Grouped(rule="page", reason="shares page P311"),
        other.id: Grouped(rule="storm", reason="started within 5 min of a page"),
        merged.id: Grouped(rule="repository", reason="repository acme/search is named like searchapi"),
    }
    assert said(story, "appendix")[:3] == [
        "Grouping: shares PagerDuty incident 311, 1 event",
        ("Grouping: started within 5 min of a page, 1 event; only the time ties it to the rest: the alert Disk on etl "
         f"(critical). If that is another incident: timelined split N {other.id}"),
        "Grouping: repository acme/search is named like Search API, 1 event",
    ]  # fmt: skip
    more = [story.fires(f"Disk{number}", f"10:0{number}:30", "etl") for number in range(2, 6)]
    story.context["grouped"] |= {
        each.id: Grouped(rule="storm", reason="started within 5 min of a page") for each in more
    }
    story.context |= {"number": 12, "log": "eu"}
    [command] = [line for line in said(story, "appendix") if "timelined split" in line]
    ids = " ".join(each.id for each in (other, *more[:2]))
    assert command.endswith(f"timelined split eu/12 {ids} with the ids of the other 2, too")


def test_what_people_write_with_a_step_of_a_page_is_a_note() -> None:
    """An on-call tool takes what was found as the message of a status; the one that ended it is told as that."""
    story = Facts()
    story.page("triggered", "08:30:00", 77, actor="Mara")
    story.page("status_updated", "09:02:00", 77, actor="Mara", data={"to": "Fixing", "text": "Wrong tax table"})
    story.page("status_updated", "09:30:00", 77, data={"to": "mitigated", "text": "Table is back"})
    story.page("resolved", "11:00:00", 77, data={"text": "All done"})
    assert said(story, "diagnostics") == ['Update of PagerDuty incident 77 by Mara, 09:02:00: "Wrong tax table"']


def test_an_alert_of_which_a_series_goes_on_has_not_ended() -> None:
    """The first series to end is one of them, also where the other fired again later; where all end at once, or another
    one fires later, the alert ended."""
    story = Facts()
    first, second = (story.fires("Slow", "10:00:00", "cart", series=series) for series in ("a", "b"))
    story.deploys("cart", "10:09:00", "10:10:00", "v8")
    story.ends(first, "10:10:20")
    story.ends(second, "10:10:50")
    other = story.fires("Down", "10:01:00", "orders")
    story.deploys("orders", "10:19:00", "10:20:00", "v9")
    story.ends(other, "10:20:30")
    story.ends(story.fires("Slow", "10:30:00", "cart", series="b"), "10:39:00")
    story.ends(story.fires("Late", "10:25:00", "cart"), "10:40:00")
    for source, end in (("alertmanager-us", "11:00:30"), ("alertmanager-eu", "11:00:50")):
        story.ends(story.fires("Far", "10:50:00", "web", source=source, series=source), end, source=source)
    story.deploys("web", "10:59:00", "11:00:00", "v10")
    sentences = said(story, "resolution")
    assert "the alert Far on web ended 30 s later, as alertmanager-us tells it" in sentences[2]
    assert "finished; a series of the alert Slow on cart ended 20 s later" in sentences[0]
    assert "finished; the alert Down on orders ended 30 s later" in sentences[1]


# --- severities of one name -------------------------------------------------------------------------------------------


def test_an_alert_of_two_severities_is_told_with_both() -> None:
    """The table had that of the first one alone, and the summary as if it had not fired before, nor since."""
    story = Facts()
    low = story.fires("DiskFull", "09:00:00", "db", severity="warning")
    grave = story.fires("DiskFull", "09:30:00", "db", series="a")
    low_labels, grave_labels = ({"alertname": "DiskFull", "severity": each} for each in ("warning", "critical"))
    story = story.changed(lambda event: msgspec.structs.replace(
        event, labels=low_labels if event.id == low.id else grave_labels))  # fmt: skip
    low, grave = story.events
    story.ends(low, "09:40:00")
    story.ends(grave, "10:00:00")
    assert said(story, "summary")[0] == (
        "At 09:30:00 the alert DiskFull (critical) fired on db in production; with severity warning it had fired"
        " 30 min before"
    )
    assert said(story, "summary")[-1] == "The alert DiskFull (critical) was firing for 30 min"
    assert "from the first alert above warning to the end of the last alert;" in said(story, "impact")[1]
    assert cells(story, "alerts")[0].startswith("DiskFull (warning and critical, 2 series) |")
    assert [row for row in rows(story) if "resolved" in row] == [
        "Alert DiskFull on db (warning) resolved after 40 min",
        "Last alert ended, Resolved: Alert DiskFull on db (critical) resolved after 30 min",
    ]


def test_a_row_of_one_of_several_series_says_which() -> None:
    """Two rows of the same words were two firings of one alert to a reader."""
    story = Facts()
    first = story.fires("Slow", "10:00:00", "web", series="web-1")
    other = story.fires("Slow", "10:20:00", "web", series="web-2")
    story.ends(other, "10:30:00")
    story.ends(first, "10:40:00")
    assert rows(story) == [
        "Detected: Alert Slow fired on web (critical), pod web-1",
        "Alert Slow fired on web (critical), pod web-2",
        "Alert Slow on web (pod web-2) resolved after 10 min",
        "Last alert ended, Resolved: Alert Slow on web (pod web-1) resolved after 40 min",
    ]


def test_a_count_of_thousands_is_written_alike_everywhere() -> None:
    """``1,204 series`` and ``1201 more`` in one row look like two ways to count."""
    assert plain(phrases.listed(["a"] * 1_204)) == "a, a, a and 1,201 more"
    story = Facts()
    story.fires("X", "10:00:00", "web")
    for second in range(1_001):
        story.nearby("other service", "note.added", "10:00:30", title="checked", service="db", entity=f"n{second}")
    assert any("(1,001 events)" in text for text in said(story, "appendix"))
