"""Target tracking of AWS: utilization is held at a target, out quickly, in slowly."""

from dataclasses import dataclass

from headroom.simulation.engine import CapacityPlan, Reaction, ReactionKind
from headroom.simulation.incumbents.reacting import react
from headroom.simulation.knobs import Adjustable, number_knob
from headroom.simulation.policy import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTracking(Adjustable):
    """Two alarms: above the target for some points scales out in proportion, well below it for more scales in.

    Source: Amazon EC2 Auto Scaling User Guide, "Target tracking scaling policies", "Set the default instance warmup"
    and "Create a target tracking policy using high-resolution metrics", read 2026-11; its examples' target is 50 %.
    That the alarms want 3 of 3 one-minute points above, and 15 of 15 below 90 % of the target, is what AWS creates, as
    commonly described; AWS may tune them itself. `fast_target_tracking` has 10 s metrics and one point above.

    Faithful: instances that warm up (here all of the lead time) count neither in the metric nor as capacity, so a
    breach that lasts asks for no more than the first did; instances added are rounded up, removed down; nothing is
    removed while a launch is under way, and the minimum and maximum hold. Simplified: points are never missing
    (an idle fleet has 0 %); scaling in goes by the highest point of those below, which is how "more gradually" is
    read; points are trailing means, not aligned to the clock; a metric finer than the replay's step is as fine as it.
    """

    name: str = "target_tracking"
    target_fraction: float = number_knob(0.5, low=0.05, high=0.99, is_main=True, text="Utilization to hold")
    metric_seconds: float = number_knob(60.0, low=10.0, high=300.0, text="Length of one point of the metric")
    points_out: int = number_knob(3, low=1, high=30, text="Points in a row above the target before it scales out")
    points_in: int = number_knob(15, low=1, high=180, text="Points in a row well below it before it scales in")
    in_share: float = number_knob(0.9, low=0.3, high=1.0, text="Share of the target that counts as well below")

    def plan(self, scene: Scene) -> CapacityPlan:
        """React from the fleet's minimum up."""
        return react(scene, self.reaction(scene))

    def reaction(self, scene: Scene) -> Reaction:
        """Return the reaction in the replay's steps."""
        length = max(1, round(self.metric_seconds / scene.step_seconds))
        span = length * scene.step_seconds
        out, in_ = (max(1, -int(-count * self.metric_seconds // span)) for count in (self.points_out, self.points_in))
        parameters = (self.target_fraction, float(out), float(in_), self.in_share, float(length))
        return Reaction(kind=ReactionKind.TARGET_TRACKING, parameters=parameters)


def fast_target_tracking() -> TargetTracking:
    """Return target tracking on 10 s metrics: one point above scales out, 15 minutes below scale in, as before."""
    return TargetTracking(name="target_tracking_fast", metric_seconds=10.0, points_out=1, points_in=90)
