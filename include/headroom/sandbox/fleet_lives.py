"""How the owner of the sandbox's fleets runs them, and how their demand and their instances behave.

What Headroom is told about them (targets, metrics, serving models) stands in config/fleets.yaml, which the world reads
too: an entry there and a life here belong together by the fleet's id.
"""

from dataclasses import dataclass
from typing import Final

from headroom.sandbox.demand_generator import DemandShape, Region
from headroom.sandbox.world_interface import TargetTracking


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilizationCurve:
    """What an instance's gauges show, in percent, by the share of its slots that is busy (0 to 1)."""

    cpu_idle_percent: float
    cpu_busy_percent: float
    memory_percent: float
    gpu_memory_percent: float
    vcpus: int = 1
    network_bytes_per_request: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLife:
    """A fleet before Headroom came: its owner's bounds and policy, its demand, its gauges, its commitments."""

    fleet_id: str
    baseline_min: int
    baseline_max: int
    baseline_desired: int
    demand: DemandShape
    gauges: UtilizationCurve
    reactive: TargetTracking | None = None
    savings_plan_instances: int = 0
    """Instances of today's type that a Savings Plan pays for, used or not."""


_AMERICA: Final = "America/New_York"
_EUROPE: Final = "Europe/London"

# Relative demand at each local hour of a working day, midnight first.
_CHAT_HOURS: Final = (
    *(0.22, 0.16, 0.12, 0.10, 0.10, 0.14, 0.26, 0.46, 0.70, 0.88, 0.97, 1.00),
    *(0.94, 0.96, 1.00, 0.98, 0.93, 0.84, 0.74, 0.70, 0.68, 0.60, 0.46, 0.32),
)
_SEARCH_HOURS: Final = (
    *(0.30, 0.22, 0.18, 0.16, 0.16, 0.20, 0.32, 0.48, 0.62, 0.72, 0.80, 0.86),
    *(0.90, 0.88, 0.84, 0.82, 0.84, 0.88, 0.96, 1.00, 0.98, 0.86, 0.64, 0.44),
)
_OFFICE_HOURS: Final = (
    *(0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.05, 0.30, 0.80, 1.00, 1.00, 1.00),
    *(0.90, 1.00, 1.00, 1.00, 0.90, 0.60, 0.30, 0.15, 0.08, 0.04, 0.00, 0.00),
)

LIVES: Final = {
    life.fleet_id: life
    for life in (
        FleetLife(
            fleet_id="chat-large",
            baseline_min=50,
            baseline_max=60,
            baseline_desired=50,
            demand=DemandShape(
                mean_per_second=110.0,
                busy_per_second=240.0,
                regions=(
                    Region(time_zone=_AMERICA, country="US", share_fraction=0.65),
                    Region(time_zone=_EUROPE, country="GB", share_fraction=0.35),
                ),
                hours=_CHAT_HOURS,
                weekend_fraction=0.62,
                holiday_fraction=0.58,
                growth_per_week_fraction=0.015,
                day_variation=0.035,
                noise_variation=0.06,
                bursts_per_week=2.0,
            ),
            gauges=UtilizationCurve(
                cpu_idle_percent=3.0,
                cpu_busy_percent=38.0,
                memory_percent=61.0,
                gpu_memory_percent=86.0,
                network_bytes_per_request=9_000.0,
            ),
        ),
        FleetLife(
            fleet_id="embed-search",
            baseline_min=2,
            baseline_max=24,
            baseline_desired=5,
            demand=DemandShape(
                mean_per_second=240.0,
                busy_per_second=640.0,
                regions=(Region(time_zone=_AMERICA, country="US", share_fraction=1.0),),
                hours=_SEARCH_HOURS,
                weekend_fraction=0.9,
                holiday_fraction=1.15,
                growth_per_week_fraction=0.01,
                day_variation=0.04,
                noise_variation=0.08,
                bursts_per_week=3.0,
            ),
            gauges=UtilizationCurve(
                cpu_idle_percent=4.0,
                cpu_busy_percent=96.0,
                memory_percent=48.0,
                gpu_memory_percent=34.0,
            ),
            reactive=TargetTracking(
                policy_name="embed-cpu-60",
                predefined_metric="ECSServiceAverageCPUUtilization",
                target_value=60.0,
                target_utilization_fraction=0.61,  # (60 - 4) / (96 - 4) of the slots busy shows as 60 % CPU
            ),
            savings_plan_instances=2,
        ),
        FleetLife(
            fleet_id="rerank",
            baseline_min=2,
            baseline_max=16,
            baseline_desired=4,
            demand=DemandShape(
                mean_per_second=80.0,
                busy_per_second=220.0,
                regions=(Region(time_zone=_AMERICA, country="US", share_fraction=1.0),),
                hours=_SEARCH_HOURS,
                weekend_fraction=0.8,
                holiday_fraction=1.05,
                growth_per_week_fraction=0.012,
                day_variation=0.05,
                noise_variation=0.10,
                bursts_per_week=3.0,
            ),
            gauges=UtilizationCurve(
                cpu_idle_percent=2.0,
                cpu_busy_percent=55.0,
                memory_percent=42.0,
                gpu_memory_percent=58.0,
                vcpus=8,
            ),
            reactive=TargetTracking(
                policy_name="rerank-invocations-1200",
                predefined_metric="SageMakerVariantInvocationsPerInstance",
                target_value=1200.0,
                target_utilization_fraction=0.6,  # 1,200 a minute of the 2,000 that 4 slots of 0.12 s can do
                scale_out_cooldown_seconds=120,
                scale_in_cooldown_seconds=600,
            ),
        ),
        FleetLife(
            fleet_id="vision-batch",
            baseline_min=12,
            baseline_max=16,
            baseline_desired=12,
            demand=DemandShape(
                mean_per_second=0.7,
                busy_per_second=5.6,
                regions=(Region(time_zone=_AMERICA, country="US", share_fraction=1.0),),
                hours=_OFFICE_HOURS,
                weekend_fraction=0.3,
                holiday_fraction=0.3,
                growth_per_week_fraction=0.01,
                day_variation=0.1,
                noise_variation=0.15,
                bursts_per_week=0.0,
                is_batch=True,
            ),
            gauges=UtilizationCurve(
                cpu_idle_percent=2.0,
                cpu_busy_percent=70.0,
                memory_percent=35.0,
                gpu_memory_percent=44.0,
            ),
        ),
    )
}
