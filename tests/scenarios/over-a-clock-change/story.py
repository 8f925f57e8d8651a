"""An incident runs over the spring clock change in Berlin: the wall clock jumps, the durations do not."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    s.zone = "Europe/Berlin"
    lag = alert("ReplicationLag", since="2026-03-29 00:50", service="ledger", summary="Replica is 90 s behind.")
    s.given("2026-03-29 00:50:20", alertmanager(lag))
    call = page(413, "ReplicationLag on ledger", at="2026-03-29 00:51", service="ledger")
    s.given("2026-03-29 00:51:01", call.triggered("Jon Vega"))
    s.given("2026-03-29 00:55:01", call.acknowledged("2026-03-29 00:55", by="Jon Vega"))
    s.given("2026-03-29 01:20:20", alertmanager(lag.resolved("2026-03-29 01:20")))
    s.given("2026-03-29 01:21:01", call.resolved("2026-03-29 01:21", by="Jon Vega"))
