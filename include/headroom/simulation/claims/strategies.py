"""The claims of the article's table of strategies: what prediction, spot, hybrid and all together save."""

from typing import Final

from headroom.simulation.claims.claim import Better, Claim, Measured, open_because, p95_ms, share_text
from headroom.simulation.claims.measures import least_and_most_instances, less_percent, usd_a_month
from headroom.simulation.claims.playing import BEFORE, PlayedClaims
from headroom.simulation.policies import OPEN

SECTION: Final = "Hybrid Scaling, Real-World Implementation Results"
_PREDICTIVE: Final = "Predictive Scaling | 35-45% | 15-25% improvement"
_SPOT: Final = "Spot Instance Optimization | 60-70% | 5-15% variability"
_HYBRID: Final = "Hybrid Resource Allocation | 40-50% | Minimal impact"
_COMBINED: Final = "Combined Approach | 55-65% | 10-20% improvement"
_HYBRID_OPEN: Final = open_because(f"headroom_hybrid {OPEN['headroom_hybrid']}")
_COMBINED_OPEN: Final = open_because(f"headroom_combined {OPEN['headroom_combined']}")


def _saved(played: PlayedClaims, before: str, after: str) -> float | None:
    return less_percent(usd_a_month(played.shop_run(before)), usd_a_month(played.shop_run(after)))


def _predictive_cost_fixed(played: PlayedClaims) -> Measured:
    return Measured(
        value=_saved(played, BEFORE.name, "headroom"),
        why=f"{_saved(played, BEFORE.name, 'static_peak'):.0f} % comes from no longer holding 50, where "
        f"{least_and_most_instances(played.shop_run('static_peak'))[1]} carry the highest peak seen before: that takes "
        "no prediction.",
    )


def _predictive_cost_peak(played: PlayedClaims) -> Measured:
    runs = (played.shop_run("static_peak"), played.shop_run("headroom"))
    peak, after = (share_text(run.slo_met_fraction, digits=1) for run in runs)
    return Measured(
        value=_saved(played, "static_peak", "headroom"),
        why="This is what the schedule itself saves, and it hangs on how far demand swings between night and day "
        f"(other choices, below). The fleet held for the peak keeps {peak} of requests inside, headroom {after}; "
        "the objective is 95 %.",
    )


def _predictive_cost_threshold(played: PlayedClaims) -> Measured:
    threshold = played.shop_run("threshold")
    return Measured(
        value=_saved(played, "threshold", "headroom"),
        why="Threshold scaling adds one instance at a time over 80 % and takes none away above 20 %, so it stays high "
        f"after each peak: ${usd_a_month(threshold):,.0f} a month, {share_text(threshold.utilization_fraction)} busy. "
        "Coarse as it is, it saves most of what can be saved.",
    )


def _predictive_performance(played: PlayedClaims) -> Measured:
    before, threshold, after = (p95_ms(played.shop_run(name)) for name in (BEFORE.name, "threshold", "headroom"))
    return Measured(
        value=less_percent(before, after),
        why=f"p95 is {before:.0f} ms with 50 instances, {threshold:.0f} under threshold scaling, {after:.0f} under "
        "headroom. Service alone is 280: scaling can only take away waiting, and there is none.",
    )


def _spot_cost_same(played: PlayedClaims) -> Measured:
    spot, schedule = played.shop_run("headroom_spot"), played.shop_run("headroom")
    hours = float(spot.instance_hours.sum())
    ends = ", ".join(
        f"{less_percent(usd_a_month(schedule), usd_a_month(run)):.0f} % at {share_text(discount)} off"
        for discount, run in played.spot.items()
    )
    return Measured(
        value=_saved(played, "headroom", "headroom_spot"),
        why=f"It saves {ends}. {share_text(spot.instance_hours[0] / hours)} of its instance-hours stay on demand, and "
        f"there are {share_text(hours / schedule.instance_hours.sum() - 1.0)} more of them, so that losing a zone "
        "leaves enough: that share of the discount is the price of keeping the objective.",
    )


def _spot_cost_fixed(played: PlayedClaims) -> Measured:
    return Measured(
        value=_saved(played, BEFORE.name, "headroom_spot"),
        why="Schedule and spot together. Independent interruptions at the advisor's worst band are gentle: "
        f"{played.shop_run('headroom_spot').interruptions} in two weeks. Recorded spot traces are harsher.",
    )


def _spot_performance(played: PlayedClaims) -> Measured:
    spot, schedule = played.shop_run("headroom_spot"), played.shop_run("headroom")
    shorter = less_percent(p95_ms(schedule), p95_ms(spot))
    return Measured(
        value=None if shorter is None else -shorter,
        why="The spare instances against a zone's loss serve until it comes, so latency is not longer. "
        f"{spot.failed.sum():,.0f} requests failed; under headroom {schedule.failed.sum():,.0f}.",
    )


CLAIMS: Final = (
    Claim(
        key="predictive_cost_fixed",
        words=_PREDICTIVE,
        reading="cost of headroom against the fixed cluster of 50",
        unit="% less",
        low=35.0,
        high=45.0,
        measure=_predictive_cost_fixed,
    ),
    Claim(
        key="predictive_cost_peak",
        words=_PREDICTIVE,
        reading="cost of headroom against a fixed fleet no larger than the peak of four weeks needs (static_peak)",
        unit="% less",
        low=35.0,
        high=45.0,
        measure=_predictive_cost_peak,
    ),
    Claim(
        key="predictive_cost_threshold",
        words=_PREDICTIVE,
        reading="cost of headroom against the article's own traditional_scaling (threshold)",
        unit="% less",
        low=35.0,
        high=45.0,
        measure=_predictive_cost_threshold,
    ),
    Claim(
        key="predictive_performance",
        words=_PREDICTIVE,
        reading="p95 of headroom against the fixed cluster of 50",
        unit="% shorter",
        low=15.0,
        high=25.0,
        measure=_predictive_performance,
    ),
    Claim(
        key="spot_cost_same",
        words=_SPOT,
        reading="cost of headroom_spot against headroom: the same schedule bought otherwise, spot at 75 % off",
        unit="% less",
        low=60.0,
        high=70.0,
        measure=_spot_cost_same,
    ),
    Claim(
        key="spot_cost_fixed",
        words=_SPOT,
        reading="cost of headroom_spot against the fixed cluster of 50",
        unit="% less",
        low=60.0,
        high=70.0,
        measure=_spot_cost_fixed,
    ),
    Claim(
        key="spot_performance",
        words=_SPOT,
        reading="p95 of headroom_spot against headroom",
        unit="% longer",
        low=5.0,
        high=15.0,
        measure=_spot_performance,
        better=Better.LESS,
    ),
    Claim(
        key="hybrid_cost",
        words=_HYBRID,
        reading="cost of headroom_hybrid against the fixed cluster of 50, and its p95",
        unit="% less",
        low=40.0,
        high=50.0,
        measure=_HYBRID_OPEN,
    ),
    Claim(
        key="combined_cost",
        words=_COMBINED,
        reading="cost of headroom_combined against the fixed cluster of 50",
        unit="% less",
        low=55.0,
        high=65.0,
        measure=_COMBINED_OPEN,
    ),
    Claim(
        key="combined_performance",
        words=_COMBINED,
        reading="p95 of headroom_combined against the fixed cluster of 50",
        unit="% shorter",
        low=10.0,
        high=20.0,
        measure=_COMBINED_OPEN,
    ),
)
