"""The budgets of a day and of a month: guardrails on what a plan's floor costs at the on-demand price.

What runs is followed action by action, as AWS applies them: a desired count is set, anything else holds the count
between minimum and maximum; where a reactive policy scales, only the floor is counted. A plan over its budget passes
where it costs no more than what stands at the target already: refusing it would keep what is dearer.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from headroom.domain.scaling import ActionPurpose, CapacitySetting, ScalingApi, Verdict
from headroom.domain.window import DAY
from headroom.scheduling.guardrail_context import CostSoFar, GuardrailContext
from headroom.units import HOURS_PER_DAY, SECONDS_PER_HOUR

_LONGEST_MONTH: Final = timedelta(days=31)
Change = tuple[datetime, CapacitySetting]


def day_budget_is_kept(context: GuardrailContext) -> Verdict:
    """The floor of the next 24 hours costs no more than the budget of a day, where one is set."""
    budget, price = context.limits.max_usd_per_day, context.usd_per_instance_hour
    if budget is None or price is None:
        missing = "no budget is set" if budget is None else "the price of an instance is not known"
        return Verdict(rule="budget", is_passed=budget is None, reason=missing)
    end = context.now_utc + DAY
    planned = instance_hours(context, _wanted(context), end_utc=end) * price
    reason = (
        f"the next {HOURS_PER_DAY} hours' floor is estimated at {planned:.2f} USD, the budget is {budget:.2f} USD a day"
    )
    if planned <= budget:
        return Verdict(rule="budget", is_passed=True, reason=reason)
    standing = instance_hours(context, _present(context), end_utc=end) * price
    return Verdict(rule="budget", is_passed=planned <= standing, reason=reason + _against(planned, standing))


def month_budget_is_kept(context: GuardrailContext) -> Verdict:
    """What the month has cost and what the floor adds to it, until its restore or the month's end, is in the budget."""
    budget, price, so_far = context.limits.max_usd_per_month, context.usd_per_instance_hour, context.cost_so_far
    if budget is None:
        return Verdict(rule="month_budget", is_passed=True, reason="no budget of a month is set")
    if price is None or so_far is None:
        missing = "the price of an instance" if price is None else "what the month has cost so far"
        return Verdict(rule="month_budget", is_passed=False, reason=f"{missing} is not known")
    end = _month_end(so_far.until_utc)
    restores = [item.starts_at_utc for item in context.wanted if item.purpose is ActionPurpose.RESTORE]
    end = min([end, *restores])
    planned = instance_hours(context, _wanted(context), end_utc=end, since_utc=so_far.until_utc) * price
    total = so_far.known_usd + planned
    reason = (
        f"{so_far.until_utc:%B} has cost {so_far.known_usd:.2f} USD until {so_far.until_utc:%Y-%m-%d %H:%MZ} "
        f"({_days(so_far)}), and the floor adds {planned:.2f} USD until {end:%Y-%m-%d %H:%MZ}; "
        f"the budget is {budget:.2f} USD a month"
    )
    if total <= budget and not so_far.unknown_days:
        return Verdict(rule="month_budget", is_passed=True, reason=reason)
    if total <= budget:
        reason += "; without the days of unknown cost nobody can tell"
    standing = instance_hours(context, _present(context), end_utc=end, since_utc=so_far.until_utc) * price
    return Verdict(rule="month_budget", is_passed=planned <= standing, reason=reason + _against(planned, standing))


def instance_hours(
    context: GuardrailContext,
    changes: Iterable[Change],
    *,
    end_utc: datetime,
    since_utc: datetime | None = None,
) -> float:
    """Return the instance-hours from `since_utc`, now by default, to `end_utc`, with `changes` made in their order.

    Of changes whose start has passed the last takes effect now: a push asks for it at the next minute.
    """
    # KEDA's autoscaler goes down to the highest trigger that is left, as a reactive policy does to the floor
    is_floor_alone = context.state.has_reactive_policy or context.state.api is ScalingApi.KEDA
    start, level, hours = min(since_utc or context.now_utc, end_utc), context.state.current_instances, 0.0
    for moment, setting in sorted(changes, key=lambda change: change[0]):
        at = min(max(moment, context.now_utc), end_utc)
        if at > start:
            hours += level * (at - start).total_seconds() / SECONDS_PER_HOUR
            start = at
        level = _after(setting, level, is_floor_alone=is_floor_alone)
    return hours + level * (end_utc - start).total_seconds() / SECONDS_PER_HOUR


def _after(setting: CapacitySetting, level: int, *, is_floor_alone: bool) -> int:
    least, most = setting.min_instances, setting.max_instances
    if is_floor_alone:
        return level if least is None else least
    if setting.desired_instances is not None:
        return setting.desired_instances
    level = level if least is None else max(level, least)
    return level if most is None else min(level, most)


def _wanted(context: GuardrailContext) -> list[Change]:
    return [(action.starts_at_utc, action.setting) for action in context.wanted]


def _present(context: GuardrailContext) -> list[Change]:
    """Return what changes at the target where nothing is pushed; a recurring action is not expanded."""
    return [
        (action.starts_at_utc, action.setting)
        for action in context.state.actions
        if action.starts_at_utc is not None and action.recurrence is None and action.starts_at_utc > context.now_utc
    ]


def _against(planned: float, standing: float) -> str:
    if planned <= standing:
        return f"; what stands at the target would cost {standing:.2f} USD in that time, so this costs no more"
    return ""


def _days(so_far: CostSoFar) -> str:
    counts = {"billed": so_far.billed_days, "estimated": so_far.estimated_days, "of unknown cost": so_far.unknown_days}
    told = [f"{count} day{'s' if count > 1 else ''} {what}" for what, count in counts.items() if count]
    return ", ".join(told) or "it has just begun"


def _month_end(moment: datetime) -> datetime:
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + _LONGEST_MONTH).replace(day=1)
