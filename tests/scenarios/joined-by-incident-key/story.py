"""Page and alert name different services; only the incident key, SHA-256 of the group key, says they are one."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, incident_key, page


def story(s: Story) -> None:
    quota = alert("QuotaExceeded", since="18:00:00", service="object-store", summary="Bucket quota is used up.")
    s.given("18:00:20", alertmanager(quota))
    call = page(416, "QuotaExceeded", at="18:09:00", service="Platform", key=incident_key(quota))
    s.given("18:09:01", call.triggered("Tom Beck"))
    s.given("18:10:01", call.acknowledged("18:10:00", by="Tom Beck"))
    s.given("18:30:20", alertmanager(quota.resolved("18:30:00")))
    s.given("18:31:01", call.resolved("18:31:00", by="Tom Beck"))
