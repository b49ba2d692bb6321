"""What CloudWatch metrics are delivered in, where that is not the unit their canonical name says."""

from typing import Final

from headroom.domain.fleet import MetricReference
from headroom.units import MICROSECONDS_PER_SECOND, MILLISECONDS_PER_SECOND

_UNITS_PER_SECOND: Final[dict[tuple[str, str], float]] = {
    ("AWS/SageMaker", "ModelLatency"): MICROSECONDS_PER_SECOND,
    ("AWS/SageMaker", "OverheadLatency"): MICROSECONDS_PER_SECOND,
    ("AWS/SageMaker", "ModelSetupTime"): MICROSECONDS_PER_SECOND,
    ("AWS/SageMaker", "ContainerLatency"): MICROSECONDS_PER_SECOND,
    ("AWS/ApiGateway", "Latency"): MILLISECONDS_PER_SECOND,
    ("AWS/ApiGateway", "IntegrationLatency"): MILLISECONDS_PER_SECOND,
    ("AWS/Bedrock", "InvocationLatency"): MILLISECONDS_PER_SECOND,
    ("AWS/Lambda", "Duration"): MILLISECONDS_PER_SECOND,
}
"""Sources: "Amazon SageMaker AI metrics in Amazon CloudWatch", "Amazon API Gateway dimensions and metrics", "Amazon
Bedrock runtime metrics", "Lambda function metrics" (AWS documentation, read 2026-11). Load balancers'
TargetResponseTime is in seconds and needs no entry."""

_COUNTING_STATISTICS: Final = frozenset({"SampleCount"})


def divisor_of(metric: str, reference: MetricReference) -> float:
    """Return what a value must be divided by to be in the unit that the canonical name `metric` says.

    >>> divisor_of("latency_p95_seconds", MetricReference(namespace="AWS/SageMaker", name="ModelLatency"))
    1000000.0
    >>> divisor_of("cpu_utilization_percent", MetricReference(namespace="AWS/EC2", name="CPUUtilization"))
    1.0

    That and what the reference itself says it must be divided by:

    >>> gpus = MetricReference(namespace="/aws/sagemaker/Endpoints", name="GPUUtilization", divide_by=4)
    >>> divisor_of("gpu_utilization_percent", gpus)
    4.0
    """
    if not metric.endswith("_seconds") or reference.statistic in _COUNTING_STATISTICS:
        return float(reference.divide_by)
    return reference.divide_by * _UNITS_PER_SECOND.get((reference.namespace, reference.name), 1.0)
