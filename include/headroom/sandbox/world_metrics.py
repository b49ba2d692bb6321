"""CloudWatch's view of a fleet: which metrics there are, their 5-minute samples, and statistics over any period.

Every metric that config/fleets.yaml names is published where it says, in the unit AWS uses there, and left out where
AWS leaves it out: a load balancer without requests reports nothing, least of all a zero. One thing is kinder than AWS:
percentiles of periods above five minutes are means of the 5-minute ones, weighted by samples.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from headroom.domain.fleet import Fleet, MetricReference, TargetKind
from headroom.domain.sparse_metrics import OMITTED_AT_ZERO
from headroom.domain.window import Window
from headroom.sandbox.fleet_lives import UtilizationCurve
from headroom.sandbox.world_interface import SAMPLE_SECONDS, Floats, MetricId, MetricSeries, Moments
from headroom.sandbox.world_service import QUANTILE_LEVELS, ServedSteps
from headroom.units import MICROSECONDS_PER_SECOND, PERCENT_PER_FRACTION, SECONDS_PER_MINUTE

_SAMPLES_PER_STEP: Final = SAMPLE_SECONDS // SECONDS_PER_MINUTE
_LATENCY: Final = "latency"
_CPU_OF_ALL_CORES: Final = "cpu_of_all_cores_percent"
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,2})?|100)")


def metric_id(reference: MetricReference) -> MetricId:
    """Return where a metric of fleets.yaml is, without its statistic."""
    return MetricId(
        namespace=reference.namespace,
        name=reference.name,
        dimensions=tuple(sorted(reference.dimensions.items())),
    )


def quantities_of(fleet: Fleet) -> Iterator[tuple[MetricId, str]]:
    """Yield the fleet's metrics and the quantity each shows: a canonical metric's name, or `latency` for all three."""
    yield metric_id(fleet.demand.metric), "demand_count"
    for name, reference in fleet.metrics.items():
        yield metric_id(reference), _LATENCY if name.startswith("latency_") else name
    if fleet.target.kind is TargetKind.SAGEMAKER_VARIANT:
        endpoint, variant = fleet.target.name.split("/")
        yield (
            MetricId(
                namespace="/aws/sagemaker/Endpoints",
                name="CPUUtilization",
                dimensions=(("EndpointName", endpoint), ("VariantName", variant)),
            ),
            _CPU_OF_ALL_CORES,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Samples:
    """A statistic set for every step, NaN where there is none."""

    unit: str
    count: Floats
    sums: Floats
    minimum: Floats
    maximum: Floats
    percentiles: Mapping[float, Floats] = field(default_factory=dict)


def build_series(
    metric: MetricId,
    quantity: str,
    *,
    served: ServedSteps,
    gauges: UtilizationCurve,
    start: np.datetime64,
) -> MetricSeries:
    """Return the metric's samples over `served`, whose first step begins at `start`; KeyError for an unknown one."""
    if quantity == _LATENCY:
        samples = _latency_samples(served, is_sagemaker=metric.namespace == "AWS/SageMaker")
    elif quantity in _COUNTERS:
        samples = _COUNTERS[quantity](served, gauges)
    else:
        samples = _gauge_samples(quantity, served=served, gauges=gauges)
    there = served.is_reported & ~np.isnan(samples.sums) & ~np.isnan(samples.count)
    if metric.namespace in OMITTED_AT_ZERO:
        there &= samples.sums > 0.0
    timestamps = start + np.arange(len(served)) * np.timedelta64(SAMPLE_SECONDS, "s")
    return MetricSeries(
        metric=metric,
        unit=samples.unit,
        timestamps=timestamps[there],
        sample_count=samples.count[there],
        sums=samples.sums[there],
        minimum=samples.minimum[there],
        maximum=samples.maximum[there],
        percentiles={level: values[there] for level, values in samples.percentiles.items()},
    )


def _demand_samples(served: ServedSteps, _gauges: UtilizationCurve) -> _Samples:
    ones = np.ones(len(served))
    return _Samples(unit="Count", count=served.arrived, sums=served.arrived, minimum=ones, maximum=ones)


def _error_samples(served: ServedSteps, _gauges: UtilizationCurve) -> _Samples:
    per_minute = served.errors / _SAMPLES_PER_STEP
    return _Samples(
        unit="Count", count=_every_minute(served), sums=served.errors, minimum=per_minute, maximum=per_minute
    )


def _in_service_samples(served: ServedSteps, _gauges: UtilizationCurve) -> _Samples:
    return _Samples(
        unit="None",
        count=_every_minute(served),
        sums=served.in_service_mean * _SAMPLES_PER_STEP,
        minimum=served.in_service_min,
        maximum=served.in_service_max,
    )


def _entered_samples(served: ServedSteps, _gauges: UtilizationCurve) -> _Samples:
    entered = served.entered_service
    nothing = np.zeros(len(served))
    return _Samples(unit="Count", count=_every_minute(served), sums=entered, minimum=nothing, maximum=entered)


def _network_samples(served: ServedSteps, gauges: UtilizationCurve) -> _Samples:
    count = served.in_service_mean * _SAMPLES_PER_STEP
    sums = np.where(count > 0.0, served.arrived * gauges.network_bytes_per_request, np.nan)
    mean = sums / np.maximum(count, 1.0)
    return _Samples(unit="Bytes", count=count, sums=sums, minimum=mean * 0.8, maximum=mean * 1.2)


def _every_minute(served: ServedSteps) -> Floats:
    return np.full(len(served), float(_SAMPLES_PER_STEP))


_COUNTERS: Final[Mapping[str, Callable[[ServedSteps, UtilizationCurve], _Samples]]] = {
    "demand_count": _demand_samples,
    "error_count": _error_samples,
    "instances_in_service": _in_service_samples,
    "cold_start_count": _entered_samples,
    "network_bytes": _network_samples,
}


def _gauge_samples(quantity: str, *, served: ServedSteps, gauges: UtilizationCurve) -> _Samples:
    """Return a gauge of every instance, each minute, with the little unrest that gauges have."""
    load, noise = served.utilization, served.gauge_noise
    has_instances = np.where(served.in_service_mean > 0.0, 1.0, np.nan)
    cpu = (gauges.cpu_idle_percent + (gauges.cpu_busy_percent - gauges.cpu_idle_percent) * load) * (1.0 + 0.02 * noise)
    gauge = {
        "gpu_utilization_percent": PERCENT_PER_FRACTION * load * (1.0 + 0.015 * noise),
        "cpu_utilization_percent": cpu,
        _CPU_OF_ALL_CORES: cpu * gauges.vcpus,
        "memory_utilization_percent": (gauges.memory_percent + 0.4 * noise) * has_instances,
        "gpu_memory_utilization_percent": (gauges.gpu_memory_percent + 0.3 * noise) * has_instances,
    }[quantity]
    top = PERCENT_PER_FRACTION * (gauges.vcpus if quantity == _CPU_OF_ALL_CORES else 1)
    mean = np.clip(gauge, 0.0, top)
    count = served.in_service_mean * _SAMPLES_PER_STEP
    return _Samples(
        unit="Percent", count=count, sums=mean * count, minimum=mean * 0.85, maximum=np.minimum(mean * 1.15, top)
    )


def _latency_samples(served: ServedSteps, *, is_sagemaker: bool) -> _Samples:
    scale = float(MICROSECONDS_PER_SECOND) if is_sagemaker else 1.0
    count = np.where(np.isnan(served.latency_mean_seconds), np.nan, served.arrived)
    quantiles = served.latency_seconds * scale
    return _Samples(
        unit="Microseconds" if is_sagemaker else "Seconds",
        count=count,
        sums=served.latency_mean_seconds * scale * count,
        minimum=quantiles[0] * 0.1,
        maximum=quantiles[-1] * 1.4,
        percentiles=dict(zip(QUANTILE_LEVELS, quantiles, strict=True)),
    )


def statistics_of(
    series: MetricSeries,
    *,
    statistic: str,
    period_seconds: int,
    window: Window,
) -> tuple[Moments, Floats]:
    """Return the starts of periods in `window` that have samples, ascending, and the statistic of each.

    Periods are aligned to multiples of their length since 1970, as CloudWatch aligns them; below 300 s the 5-minute
    samples come back. ValueError for a period that is not a multiple of 60, or a statistic that is not known.
    """
    if period_seconds <= 0 or period_seconds % SECONDS_PER_MINUTE:
        raise ValueError(f"period must be a multiple of 60 seconds, found {period_seconds}")
    if statistic not in ("Sum", "Average", "Minimum", "Maximum", "SampleCount") and not _PERCENTILE.fullmatch(
        statistic
    ):
        raise ValueError(
            f"unknown statistic {statistic!r}; expected Sum, Average, Minimum, Maximum, SampleCount or pNN"
        )
    period = max(period_seconds, SAMPLE_SECONDS)
    seconds = series.timestamps.astype("datetime64[s]").astype(np.int64)
    starts = seconds // period * period
    first, last = int(window.start_utc.timestamp()), int(window.end_utc.timestamp())
    low, high = np.searchsorted(starts, [first, last], side="left")
    starts = starts[low:high]
    periods, begins = np.unique(starts, return_index=True)
    moments = periods.astype("datetime64[s]")
    if len(periods) == 0:
        return moments, np.empty(0)
    count = np.add.reduceat(series.sample_count[low:high], begins)
    match statistic:
        case "SampleCount":
            return moments, count
        case "Sum":
            return moments, np.add.reduceat(series.sums[low:high], begins)
        case "Minimum":
            return moments, np.minimum.reduceat(series.minimum[low:high], begins)
        case "Maximum":
            return moments, np.maximum.reduceat(series.maximum[low:high], begins)
        case "Average":
            weighted = np.add.reduceat(series.sums[low:high], begins)
        case _:
            samples = _percentile(series, float(statistic[1:]) / PERCENT_PER_FRACTION)[low:high]
            weighted = np.add.reduceat(samples * series.sample_count[low:high], begins)
    # A period without a single sample has no average: CloudWatch leaves it out, too.
    is_there = count > 0.0
    return moments[is_there], weighted[is_there] / count[is_there]


def _percentile(series: MetricSeries, level: float) -> Floats:
    """Return the percentile of every sample, linear in -log(1 - level) between the known ones (exponential tails)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(series.sample_count > 0.0, series.sums / series.sample_count, np.nan)
    known = {0.0: series.minimum, **(dict(series.percentiles) or {0.5: mean})}
    levels = sorted(known)
    if level >= 1.0:
        return series.maximum
    upper = next((place for place, at in enumerate(levels) if at >= level), len(levels) - 1)
    low, high = levels[max(upper - 1, 0)], levels[max(upper, 1)]
    position = (np.log1p(-level) - np.log1p(-low)) / (np.log1p(-high) - np.log1p(-low))
    value = known[low] + (known[high] - known[low]) * position
    return np.asarray(np.minimum(value, series.maximum), dtype=np.float64)
