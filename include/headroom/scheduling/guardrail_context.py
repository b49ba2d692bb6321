"""What the guardrails look at: everything they need, passed in, so that each rule stays a pure function."""

from dataclasses import dataclass
from datetime import datetime

from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import Action, ActionDiff, TargetState
from headroom.domain.window import Window
from headroom.scheduling.guardrail_limits import DEFAULT_LIMITS, GuardrailLimits, Loosening


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSoFar:
    """What a fleet cost from the start of a UTC month to `until_utc`: by the bill where it is there, else estimated.

    `known_usd` leaves the days of unknown cost out; they are counted, and no cost is 0 because nobody knows it.
    """

    until_utc: datetime
    known_usd: float = 0.0
    billed_days: int = 0
    estimated_days: int = 0
    unknown_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailContext:
    """A plan about to be pushed, the target it is for, and what is known of the data beneath it.

    `wanted` are the plan's actions, `diff` what they would change at `state`; `now_utc` is the cloud's clock, `window`
    the hour the run is about. `samples_expected` and `samples_seen` are of the recent past the forecast learned from.
    `hours_judged` recent forecast hours were compared with what came; in `hours_inside_band` of them demand lay inside
    the band. `kill_switch` is the reason of the one that is thrown, None when none is. The rates are what one instance
    carries inside the objective, as the plan was sized with, and the most it can work off at all; None where the plan
    does not say. `short_hours_utc` start the hours that the fleet's step limits leave short. `cost_so_far` is of the
    month in which the window ends, None where it was not asked for.
    """

    fleet: Fleet
    window: Window
    now_utc: datetime
    forecast: DemandForecast | None
    wanted: tuple[Action, ...]
    diff: ActionDiff
    state: TargetState
    newest_sample_utc: datetime | None
    samples_expected: int
    samples_seen: int
    hours_judged: int = 0
    hours_inside_band: int = 0
    kill_switch: str | None = None
    usd_per_instance_hour: float | None = None
    sustainable_rate_per_second: float | None = None
    most_rate_per_second: float | None = None
    short_hours_utc: frozenset[datetime] = frozenset()
    cost_so_far: CostSoFar | None = None
    limits: GuardrailLimits = DEFAULT_LIMITS
    loosened: tuple[Loosening, ...] = ()
    """Which of the limits are looser than the default, or than what holds for all fleets."""
