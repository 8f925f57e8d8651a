"""The end of the alert is received forty minutes late, and says that it ended long before."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    backlog = alert("QueueBacklog", since="12:00:00", service="mailer", summary="90,000 mails wait.")
    s.given("12:00:20", alertmanager(backlog))
    call = page(408, "QueueBacklog on mailer", at="12:00:30", service="mailer")
    s.given("12:00:31", call.triggered("Tom Beck"))
    s.given("12:02:01", call.acknowledged("12:02:00", by="Tom Beck"))
    s.given("12:26:01", call.resolved("12:26:00", by="Tom Beck"))
    s.given("13:05:00", alertmanager(backlog.resolved("12:25:00")))
