"""A kill switch, told by a CloudEvent, ends the incident; a status post told customers meanwhile."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, cloudevent, page


def story(s: Story) -> None:
    load = alert("RecommendationsOverload", since="20:00:00", service="recommendations", summary="CPU is at 100%.")
    s.given("20:00:20", alertmanager(load))
    call = page(414, "RecommendationsOverload", at="20:00:30", service="recommendations")
    s.given("20:00:31", call.triggered("Ines Roth"))
    s.given("20:01:16", call.acknowledged("20:01:15", by="Ines Roth"))
    s.given(
        "20:06:01",
        cloudevent("com.acme.status.posted", "st-1", at="20:06:00", service="recommendations", by="Mia Brandt",
                   text="Recommendations are slow. We are on it."),
    )  # fmt: skip
    s.given(
        "20:15:01",
        cloudevent("com.acme.switch.set", "ks-77", at="20:15:00", subject="recommendations.personal",
                   service="recommendations", environment="production", by="Ines Roth",
                   what="personal recommendations switched off"),
    )  # fmt: skip
    s.given("20:17:20", alertmanager(load.resolved("20:17:00")))
    s.given("20:18:01", call.resolved("20:18:00", by="Ines Roth"))
