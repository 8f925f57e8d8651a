"""The same alerts without a catalog stay two incidents: nothing says that they belong together."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    refused = alert("PaymentsRefused", since="16:00:00", service="payments", summary="Card network refuses 80%.")
    errors = alert("HighErrorRate", since="16:08:00", service="checkout", summary="9% of requests fail.")
    s.given("16:00:20", alertmanager(refused))
    call = page(404, "PaymentsRefused on payments", at="16:00:30", service="payments")
    s.given("16:00:31", call.triggered("Lea Sommer"))
    s.given("16:03:01", call.acknowledged("16:03:00", by="Lea Sommer"))
    s.given("16:08:20", alertmanager(errors))
    s.given("16:22:20", alertmanager(refused.resolved("16:22:00")))
    s.given("16:23:20", alertmanager(errors.resolved("16:23:00")))
    s.given("16:25:01", call.resolved("16:25:00", by="Lea Sommer"))
