"""The HorizontalPodAutoscaler of Kubernetes."""

from dataclasses import dataclass

from headroom.simulation.engine import CapacityPlan, Reaction, ReactionKind
from headroom.simulation.incumbents.reacting import react, steps_in
from headroom.simulation.knobs import Adjustable, number_knob
from headroom.simulation.policy import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Hpa(Adjustable):
    """Replicas = ceil(ready replicas x utilization / target), with tolerance, stabilisation and a limit on growth.

    Source: Kubernetes documentation, "Horizontal Pod Autoscaling" (algorithm details, configurable scaling behavior,
    default behavior) and the HorizontalPodAutoscaler walkthrough, whose target is 50 %; read 2026-11. All defaults
    are those of the documentation.

    Faithful: pods that are not ready are left out of the metric; if that would scale up, they are counted as idle, and
    a ratio that then falls inside the tolerance or turns round changes nothing; scaling down takes the highest
    recommendation of the window; scaling up has no window and grows by the larger of both limits each period.
    Simplified: metrics and decisions come once a replay step, not every 15 s (growth is still allowed for every
    period); scaling down has no limit of speed, which is the default; a pod is an instance, so its lead time includes
    a node's; utilization is the queue's; one metric.
    """

    name: str = "hpa"
    target_fraction: float = number_knob(0.5, low=0.05, high=0.99, is_main=True, text="Average utilization to hold")
    tolerance_fraction: float = number_knob(
        0.1, low=0.0, high=0.5, text="How far the ratio to the target may be from 1 with nothing done"
    )
    stabilization_seconds: float = number_knob(
        300.0, low=0.0, high=3600.0, text="Scaling down goes to the highest recommendation of this long"
    )
    growth_fraction: float = number_knob(1.0, low=0.0, high=10.0, text="Share of its replicas that a period may add")
    growth_instances: int = number_knob(4, low=1, high=100, text="Replicas that a period may add, if that is more")
    period_seconds: float = number_knob(15.0, low=15.0, high=60.0, text="Length of that period")

    def plan(self, scene: Scene) -> CapacityPlan:
        """React from the fleet's minimum up."""
        window = steps_in(scene, self.stabilization_seconds) if self.stabilization_seconds > 0 else 0
        parameters = (
            self.target_fraction,
            self.tolerance_fraction,
            float(window),
            self.growth_fraction,
            float(self.growth_instances),
            float(max(1, round(scene.step_seconds / self.period_seconds))),
        )
        return react(scene, Reaction(kind=ReactionKind.HPA, parameters=parameters))
