"""Daily plans: which instance types, how bought, on which spot pools. Plans are data: nothing changes at the cloud."""

import json
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from headroom.capacity import ImpossibleObjective, UnknownRate, required_capacity, rightsize
from headroom.domain.cost import CostBasis
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Fleet, TargetKind
from headroom.domain.instance_type import CapacityPool, SpotPricePoint
from headroom.domain.plan import InfeasibleType, RightsizingOption, SpotMixPlan
from headroom.domain.window import Window
from headroom.lake.layout import chunk_name, daily_path
from headroom.lake.money import money
from headroom.lake.tables import TABLES
from headroom.pipelines.clock import read_clock_utc
from headroom.pipelines.demand_history import demand_histories
from headroom.pipelines.forecasts import forecast_from, known_history
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.prices import Market, read_market_and_rates
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.spot import PoolOffer, estimate_interruption, plan_spot_mix

RIGHTSIZING_TABLE = "mart_plan__rightsizing"
SPOT_TABLE = "mart_plan__spot_mix"
HORIZON_HOURS = 168
"""A week, so that weekdays and weekends are both in the cost of a type."""
SPOT_HISTORY = timedelta(days=14)
OPTIONS_KEPT = 12
"""Rows a fleet's rightsizing plan keeps, cheapest first; today's type is always among them."""
SAGEMAKER_KINDS = frozenset({TargetKind.SAGEMAKER_VARIANT, TargetKind.SAGEMAKER_INFERENCE_COMPONENT})


def list_chunks_to_plan(window: Window) -> list[int]:
    """Return the chunks to plan: all of them for the newest settled day, none for an older one.

    Prices of today say nothing of what should have been bought weeks ago, so a backfill plans only its newest day.
    """
    workspace = open_workspace()
    now_utc = read_clock_utc(workspace)
    is_newest = now_utc - window.end_utc < timedelta(days=1)
    return list(workspace.chunks()) if is_newest else []


def plan_day(window: Window, chunk: int) -> dict[str, Any]:
    """Plan types and spot mix of a chunk's fleets as of the day's end; return counts for XCom."""
    return run_step(
        dag_id="plan_fleets",
        window=window,
        part=f"plan-{chunk_name(chunk)}",
        step=lambda workspace: plan_fleets(workspace, window, chunk),
    )


def plan_fleets(workspace: Workspace, window: Window, chunk: int) -> list[Outcome]:
    """Write the rightsizing and spot-mix marts of a chunk for the day `window`."""
    fleets = workspace.fleets_in(chunk)
    market = read_market_and_rates(workspace, fleets, window.end_utc)
    histories = demand_histories(workspace, fleets, window.end_utc)
    spot_points = _spot_points(workspace, window)
    rightsizing: list[dict[str, Any]] = []
    spot_mix: list[dict[str, Any]] = []
    outcomes = []
    for fleet in fleets:
        try:
            forecast = forecast_from(
                workspace,
                fleet,
                known_history(histories, fleet),
                made_at_utc=window.end_utc,
                horizon_hours=HORIZON_HOURS,
            )
            types = _rightsize(fleet, forecast, market)
            mix = _spot_mix(fleet, forecast, market, spot_points)
        except Exception as error:  # noqa: BLE001, whatever a model trips over is this fleet's cause, and stops no other
            workspace.lake.storage.delete(spot_mix_path(fleet.id, window.day))
            cause = str(error) or type(error).__name__
            outcomes.append(Outcome(step="plan", subject=fleet.id, status=OutcomeStatus.FAILED, cause=cause))
            continue
        plan_id = f"{fleet.id}-{window.end_utc:%Y%m%dT%H%MZ}"
        rightsizing += _rightsizing_rows(plan_id, window.end_utc, *types)
        if mix is None:
            workspace.lake.storage.delete(spot_mix_path(fleet.id, window.day))
        else:
            spot_mix += _spot_rows(plan_id, window.end_utc, mix)
            workspace.lake.write_json(spot_mix_path(fleet.id, window.day), asdict(mix))
        outcomes.append(Outcome(step="plan", subject=fleet.id, status=OutcomeStatus.OK))
    for name, rows in ((RIGHTSIZING_TABLE, rightsizing), (SPOT_TABLE, spot_mix)):
        path = daily_path(name, window.day, chunk_name(chunk))
        frame = pa.Table.from_pylist(rows, schema=TABLES[name].schema)
        workspace.lake.write_table(path, TABLES[name], frame, fingerprint="")
    return outcomes


def spot_mix_path(fleet_id: str, day: date) -> str:
    """Return where the spot-mix plan of a fleet stands in the lake."""
    return f"plans/day={day}/spot-mix-{fleet_id}.json"


def _rightsize(
    fleet: Fleet,
    forecast: DemandForecast,
    market: Market,
) -> tuple[list[RightsizingOption], list[InfeasibleType]]:
    prefix = "ml." if fleet.target.kind in SAGEMAKER_KINDS else ""
    types = {f"{prefix}{name.removeprefix(prefix)}": kind for name, kind in market.types.get(fleet.region, {}).items()}
    on_demand = {name: price for name, price in _on_demand_prices(fleet, market).items() if name in types}
    spot: dict[str, float] = {}
    if not prefix and fleet.spot.max_fraction > 0:
        for pool, price in market.spot.get(fleet.region, {}).items():
            spot[pool.instance_type] = min(price, spot.get(pool.instance_type, price))
    return rightsize(
        fleet,
        forecast,
        types=types,
        on_demand_usd_per_hour=on_demand,
        spot_usd_per_hour=spot,
        measured_rates=market.measured_rates(fleet),
        profile=market.profile(fleet),
    )


def _on_demand_prices(fleet: Fleet, market: Market) -> dict[str, float]:
    """Return USD per hour by type: what fleets.yaml says, else the price list."""
    configured = {
        option.name: option.on_demand_usd_per_hour
        for option in fleet.instance_types
        if option.on_demand_usd_per_hour is not None
    }
    return {**market.on_demand.get(fleet.region, {}), **configured}


def _spot_mix(
    fleet: Fleet,
    forecast: DemandForecast,
    market: Market,
    points: dict[str, list[SpotPricePoint]],
) -> SpotMixPlan | None:
    """Plan how the week's peak is bought; None for fleets that may not use spot or whose target cannot."""
    if fleet.spot.max_fraction <= 0 or fleet.target.kind in SAGEMAKER_KINDS:
        return None
    today = market.rate(fleet, fleet.current_type.name)
    price = market.on_demand_usd_per_hour(fleet)
    if price is None:
        raise ValueError(f"no on-demand price of {fleet.current_type.name} is known; run extract_catalogue")
    named = {option.name: option for option in fleet.instance_types}
    on_demand = _on_demand_prices(fleet, market)
    offers = []
    for pool, spot_price in sorted(market.spot.get(fleet.region, {}).items(), key=lambda item: str(item[0])):
        if pool.instance_type not in named or pool.instance_type not in on_demand:
            continue  # a pool is judged against its type's own on-demand price
        try:
            rate = market.rate(fleet, pool.instance_type)
        except (UnknownRate, ImpossibleObjective):
            continue
        estimate = estimate_interruption(
            pool,
            [point for point in points.get(fleet.region, []) if point.pool == pool],
            on_demand_usd_per_hour=on_demand[pool.instance_type],
            window=Window(forecast.made_at_utc - SPOT_HISTORY, forecast.made_at_utc),
        )
        offers.append(
            PoolOffer(
                pool=pool,
                spot_usd_per_hour=named[pool.instance_type].spot_usd_per_hour or spot_price,
                interruption_probability=estimate.probability,
                relative_rate=rate.rate_per_second / today.rate_per_second,
            ),
        )
    if not offers:
        return None
    required = required_capacity(fleet, forecast, rate=today)
    return plan_spot_mix(
        fleet,
        required_instances=int(required.required_instances.max()),
        offers=offers,
        on_demand_usd_per_hour=price,
    )


def _spot_points(workspace: Workspace, window: Window) -> dict[str, list[SpotPricePoint]]:
    span = Window(window.end_utc - SPOT_HISTORY, window.end_utc)
    points: dict[str, list[SpotPricePoint]] = {}
    for row in run_model(workspace, "stg_market__spot_price", workspace.fleets, window=span).to_pylist():
        point = SpotPricePoint(
            pool=CapacityPool(instance_type=row["instance_type"], availability_zone=row["availability_zone"]),
            timestamp_utc=row["timestamp_utc"],
            spot_usd_per_hour=float(row["spot_usd_per_hour"]),
        )
        points.setdefault(row["region"], []).append(point)
    return points


def _rightsizing_rows(
    plan_id: str,
    made_at_utc: datetime,
    options: list[RightsizingOption],
    infeasible: list[InfeasibleType],
) -> list[dict[str, Any]]:
    kept = [option for option in options if option.rank <= OPTIONS_KEPT or option.is_current]
    rows = [
        {
            **asdict(option),
            "plan_id": plan_id,
            "made_at_utc": made_at_utc,
            "is_feasible": True,
            "usd_per_hour": money(option.usd_per_hour),
            "cost_usd": money(option.cost_usd),
            "cost_basis": CostBasis.ESTIMATED.value,
        }
        for option in kept
    ]
    rows += [
        {
            "plan_id": plan_id,
            "fleet_id": item.fleet_id,
            "made_at_utc": made_at_utc,
            "instance_type": item.instance_type,
            "purchase_option": "on_demand",
            "is_feasible": False,
            "cost_basis": CostBasis.UNKNOWN.value,
            "is_current": False,
            "explanation": item.reason,
        }
        for item in infeasible
    ]
    return rows


def _spot_rows(plan_id: str, made_at_utc: datetime, mix: SpotMixPlan) -> list[dict[str, Any]]:
    policy = None if mix.mixed_instances_policy is None else json.dumps(mix.mixed_instances_policy, sort_keys=True)
    return [
        {
            "plan_id": plan_id,
            "fleet_id": mix.fleet_id,
            "made_at_utc": made_at_utc,
            "instance_type": allocation.pool.instance_type,
            "availability_zone": allocation.pool.availability_zone,
            "purchase_option": allocation.purchase_option,
            "instances": allocation.instances,
            "usd_per_hour": money(allocation.usd_per_hour),
            "cost_basis": CostBasis.ESTIMATED.value,
            "required_instances": mix.required_instances,
            "shortage_probability": mix.shortage_probability,
            "risk_budget_fraction": mix.risk_budget_fraction,
            "mixed_instances_policy": policy,
            "explanation": mix.explanation,
        }
        for allocation in mix.allocations
    ]
