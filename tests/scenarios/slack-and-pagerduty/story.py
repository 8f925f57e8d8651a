"""A page, and what people write about it in two channels: one is of the service, the other of every incident."""

from collector.correlation import Rules
from tests.scenario import Story
from tests.senders import page, pinned, slack

ANA, BEN = "U0ANA0001", "U0BEN0002"


def story(s: Story) -> None:
    s.rules = Rules(people={"Ana Lima": (ANA,), "Ben Okafor": (BEN,)})
    call = page(311, "Checkout answers 502", at="14:02:30", priority="P1")
    s.given("14:02:31", call.triggered("Ana Lima"))
    s.given("14:04:01", call.acknowledged("14:04:00", by="Ana Lima"))
    s.given("14:05:11", slack("14:05:10", ANA, "Half of the pods restart, <@U0BEN0002> can you look?"))
    deployment = slack(
        "14:11:30", BEN, "The pool is exhausted &gt; 100 connections.\nRestarting them one by one.", "C0PAY000002"
    )
    s.given("14:11:31", deployment)
    s.given("14:12:05", pinned("14:12:04", ANA, deployment))
    s.given("14:20:01", slack("14:20:00", BEN, "All pods are up again.", "C0PAY000002"))
    s.given("14:24:31", call.resolved("14:24:30", by="Ana Lima"))
    s.given("15:40:00", slack("15:39:59", BEN, "Anybody for coffee?"))
