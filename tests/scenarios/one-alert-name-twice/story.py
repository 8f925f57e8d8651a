"""The same alert fires in the morning and in the evening: two incidents, one for each."""

from tests.scenario import Story
from tests.senders import alert, alertmanager


def story(s: Story) -> None:
    morning = alert("CertificateExpiring", since="06:00:00", service="edge", summary="edge.example expires in 6 days.")
    s.given("06:00:20", alertmanager(morning))
    s.given("06:30:20", alertmanager(morning.resolved("06:30:00")))
    evening = morning.again("19:00:00")
    s.given("19:00:20", alertmanager(evening))
    s.given("19:45:20", alertmanager(evening.resolved("19:45:00")))
