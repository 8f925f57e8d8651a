"""Sentry and GitHub alone: a deployment, an error that is new and then many, and the version before put back."""

from tests.scenario import Story
from tests.senders import deployment, merged, sentry_comment, sentry_issue, sentry_metric, sentry_rule

TITLE = "PoolTimeout: no connection within 2 s"


def story(s: Story) -> None:
    s.given("13:40:04", merged(417, "shop/checkout", "Pool per request", at="13:40:02"))
    shipped = deployment(4711, "shop/checkout", "v42: pool per request", at="13:56:40", by="ana-lima", ref="v42")
    s.given("13:56:42", shipped.requested())
    s.given("13:58:06", shipped.status("success", "13:58:05"))
    s.given("14:02:08", sentry_issue(8812345, TITLE, "checkout", "created", first="14:02:06.417", at="14:02:07"))
    s.given("14:02:14", sentry_rule(8812345, TITLE, "checkout", "New issue in checkout", at="14:02:12.21"))
    s.given("14:03:04", sentry_metric(71, "Checkout errors per minute", "checkout", "critical", since="14:02:00",
                                      at="14:03:02", text="412 events in the last minute"))  # fmt: skip
    s.given("14:10:01", sentry_comment(8812345, "checkout", "Every worker holds its pool.\nRolling back to v41.",
                                       at="14:10:00.123", by="Ana Lima"))  # fmt: skip
    back = deployment(4712, "shop/checkout", "v41", at="14:11:30", by="ana-lima", ref="v41", task="rollback")
    s.given("14:11:32", back.requested())
    s.given("14:13:06", back.status("success", "14:13:05"))
    s.given("14:16:05", sentry_metric(71, "Checkout errors per minute", "checkout", "resolved", since="14:02:00",
                                      at="14:16:00", text="3 events in the last minute"))  # fmt: skip
    s.given("14:30:02", sentry_issue(8812345, TITLE, "checkout", "resolved", first="14:02:06.417", at="14:30:00",
                                     by="Ana Lima"))  # fmt: skip
