"""What the guardrails look at: everything they need, passed in, so that each rule stays a pure function."""

from dataclasses import dataclass, field
from datetime import datetime

from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import Action, ActionDiff, TargetState
from headroom.domain.window import Window
from headroom.scheduling.quota import DEFAULT_RESERVE
from headroom.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailLimits:
    """How strict the guardrails are; a limit that is None is not set, and its rule says so."""

    max_sample_age_seconds: float = 2 * SECONDS_PER_HOUR
    """How old the newest demand sample may be: an hourly run sees the hour that just ended."""
    min_samples_fraction: float = 0.8
    """Share of the samples of the judged past that must be there."""
    max_forecast_age_seconds: float = 2 * SECONDS_PER_HOUR
    min_hours_judged: int = 6
    """Fewer forecast hours than this against what came tell nothing yet."""
    min_band_fraction: float = 0.5
    """Least share of judged hours whose demand lay at or under the forecast band's upper edge and not below its lower.

    A band of q10 to q90 holds 80 % by design; at half of that and more, luck alone explains it no longer.
    """
    max_window_age_seconds: float = 2 * SECONDS_PER_HOUR
    """A window that ended longer ago has a successor whose plan knows more: it only records."""
    max_usd_per_day: float | None = None
    reserved_actions: int = DEFAULT_RESERVE


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailContext:
    """A plan about to be pushed, the target it is for, and what is known of the data beneath it.

    `wanted` are the plan's actions, `diff` what they would change at `state`; `now_utc` is the cloud's clock, `window`
    the hour the run is about. `samples_expected` and `samples_seen` are of the recent past the forecast learned from.
    `hours_judged` recent forecast hours were compared with what came; in `hours_inside_band` of them demand lay inside
    the band. `kill_switch` is the reason of the one that is thrown, None when none is.
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
    limits: GuardrailLimits = field(default_factory=GuardrailLimits)
