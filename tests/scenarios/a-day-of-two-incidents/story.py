"""Two incidents on one day; the first comes back under its old start after a resolve, and is one incident still."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, incident_key, page


def story(s: Story) -> None:
    queue = alert("QueueGrows", since="09:02:10", service="billing", summary="3,000 invoices wait.")
    s.given("09:02:25", alertmanager(queue))
    call = page(811, "QueueGrows on billing", at="09:02:40", service="billing", key=incident_key(queue), priority="P2")
    s.given("09:02:41", call.triggered("Lea Sommer"))
    s.given("09:06:02", call.acknowledged("09:06:00", by="Lea Sommer"))
    s.given("09:20:02", alertmanager(queue.resolved("09:19:50")))
    # The other of the pair tells what it still had: nothing came back.
    s.given("09:20:05", alertmanager(queue, peer="am-1"))
    # A rule that was reloaded: the same alert fires again, and its start is the old one.
    s.given("09:31:02", alertmanager(queue))
    s.given("09:33:31", call.annotated("09:33:30", "Lea Sommer", "It grows again: the second consumer never started."))
    s.given("09:48:22", alertmanager(queue.resolved("09:48:10")))
    s.given("09:50:01", call.resolved("09:50:00", by="Lea Sommer"))

    login = alert("LoginFails", since="16:15:10", service="accounts", summary="20% of logins fail.")
    s.given("16:15:25", alertmanager(login))
    second = page(812, "LoginFails on accounts", at="16:15:40", service="accounts", key=incident_key(login))
    s.given("16:15:41", second.triggered("Jon Vega"))
    s.given("16:17:31", second.acknowledged("16:17:30", by="Jon Vega"))
    s.given("16:40:21", alertmanager(login.resolved("16:40:10")))
    s.given("16:41:01", second.resolved("16:41:00", by="Jon Vega"))
