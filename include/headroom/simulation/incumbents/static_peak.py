"""Static peak: one count for ever, sized for the peak of what was seen before."""

from dataclasses import dataclass

import numpy as np

from headroom.simulation.engine import CapacityPlan
from headroom.simulation.knobs import Adjustable, number_knob
from headroom.simulation.policy import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticPeak(Adjustable):
    """The fleet that nobody scales, as in the article's case study before auto-scaling (50 instances, 22 % busy).

    Source: none; practice. Sized once, at the replay's start, from the hourly peaks (largest 5-minute means) of the
    history by the fleet's queue and objective. Simplified: owners who guess keep more than this; without a whole hour
    of history the first instances stay.
    """

    name: str = "static_peak"
    peak_quantile: float = number_knob(
        1.0, low=0.0, high=1.0, is_main=True, text="Quantile of the history's hourly peaks; 1 is the highest seen"
    )
    peak_factor: float = number_knob(1.0, low=0.2, high=5.0, text="What that peak is multiplied by before sizing")

    def plan(self, scene: Scene) -> CapacityPlan:
        """Hold one count."""
        peaks = scene.history(scene.start_utc).peak_per_second
        count = scene.initial_instances
        if len(peaks):
            count = int(scene.instances_for(self.peak_factor * np.quantile(peaks, self.peak_quantile)))
        return scene.holding(np.full(scene.steps, count, dtype=np.int64))
