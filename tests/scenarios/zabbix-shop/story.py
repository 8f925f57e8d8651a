"""A shop with Zabbix and Jenkins: a deployment, two problems, one acknowledged with a word, and another deployment."""

from tests.scenario import Story
from tests.senders import jenkins, zabbix


def story(s: Story) -> None:
    s.given("13:54:20", jenkins("deploy-shop", 42, "shop", "STARTED", at="13:54:19", sha="3f" * 20))
    s.given("13:58:12", jenkins("deploy-shop", 42, "shop", "COMPLETED", at="13:58:11", sha="3f" * 20))
    s.given("13:58:13", jenkins("deploy-shop", 42, "shop", "FINALIZED", at="13:58:13", sha="3f" * 20))
    s.given("14:02:12", zabbix("10528", "Shop answers with errors", "problem", at="14:02:10", opdata="41% of requests"))
    s.given(
        "14:04:05", zabbix("10531", "Queue of orders grows", "problem", at="14:04:02", service="orders", severity="2")
    )
    noted = {"by": "Mara Lindqvist", "action": "acknowledged, commented", "message": "Putting 41 back."}
    s.given("14:06:31", zabbix("10528", "Shop answers with errors", "update", at="14:06:30", began="14:02:10", **noted))
    s.given("14:18:31", jenkins("deploy-shop", 43, "shop", "STARTED", at="14:18:30", sha="1c" * 20))
    s.given("14:20:16", jenkins("deploy-shop", 43, "shop", "COMPLETED", at="14:20:15", sha="1c" * 20))
    s.given("14:23:07", zabbix("10528", "Shop answers with errors", "recovery", at="14:23:05", began="14:02:10"))
    s.given("14:26:41", zabbix("10531", "Queue of orders grows", "recovery", at="14:26:40", began="14:04:02",
                               service="orders", severity="2"))  # fmt: skip
