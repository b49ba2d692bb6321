"""Found targets -> drafts of fleets: which targets are fleets, what they are called, which tag tells their bills apart.

Every choice is made from what the account itself says; where their metrics are is headroom.onboarding.metric_choices's.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from headroom.domain.account import AccountPicture, FoundTarget, MetricIdentity, Place
from headroom.domain.fleet import FLEET_ID_PATTERN, TargetKind
from headroom.onboarding.metric_choices import SAGEMAKER_KINDS, DraftMetric, demand_of, metrics_of

BILLING_TAGS: Final = ("fleet", "service", "app", "application", "workload", "model", "Name", "component", "project")
"""Tag keys looked for first as the one by which bill lines tell fleets apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDraft:
    """A target that may become a fleet; without `demand` it cannot be one before somebody names it."""

    fleet_id: str
    found: FoundTarget
    demand: DraftMetric | None
    metrics: Mapping[str, DraftMetric] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """Canonical metrics that were looked for and are not published, each with how to get it."""
    billing_tag: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A target that is no fleet, and why."""

    found: FoundTarget
    reason: str


def draft_fleets(
    picture: AccountPicture, *, has_cpu_fleets: bool = False
) -> tuple[tuple[FleetDraft, ...], tuple[Skipped, ...]]:
    """Return a draft for every target that serves with accelerators, and the others with their reasons.

    With `has_cpu_fleets` targets without an accelerator are drafted, too. SageMaker's variants and components always
    are: they serve models.
    """
    nodes = {
        (found.place, found.nodes_group): found.target.name
        for found in picture.targets
        if found.nodes_group is not None
    }
    chosen: list[FoundTarget] = []
    skipped: list[Skipped] = []
    for found in picture.targets:
        reason = found.skip_reason or _no_fleet_reason(found, nodes, has_cpu_fleets=has_cpu_fleets)
        if reason is None:
            chosen.append(found)
        else:
            skipped.append(Skipped(found=found, reason=reason))
    names = _fleet_ids(chosen)
    tag_counts = _tag_counts(chosen)
    drafts = [
        _draft(found, name, picture.metrics.get(found.place, frozenset()), tag_counts)
        for found, name in zip(chosen, names, strict=True)
    ]
    return tuple(sorted(drafts, key=lambda draft: draft.fleet_id)), tuple(skipped)


def _no_fleet_reason(found: FoundTarget, nodes: Mapping[tuple[Place, str], str], *, has_cpu_fleets: bool) -> str | None:
    is_sagemaker = found.target.kind in SAGEMAKER_KINDS
    service = nodes.get((found.place, found.target.name))
    if service is not None and found.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
        return f"carries the ECS service {service}, which is the fleet"
    if not found.instance_types:
        return "its instance type is unknown"
    if found.max_instances == 0:
        return "its maximum is 0"
    if found.accelerator is None and not is_sagemaker and not has_cpu_fleets:
        return "has no accelerator (--include-cpu drafts such targets, too)"
    return None


def _fleet_ids(targets: Sequence[FoundTarget]) -> list[str]:
    """Return an id for each target: the last of its name, longer where two would share one."""
    makers: tuple[Callable[[FoundTarget], str], ...] = (
        _short_name,
        lambda found: found.target.name,
        lambda found: f"{found.target.name}-{found.place.region}",
        lambda found: f"{found.target.name}-{found.place.region}-{found.place.account}",
        lambda found: f"{found.target.kind}-{found.target.name}-{found.place.region}-{found.place.account}",
    )
    ids = [""] * len(targets)
    open_positions = list(range(len(targets)))
    for make in makers:
        wanted = {position: _slug(make(targets[position])) for position in open_positions}
        taken = Counter([*wanted.values(), *(one for one in ids if one)])
        for position in list(open_positions):
            if taken[wanted[position]] == 1 and FLEET_ID_PATTERN.fullmatch(wanted[position]):
                ids[position] = wanted[position]
                open_positions.remove(position)
    free = (number for number in count(1) if f"fleet-{number}" not in ids)
    for position in open_positions:  # names that differ in letters no id may have
        ids[position] = f"fleet-{next(free)}"
    return ids


def _short_name(found: FoundTarget) -> str:
    first, _, second = found.target.name.partition("/")
    return second if found.target.kind is TargetKind.ECS_SERVICE else first


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _tag_counts(targets: Iterable[FoundTarget]) -> Counter[tuple[str, str]]:
    return Counter((key, value) for found in targets for key, value in found.tags.items())


def _draft(
    found: FoundTarget, fleet_id: str, published: frozenset[MetricIdentity], tag_counts: Counter[tuple[str, str]]
) -> FleetDraft:
    metrics, missing = metrics_of(found, published)
    return FleetDraft(
        fleet_id=fleet_id,
        found=found,
        demand=demand_of(found, published),
        metrics=metrics,
        missing=missing,
        billing_tag=_billing_tag(found, tag_counts),
    )


def _billing_tag(found: FoundTarget, counts: Counter[tuple[str, str]]) -> tuple[str, str] | None:
    """Return a tag that no other fleet has with this value; None where there is none."""
    own = [(key, value) for key, value in sorted(found.tags.items()) if value and counts[key, value] == 1]
    known = [tag for name in BILLING_TAGS for tag in own if tag[0] == name]
    return next(iter([*known, *(tag for tag in own if not tag[0].startswith(("aws:", "headroom")))]), None)
