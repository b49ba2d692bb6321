"""A plan of 18 November 2026 that every guardrail passes, and one change at a time away from that."""

from dataclasses import replace
from typing import Any

import numpy as np
from tests.unit.capacity.small_fleet import fleet as capacity_fleet
from tests.unit.scheduling.small_plan import DEPLOYMENT, FLEET, NOW, action, at, restore, target

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Bounds, Mode
from headroom.domain.scaling import Action, ActionPurpose, TargetState
from headroom.domain.window import Window
from headroom.scheduling import GuardrailContext, check_guardrails, diff_actions

PEAK_PER_SECOND = 10.0
"""At every quantile of every hour; one instance carries 1/s inside the objective, and 10/s at most."""
BOUNDS_OF_FLEET = Bounds(min_instances=1, max_instances=20)
FLEET_OBJECT = replace(capacity_fleet(bounds=BOUNDS_OF_FLEET), id=FLEET, mode=Mode.AUTO)
WANTED = (
    action("07:53", 12, None, 12),
    action("14:00", 4, None, 4, purpose=ActionPurpose.LOWER),
    restore("20:00"),
)


def forecast(*, hours: int = 48, made: str = "06:00") -> DemandForecast:
    starts = np.datetime64("2026-11-18T06:00:00", "s") + np.arange(hours) * np.timedelta64(1, "h")
    quantiles = np.full((hours, len(QUANTILE_LEVELS)), PEAK_PER_SECOND)
    return DemandForecast(
        fleet_id=FLEET,
        made_at_utc=at(made),
        hours=starts.astype("datetime64[s]"),
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=quantiles,
        members={},
    )


def context(
    *,
    wanted: tuple[Action, ...] = WANTED,
    state: TargetState | None = None,
    **changes: Any,
) -> GuardrailContext:
    state = state or target()
    diff = diff_actions(wanted, state, deployment=DEPLOYMENT, fleet_id=FLEET, now_utc=NOW)
    made = GuardrailContext(
        fleet=FLEET_OBJECT,
        window=Window(at("05:00"), at("06:00")),
        now_utc=NOW,
        forecast=forecast(),
        wanted=wanted,
        diff=diff,
        state=state,
        newest_sample_utc=at("05:55"),
        samples_expected=288,
        samples_seen=280,
        sustainable_rate_per_second=1.0,
        most_rate_per_second=10.0,
    )
    return replace(made, **changes)


def refusals(made: GuardrailContext) -> dict[str, str]:
    return {verdict.rule: verdict.reason for verdict in check_guardrails(made) if not verdict.is_passed}
