"""Which metrics of GPUs in use a place has had samples of in the last two weeks (ListMetrics)."""

from typing import Final

from headroom.domain.account import MetricIdentity, Place
from headroom.extract.account.attempts import Attempts

GPU_METRICS: Final = ("nvidia_smi_utilization_gpu", "DCGM_FI_DEV_GPU_UTIL", "GPUUtilization")
"""Of the CloudWatch agent, of NVIDIA's DCGM exporter, of SageMaker; in whatever namespace they are published."""


def read_gpu_metrics(attempts: Attempts, place: Place) -> frozenset[MetricIdentity]:
    """Return the place's metrics of GPUs in use."""
    found: set[MetricIdentity] = set()
    for name in GPU_METRICS:
        rows = attempts.rows(
            place, "cloudwatch", "list_metrics", "Metrics", lost="whether GPU metrics are published", MetricName=name
        )
        for row in rows:
            dimensions = tuple(sorted((item["Name"], item["Value"]) for item in row.get("Dimensions", ())))
            found.add(MetricIdentity(namespace=row["Namespace"], name=row["MetricName"], dimensions=dimensions))
    return frozenset(found)
