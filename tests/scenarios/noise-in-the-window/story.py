"""Other services make noise in the same window; none of it gets into the incident."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, deployment, incident_key, page

BY = ("alertname", "environment", "service")


def story(s: Story) -> None:
    other = deployment(9301, "acme/blog", "New theme", at="05:30:00", service="blog", by="sam")
    s.given("05:30:01", other.requested())
    s.given("05:31:01", other.status("success", "05:31:00"))
    noise = alert("DiskFilling", since="05:58:00", service="archive", severity="warning", summary="80% full.")
    s.given("05:58:20", alertmanager(noise))
    staging = alert("HighErrorRate", since="06:00:30", environment="staging", summary="40% of requests fail.")
    s.given("06:00:50", alertmanager(staging, by=BY))
    errors = alert("HighErrorRate", since="06:01:00", summary="6% of requests fail.")
    s.given("06:01:20", alertmanager(errors, by=BY))
    call = page(415, "HighErrorRate on checkout", at="06:01:30", key=incident_key(errors, by=BY))
    s.given("06:01:31", call.triggered("Ana Lima"))
    s.given("06:03:01", call.acknowledged("06:03:00", by="Ana Lima"))
    s.given("06:11:20", alertmanager(errors.resolved("06:11:00"), by=BY))
    s.given("06:12:01", call.resolved("06:12:00", by="Ana Lima"))
    s.given("06:20:20", alertmanager(noise.resolved("06:20:00")))
    s.given("06:20:20", alertmanager(staging.resolved("06:20:00"), by=BY))
