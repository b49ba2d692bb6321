"""Bench of the replay's engine: how near its latencies are to a request-level simulation, and how quick it is.

Accuracy: over a grid of load, spread and size with a steady rate, and over days with a rate that moves past what can be
served. Where the request-level percentile itself is uncertain, the error is measured to the near end of its interval.
Speed: one fleet-year in minutes per reactive policy, after compilation; then 20 fleets, four weeks, every policy.
"""

import resource
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench.replay_cells import fleet_of

from headroom.capacity import sustainable_rate
from headroom.domain.demand import Floats
from headroom.domain.window import HOUR
from headroom.pipelines.replay_forecasts import ReplayForecasts
from headroom.simulation.demand_path import Bursts, gamma_noise
from headroom.simulation.engine import CapacityPlan, Conditions, Pool, Run, run
from headroom.simulation.fleet_scene import fleet_scene, serving_queue
from headroom.simulation.incumbents import Hpa, TargetTracking, Threshold
from headroom.simulation.latency_table import RequestQueue
from headroom.simulation.policies import POLICIES
from headroom.simulation.policy import DemandRecord, Scene
from headroom.simulation.replay import play as compare
from headroom.simulation.replay import run_plan
from headroom.simulation.request_level import estimate_percentile, gamma_service_seconds, simulate_queue

PERCENTILES = (50.0, 95.0, 99.0)
SERVICE_SECONDS = 0.4
MINUTE = 60.0
MINUTES_PER_DAY = 1440
START = datetime(2026, 1, 5, tzinfo=UTC)


def measure(*, is_quick: bool) -> dict[str, Any]:
    return {
        "steady": steady(is_quick=is_quick),
        "moving": moving(is_quick=is_quick),
        "fleet_year_seconds": fleet_year(is_quick=is_quick),
        "twenty_fleets": many_fleets(fleets=2 if is_quick else 20),
    }


def steady(*, is_quick: bool) -> dict[str, Any]:
    most = 300_000 if is_quick else 6_000_000
    loads = (0.3, 0.6, 0.8, 0.9, 0.95, 0.98)
    worst: dict[str, tuple[float, str]] = {}
    points = beyond = 0
    for load, servers, cv2 in product(loads, (1, 4, 16, 64, 250), (0.25, 1.0, 4.0)):
        rate = load * servers / SERVICE_SECONDS
        count = int(min(most, max(most / 10, 5e4 / (1.0 - load) ** 2)))
        truth = latencies(np.full(int(count / rate / MINUTE) + 1, rate), servers=servers, cv2=cv2, skipped=0.1)
        played = play(np.full(2000, rate), servers=servers, cv2=cv2)
        allowed = 0.05 if load <= 0.9 else 0.10
        for percentile in PERCENTILES:
            error = distance(played.latency_seconds(percentile), truth, percentile)
            points, beyond = points + 1, beyond + (error > allowed)
            name = "up to 0.9" if load <= 0.9 else "above 0.9"
            where = f"load {load}, {servers} servers, cv2 {cv2}, p{percentile:g}"
            worst[name] = max(worst.get(name, (0.0, "")), (error, where))
    return {"points": points, "points_beyond_5_and_10_percent": beyond, "worst": worst}


def moving(*, is_quick: bool) -> dict[str, Any]:
    """Days between a fifth and 1.05 of what 64 slots can serve, with bursts."""
    found = {}
    for cv2 in (0.25, 1.0):
        minutes = np.arange(MINUTES_PER_DAY * (1 if is_quick else 7))
        shape = 0.6 + 0.4 * np.sin(2 * np.pi * minutes / MINUTES_PER_DAY)
        rates = shape * gamma_noise(len(minutes), Bursts(variation=0.05), step_seconds=MINUTE) * 64 / SERVICE_SECONDS
        truth = latencies(rates, servers=64, cv2=cv2, skipped=0.0)
        played = play(rates, servers=64, cv2=cv2)
        for percentile in PERCENTILES:
            real = float(np.percentile(truth, percentile))
            found[f"p{percentile:g} over real, cv2 {cv2}"] = played.latency_seconds(percentile) / real
        late = float((truth > 2.0).mean())
        found[f"late share, real and played, cv2 {cv2}"] = f"{late:.4f}, {1.0 - played.slo_met_fraction:.4f}"
    return found


def latencies(rates: Floats, *, servers: int, cv2: float, skipped: float) -> Floats:
    random = np.random.default_rng(1)
    counts = random.poisson(rates * MINUTE)
    starts = np.repeat(np.arange(len(rates)) * MINUTE, counts)
    arrivals = np.sort(starts + random.uniform(0.0, MINUTE, len(starts)))
    services = gamma_service_seconds(random, mean_seconds=SERVICE_SECONDS, cv2=cv2, count=len(arrivals))
    found: Floats = simulate_queue(arrivals, services, servers=servers) + services
    return found[int(len(found) * skipped) :]


def play(rates: Floats, *, servers: int, cv2: float) -> Run:
    queue = RequestQueue(
        service_seconds=SERVICE_SECONDS,
        service_cv2=cv2,
        slots=servers,
        latency_seconds=2.0,
        percentile=95.0,
        timeout_seconds=1e6,
    )
    pool = Pool(instance_type="any", purchase_option="on_demand", usd_per_hour=1.0, lead_time_seconds=0.0)
    plan = CapacityPlan(pools=(pool,), floors=np.ones((1, len(rates)), dtype=np.int64))
    return run(rates, plan, step_seconds=MINUTE, queue=queue, most_instances=1, initial_instances=[1])


def distance(played: float, truth: Floats, percentile: float) -> float:
    """Return how far a percentile lies outside the interval of the real one, relative to it."""
    real = estimate_percentile(truth, percentile=percentile)
    return max(real.low - played, played - real.high, 0.0) / real.value


def fleet_year(*, is_quick: bool) -> dict[str, float]:
    minutes = MINUTES_PER_DAY * (30 if is_quick else 365)
    scene = scene_of("year", days=minutes // MINUTES_PER_DAY + 7, history_days=7, seed=0, is_forecast=False)
    found = {}
    for policy in (Threshold(), TargetTracking(), Hpa()):
        plan = policy.plan(scene)
        times = []
        for _ in range(3 + 1):  # the first one compiles
            began = time.process_time()  # one thread, and other work on the machine does not count
            run_plan(plan, scene, Conditions(seed=scene.seed))
            times.append(time.process_time() - began)
        found[policy.name] = float(np.median(times[1:])) * 365 * MINUTES_PER_DAY / minutes
    return found


def many_fleets(*, fleets: int) -> dict[str, float]:
    """Four weeks of fleets with every policy that needs no spot price, and the oracles; forecasts are timed apart."""
    # new processes: forks would hold what the requests served one by one have left behind
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        began = time.perf_counter()
        seconds = list(pool.map(four_weeks, range(fleets)))
        took = time.perf_counter() - began
    forecasting = sum(first for first, _, _ in seconds)
    playing = sum(second for _, second, _ in seconds)
    return {
        "fleets": fleets,
        "minutes_for_20_fleets": took / fleets * 20 / 60,
        "of_which_forecasts": forecasting / (forecasting + playing),
        "memory_mib_of_both_processes": 2 * max(memory for _, _, memory in seconds),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """What docs/benchmarks.md says of it."""
    steady, many = found["steady"], found["twenty_fleets"]
    share = 1.0 - many["of_which_forecasts"]
    return [
        "| figure | value |",
        "| --- | --- |",
        (
            f"| steady load: percentiles beyond 5 % (utilization up to 0.9) or 10 % of the request-level ones | "
            f"{steady['points_beyond_5_and_10_percent']} of {steady['points']} |"
        ),
        *(f"| the worst {name} | {worst:.1%}: {where} |" for name, (worst, where) in steady["worst"].items()),
        *(f"| a moving load: {name} | {value} |" for name, value in found["moving"].items()),
        *(
            f"| a fleet-year in minutes, {name}, compiled | {value:.2f} processor seconds |"
            for name, value in found["fleet_year_seconds"].items()
        ),
        (
            f"| 20 fleets, four weeks, all policies and both oracles, forecasts there | "
            f"{share * many['minutes_for_20_fleets']:.1f} minutes |"
        ),
        f"| their forecasts, hour by hour | {(1 - share) * many['minutes_for_20_fleets']:.1f} minutes |",
        f"| memory of the two processes together | {many['memory_mib_of_both_processes']:.0f} MiB |",
    ]


def four_weeks(seed: int) -> tuple[float, float, float]:
    """Return seconds of forecasting and of playing, and the most MiB the process ever held."""
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    scene = scene_of(f"fleet-{seed}", days=56, history_days=28, seed=seed, is_forecast=True)
    forecast_seconds = time.perf_counter() - began
    began = time.perf_counter()
    policies = [policy for name, policy in POLICIES.items() if name != "headroom_spot"]
    compared = compare(policies, scene, conditions=Conditions(seed=scene.seed))
    assert not compared.refused
    held = most_memory_held()
    return forecast_seconds, time.perf_counter() - began, held


def most_memory_held() -> float:
    """Return the most MiB this process held itself; Linux's getrusage counts what the process that started it held."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
    (held,) = (line.split()[1] for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(held) / 1024


def scene_of(name: str, *, days: int, history_days: int, seed: int, is_forecast: bool) -> Scene:
    """Days and weeks with their shape, and bursts, of 30 instances at the peak."""
    minutes = np.arange(MINUTES_PER_DAY * days)
    weekday = np.where(minutes // MINUTES_PER_DAY % 7 < 5, 1.0, 0.6)
    shape = weekday * (0.55 + 0.45 * np.sin(2 * np.pi * (minutes / MINUTES_PER_DAY - 0.3 + 0.01 * seed)))
    fleet = fleet_of(name)
    rate = sustainable_rate(fleet, fleet.current_type.name)
    most = 25 * serving_queue(fleet, rate).rate_per_second
    noise = gamma_noise(len(minutes), Bursts(seed=seed), step_seconds=MINUTE)
    record = DemandRecord(start_utc=START, step_seconds=MINUTE, rate_per_second=most * shape * noise)
    forecasts = ReplayForecasts(fleet, record)
    start = START + timedelta(days=history_days)
    if is_forecast:
        moment = start
        while moment < record.end_utc:
            forecasts.forecast(moment)
            moment += HOUR
    return fleet_scene(fleet, record, start_utc=start, end_utc=record.end_utc, forecasts=forecasts, seed=seed)
