"""The alert's end never arrives; the incident stays unresolved and the draft says what is missing."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    errors = alert("HighErrorRate", since="17:00:00", summary="5% of requests fail.")
    s.given("17:00:20", alertmanager(errors))
    call = page(409, "HighErrorRate on checkout", at="17:00:30")
    s.given("17:00:31", call.triggered("Ana Lima"))
    s.given("17:02:01", call.acknowledged("17:02:00", by="Ana Lima"))
    s.given("17:20:01", call.resolved("17:20:00", by="Ana Lima"))
