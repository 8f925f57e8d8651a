"""A team with nothing but Grafana: two alerts, ends told without their starts, and nobody who deploys or pages."""

from tests.scenario import Story
from tests.senders import alert, grafana


def story(s: Story) -> None:
    errors = alert("CheckoutErrorRate", since="14:02:10", summary="9% of requests to checkout fail")
    worse = alert("CheckoutErrorRate", since="14:02:10", summary="31% of requests to checkout fail")
    slow = alert("CartSlow", since="14:03:20", service="cart", severity="warning", summary="Carts take 4 s to load")
    s.given("14:02:40", grafana(errors))
    s.given("14:03:50", grafana(slow))
    s.given("14:07:40", grafana(worse))
    s.given("14:07:41", grafana(worse))
    s.given("14:23:40", grafana(errors.resolved("14:23:05")))
    s.given("14:24:50", grafana(slow.resolved("14:24:20")))
