"""An alert flaps five times before it ends for good; the draft says so in one row."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, page


def story(s: Story) -> None:
    latency = alert("HighLatency", since="11:00:00", service="search", summary="p99 is above 2 s.")
    s.given("11:00:15", alertmanager(latency))
    call = page(402, "HighLatency on search", at="11:00:20", service="search")
    s.given("11:00:21", call.triggered("Ines Roth"))
    s.given("11:01:31", call.acknowledged("11:01:30", by="Ines Roth"))
    for start, end in (
        ("11:00:00", "11:03:00"),
        ("11:05:00", "11:07:00"),
        ("11:09:00", "11:12:00"),
        ("11:14:00", "11:15:00"),
        ("11:18:00", "11:31:00"),
    ):
        episode = latency.again(start)
        s.given(f"{start[:6]}15", alertmanager(episode))
        s.given(f"{end[:6]}20", alertmanager(episode.resolved(end)))
    s.given("11:33:01", call.resolved("11:33:00", by="Ines Roth"))
