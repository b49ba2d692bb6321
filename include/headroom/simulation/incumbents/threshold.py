"""Threshold: out over 80 % utilization, in under 20 %, the article's traditional scaling."""

from dataclasses import dataclass

from headroom.simulation.engine import CapacityPlan, Reaction, ReactionKind
from headroom.simulation.incumbents.reacting import react, steps_in
from headroom.simulation.knobs import Adjustable, number_knob
from headroom.simulation.policy import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Adjustable):
    """The article's `traditional_scaling`: SCALE_OUT over the threshold, SCALE_IN under 20 %, else MAINTAIN.

    Source: the article behind this project, "Rightsizing AI Infrastructure", read 2026-11, and for what it leaves
    open Amazon EC2 Auto Scaling's simple scaling (User Guide, "Step and simple scaling policies" and "Scaling
    cooldowns", read 2026-11): so many instances a change, then a cooldown of 300 s. Faithful: both thresholds, the
    decision on current metrics alone, blind to what is launching. Simplified: the cooldown begins with the change,
    not with the launch's end; utilization is the queue's, not the CPU's.
    """

    name: str = "threshold"
    out_fraction: float = number_knob(
        0.8, low=0.05, high=1.0, is_main=True, text="Utilization above which instances are added"
    )
    in_fraction: float = number_knob(0.2, low=0.0, high=0.95, text="Utilization below which instances are removed")
    metric_seconds: float = number_knob(60.0, low=10.0, high=900.0, text="Time over which utilization is averaged")
    cooldown_seconds: float = number_knob(300.0, low=0.0, high=3600.0, text="Time after a change before the next")
    instances_a_change: int = number_knob(1, low=1, high=100, text="Instances added or removed by one change")

    def __post_init__(self) -> None:
        super(Threshold, self).__post_init__()  # a class with slots has no bare super() in Python 3.11
        if self.in_fraction >= self.out_fraction:
            raise ValueError(f"in_fraction {self.in_fraction:g} must be below out_fraction {self.out_fraction:g}")

    def plan(self, scene: Scene) -> CapacityPlan:
        """React from the fleet's minimum up."""
        parameters = (
            self.out_fraction,
            self.in_fraction,
            float(steps_in(scene, self.metric_seconds)),
            float(steps_in(scene, self.cooldown_seconds)),
            float(self.instances_a_change),
        )
        return react(scene, Reaction(kind=ReactionKind.THRESHOLD, parameters=parameters))
