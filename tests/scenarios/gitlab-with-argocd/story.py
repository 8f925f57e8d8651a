"""A merge at GitLab, the sync of it by Argo CD, an alert, and a sync back to the revision before."""

from tests.scenario import Story
from tests.senders import alert, alertmanager, argocd_sync, gitlab_merged

OLD, NEW = "1c" * 20, "5b" * 20


def story(s: Story) -> None:
    s.given(
        "13:54:41", gitlab_merged(77, "shop/checkout", "Pool per request", at="13:54:40", by="Mara Lindqvist", sha=NEW)
    )
    s.given("13:58:33", argocd_sync("checkout", "shop/checkout", NEW, "Running", began="13:58:32"))
    s.given("14:00:06", argocd_sync("checkout", "shop/checkout", NEW, "Succeeded", began="13:58:32", ended="14:00:05"))
    errors = alert("HighErrorRate", since="14:02:10", summary="12% of requests fail")
    s.given("14:02:25", alertmanager(errors))
    s.given("14:18:31", argocd_sync("checkout", "shop/checkout", OLD, "Running", began="14:18:30", by="mara"))
    s.given("14:20:16", argocd_sync("checkout", "shop/checkout", OLD, "Succeeded", began="14:18:30", ended="14:20:15",
                                    by="mara"))  # fmt: skip
    s.given("14:23:20", alertmanager(errors.resolved("14:23:05")))
