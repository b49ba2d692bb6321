"""The claims of the article's three vignettes: idle at the peak, cold starts, fragmented memory."""

import math
from typing import Final

from headroom.simulation.claims.claim import Better, Claim, Measured, share_text
from headroom.simulation.claims.measures import (
    idle_percent,
    least_and_most_instances,
    peak_hours_utilization_percent,
    slower_while_scaling_percent,
    usd_a_month,
)
from headroom.simulation.claims.playing import BEFORE, PlayedClaims
from headroom.simulation.claims.scenarios import CLINIC, SHOP_INSTANCES
from headroom.units import fraction_from_percent

SECTION: Final = "The Cost of Overprovisioning"
_CLAIMED_AT_PEAK_PERCENT: Final = 20.0
"""The middle of 15 to 25 %."""


def _peak_utilization(played: PlayedClaims) -> Measured:
    at_peak = peak_hours_utilization_percent(played.shop_run(BEFORE.name))
    return Measured(
        value=at_peak,
        why=f"It would take {SHOP_INSTANCES * at_peak / _CLAIMED_AT_PEAK_PERCENT:.0f} instances to be 20 % busy in "
        f"these hours, where {least_and_most_instances(played.shop_run('static_peak'))[1]} carry them. 22 % on "
        "average and at most 25 % at the peak fit one fleet only if its demand hardly moves, and then there is nothing "
        "to schedule.",
    )


def _cold_start(played: PlayedClaims) -> Measured:
    run = played.clinic["target_tracking_fast"]
    return Measured(value=run.cold_start_seconds / run.cold_starts, why="The clinic's lead time is set to this.")


def _warm_idle(played: PlayedClaims) -> Measured:
    peak = played.clinic["static_peak"]
    return Measured(
        value=idle_percent(peak),
        why=f"{least_and_most_instances(peak)[1]} instances for the peak of four weeks, ${usd_a_month(peak):,.0f} a "
        "month. How much is idle follows from how far demand swings between night and day.",
    )


def _warm_forced(played: PlayedClaims) -> Measured:
    objective = fraction_from_percent(CLINIC.fleet.objective.percentile)
    keeping = {name: run for name, run in played.clinic.items() if run.slo_met_fraction >= objective}
    if not keeping:
        return Measured(value=None, why="Open: no policy that was played keeps the objective.")
    name = min(keeping, key=lambda policy: keeping[policy].cost_usd)
    texts = [
        f"{share_text(run.slo_met_fraction, digits=1)} of requests inside for ${usd_a_month(run):,.0f} a month"
        for run in (keeping[name], played.clinic["target_tracking_fast"])
    ]
    return Measured(
        value=idle_percent(keeping[name]),
        why=f"{name} keeps {texts[0]}; target tracking on 10 s metrics, which predicts nothing, {texts[1]}. A start of "
        "45 s is short beside how fast this demand moves.",
    )


def _fragmentation(played: PlayedClaims) -> Measured:
    slower = {name: slower_while_scaling_percent(played.shop_run(name), 95.0) for name in ("threshold", "headroom")}
    shown = " and ".join(
        f"{round(percent, 1) + 0.0:.1f} % under {name}" for name, percent in slower.items() if percent is not None
    )
    return Measured(
        value=None,
        why="Open: the engine has no GPU memory, so none to fragment, and no instance is slowed while others start. "
        f"What it shows is waiting alone: at the shop p95 is longer by {shown} in minutes with a launch under way "
        "than in the others. The policy intelligent takes the 30 % as given when it plans.",
    )


CLAIMS: Final = (
    Claim(
        key="peak_utilization",
        words="only 15-25% GPU utilization during peak hours, despite provisioning for 100% capacity",
        reading="busy share in the busiest hour of each day, the shop on its fixed 50",
        unit="%",
        low=15.0,
        high=25.0,
        measure=_peak_utilization,
        better=Better.NEITHER,
    ),
    Claim(
        key="cold_start",
        words="45-second cold starts",
        reading="launch to serving at the clinic, all launches of target tracking",
        unit="s",
        low=45.0,
        high=45.0,
        measure=_cold_start,
        is_given=True,
    ),
    Claim(
        key="warm_idle",
        words="warm instances that sat idle 60% of the time",
        reading="idle share of the clinic's fleet when it is held for the peak (static_peak)",
        unit="%",
        low=60.0,
        high=60.0,
        measure=_warm_idle,
        better=Better.NEITHER,
    ),
    Claim(
        key="warm_forced",
        words="forcing them to maintain warm instances that sat idle 60% of the time",
        reading="idle share under the cheapest policy that keeps 95 % of requests inside; forced if it is no less",
        unit="%",
        low=60.0,
        high=math.inf,
        measure=_warm_forced,
        better=Better.NEITHER,
    ),
    Claim(
        key="fragmentation",
        words="constant memory reallocation, causing 30% performance degradation during scaling events",
        reading="slowdown by fragmented memory while the fleet scales",
        unit="% slower",
        low=30.0,
        high=30.0,
        measure=_fragmentation,
        better=Better.LESS,
    ),
)
