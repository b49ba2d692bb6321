"""Bench of every policy on recorded demand: what a share of requests inside the objective costs.

Knobs are tuned on the training part of each cell, every policy with the same trials; then the main knob is swept over
the scored part. Forecasts are made before, and timed apart.
"""

import math
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench.replay_cells import Cell, load_cells

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.domain.window import HOUR
from headroom.pipelines.replay_forecasts import ReplayForecasts
from headroom.simulation.engine import CapacityPlan, Conditions, Run
from headroom.simulation.frontier import cost_at_share
from headroom.simulation.knobs import SETTINGS, Adjustable
from headroom.simulation.oracle import UnreachableTargetError, kept_by_instances, least_cost
from headroom.simulation.ours import Headroom
from headroom.simulation.policies import POLICIES
from headroom.simulation.policy import Scene
from headroom.simulation.replay import run_plan
from headroom.tuning.study import tune
from headroom.units import SECONDS_PER_HOUR

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SHARES = (0.99, 0.995, 0.999)
OURS = ("headroom", "headroom_reactive")
NOT_COMPARED = ("headroom_spot",)  # buys otherwise: its saving is the price's, not the schedule's
NEVER = 10.0
"""What a share that is never reached counts as in tuning, as a multiple of the hourly oracle's cost."""
TRIALS, QUICK_TRIALS = 30, 3
SCORED_SETTINGS, QUICK_SETTINGS = 45, SETTINGS
"""Settings of the main knob over the scored part. Straight lines between as few as in tuning cost the policies whose
knob moves cost in big steps up to 30 % (dynamo as it comes on m-large at 99.9 %: 2.71 times the oracle's with 15, 2.11
with 45, 2.07 with 120).
"""


def measure(*, is_quick: bool) -> dict[str, Any]:
    cells, missing = load_cells(DATA)
    if not cells:
        return {"skipped": "; ".join(missing)}
    chosen = cells[2:3] if is_quick else cells
    trials, count = (QUICK_TRIALS, QUICK_SETTINGS) if is_quick else (TRIALS, SCORED_SETTINGS)
    with ProcessPoolExecutor(max_workers=2) as pool:
        found = dict(
            zip((cell.name for cell in chosen), pool.map(partial(play_cell, trials, count), chosen), strict=True)
        )
    return {"cells": found, "missing": missing, "pooled": pooled(found)}


def play_cell(trials: int, settings: int, cell: Cell) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    training, scored = (made(cell, which) for which in (cell.training, cell.scored))
    forecast_seconds = time.perf_counter() - began
    trainer, scorer = Player(training), Player(scored)
    oracle = scorer.oracle_at_shares()
    costs, knobs = {}, {}
    for name, policy in POLICIES.items():
        if name in NOT_COMPARED:
            continue
        tuned = tune(policy, trainer.score, trials=trials)  # type: ignore[type-var]
        knobs[name] = {key: value for key, value in vars_of(tuned).items() if value != vars_of(policy)[key]}
        costs[name] = scorer.costs_at_shares(tuned, settings)
    return {
        "scored_days": scored.steps * scored.step_seconds / 86400,
        "oracle_hourly_usd": oracle,
        "cost_usd": costs,
        "tuned": knobs,
        "regret": regret(scorer),
        "forecast_seconds": forecast_seconds,
        "seconds": time.perf_counter() - began,
    }


def vars_of(policy: Any) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__dataclass_fields__}


def made(cell: Cell, which: Any) -> Scene:
    """Return a scene whose forecasts are made."""
    forecasts = ReplayForecasts(cell.fleet, cell.record)
    scene: Scene = which(forecasts)
    moment = scene.start_utc - HOUR  # its push stands at the start
    while moment < scene.moment(scene.steps):
        forecasts.forecast(moment)
        moment += HOUR
    return scene


class Player:
    """Plays policies over one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rates = scene.rate_per_second
        self.kept = kept_by_instances(
            self.rates,
            step_seconds=scene.step_seconds,
            queue=scene.queue,
            pool=scene.pool,
            most_instances=scene.fleet.bounds.max_instances,
        )
        self.oracle = self.oracle_at_shares()

    def run(self, plan: CapacityPlan) -> Run:
        return run_plan(plan, self.scene, Conditions(seed=self.scene.seed))

    def costs_at_shares(self, policy: Adjustable, settings: int = SETTINGS) -> list[float]:
        points = []
        for setting in policy.swept(settings).values():
            played = self.run(setting.plan(self.scene))  # type: ignore[attr-defined]
            points.append((played.slo_met_fraction, played.cost_usd))
        return [cost_at_share(points, share) for share in SHARES]

    def score(self, policy: Adjustable) -> float:
        costs = zip(self.costs_at_shares(policy), self.oracle, strict=True)
        return sum(min(cost / least, NEVER) for cost, least in costs if math.isfinite(least))

    def oracle_at_shares(self) -> list[float]:
        scene, found = self.scene, []
        for share in SHARES:
            try:
                path = least_cost(
                    self.kept,
                    target_requests=share * float(self.rates.sum()) * scene.step_seconds,
                    step_seconds=scene.step_seconds,
                    usd_per_hour=scene.pool.usd_per_hour,
                    lead_time_seconds=scene.pool.lead_time_seconds,
                    least_instances=scene.fleet.bounds.min_instances,
                    steps_between_changes=round(SECONDS_PER_HOUR / scene.step_seconds),
                )
                found.append(path.cost_usd)
            except UnreachableTargetError:
                found.append(math.inf)
        return found


def regret(player: Player) -> dict[str, Any]:
    """C(q) at the 13 quantiles: instance cost, and c_short + c_over per unserved instance-hour; ours: the fleet's q."""
    scene = player.scene
    ratio = scene.fleet.shortage_cost_ratio
    carried = scene.queue.carried_rates(scene.fleet.bounds.max_instances)
    curve = {}
    for level in sorted({*QUANTILE_LEVELS, scene.fleet.critical_ratio}):
        played = player.run(Headroom(shortage_cost_ratio=level / (1.0 - level)).plan(scene))
        short = unserved_instances(player.rates, played.ready[0], carried)
        short_hours = float(short.sum()) * scene.step_seconds / SECONDS_PER_HOUR
        curve[level] = played.cost_usd + (ratio + 1.0) * scene.pool.usd_per_hour * short_hours
    least = min(curve, key=lambda level: curve[level])
    return {
        "cost_of_quantile": {f"{level:g}": cost for level, cost in curve.items()},
        "least_at": least,
        "ours_over_least": curve[scene.fleet.critical_ratio] / curve[least],
    }


def unserved_instances(rates: Floats, ready: Counts, carried: Floats) -> Floats:
    """Return, per step, demand beyond what the instances at work sustain, over what one of them (or one alone) does.

    `carried`: the highest rate that each count of instances sustains, from 0 on.
    """
    each = carried[np.maximum(ready, 1)] / np.maximum(ready, 1)
    short: Floats = np.maximum(rates - carried[ready], 0.0) / each
    return short


def pooled(cells: dict[str, Any]) -> dict[str, Any]:
    """At each share, over the cells where an incumbent and the oracle reach it: costs, and the gap closed.

    Where an incumbent reaches it and ours does not, ours costs infinitely much: such a cell is not left out.
    """
    found = {}
    for number, share in enumerate(SHARES):
        best: dict[str, tuple[str, float]] = {}
        left_out = {}
        for name, cell in cells.items():
            incumbents = {key: costs[number] for key, costs in cell["cost_usd"].items() if key not in OURS}
            policy = min(incumbents, key=lambda key: incumbents[key])
            reached = {
                "every incumbent": incumbents[policy],
                "the oracle": cell["oracle_hourly_usd"][number],
            }
            never = [who for who, cost in reached.items() if not math.isfinite(cost)]
            if never:
                left_out[name] = f"never reached by {', '.join(never)}"
            else:
                best[name] = (policy, incumbents[policy])
        ours = {name: cells[name]["cost_usd"]["headroom_reactive"][number] for name in best}
        oracle = sum(cells[name]["oracle_hourly_usd"][number] for name in best)
        incumbent = sum(cost for _, cost in best.values())
        found[f"{share:g}"] = {
            "best_incumbent": {name: policy for name, (policy, _) in best.items()},
            "ours_over_best_incumbent": {name: ours[name] / best[name][1] for name in best},
            "pooled_over_best_incumbent": sum(ours.values()) / incumbent if best else None,
            "gap_closed_fraction": (incumbent - sum(ours.values())) / (incumbent - oracle) if best else None,
            "left_out": left_out,
        }
    return found


def table(found: dict[str, Any]) -> Sequence[str]:
    """Lines for people: cost over the hourly oracle's, by cell, share and policy."""
    lines = []
    for name, cell in found["cells"].items():
        lines.append(f"{name}: " + ", ".join(f"{share:.1%}" for share in SHARES))
        for policy, costs in sorted(cell["cost_usd"].items(), key=lambda item: item[1]):
            over = [cost / least for cost, least in zip(costs, cell["oracle_hourly_usd"], strict=True)]
            lines.append(f"  {policy:22s} " + " ".join(f"{value:7.3f}" for value in over))
    return lines


def lines(found: dict[str, Any]) -> list[str]:
    """What docs/benchmarks.md says of it."""
    shares = [f"{share:.1%}" for share in SHARES]
    made = [
        "Cost over the hourly oracle's at each share of requests inside the objective, between settings of each",
        "policy's main knob; inf: never reached.",
        "",
    ]
    for name, cell in found["cells"].items():
        made += [
            (
                f"**{name}**, {cell['scored_days']:.1f} days scored, C(q) of the fleet's quantile over the least "
                f"{cell['regret']['ours_over_least']:.3f} (at q{100 * cell['regret']['least_at']:g})"
            ),
            "",
            f"| policy | {' | '.join(shares)} |",
            f"| --- |{' --- |' * len(shares)}",
        ]
        for policy, costs in sorted(cell["cost_usd"].items(), key=lambda item: item[1]):
            over = [cost / least for cost, least in zip(costs, cell["oracle_hourly_usd"], strict=True)]
            made.append(f"| `{policy}` | " + " | ".join(f"{value:.3f}" for value in over) + " |")
        made.append("")
    made += ["| headroom_reactive beside the best incumbent of each series |" + " |".join([*shares, ""])]
    made += ["| --- |" + " --- |" * len(shares)]
    for text, key in (
        ("pooled cost over the best incumbent's", "pooled_over_best_incumbent"),
        ("share of the gap to the hourly oracle that is closed", "gap_closed_fraction"),
    ):
        made.append(f"| {text} | " + " | ".join(f"{part[key]:.3f}" for part in found["pooled"].values()) + " |")
    for name in found["cells"]:
        over = [
            f"{part['ours_over_best_incumbent'][name]:.3f}" if name in part["best_incumbent"] else "left out"
            for part in found["pooled"].values()
        ]
        made.append(f"| {name}: cost over the best incumbent's | " + " | ".join(over) + " |")
    made.append("")
    for share, part in found["pooled"].items():
        made += [f"Left out at {float(share):.1%}: {name}, {why}." for name, why in part["left_out"].items()]
    made += [f"Not there: {text}." for text in found["missing"]]
    return made


if __name__ == "__main__":
    import json
    import sys

    result = measure(is_quick="--quick" in sys.argv)
    print(json.dumps(result, indent=1, default=float))  # noqa: T201
    print("\n".join(table(result)))  # noqa: T201
