"""The last deploy is rolled back, but the alert goes on; a restart of the database ends it."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, cloudevent, deployment, page


def story(s: Story) -> None:
    deploy = deployment(9101, "acme/orders", "v7: new invoice layout", at="09:40:00", service="orders", by="noor")
    s.given("09:40:01", deploy.requested())
    s.given("09:41:31", deploy.status("success", "09:41:30"))

    failing = alert("OrdersFailing", since="09:55:00", service="orders", summary="Orders fail: 31 per minute.")
    s.given("09:55:20", alertmanager(failing))
    call = page(401, "OrdersFailing on orders", at="09:55:30", service="orders")
    s.given("09:55:31", call.triggered("Noor Haddad"))
    s.given("09:58:01", call.acknowledged("09:58:00", by="Noor Haddad"))

    back = deployment(9102, "acme/orders", "Back to v6", at="10:05:00", service="orders", task="rollback", by="noor")
    s.given("10:05:01", back.requested())
    s.given("10:06:11", back.status("success", "10:06:10"))
    s.given("10:20:01", call.annotated("10:20:00", "Noor Haddad", "Still failing after the rollback. Locks in the DB."))
    s.given(
        "10:31:02",
        cloudevent("com.acme.switch.database.restarted", "r-1", at="10:31:00", subject="orders-db", service="orders",
                   environment="production", by="Noor Haddad", what="orders-db restarted"),
    )  # fmt: skip
    s.given("10:35:20", alertmanager(failing.resolved("10:35:00")))
    s.given("10:36:01", call.resolved("10:36:00", by="Noor Haddad"))
