"""What every type of a catalogue would cost a fleet over a horizon: the options, best first, and the misfits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from headroom.capacity.batching_profile import BatchingProfile
from headroom.capacity.gpu_memory import fits_gpu_memory, gpu_memory_needed_mib, gpu_memory_usable_mib
from headroom.capacity.measured_rate import MeasuredRate
from headroom.capacity.rates import NO_MEASURED_RATES, SustainableRate, UnknownRate, find_type, sustainable_rate
from headroom.capacity.requirement import instances_for_demand
from headroom.capacity.sizing import ImpossibleObjective
from headroom.domain.demand import DemandForecast, Floats
from headroom.domain.fleet import Fleet
from headroom.domain.instance_type import InstanceType
from headroom.domain.plan import InfeasibleType, RightsizingOption
from headroom.units import MIB_PER_GIB

ON_DEMAND: Final = "on_demand"
SPOT: Final = "spot"
_SAGEMAKER_PREFIX: Final = "ml."
_BURSTABLE: Final = ("t1.", "t2.", "t3.", "t3a.", "t4g.")


@dataclass(frozen=True, slots=True)
class _Sized:
    """A type that can serve the fleet, with the instances it needs over the horizon."""

    rate: SustainableRate
    peak_instances: int
    instance_hours: float
    note: str


class _Misfit(ValueError):  # noqa: N818, no error: the reason for which a type is left out
    """Why a type cannot serve the fleet."""


def rightsize(
    fleet: Fleet,
    forecast: DemandForecast,
    *,
    types: Mapping[str, InstanceType],
    on_demand_usd_per_hour: Mapping[str, float],
    spot_usd_per_hour: Mapping[str, float],
    measured_rates: Mapping[str, MeasuredRate] = NO_MEASURED_RATES,
    profile: BatchingProfile | None = None,
) -> tuple[list[RightsizingOption], list[InfeasibleType]]:
    """Return the feasible options by rank and the infeasible types with the reason, both over all of `types`.

    Each type is sized alike at the critical-ratio quantile of each hour's minutes, with at least the fleet's minimum of
    instances and no maximum, since the maximum was chosen for today's type. Rank 1 is the cheapest on demand, 2 its
    runner-up; spot rows rank after all on-demand rows, since a spot price says nothing yet of its risk (the spot-mix
    plan does). Today's type is always an option: that it serves the fleet is a fact, whatever an estimate says; where
    the estimate of GPU memory disagrees, its explanation tells. Prices in fleets.yaml come before those passed in.
    `measured_rates` and `profile` are as in sustainable_rate.

    The break-even rate is the sustainable rate at which a type would cost what today's costs, its instance-hours taken
    as inverse to its rate.
    """
    today = fleet.current_type.name
    on_demand = {**on_demand_usd_per_hour, **_configured(fleet, "on_demand_usd_per_hour")}
    spot = {**spot_usd_per_hour, **_configured(fleet, "spot_usd_per_hour")}
    demand = forecast.minute_at_level(fleet.critical_ratio)
    rate_of = partial(sustainable_rate, fleet, types=types, measured_rates=measured_rates, profile=profile)
    sized: dict[str, _Sized] = {}
    infeasible: list[InfeasibleType] = []
    for name in _candidates(fleet, types):
        try:
            _require_price(name, on_demand)
            sized[name] = _size_type(fleet, name, demand, types, rate_of)
        except (_Misfit, UnknownRate, ImpossibleObjective) as misfit:
            infeasible.append(InfeasibleType(fleet_id=fleet.id, instance_type=name, reason=str(misfit)))
    today_cost = sized[today].instance_hours * on_demand[today] if today in sized else None
    options = [
        _option(fleet, sized[name], purchase_option=purchase_option, price=prices[name], today_cost=today_cost)
        for purchase_option, prices in ((ON_DEMAND, on_demand), (SPOT, spot))
        for name in sized
        if name in prices
    ]
    options.sort(key=lambda option: (option.purchase_option != ON_DEMAND, option.cost_usd, option.instance_type))
    ranked = [replace(option, rank=rank) for rank, option in enumerate(options, start=1)]
    return [replace(option, explanation=_explain(option, sized, today_cost)) for option in ranked], infeasible


def _configured(fleet: Fleet, field: str) -> dict[str, float]:
    return {
        option.name: getattr(option, field) for option in fleet.instance_types if getattr(option, field) is not None
    }


def _candidates(fleet: Fleet, types: Mapping[str, InstanceType]) -> Iterator[str]:
    """Yield the fleet's own types, then the catalogue's by name, those of SageMaker for SageMaker fleets alone."""
    own = [option.name for option in fleet.instance_types]
    yield from own
    is_sagemaker = own[0].startswith(_SAGEMAKER_PREFIX)
    for name in sorted(types):
        if name not in own and name.startswith(_SAGEMAKER_PREFIX) == is_sagemaker:
            yield name


def _require_price(name: str, on_demand: Mapping[str, float]) -> None:
    if name not in on_demand:
        raise _Misfit("no on-demand price of it is known")


def _size_type(
    fleet: Fleet,
    name: str,
    demand: Floats,
    types: Mapping[str, InstanceType],
    rate_of: Callable[[str], SustainableRate],
) -> _Sized:
    note = ""
    misfit = _misfit(fleet, name, types)
    if misfit is not None:
        if name != fleet.current_type.name:
            raise _Misfit(misfit)
        note = f"; it runs today, though by fleets.yaml {misfit}: check workload"
    rate = rate_of(name)
    counts = np.maximum(instances_for_demand(fleet, rate, demand), fleet.bounds.min_instances)
    return _Sized(rate, int(counts.max(initial=0)), float(counts.sum()), note)


def _misfit(fleet: Fleet, name: str, types: Mapping[str, InstanceType]) -> str | None:
    """Return why a type's hardware cannot hold the workload, or None where it can or nothing is known of it."""
    kind, today = find_type(name, types), find_type(fleet.current_type.name, types)
    if kind is None:
        return None
    if fleet.workload is not None and kind.gpu_name and not fits_gpu_memory(fleet.workload, kind):
        needed = gpu_memory_needed_mib(fleet.workload) / MIB_PER_GIB
        usable = gpu_memory_usable_mib(kind) / MIB_PER_GIB
        return f"weights and KV cache need {needed:.1f} GiB of GPU memory and {usable:.1f} GiB are usable"
    if today is not None and kind is not today and not today.gpu_name and not kind.gpu_name:
        needed_mib = today.memory_mib * kind.vcpus / today.vcpus
        if kind.memory_mib < needed_mib:
            needed, found = needed_mib / MIB_PER_GIB, kind.memory_mib / MIB_PER_GIB
            return f"at today's memory per vCPU its work would need {needed:.1f} GiB, and it has {found:.1f} GiB"
    if kind.name.removeprefix(_SAGEMAKER_PREFIX).startswith(_BURSTABLE) and (today is None or kind is not today):
        return "it is burstable: steady load runs out of CPU credits"
    return None


def _option(
    fleet: Fleet,
    sized: _Sized,
    *,
    purchase_option: str,
    price: float,
    today_cost: float | None,
) -> RightsizingOption:
    rate = sized.rate
    cost = sized.instance_hours * price
    is_current = rate.instance_type == fleet.current_type.name and purchase_option == ON_DEMAND
    has_break_even = not is_current and today_cost is not None and today_cost > 0
    return RightsizingOption(
        fleet_id=fleet.id,
        instance_type=rate.instance_type,
        purchase_option=purchase_option,
        sustainable_rate_per_second=rate.rate_per_second,
        rate_source=rate.source.value,
        usd_per_hour=price,
        peak_instances=sized.peak_instances,
        instance_hours=sized.instance_hours,
        cost_usd=cost,
        is_current=is_current,
        rank=0,
        break_even_rate_per_second=rate.rate_per_second * cost / today_cost if has_break_even and today_cost else None,
        explanation="",
    )


def _explain(option: RightsizingOption, sized: Mapping[str, _Sized], today_cost: float | None) -> str:
    item = sized[option.instance_type]
    text = (
        f"{option.peak_instances} instances at the peak, {option.instance_hours:.0f} instance-hours at "
        f"{option.usd_per_hour:.4g} USD; {item.rate.rate_per_second:.3g}/s each: {item.rate.method}"
    )
    if option.is_current:
        text = f"today's type: {text}"
    elif today_cost and option.break_even_rate_per_second is not None:
        change = option.cost_usd / today_cost - 1.0
        text += (
            f"; {abs(change):.0%} {'cheaper' if change < 0 else 'dearer'} than today's type, and no cheaper than it "
            f"below {option.break_even_rate_per_second:.3g}/s an instance"
        )
    if option.purchase_option == SPOT:
        text += "; at the spot price of now, without its interruptions"
    return text + item.note
