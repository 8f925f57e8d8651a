"""Last week's traffic is imported in one go, in no order: its times are its own, and nothing is called late by row."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, deployment, incident_key, page

DAY = "2026-02-25"


def story(s: Story) -> None:
    errors = alert("HighErrorRate", since=f"{DAY} 14:02:10", summary="12% of requests fail.")
    call = page(301, "HighErrorRate on checkout", at=f"{DAY} 14:02:30", key=incident_key(errors))
    deploy = deployment(8001, "acme/checkout", "v40: new basket", at=f"{DAY} 13:58:00", service="checkout")
    back = deployment(8002, "acme/checkout", "Back to v39", at=f"{DAY} 14:15:00", service="checkout", task="rollback")
    sent = [
        alertmanager(errors.resolved(f"{DAY} 14:19:00")),
        # What an exporter of old deliveries tells after the resolve is no new firing.
        alertmanager(errors),
        call.resolved(f"{DAY} 14:22:00", by="Ana Lima"),
        call.triggered("Ana Lima"),
        deploy.status("success", f"{DAY} 13:59:30"),
        back.status("success", f"{DAY} 14:16:20"),
        call.annotated(f"{DAY} 14:09:00", "Ana Lima", "The basket's table is locked."),
        call.acknowledged(f"{DAY} 14:04:00", by="Ana Lima"),
        deploy.requested(),
        back.requested(),
    ]
    for number, one in enumerate(sent):
        s.given(f"10:00:{number:02}", one)
