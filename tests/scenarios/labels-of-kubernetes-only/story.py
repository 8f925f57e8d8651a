"""A team labels alerts with namespace and deployment only, and deploys by workflow runs that name no service."""

from typing import Any

from tests.scenario import Story
from tests.senders import alert, alertmanager, incident_key, merged, page, run

BY = ("alertname", "namespace", "deployment")


def story(s: Story) -> None:
    where: dict[str, Any] = {"service": None, "environment": None, "namespace": "prod", "deployment": "launcher"}
    s.given("14:40:11", merged(87, "acme/launcher-deploy", "Start two sessions at a time", at="14:40:10", by="min"))
    tests = run(5101, "acme/launcher-deploy", "CI", "Start two sessions at a time", at="14:40:12", by="min")
    s.given("14:44:03", tests.completed("14:44:00"))
    rollout = run(
        5102, "acme/launcher-deploy", "Deploy to production", "Start two sessions at a time", at="14:45:00", by="min"
    )
    s.given("14:45:04", rollout.in_progress("14:45:02"))
    s.given("14:52:33", rollout.completed("14:52:30"))
    nightly = run(5103, "acme/handbook", "Publish handbook", "Typos", at="14:55:00", by="docs-bot", event="schedule")
    s.given("14:57:02", nightly.completed("14:57:00"))

    slow = alert(
        "LaunchesSlow", since="14:58:20", severity="warning", summary="Half of the launches take 40 s.", **where
    )
    broken = alert("LaunchesFail", since="15:01:10", severity="critical", summary="No launch succeeds.", **where)
    s.given("14:58:40", alertmanager(slow, by=BY))
    s.given("15:01:25", alertmanager(broken, by=BY))
    call = page(61, "LaunchesFail: no launch succeeds", at="15:01:30", service="Launcher (production)",
                key=incident_key(broken, by=BY), priority="P2")  # fmt: skip
    s.given("15:01:32", call.triggered("Min Seo"))
    s.given("15:03:11", call.acknowledged("15:03:10", by="Min Seo"))
    s.given("15:09:31", call.annotated("15:09:30", "Min Seo", "Two sessions share one port since #87. Reverting."))
    s.given(
        "15:11:01", merged(88, "acme/launcher-deploy", 'Revert "Start two sessions at a time"', at="15:11:00", by="yuv")
    )
    failed = run(5104, "acme/launcher-deploy", "Deploy to production", 'Revert "Start two sessions at a time"',
                 at="15:11:20", by="yuv")  # fmt: skip
    s.given("15:14:02", failed.completed("15:14:00", "failure"))
    again = run(5105, "acme/launcher-deploy", "Deploy to production", 'Revert "Start two sessions at a time"',
                at="15:15:00", by="min")  # fmt: skip
    s.given("15:21:42", again.completed("15:21:40"))
    s.given("15:24:20", alertmanager(broken.resolved("15:24:10"), by=BY))
    s.given("15:25:00", alertmanager(slow.resolved("15:24:50"), by=BY))
    s.given("15:30:02", call.resolved("15:30:00", by="Min Seo"))
    s.given(
        "17:02:01", merged(90, "acme/launcher-deploy", "Give each session a port of its own", at="17:02:00", by="min")
    )
