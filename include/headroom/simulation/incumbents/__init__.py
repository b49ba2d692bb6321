"""The incumbents: what a user would otherwise run, each a policy of headroom.simulation.policy by its name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from headroom.simulation.incumbents.aws_predictive import AwsPredictive
from headroom.simulation.incumbents.dynamo import Dynamo
from headroom.simulation.incumbents.hpa import Hpa
from headroom.simulation.incumbents.intelligent import Intelligent
from headroom.simulation.incumbents.keda_cron import KedaCron
from headroom.simulation.incumbents.static_peak import StaticPeak
from headroom.simulation.incumbents.target_tracking import TargetTracking, fast_target_tracking
from headroom.simulation.incumbents.threshold import Threshold
from headroom.simulation.policy import Policy

INCUMBENTS: Final[Mapping[str, Policy]] = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            StaticPeak(),
            Threshold(),
            Intelligent(),
            TargetTracking(),
            fast_target_tracking(),
            Hpa(),
            KedaCron(),
            Dynamo(),
            AwsPredictive(),
        )
    }
)

__all__ = [
    "INCUMBENTS",
    "AwsPredictive",
    "Dynamo",
    "Hpa",
    "Intelligent",
    "KedaCron",
    "StaticPeak",
    "TargetTracking",
    "Threshold",
    "fast_target_tracking",
]
