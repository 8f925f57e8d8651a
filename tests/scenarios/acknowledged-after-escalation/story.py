"""Nobody takes the page for ten minutes; it escalates, and the second engineer acknowledges."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    lag = alert("ReplicationLag", since="03:10:00", service="ledger", summary="Replica is 400 s behind.")
    s.given("03:10:15", alertmanager(lag))
    call = page(405, "ReplicationLag on ledger", at="03:10:20", service="ledger")
    s.given("03:10:21", call.triggered("Ana Lima"))
    s.given("03:20:21", call.escalated("03:20:20", to="Jon Vega"))
    s.given("03:22:06", call.acknowledged("03:22:05", by="Jon Vega"))
    s.given("03:25:01", call.annotated("03:25:00", "Jon Vega", "Vacuum was running on the replica; cancelled it."))
    s.given("03:41:15", alertmanager(lag.resolved("03:41:00")))
    s.given("03:42:01", call.resolved("03:42:00", by="Jon Vega"))
