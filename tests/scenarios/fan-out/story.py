"""Fifty instances fire one alert within two minutes; one row tells it."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    s.formats = ("md", "svg")
    down = [
        alert(
            "InstanceDown",
            since=f"02:{10 + number // 25:02d}:{(number * 2) % 50:02d}",
            service="gateway",
            instance=f"gw-{number:02d}.example:9100",
            summary=f"gw-{number:02d} does not answer.",
        )
        for number in range(50)
    ]
    s.given("02:10:55", alertmanager(*down[:25]))
    call = page(403, "InstanceDown on gateway", at="02:11:00", service="gateway")
    s.given("02:11:01", call.triggered("Tom Beck"))
    s.given("02:12:00", alertmanager(*down))
    s.given("02:12:15", alertmanager(*down, peer="am-1"))
    s.given("02:15:01", call.acknowledged("02:15:00", by="Tom Beck"))
    s.given("02:31:00", alertmanager(*(one.resolved("02:30:00") for one in down[:40]), *down[40:]))
    s.given("02:36:00", alertmanager(*(one.resolved("02:30:30") for one in down[40:])))
    s.given("02:40:01", call.resolved("02:40:00", by="Tom Beck"))
