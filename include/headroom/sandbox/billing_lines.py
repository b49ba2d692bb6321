"""What the sandbox's account is billed for: hourly lines per resource, from the instances that really ran.

A line is a template (everything about a resource that does not change from hour to hour), an hour, and a quantity; the
two export formats are made from that. Units: quantities in hours, amounts in USD rounded to AWS's ten digits.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.fleet import TargetKind
from headroom.domain.window import Window
from headroom.sandbox.prices import SAVINGS_PLAN_FRACTION, USAGE_PREFIXES, on_demand_price_at, usd_in_region
from headroom.sandbox.world import World
from headroom.sandbox.world_capacity import InstanceRun
from headroom.sandbox.world_fleet import FleetWorld
from headroom.sandbox.world_interface import Floats
from headroom.units import MINUTES_PER_HOUR

AMOUNT_DIGITS: Final = 10
_PREFIX_OF_OTHERS: Final = "USE1-"
"""us-east-1 has no prefix in EC2's instance hours, and this one elsewhere."""
NAT_GATEWAY_USD_PER_HOUR: Final = 0.045
"""AWS price list, us-east-1, 2026-07-20. The gateway is shared and carries no tag: not every line is a fleet's."""

Indices = npt.NDArray[np.int64]


class LineKind(StrEnum):
    """What a line charges for."""

    USAGE = "usage"
    COVERED = "covered"
    """Usage that the Savings Plan pays for."""
    FEE = "fee"
    """The plan's hourly commitment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTemplate:
    """What all hours of a resource's charge have in common; None where the bill is silent."""

    kind: LineKind
    product_code: str
    resource_id: str
    usage_type: str
    operation: str
    usd_per_hour: float
    account: str
    region: str
    availability_zone: str | None = None
    instance_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """A stable id of the template, for line ids and SKUs."""
        return hashlib.sha256(f"{self.kind}/{self.resource_id}/{self.usage_type}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BillLines:
    """Lines in the order of their hours; arrays have shape (n,).

    `template` indexes `templates`; `hours` are datetime64[s] starts; `used_usd` is what was used of the commitment in a
    fee line's hour, 0 elsewhere.
    """

    templates: tuple[LineTemplate, ...]
    account: str
    template: Indices
    hours: npt.NDArray[np.datetime64]
    quantity: Floats
    used_usd: Floats

    def __len__(self) -> int:
        return len(self.template)

    @property
    def savings_plan_arn(self) -> str:
        """The account's one Savings Plan."""
        return savings_plan_arn(self.account)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """Lines of one template; hours count from the world's start."""

    template: LineTemplate
    hours: Indices
    quantity: Floats
    used_usd: Floats | None = None


def bill_lines(world: World, window: Window) -> BillLines:
    """Return the account's lines of `window`, whole hours between the world's start and its now."""
    first, last = (int((end - world.start_utc) / timedelta(hours=1)) for end in (window.start_utc, window.end_utc))
    parts = [part for fleet in world.fleets for part in _fleet_parts(world, world.fleet_world(fleet.id), first, last)]
    hours = np.arange(first, last)
    parts.append(
        _Part(
            template=_nat_gateway(world.scenario.account, world.scenario.home_region),
            hours=hours,
            quantity=np.ones(len(hours)),
        )
    )
    templates = tuple(part.template for part in parts)
    sizes = [len(part.hours) for part in parts]
    number = np.repeat(np.arange(len(parts)), sizes)
    hour = np.concatenate([part.hours for part in parts])
    order = np.lexsort((number, hour))
    used: list[Floats] = [np.zeros(len(part.hours)) if part.used_usd is None else part.used_usd for part in parts]
    start = np.datetime64(world.start_utc.replace(tzinfo=None), "s")
    return BillLines(
        templates=templates,
        account=world.scenario.account,
        template=number[order],
        hours=start + hour[order] * np.timedelta64(1, "h").astype("timedelta64[s]"),
        quantity=np.round(np.concatenate([part.quantity for part in parts]), AMOUNT_DIGITS)[order],
        used_usd=np.asarray(np.round(np.concatenate(used), AMOUNT_DIGITS)[order], dtype=np.float64),
    )


def savings_plan_arn(account: str) -> str:
    """Return the ARN of the account's one Savings Plan."""
    return f"arn:aws:savingsplans::{account}:savingsplan/3f6c1c0e-58b1-4f7e-9d9b-6f1f6a2f7c11"


def _nat_gateway(account: str, region: str) -> LineTemplate:
    return LineTemplate(
        kind=LineKind.USAGE,
        product_code="AmazonEC2",
        resource_id=f"arn:aws:ec2:{region}:{account}:natgateway/nat-0a4f1c2b3d5e6f708",
        usage_type=f"{USAGE_PREFIXES[region] or _PREFIX_OF_OTHERS}NatGateway-Hours",
        operation="NatGateway",
        usd_per_hour=NAT_GATEWAY_USD_PER_HOUR,
        account=account,
        region=region,
    )


def _fleet_parts(world: World, fleet: FleetWorld, first: int, last: int) -> Iterator[_Part]:
    listed = on_demand_price_at(fleet.facts.instance_type, world.start_utc).usd_per_hour
    price = usd_in_region(listed, fleet.facts.region)
    if fleet.facts.kind is TargetKind.SAGEMAKER_VARIANT:
        yield from _endpoint_parts(fleet, price, first, last)
        return
    templates, number, hours, quantity = _instance_hours(fleet, price, first, last)
    covered = _covered(fleet.life.savings_plan_instances, number, hours, quantity)
    for place, template in enumerate(templates):
        mine = number == place
        for kind, part in ((LineKind.USAGE, quantity - covered), (LineKind.COVERED, covered)):
            there = mine & (part > 0.0)
            if there.any():
                yield _Part(template=replace(template, kind=kind), hours=hours[there], quantity=part[there])
    if fleet.life.savings_plan_instances:
        yield _fee_part(fleet, price, hours=hours, covered=covered, first=first, last=last)


def _instance_hours(
    fleet: FleetWorld,
    price: float,
    first: int,
    last: int,
) -> tuple[list[LineTemplate], Indices, Indices, Floats]:
    """Return a template per instance, oldest first, and its number, hour and share of the hour per line."""
    templates: list[LineTemplate] = []
    numbers, hours, quantities = [], [], []
    for run in sorted((*fleet.capacity.ended, *fleet.capacity.running), key=lambda run: run.number):
        mine, share = _hours_of(run, first, last)
        if not len(mine):
            continue
        numbers.append(np.full(len(mine), len(templates)))
        hours.append(mine)
        quantities.append(share)
        templates.append(
            LineTemplate(
                kind=LineKind.USAGE,
                product_code="AmazonEC2",
                resource_id=fleet.instance_id(run),
                usage_type=f"{USAGE_PREFIXES[fleet.facts.region]}BoxUsage:{fleet.facts.instance_type}",
                operation="RunInstances",
                usd_per_hour=price,
                account=fleet.facts.account,
                region=fleet.facts.region,
                availability_zone=run.zone,
                instance_type=fleet.facts.instance_type,
                tags=fleet.facts.tags,
            ),
        )
    if not templates:
        nothing = np.empty(0, dtype=np.int64)
        return [], nothing, nothing, np.empty(0)
    return templates, np.concatenate(numbers), np.concatenate(hours), np.concatenate(quantities)


def _hours_of(run: InstanceRun, first: int, last: int) -> tuple[Indices, Floats]:
    """Return the hours of [first, last) in which an instance ran, and the share of each that it ran."""
    begin = max(run.launched, first * MINUTES_PER_HOUR)
    end = min(last * MINUTES_PER_HOUR, last * MINUTES_PER_HOUR if run.ended is None else run.ended)
    if end <= begin:
        return np.empty(0, dtype=np.int64), np.empty(0)
    hours = np.arange(begin // MINUTES_PER_HOUR, (end - 1) // MINUTES_PER_HOUR + 1)
    starts = np.maximum(hours * MINUTES_PER_HOUR, begin)
    ends = np.minimum((hours + 1) * MINUTES_PER_HOUR, end)
    return hours, (ends - starts) / MINUTES_PER_HOUR


def _covered(commitment: int, number: Indices, hours: Indices, quantity: Floats) -> Floats:
    """Return the part of each line that `commitment` instances' hours cover, oldest instances first."""
    order = np.lexsort((number, hours))
    running = np.cumsum(quantity[order])
    _, begins, counts = np.unique(hours[order], return_index=True, return_counts=True)
    before_hour = np.repeat(running[begins] - quantity[order][begins], counts)
    before = running - before_hour - quantity[order]
    covered = np.empty(len(quantity))
    covered[order] = np.round(np.clip(commitment - before, 0.0, quantity[order]), AMOUNT_DIGITS)
    return covered


def _fee_part(fleet: FleetWorld, price: float, *, hours: Indices, covered: Floats, first: int, last: int) -> _Part:
    """Return the plan's hourly fee: its commitment, whether it was used or not, and how much of it was."""
    all_hours = np.arange(first, last)
    used_hours = np.bincount(hours - first, weights=covered, minlength=last - first)
    committed = round(fleet.life.savings_plan_instances * price * SAVINGS_PLAN_FRACTION, AMOUNT_DIGITS)
    template = LineTemplate(
        kind=LineKind.FEE,
        product_code="ComputeSavingsPlans",
        resource_id=savings_plan_arn(fleet.facts.account),
        usage_type="ComputeSP:1yrNoUpfront",
        operation="",
        usd_per_hour=committed,
        account=fleet.facts.account,
        region=fleet.facts.region,
    )
    used = np.minimum(used_hours * price * SAVINGS_PLAN_FRACTION, committed)
    return _Part(template=template, hours=all_hours, quantity=np.ones(len(all_hours)), used_usd=used)


def _endpoint_parts(fleet: FleetWorld, price: float, first: int, last: int) -> Iterator[_Part]:
    """Yield a SageMaker endpoint's lines: one an hour for all its instances, without a zone, as AWS bills it."""
    minutes = slice(first * MINUTES_PER_HOUR, last * MINUTES_PER_HOUR)
    running = np.array(fleet.capacity.running_counts[minutes]).reshape(-1, MINUTES_PER_HOUR)
    quantity = running.sum(axis=1) / MINUTES_PER_HOUR
    endpoint = fleet.facts.target_name.split("/", maxsplit=1)[0]
    region = fleet.facts.region
    template = LineTemplate(
        kind=LineKind.USAGE,
        product_code="AmazonSageMaker",
        resource_id=f"arn:aws:sagemaker:{region}:{fleet.facts.account}:endpoint/{endpoint}",
        usage_type=f"{USAGE_PREFIXES[region] or _PREFIX_OF_OTHERS}Host:{fleet.facts.instance_type}",
        operation="RunInstance",
        usd_per_hour=price,
        account=fleet.facts.account,
        region=region,
        instance_type=fleet.facts.instance_type,
        tags=fleet.facts.tags,
    )
    there = quantity > 0.0
    yield _Part(template=template, hours=np.arange(first, last)[there], quantity=quantity[there])
