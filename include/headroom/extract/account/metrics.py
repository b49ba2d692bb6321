"""Which CloudWatch metrics a place has had samples of in the last two weeks (ListMetrics)."""

from headroom.domain.account import MetricIdentity, Place
from headroom.extract.account.attempts import Attempts

LISTED: tuple[tuple[str, str | None], ...] = (
    ("AWS/ApplicationELB", "TargetGroup"),
    ("AWS/AutoScaling", "AutoScalingGroupName"),
    ("AWS/EC2", "AutoScalingGroupName"),
    ("AWS/ECS", "ServiceName"),
    ("AWS/SQS", "QueueName"),
    ("AWS/SageMaker", "EndpointName"),
    ("AWS/SageMaker", "InferenceComponentName"),
    ("/aws/sagemaker/Endpoints", "EndpointName"),
    ("/aws/sagemaker/InferenceComponents", "InferenceComponentName"),
    ("CWAgent", None),
    ("ECS/ContainerInsights", "ServiceName"),
)
"""Namespaces looked through, and the dimension a metric there must have to be of use: instances one by one are not."""


def read_metric_names(attempts: Attempts, place: Place) -> frozenset[MetricIdentity]:
    """Return the metrics of the namespaces that targets publish to."""
    found: set[MetricIdentity] = set()
    for namespace, dimension in LISTED:
        filters = {} if dimension is None else {"Dimensions": [{"Name": dimension}]}
        rows = attempts.rows(
            place,
            "cloudwatch",
            "list_metrics",
            "Metrics",
            lost=f"metrics of {namespace}",
            Namespace=namespace,
            **filters,
        )
        for row in rows:
            dimensions = tuple(sorted((item["Name"], item["Value"]) for item in row.get("Dimensions", ())))
            found.add(MetricIdentity(namespace=row["Namespace"], name=row["MetricName"], dimensions=dimensions))
    return frozenset(found)
