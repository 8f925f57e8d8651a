"""A shop on AWS alone: a deployment to ECS, a CloudWatch alarm by two ways, a failover, and the deployment put back."""

from tests.scenario import Story
from tests.senders import bridged, cloudwatch, cloudwatch_bridged, ecs_deployment, sns

ORDERS = "arn:aws:rds:eu-west-1:111122223333:db:orders"


def story(s: Story) -> None:
    s.given("13:55:20", sns(ecs_deployment("1001", "checkout", "IN_PROGRESS", at="13:55:19")))
    s.given("13:58:12", sns(ecs_deployment("1001", "checkout", "COMPLETED", at="13:58:11")))
    reason = "Threshold Crossed: 1 datapoint [412.0] was greater than the threshold (10.0)."
    s.given("14:02:11", sns(cloudwatch("checkout-5xx", "checkout", "ALARM", at="14:02:10", reason=reason)))
    s.given("14:02:12", sns(cloudwatch_bridged("checkout-5xx", "checkout", "ALARM", at="14:02:10", reason=reason)))
    failover = {"SourceArn": ORDERS, "SourceIdentifier": "orders", "EventID": "RDS-EVENT-0049",
                "Message": "A Multi-AZ failover has completed."}  # fmt: skip
    s.given("14:09:31", sns(bridged("RDS DB Instance Event", "aws.rds", failover, ORDERS, at="14:09:30")))
    s.given("14:18:31", sns(ecs_deployment("1002", "checkout", "IN_PROGRESS", at="14:18:30")))
    s.given("14:20:16", sns(ecs_deployment("1002", "checkout", "COMPLETED", at="14:20:15")))
    calm = "Threshold Crossed: 1 datapoint [0.0] was not greater than the threshold (10.0)."
    s.given("14:23:06", sns(cloudwatch("checkout-5xx", "checkout", "OK", at="14:23:05", reason=calm)))
    s.given("14:23:07", sns(cloudwatch_bridged("checkout-5xx", "checkout", "OK", at="14:23:05", reason=calm,
                                               fired="14:02:10")))  # fmt: skip
