"""What fleets.yaml says of guardrails, for all fleets or for one; what each limit does stands with GuardrailLimits.

The attribute names are the keys of `guardrails:` (docs/reference/configuration.md), and those of
headroom.scheduling.guardrail_limits.GuardrailLimits, which has the defaults.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

from headroom.domain.change_freeze import ChangeFreeze
from headroom.domain.limits import Limits, require_within
from headroom.domain.strict_keys import FORBID_UNKNOWN_KEYS
from headroom.units import HOURS_PER_DAY, SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

_AGE_SECONDS: Final[Limits] = (5 * SECONDS_PER_MINUTE, 7 * SECONDS_PER_DAY)
"""Samples are of five minutes; a week is as old as anything may be that still says something of today."""
_USD: Final[Limits] = (0.01, 1e9)
RANGES: Final[dict[str, Limits]] = {
    "max_sample_age_seconds": _AGE_SECONDS,
    "min_samples_fraction": (0, 1),
    "max_forecast_age_seconds": _AGE_SECONDS,
    "min_hours_judged": (1, HOURS_PER_DAY),
    "min_band_fraction": (0, 1),
    # an older window is recorded only, whatever a guardrail says (headroom.actuation.ledger.STALE_AFTER)
    "max_window_age_seconds": (5 * SECONDS_PER_MINUTE, 2 * SECONDS_PER_HOUR),
    "max_usd_per_day": _USD,
    "max_usd_per_month": _USD,
    "reserved_actions": (0, 100),
    "min_peak_fraction": (0, 2),
    "max_peak_multiple": (1, 1000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailSettings:
    """Limits that were set; None is one that was not. Freezes for all fleets hold beside those of a fleet."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    max_sample_age_seconds: float | None = None
    min_samples_fraction: float | None = None
    max_forecast_age_seconds: float | None = None
    min_hours_judged: int | None = None
    min_band_fraction: float | None = None
    max_window_age_seconds: float | None = None
    max_usd_per_day: float | None = None
    max_usd_per_month: float | None = None
    reserved_actions: int | None = None
    min_peak_fraction: float | None = None
    max_peak_multiple: float | None = None
    freezes: tuple[ChangeFreeze, ...] = ()

    def __post_init__(self) -> None:
        for name, limits in RANGES.items():
            require_within(name, getattr(self, name), limits)

    @property
    def numbers(self) -> dict[str, float]:
        """The limits that were set, by name, freezes left out."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name in RANGES}
        return {name: number for name, number in named.items() if number is not None}


NO_GUARDRAIL_SETTINGS: Final = GuardrailSettings()
