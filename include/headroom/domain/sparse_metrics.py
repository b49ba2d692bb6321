"""Metrics of which no sample means zero: AWS publishes them only where there is something to count."""

from typing import Final

from headroom.domain.fleet import MetricReference

OMITTED_AT_ZERO: Final = frozenset({"AWS/ApplicationELB", "AWS/ELB", "AWS/SageMaker"})
"""Namespaces whose counts of requests are left out at zero.

"Elastic Load Balancing reports metrics to CloudWatch only when requests are flowing through the load balancer" (user
guides of Application and Classic Load Balancers, read 2026-11). "SageMaker doesn't emit metrics with a value of zero"
(SageMaker developer guide, scaling in when there is no traffic, read 2026-11).
Of any other metric, a custom one above all, no sample means that nobody knows.
"""


def is_omitted_at_zero(reference: MetricReference) -> bool:
    """Say whether AWS leaves the metric out of a period in which nothing was counted."""
    return reference.namespace in OMITTED_AT_ZERO
