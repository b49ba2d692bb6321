"""What a fleet promises and how one of its instances serves: the objective, and the two serving models."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from headroom.domain import limits
from headroom.domain.limits import require
from headroom.domain.strict_keys import FORBID_UNKNOWN_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a request is promised: its latency at a percentile, or time to first token and inter-token latency."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    percentile: float = 95.0
    latency_seconds: float | None = None
    ttft_seconds: float | None = None
    itl_seconds: float | None = None
    availability_fraction: float = 0.999

    def __post_init__(self) -> None:
        require(0 < self.percentile < 100, f"percentile must lie between 0 and 100, found {self.percentile}")
        meant = f"{100 * self.percentile:g}"
        require(
            self.percentile >= 1,
            f"percentile must be given as in 95 or 99.5, found {self.percentile:g}; did you mean {meant}?",
        )
        require(
            0 < self.availability_fraction <= 1,
            f"availability_fraction must lie between 0 and 1, found {self.availability_fraction}",
        )
        has_tokens = self.ttft_seconds is not None and self.itl_seconds is not None
        require(
            (self.latency_seconds is not None) != has_tokens,
            "expected latency_seconds, or both ttft_seconds and itl_seconds",
        )
        for name in ("latency_seconds", "ttft_seconds", "itl_seconds"):
            limits.require_within(name, getattr(self, name), limits.SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Serving model: one instance works on `slots` requests at a time, each for a random service time."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    service_seconds: float
    model: Literal["slots"] = "slots"
    service_cv2: float = 1.0
    slots: int = 1
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        limits.require_within("service_seconds", self.service_seconds, limits.SECONDS)
        limits.require_within("service_cv2", self.service_cv2, limits.CV2)
        limits.require_within("slots", self.slots, limits.SLOTS)
        limits.require_within("timeout_seconds", self.timeout_seconds, limits.SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuousBatching:
    """Serving model: a measured profile (Parquet) of time to first token and inter-token latency by concurrency."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    profile: str
    model: Literal["continuous_batching"] = "continuous_batching"
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        limits.require_within("timeout_seconds", self.timeout_seconds, limits.SECONDS)
