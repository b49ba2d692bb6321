"""Hours whose latency is made by known rules: what is measured must be what made them, or nothing."""

from typing import Any

import numpy as np
import pytest

from headroom.capacity import LoadHistory, MeasuredRate, measured_rate
from headroom.capacity.queueing import latency_percentile_seconds
from headroom.capacity.sizing import SlotQueue
from headroom.domain.demand import Floats


def history(load: Floats, latency: Floats, *, instances: float = 5.0, **changed: Any) -> LoadHistory:
    steady = np.full(len(load), instances)
    columns: dict[str, Any] = {
        "peak_per_second": load * instances,
        "latency_seconds": latency,
        "instances_mean": steady,
        "instances_min": steady,
        "instances_max": steady,
        "censored_fraction": np.zeros(len(load)),
    }
    return LoadHistory(**{**columns, **changed})


def told(made: LoadHistory, *, latency_seconds: float = 1.0) -> MeasuredRate:
    rate = measured_rate(made, latency_seconds=latency_seconds)
    assert isinstance(rate, MeasuredRate), rate
    return rate


def reason(made: LoadHistory, *, latency_seconds: float = 1.0) -> str:
    found = measured_rate(made, latency_seconds=latency_seconds)
    assert isinstance(found, str), found
    return found


# One server that ends 10 a second: 1 / (10 - load) seconds, which is 1 s at 9/s.
LOAD = np.linspace(2.0, 9.5, 400)
LATENCY = 1.0 / (10.0 - LOAD)


def test_the_rate_is_the_load_at_which_the_objective_is_reached() -> None:
    rate = told(history(LOAD, LATENCY))
    assert rate.rate_per_second == pytest.approx(9.0, rel=0.01)
    assert rate.low_per_second <= 9.0 <= rate.high_per_second
    assert (rate.hours, rate.censored_hours, rate.instances) == (400, 0, 5.0)
    assert not rate.is_extrapolated
    assert rate.method.startswith("measured on 400 hours at 2 to 9.5/s an instance: interval ")


def test_the_order_of_the_hours_says_nothing() -> None:
    shuffled = np.random.default_rng(1).permutation(len(LOAD))
    assert told(history(LOAD[shuffled], LATENCY[shuffled])) == told(history(LOAD, LATENCY))


def test_a_few_disturbed_hours_change_little() -> None:
    disturbed = LATENCY.copy()
    disturbed[::25] = 3.0  # one hour in 25, at any load
    assert told(history(LOAD, disturbed)).rate_per_second == pytest.approx(9.0, rel=0.01)


def test_deeply_saturated_hours_do_not_pull_the_rate_down() -> None:
    # 60 hours in which half of the demand was turned away, so that 5/s were seen beside 8 s of latency
    load, latency = np.append(LOAD, np.full(60, 5.0)), np.append(LATENCY, np.full(60, 8.0))
    censored = np.append(np.zeros(400), np.full(60, 0.5))
    rate = told(history(load, latency, censored_fraction=censored))
    assert rate.rate_per_second == pytest.approx(9.0, rel=0.01)
    assert (rate.hours, rate.censored_hours) == (400, 60)
    assert "60 saturated hours left out" in rate.method


def test_a_little_beyond_the_load_seen_the_curve_is_continued_and_that_is_said() -> None:
    seen = LOAD <= 8.8  # latency up to .83 s
    rate = told(history(LOAD[seen], LATENCY[seen]))
    assert rate.rate_per_second == pytest.approx(9.0, rel=0.01)
    assert rate.is_extrapolated
    assert rate.method.endswith("; beyond the load seen")


def test_far_below_the_objective_nothing_is_told_but_the_least_it_can_be() -> None:
    seen = LOAD <= 6.0
    text = reason(history(LOAD[seen], LATENCY[seen]))
    # the last window's median is seven hours of .0188/s before 5.98/s: 1 / (10 - 5.85) s
    assert text == "latency was 24% of the objective at the largest load seen: the rate is at least 5.98/s"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (history(LOAD[:71], LATENCY[:71]), "71 hours of steady instances with demand and latency, and 72 are needed"),
        (history(LOAD, LATENCY, instances_max=np.full(400, 6.0)), "0 hours of steady instances"),
        (history(LOAD, np.full(400, np.nan)), "0 hours of steady instances"),
        (history(np.linspace(8.0, 9.5, 400), 1 / (10 - np.linspace(8.0, 9.5, 400))), "too even to tell"),
        (history(LOAD, np.full(400, 1.5)), "latency was above 1 s at every load seen"),
        (history(LOAD, np.full(400, 0.5)), "latency was 50% of the objective"),
        (history(LOAD, np.tile([0.1, 1.9], 200) * LOAD / 5.0), "these hours tell the rate no closer than"),
    ],
)
def test_hours_that_cannot_tell_say_why(made: LoadHistory, words: str) -> None:
    assert words in reason(made)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("instances", [2, 10, 30])
def test_on_noisy_hours_of_a_queue_the_rate_is_within_a_twentieth_of_the_queues_own(instances: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    queue = SlotQueue(service_seconds=0.4, slots=4, percentile=95, latency_seconds=2.0)
    load = 10.0 * np.clip(1.05 * generator.beta(2, 2, 1000), 0.05, 0.995)
    latency = latency_percentile_seconds(
        percentile=95, servers=instances * 4, rate_per_second=instances * load, service_seconds=0.4
    )
    noisy = latency * np.exp(generator.normal(0.0, 0.05, 1000))
    noisy[generator.random(1000) < 0.03] *= 4.0
    made = history(load, noisy, instances=instances, censored_fraction=(noisy > 2.0) / 12)
    rate = measured_rate(made, latency_seconds=2.0)
    truth = max(share for share in np.linspace(5, 10, 501) if queue.is_met(instances, instances * share))
    if isinstance(rate, str):  # only where the objective is not reached by any load that a large pool may have
        assert instances == 30
        assert rate.startswith("latency was ")
    else:
        assert rate.rate_per_second == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize("never", [0.0, -1.0, 1e300, np.inf, np.nan])
def test_an_hour_with_a_latency_that_nobody_can_have_measured_does_not_count(never: float) -> None:
    load, latency = np.append(LOAD, np.full(60, 9.0)), np.append(LATENCY, np.full(60, never))
    assert told(history(load, latency)) == told(history(LOAD, LATENCY))
