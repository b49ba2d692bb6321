"""The claims' scenarios played: every policy, type, spot price and knob that some claim is set against; pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from headroom.domain.fleet import Fleet
from headroom.domain.serving import Objective
from headroom.simulation.claims.scenarios import (
    CHOICES,
    CLINIC,
    DAYS,
    QUICKER,
    SHOP,
    SHOP_INSTANCES,
    SPOT_DISCOUNTS,
    Choice,
    Fixed,
    Scenario,
    on_quicker_type,
    with_spot_discount,
)
from headroom.simulation.engine import Conditions, Run
from headroom.simulation.incumbents import TargetTracking
from headroom.simulation.ours import Headroom, HeadroomSpot
from headroom.simulation.policies import policies_named
from headroom.simulation.policy import ForecastProvider, Policy, Scene
from headroom.simulation.replay import OnProgress, Replay, play, run_plan
from headroom.units import SECONDS_PER_DAY

BEFORE: Final = Fixed(instances=SHOP_INSTANCES)
SHOP_POLICIES: Final = (
    "static_peak",
    "threshold",
    "intelligent",
    "target_tracking",
    "aws_predictive",
    "headroom",
    "headroom_reactive",
    "headroom_spot",
)
CLINIC_POLICIES: Final = (
    "static_peak",
    "threshold",
    "target_tracking",
    "target_tracking_fast",
    "headroom",
    "headroom_reactive",
)

Forecasts = Callable[[Scene], ForecastProvider]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedChoice:
    """Runs by policy where one of our choices, named by `text`, is another."""

    text: str
    runs: dict[str, Run]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedClaims:
    """All runs that the findings are taken from.

    `equal_cost`: target tracking at the target, `equal_cost_target`, whose cost comes nearest to headroom's.
    `quicker`: headroom on the quicker type, the objective scaled alike; `quicker_loose`: with today's objective.
    `spot`: headroom_spot by discount. `choices`: the shop where one of our choices is another. `clinic`: by policy.
    """

    seed: int
    shop: Replay
    equal_cost: Run
    equal_cost_target: float
    quicker: Run
    quicker_loose: Run
    spot: dict[float, Run]
    choices: tuple[PlayedChoice, ...]
    clinic: dict[str, Run]

    def shop_run(self, name: str) -> Run:
        """Return a policy's run at the shop."""
        return self.shop.played[name].run


def play_claims(
    seed: int, forecasts: Forecasts, *, days: int = DAYS, on_progress: OnProgress = lambda _done, _total: None
) -> PlayedClaims:
    """Play every scenario; `forecasts` gives a scene's forecasts, each of which is asked for in order of time first."""
    shop = _with_forecasts(SHOP.scene(seed, days=days), forecasts)
    policies: list[Policy] = [BEFORE, *policies_named(SHOP_POLICIES)]
    total = len(policies) + 2 + len(CHOICES) + len(CLINIC_POLICIES)
    replay = play(
        policies,
        shop,
        conditions=Conditions(seed=seed),
        on_progress=lambda done, _: on_progress(done, total),
    )
    target, equal = _nearest_in_cost(shop, replay.played["headroom"].run.cost_usd)
    spot = {
        discount: run_policy(HeadroomSpot(), _with_fleet(shop, with_spot_discount(shop.fleet, discount)))
        for discount in SPOT_DISCOUNTS
    }
    loose = on_quicker_type(SHOP)
    tight = replace(loose, fleet=replace(loose.fleet, objective=_quicker_objective(loose.fleet)))
    quicker = [run_policy(Headroom(), _beside(scenario, shop)) for scenario in (tight, loose)]
    done = len(policies) + 2
    choices = []
    for choice in CHOICES:
        choices.append(_played_choice(choice, shop, forecasts))
        on_progress(done := done + 1, total)
    clinic = _with_forecasts(CLINIC.scene(seed, days=days), forecasts)
    clinic_runs: dict[str, Run] = {}
    for policy in policies_named(CLINIC_POLICIES):
        clinic_runs[policy.name] = run_policy(policy, clinic)
        on_progress(done := done + 1, total)
    return PlayedClaims(
        seed=seed,
        shop=replay,
        equal_cost=equal,
        equal_cost_target=target,
        quicker=quicker[0],
        quicker_loose=quicker[1],
        spot=spot,
        choices=tuple(choices),
        clinic=clinic_runs,
    )


def run_policy(policy: Policy, scene: Scene) -> Run:
    """Return what becomes of a scene under a policy, without oracles; as headroom.simulation.replay plays it."""
    return run_plan(policy.plan(scene), scene, Conditions(seed=scene.seed))


def _nearest_in_cost(scene: Scene, cost_usd: float) -> tuple[float, Run]:
    tracking = [policy for policy in TargetTracking().swept().values() if isinstance(policy, TargetTracking)]
    runs = {policy.target_fraction: run_policy(policy, scene) for policy in tracking}
    target = min(runs, key=lambda fraction: abs(runs[fraction].cost_usd - cost_usd))
    return target, runs[target]


def _played_choice(choice: Choice, shop: Scene, forecasts: Forecasts) -> PlayedChoice:
    scene = choice.scenario.scene(shop.seed, days=_days(shop))
    forecast = forecasts(scene) if choice.has_other_demand else shop.forecasts
    policies: list[Policy] = [BEFORE, *policies_named(("static_peak", "threshold", "headroom"))]
    scene = replace(scene, forecasts=forecast)
    return PlayedChoice(text=choice.text, runs={policy.name: run_policy(policy, scene) for policy in policies})


def _days(scene: Scene) -> int:
    return round(scene.steps * scene.step_seconds / SECONDS_PER_DAY)


def _with_forecasts(scene: Scene, forecasts: Forecasts) -> Scene:
    return replace(scene, forecasts=forecasts(scene))


def _with_fleet(scene: Scene, fleet: Fleet) -> Scene:
    return replace(scene, fleet=fleet)


def _beside(scenario: Scenario, shop: Scene) -> Scene:
    """Return the scene of a scenario with the shop's own demand, and so with its forecasts."""
    return replace(scenario.scene(shop.seed, days=_days(shop)), forecasts=shop.forecasts)


def _quicker_objective(fleet: Fleet) -> Objective:
    seconds = fleet.objective.latency_seconds
    if seconds is None:
        raise ValueError("objective.latency_seconds: is missing")
    return replace(fleet.objective, latency_seconds=seconds * QUICKER)
