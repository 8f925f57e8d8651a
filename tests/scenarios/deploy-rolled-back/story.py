"""A deploy breaks checkout, the on-call engineer rolls it back, and all is well again."""

from collector import people
from collector.correlation import Rules, Service
from tests.scenario import Story
from tests.senders import alert, alertmanager, deployment, incident_key, merged, page


def story(s: Story) -> None:
    s.formats = ("md", "html", "svg", "confluence")
    s.rules = Rules(services=(Service(name="cart", depends_on=("checkout",)), Service(name="checkout", depends_on=())))
    s.given("13:50:03", merged(412, "acme/checkout", "Reuse database connections", at="13:50:00"))
    deploy = deployment(9001, "acme/checkout", "v42: reuse connections", at="14:00:00", service="checkout", ref="v42")
    s.given("14:00:01", deploy.requested())
    s.given("14:00:06", deploy.status("in_progress", "14:00:05"))
    s.given("14:00:41", deploy.status("success", "14:00:40"))

    errors = alert(
        "HighErrorRate",
        since="14:02:10",
        summary="12% of requests fail.",
        query="sum(rate(http_errors[5m])) > 0.05",
        runbook="https://runbooks.example/checkout/errors",
    )
    slow = alert("SlowCart", since="14:03:20", service="cart", severity="warning", summary="Carts take 4 s to load.")
    s.given("14:02:25", alertmanager(errors))
    s.given("14:02:40", alertmanager(errors, peer="am-1"))
    call = page(311, "HighErrorRate on checkout", at="14:02:30", key=incident_key(errors), priority="P1")
    s.given("14:02:31", call.triggered("Ana Lima"))
    s.given("14:03:35", alertmanager(slow))
    s.given("14:04:01", call.acknowledged("14:04:00", by="Ana Lima"))
    s.given("14:12:02", call.annotated("14:12:00", "Ana Lima", "Connection pool is exhausted, 100 of 100 in use."))

    back = deployment(
        9002, "acme/checkout", "Back to v41", at="14:18:00", service="checkout", ref="v41", task="rollback"
    )
    s.given("14:18:01", back.requested())
    s.given("14:20:01", back.status("success", "14:20:00"))
    s.given("14:23:20", alertmanager(errors.resolved("14:23:05")))
    s.given("14:24:01", alertmanager(slow.resolved("14:23:40")))
    s.given("14:24:31", call.resolved("14:24:30", by="Ana Lima"))
    s.says("14:40", people.action, about=alertmanager(errors), text="Load-test the pool before v43", owner="Ana Lima",
           due="2026-03-11")  # fmt: skip
