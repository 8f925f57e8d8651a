"""A customer reports the outage eleven minutes before any alert fires."""

from collector import people
from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    report = s.says(
        "10:02", people.opened, title="Customers cannot pay by card", moment="10:00", service="checkout",
        environment="production", reported_by="Support, ticket 8812", by="Mia Brandt",
    )  # fmt: skip
    s.says("10:15", people.mark, about=report, mark="impact_started", moment="09:55", by="Mia Brandt",
           text="First failed payment in the ticket")  # fmt: skip
    errors = alert("HighErrorRate", since="10:11:00", summary="3% of requests fail.")
    s.given("10:11:20", alertmanager(errors))
    call = page(406, "HighErrorRate on checkout", at="10:11:30")
    s.given("10:11:31", call.triggered("Ana Lima"))
    s.given("10:12:31", call.acknowledged("10:12:30", by="Ana Lima"))
    s.given("10:30:20", alertmanager(errors.resolved("10:30:00")))
    s.given("10:31:01", call.resolved("10:31:00", by="Ana Lima"))
    s.says("10:35", people.mark, about=report, mark="mitigated", moment="10:28", by="Ana Lima",
           text="Card network route switched")  # fmt: skip
    s.says("10:45", people.resolved, about=report, moment="10:44")
