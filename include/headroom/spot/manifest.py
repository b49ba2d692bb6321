"""A spot mix as EC2 Auto Scaling takes it: the JSON of a MixedInstancesPolicy."""

from collections.abc import Mapping, Sequence

from headroom.units import PERCENT_PER_FRACTION


def mixed_instances_policy(
    *,
    today: str,
    spot_types: Sequence[str],
    on_demand_instances: int,
    spot_instances: int,
    launch_template: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Return a MixedInstancesPolicy whose on-demand share is at least that of the mix at any size of the group.

    The share is a percentage above a base of 0, rounded up here and again by EC2, rather than a fixed base: a base as
    large as the peak's on-demand part would leave no spot in the hours off the peak. price-capacity-optimized and no
    maximum price are AWS's own advice; zones are the group's subnets and stand in no policy.
    """
    total = on_demand_instances + spot_instances
    share_percent = -(-int(PERCENT_PER_FRACTION) * on_demand_instances // total) if total else int(PERCENT_PER_FRACTION)
    overrides = [{"InstanceType": name} for name in dict.fromkeys([today, *spot_types])]
    template: dict[str, object] = {"Overrides": overrides}
    if launch_template is not None:
        template = {"LaunchTemplateSpecification": dict(launch_template), **template}
    return {
        "LaunchTemplate": template,
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": 0,
            "OnDemandPercentageAboveBaseCapacity": share_percent,
            "SpotAllocationStrategy": "price-capacity-optimized",
        },
    }
