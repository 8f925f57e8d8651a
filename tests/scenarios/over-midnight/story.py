"""An incident begins before midnight and ends the next day."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    slow = alert("BatchLate", since="2026-03-04 23:40", service="billing", summary="Nightly batch is 30 min late.")
    s.given("2026-03-04 23:40:20", alertmanager(slow))
    call = page(412, "BatchLate on billing", at="2026-03-04 23:41", service="billing")
    s.given("2026-03-04 23:41:01", call.triggered("Noor Haddad"))
    s.given("2026-03-04 23:59:31", call.acknowledged("2026-03-04 23:59:30", by="Noor Haddad"))
    s.given("2026-03-05 00:55:20", alertmanager(slow.resolved("2026-03-05 00:55")))
    s.given("2026-03-05 00:56:01", call.resolved("2026-03-05 00:56", by="Noor Haddad"))
