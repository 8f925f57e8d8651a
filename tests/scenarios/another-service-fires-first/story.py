"""A critical alert of another service fires shortly before; it is its own incident and is not called the cause."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    disk = alert("DiskFull", since="07:50:00", service="reports", summary="Disk of reports-2 is full.")
    s.given("07:50:20", alertmanager(disk))
    errors = alert("HighErrorRate", since="08:01:00", summary="8% of requests fail.")
    s.given("08:01:20", alertmanager(errors))
    call = page(407, "HighErrorRate on checkout", at="08:01:30")
    s.given("08:01:31", call.triggered("Ana Lima"))
    s.given("08:02:31", call.acknowledged("08:02:30", by="Ana Lima"))
    s.given("08:20:20", alertmanager(errors.resolved("08:20:00")))
    s.given("08:21:01", call.resolved("08:21:00", by="Ana Lima"))
    s.given("08:40:20", alertmanager(disk.resolved("08:40:00")))
