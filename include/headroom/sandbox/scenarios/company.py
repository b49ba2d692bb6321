"""A company's account that Headroom was told nothing about: two regions, another team's account, work of its owners'.

Every name, size and number is another than the demo's. Headroom's calls come from a role that holds docs/iam/read.json
and may enter the other account; nothing may be written before somebody attaches docs/iam/push.json.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from headroom.config.fleets import load_fleets
from headroom.config.settings import PROJECT_ROOT
from headroom.config.sources import BillingExport
from headroom.sandbox.demand_generator import DemandShape, Region
from headroom.sandbox.fleet_lives import FleetLife, UtilizationCurve
from headroom.sandbox.scenarios.scenario import OwnersGroup, OwnersSchedule, OwnersWork, Role, Scenario
from headroom.sandbox.world_interface import TargetTracking

ACCOUNT: Final = "418273650914"
RESEARCH_ACCOUNT: Final = "530981726245"
HOME_REGION, SECOND_REGION = "us-west-2", "eu-central-1"
HEADROOM_ROLE: Final = "headroom"
READING_ROLE: Final = "headroom-read"
BILLING_BUCKET: Final = "acme-billing-exports"
_FLEETS_FILE: Final = Path(__file__).resolve().parent / "company.yaml"

_CALIFORNIA: Final = Region(time_zone="America/Los_Angeles", country="US", share_fraction=1.0)
_GERMANY: Final = Region(time_zone="Europe/Berlin", country="DE", share_fraction=1.0)

# Relative demand at each local hour of a working day, midnight first.
_WORK_HOURS: Final = (
    *(0.12, 0.09, 0.08, 0.08, 0.10, 0.18, 0.34, 0.58, 0.82, 0.96, 1.00, 0.98),
    *(0.90, 0.95, 0.99, 0.95, 0.86, 0.70, 0.52, 0.42, 0.36, 0.30, 0.22, 0.16),
)
_EVENING_HOURS: Final = (
    *(0.34, 0.24, 0.18, 0.15, 0.15, 0.18, 0.26, 0.38, 0.50, 0.58, 0.64, 0.70),
    *(0.74, 0.74, 0.72, 0.72, 0.76, 0.84, 0.94, 1.00, 0.98, 0.88, 0.68, 0.48),
)


def _shape(mean: float, busy: float, hours: tuple[float, ...], users: Region, **changes: float) -> DemandShape:
    return DemandShape(
        mean_per_second=mean,
        busy_per_second=busy,
        regions=(users,),
        hours=hours,
        weekend_fraction=changes.get("weekend_fraction", 0.6),
        holiday_fraction=changes.get("holiday_fraction", 0.6),
        growth_per_week_fraction=0.01,
        day_variation=0.03,
        noise_variation=0.06,
        bursts_per_week=changes.get("bursts_per_week", 1.0),
    )


def _gauges(busy_percent: float, *, vcpus: int = 1) -> UtilizationCurve:
    return UtilizationCurve(
        cpu_idle_percent=3.0,
        cpu_busy_percent=busy_percent,
        memory_percent=52.0,
        gpu_memory_percent=71.0,
        vcpus=vcpus,
    )


def _lives() -> tuple[FleetLife, ...]:
    return (
        FleetLife(
            fleet_id="assist-llm-prod",
            baseline_min=24,
            baseline_max=34,
            baseline_desired=24,
            demand=_shape(80.0, 180.0, _WORK_HOURS, _CALIFORNIA),
            gauges=_gauges(30.0),
        ),
        FleetLife(
            fleet_id="speech-asr-prod",
            baseline_min=4,
            baseline_max=26,
            baseline_desired=8,
            demand=_shape(70.0, 170.0, _WORK_HOURS, _CALIFORNIA),
            gauges=_gauges(93.0),
            reactive=TargetTracking(
                policy_name="asr-cpu-57",
                predefined_metric="ASGAverageCPUUtilization",
                target_value=57.0,
                target_utilization_fraction=0.6,  # (57 - 3) / (93 - 3) of the slots busy shows as 57 % CPU
            ),
        ),
        FleetLife(
            fleet_id="embedder",
            baseline_min=3,
            baseline_max=16,
            baseline_desired=5,
            demand=_shape(190.0, 430.0, _EVENING_HOURS, _CALIFORNIA, weekend_fraction=0.9),
            gauges=_gauges(93.0),
            reactive=TargetTracking(
                policy_name="embedder-cpu-57",
                predefined_metric="ECSServiceAverageCPUUtilization",
                target_value=57.0,
                target_utilization_fraction=0.6,
            ),
        ),
        FleetLife(
            fleet_id="fraud-score",
            baseline_min=3,
            baseline_max=12,
            baseline_desired=4,
            demand=_shape(80.0, 190.0, _EVENING_HOURS, _GERMANY, weekend_fraction=0.85),
            gauges=_gauges(55.0, vcpus=4),
            reactive=TargetTracking(
                policy_name="fraud-invocations-1400",
                predefined_metric="SageMakerVariantInvocationsPerInstance",
                target_value=1400.0,
                target_utilization_fraction=0.58,  # 1,400 a minute of the 2,400 that 4 slots of 0.1 s can do
                scale_in_cooldown_seconds=600,
            ),
        ),
        FleetLife(
            fleet_id="moderation-gpu-workers",
            baseline_min=14,
            baseline_max=20,
            baseline_desired=14,
            demand=_shape(4.0, 9.5, _WORK_HOURS, _GERMANY),
            gauges=_gauges(60.0),
        ),
        FleetLife(
            fleet_id="research-writer",
            baseline_min=6,
            baseline_max=8,
            baseline_desired=6,
            demand=_shape(12.0, 28.0, _WORK_HOURS, _CALIFORNIA),
            gauges=_gauges(40.0),
        ),
    )


def _work() -> dict[str, OwnersWork]:
    team = {"cost-center": "ai-platform"}
    return {
        "assist-llm-prod": OwnersWork(
            schedules=(
                OwnersSchedule(name="assist-weekday-open", recurrence="0 14 * * 1-5", min_instances=26),
                OwnersSchedule(name="assist-weekday-close", recurrence="0 3 * * 2-6", min_instances=24),
            ),
            tags={**team, "owner": "assist-team"},
        ),
        "speech-asr-prod": OwnersWork(predictive_policy="asr-predictive", tags=team),
        "embedder": OwnersWork(hosts_group="rag-gpu-hosts", tags=team),
        "fraud-score": OwnersWork(tags={"cost-center": "payments"}),
        "moderation-gpu-workers": OwnersWork(tags={"cost-center": "trust-and-safety"}),
        "research-writer": OwnersWork(tags={"cost-center": "research"}),
    }


_GROUPS: Final = (
    OwnersGroup(
        name="rag-gpu-hosts", region=HOME_REGION, instance_type="g6.xlarge", instances=6, tags={"service": "rag-hosts"}
    ),
    OwnersGroup(
        name="storefront-web",
        region=HOME_REGION,
        instance_type="c7i.xlarge",
        instances=3,
        tags={"service": "storefront"},
    ),
    OwnersGroup(
        name="eks-ml-platform-gpu-nodes",
        region=HOME_REGION,
        instance_type="g5.xlarge",
        instances=2,
        tags={"eks:cluster-name": "ml-platform", "kubernetes.io/cluster/ml-platform": "owned"},
    ),
)


def read_policy() -> dict[str, Any]:
    """Return docs/iam/read.json with the company's bucket in its place."""
    text = (PROJECT_ROOT / "docs" / "iam" / "read.json").read_text(encoding="utf-8")
    policy: dict[str, Any] = json.loads(text.replace("YOUR-BILLING-BUCKET", BILLING_BUCKET))
    return policy


@cache
def company_scenario() -> Scenario:
    """Return the company; the same object each time."""
    enter = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{READING_ROLE}"},
        ],
    }
    headroom = f"arn:aws:iam::{ACCOUNT}:role/{HEADROOM_ROLE}"
    return Scenario(
        name="company",
        account=ACCOUNT,
        regions=(HOME_REGION, SECOND_REGION),
        fleets=load_fleets(_FLEETS_FILE),
        lives={life.fleet_id: life for life in _lives()},
        exports=(
            BillingExport(
                format="focus", bucket=BILLING_BUCKET, prefix="daily", export_name="acme-focus", region=HOME_REGION
            ),
        ),
        work=_work(),
        groups=_GROUPS,
        roles=(
            Role(
                account=ACCOUNT,
                name=HEADROOM_ROLE,
                trusted=(ACCOUNT,),
                policies={"headroom-read": read_policy(), "headroom-enter": enter},
            ),
            Role(account=ACCOUNT, name=READING_ROLE, trusted=(headroom,), policies={"headroom-read": read_policy()}),
            Role(
                account=RESEARCH_ACCOUNT,
                name=READING_ROLE,
                trusted=(headroom,),
                policies={"headroom-read": read_policy()},
            ),
        ),
        caller_role=HEADROOM_ROLE,
    )
