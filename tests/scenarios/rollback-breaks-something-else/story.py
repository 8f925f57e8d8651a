"""The rollback ends the first incident; an hour later its side effect starts a second one."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, deployment, page


def story(s: Story) -> None:
    deploy = deployment(9201, "acme/checkout", "v50: new tax rules", at="13:00:00", service="checkout")
    s.given("13:00:01", deploy.requested())
    s.given("13:01:01", deploy.status("success", "13:01:00"))
    errors = alert("HighErrorRate", since="13:04:00", summary="7% of requests fail.")
    s.given("13:04:20", alertmanager(errors))
    call = page(410, "HighErrorRate on checkout", at="13:04:30")
    s.given("13:04:31", call.triggered("Ana Lima"))
    s.given("13:06:01", call.acknowledged("13:06:00", by="Ana Lima"))
    back = deployment(9202, "acme/checkout", "Back to v49", at="13:10:00", service="checkout", task="rollback")
    s.given("13:10:01", back.requested())
    s.given("13:11:01", back.status("success", "13:11:00"))
    s.given("13:13:20", alertmanager(errors.resolved("13:13:00")))
    s.given("13:14:01", call.resolved("13:14:00", by="Ana Lima"))

    wrong = alert("TaxMismatch", since="14:20:00", summary="Tax differs on 214 orders.")
    s.given("14:20:20", alertmanager(wrong))
    second = page(411, "TaxMismatch on checkout", at="14:20:30")
    s.given("14:20:31", second.triggered("Ana Lima"))
    s.given("14:24:01", second.acknowledged("14:24:00", by="Ana Lima"))
    s.given("14:50:20", alertmanager(wrong.resolved("14:50:00")))
    s.given("14:51:01", second.resolved("14:51:00", by="Ana Lima"))
