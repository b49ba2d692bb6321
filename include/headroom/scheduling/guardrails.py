"""The rules a push must pass: each a small pure function that says in a sentence what it found.

The fleet's mode is not among them: mode says whether Headroom may act at a fleet at all,
the guardrails whether this plan would be safe to act on, which a recommendation wants to know as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from headroom.domain.change_freeze import frozen_until
from headroom.domain.fleet import NO_STEP_LIMITS
from headroom.domain.scaling import Action, ActionPurpose, ScalingApi, Verdict
from headroom.scheduling.budgets import day_budget_is_kept, month_budget_is_kept
from headroom.scheduling.conflicts import find_conflicts
from headroom.scheduling.estimated_throughput import throughput_is_plausible
from headroom.scheduling.guardrail_context import GuardrailContext
from headroom.scheduling.guardrail_limits import Loosening
from headroom.scheduling.quota import SCHEDULED_ACTIONS_PER_TARGET, kept_free
from headroom.units import SECONDS_PER_HOUR

Rule = Callable[[GuardrailContext], Verdict]
_TIME: Final = "%Y-%m-%d %H:%MZ"


def check_guardrails(context: GuardrailContext) -> tuple[Verdict, ...]:
    """Return what every rule says, in a fixed order; a plan is safe to push when all have passed.

    A verdict by a limit that configuration has loosened says so, whatever it is.
    """
    return tuple(_with_loosening(rule(context), context.loosened) for rule in RULES)


def _with_loosening(verdict: Verdict, loosened: Sequence[Loosening]) -> Verdict:
    texts = [item.text for item in loosened if RULE_OF_LIMIT[item.limit] == verdict.rule]
    if not texts:
        return verdict
    told = ", ".join(texts)
    return replace(verdict, reason=f"{verdict.reason} ({told})", loosened=told)


def kill_switch(context: GuardrailContext) -> Verdict:
    """Nothing is pushed while a kill switch is thrown."""
    if context.kill_switch is None:
        return Verdict(rule="kill_switch", is_passed=True, reason="no kill switch is thrown")
    return Verdict(rule="kill_switch", is_passed=False, reason=f"the kill switch is thrown: {context.kill_switch}")


def window_is_newest(context: GuardrailContext) -> Verdict:
    """A past window's run only records: a later one plans from more."""
    age_seconds = (context.now_utc - context.window.end_utc).total_seconds()
    if age_seconds < 0:
        reason = f"the window ends at {context.window.end_utc:{_TIME}}, after now ({context.now_utc:{_TIME}})"
        return Verdict(rule="window", is_passed=False, reason=reason)
    is_passed = age_seconds <= context.limits.max_window_age_seconds
    reason = f"the window ended {_hours(age_seconds)} before now ({context.now_utc:{_TIME}})"
    if not is_passed:
        reason += f", more than {_hours(context.limits.max_window_age_seconds)}: it only records"
    return Verdict(rule="window", is_passed=is_passed, reason=reason)


def data_is_fresh(context: GuardrailContext) -> Verdict:
    """The newest demand sample is no older than the limit."""
    newest, limit = context.newest_sample_utc, context.limits.max_sample_age_seconds
    if newest is None:
        return Verdict(rule="data_fresh", is_passed=False, reason="no demand was seen at all")
    age_seconds = (context.now_utc - newest).total_seconds()
    is_passed = age_seconds <= limit
    reason = f"the newest demand sample is of {newest:{_TIME}}, {_hours(age_seconds)} ago"
    reason += "" if is_passed else f", more than {_hours(limit)}: see whether extract_utilization runs"
    return Verdict(rule="data_fresh", is_passed=is_passed, reason=reason)


def data_is_complete(context: GuardrailContext) -> Verdict:
    """Enough of the samples are there that the forecast is of demand and not of gaps."""
    seen, expected, least = context.samples_seen, context.samples_expected, context.limits.min_samples_fraction
    is_passed = expected > 0 and seen >= least * expected
    reason = f"{seen} of {expected} recent samples were seen"
    reason += "" if is_passed else f", fewer than {least:.0%}"
    return Verdict(rule="data_complete", is_passed=is_passed, reason=reason)


def forecast_is_current(context: GuardrailContext) -> Verdict:
    """There is a forecast, made lately, that reaches as far as the actions do."""
    forecast = context.forecast
    if forecast is None:
        return Verdict(rule="forecast_current", is_passed=False, reason="there is no forecast")
    age_seconds = (context.now_utc - forecast.made_at_utc).total_seconds()
    if age_seconds > context.limits.max_forecast_age_seconds:
        reason = f"the forecast is of {forecast.made_at_utc:{_TIME}}, {_hours(age_seconds)} old"
        return Verdict(rule="forecast_current", is_passed=False, reason=reason)
    ends_at = forecast.made_at_utc + timedelta(hours=len(forecast.hours))
    late = [action for action in _steps(context.wanted) if action.starts_at_utc >= ends_at]
    if late:
        reason = f"the forecast ends at {ends_at:{_TIME}}, before {late[0].name} starts"
        return Verdict(rule="forecast_current", is_passed=False, reason=reason)
    reason = f"the forecast of {forecast.made_at_utc:{_TIME}} reaches to {ends_at:{_TIME}}"
    return Verdict(rule="forecast_current", is_passed=True, reason=reason)


def forecast_is_in_band(context: GuardrailContext) -> Verdict:
    """Lately, demand came inside the forecast's own error band often enough for its quantiles to mean something."""
    judged, inside = context.hours_judged, context.hours_inside_band
    if judged < context.limits.min_hours_judged:
        reason = f"only {judged} forecast hours can be judged yet, of {context.limits.min_hours_judged} needed"
        return Verdict(rule="forecast_in_band", is_passed=True, reason=reason)
    is_passed = inside >= context.limits.min_band_fraction * judged
    reason = f"demand came inside the forecast's band in {inside} of {judged} recent hours"
    reason += "" if is_passed else f", fewer than {context.limits.min_band_fraction:.0%}: the forecast has lost its way"
    return Verdict(rule="forecast_in_band", is_passed=is_passed, reason=reason)


def target_is_active(context: GuardrailContext) -> Verdict:
    """Scheduled actions at the target run: missed ones are not made up for."""
    if context.state.is_scheduled_scaling_suspended:
        reason = "scheduled scaling is suspended at the target; actions put there would be missed"
        return Verdict(rule="target_active", is_passed=False, reason=reason)
    return Verdict(rule="target_active", is_passed=True, reason="scheduled scaling is active at the target")


def other_policies(context: GuardrailContext) -> Verdict:
    """Which other policies scale the target; the actions were made for what was seen, and must still fit it."""
    state = context.state
    names = [
        name
        for name, is_there in (("reactive", state.has_reactive_policy), ("predictive", state.has_predictive_policy))
        if is_there
    ]
    sets_desired = any(action.setting.desired_instances is not None for action in _steps(context.wanted))
    if state.has_reactive_policy and sets_desired:
        reason = "the plan sets desired instances, but a reactive policy scales the target since: plan again"
        return Verdict(rule="other_policies", is_passed=False, reason=reason)
    is_mute = state.api is ScalingApi.EC2_AUTO_SCALING and not state.has_reactive_policy and not sets_desired
    if is_mute and _steps(context.wanted):
        reason = "the plan trusts a reactive policy to scale in, but there is none any more: plan again"
        return Verdict(rule="other_policies", is_passed=False, reason=reason)
    reason = f"{' and '.join(names)} scaling stays in force above our floor" if names else "no other policy scales it"
    return Verdict(rule="other_policies", is_passed=True, reason=reason)


def actions_are_inside_bounds(context: GuardrailContext) -> Verdict:
    """Every step lies inside the owner's bounds and is consistent in itself; the restore is the owner's own."""
    bounds = context.fleet.bounds
    for action in _steps(context.wanted):
        setting = action.setting
        asked = [count for count in (setting.min_instances, setting.desired_instances) if count is not None]
        is_outside = any(not bounds.min_instances <= count <= bounds.max_instances for count in asked)
        most = setting.max_instances
        if is_outside or (most is not None and any(count > most for count in asked)):
            reason = f"{action.name} asks for {asked} instances, maximum {most}; the bounds are {_bounds(context)}"
            return Verdict(rule="bounds", is_passed=False, reason=reason)
    return Verdict(rule="bounds", is_passed=True, reason=f"all actions lie inside {_bounds(context)}")


def steps_are_small(context: GuardrailContext) -> Verdict:
    """No action moves the floor further than the fleet's step limits, from what stands at the target on.

    Of actions whose start has passed only the last is pushed; what stands outside the bounds may come to them at once.
    """
    limits, bounds = context.fleet.step_limits, context.fleet.bounds
    if limits == NO_STEP_LIMITS:
        return Verdict(rule="step_size", is_passed=True, reason="no step limit is set")
    before = min(max(context.state.instances_without_us, bounds.min_instances), bounds.max_instances)
    steps = sorted(_steps(context.wanted), key=lambda action: action.starts_at_utc)
    is_past = [action.starts_at_utc <= context.now_utc for action in steps]
    for action in steps[max(sum(is_past) - 1, 0) :]:
        level = action.setting.min_instances or 0
        limit = limits.max_raise_instances if level > before else limits.max_lowering_instances
        if limit is not None and abs(level - before) > limit:
            reason = f"{action.name} goes from {before} to {level} instances at once; the fleet's step limit is {limit}"
            return Verdict(rule="step_size", is_passed=False, reason=reason)
        before = level
    return Verdict(rule="step_size", is_passed=True, reason="no action changes the floor by more than the step limits")


def quota_is_kept(context: GuardrailContext) -> Verdict:
    """The target takes all actions, and leaves the owner room to add some by hand."""
    quota = SCHEDULED_ACTIONS_PER_TARGET[context.state.api]
    reserve = kept_free(context.state.api, context.limits.reserved_actions)
    ours = len(context.diff.create) + len(context.diff.replace) + len(context.diff.keep)
    foreign = len(context.diff.foreign)
    is_passed = not ours or ours + foreign + reserve <= quota
    reason = f"{ours} actions of ours and {foreign} of others, {quota} allowed, {reserve} kept free"
    return Verdict(rule="quota", is_passed=is_passed, reason=reason)


def actions_can_be_had(context: GuardrailContext) -> Verdict:
    """No wanted action was refused when compared with the target."""
    if not context.diff.refused:
        return Verdict(
            rule="actions_available", is_passed=True, reason="every wanted action has a start time of its own"
        )
    action, why = context.diff.refused[0]
    more = f" (and {len(context.diff.refused) - 1} more)" if len(context.diff.refused) > 1 else ""
    return Verdict(rule="actions_available", is_passed=False, reason=f"{action.name} cannot be had: {why}{more}")


def baseline_is_given_back(context: GuardrailContext) -> Verdict:
    """The last action gives the fleet back to its owner, so that nothing of ours stays when Headroom stops."""
    last = max(context.wanted, key=lambda action: action.starts_at_utc, default=None)
    if last is None or last.purpose is ActionPurpose.RESTORE:
        reason = "nothing is to be changed" if last is None else f"{last.name} gives the baseline back"
        return Verdict(rule="restore", is_passed=True, reason=reason)
    return Verdict(rule="restore", is_passed=False, reason=f"{last.name} comes last and does not restore the baseline")


def foreign_actions_agree(context: GuardrailContext) -> Verdict:
    """No scheduled action of somebody else works against ours, nor ours against theirs."""
    conflicts = find_conflicts(context.wanted, context.diff.foreign, state=context.state, now_utc=context.now_utc)
    if conflicts:
        more = f" (and {len(conflicts) - 1} more)" if len(conflicts) > 1 else ""
        return Verdict(rule="foreign_actions", is_passed=False, reason=conflicts[0] + more)
    count = len(context.diff.foreign)
    return Verdict(
        rule="foreign_actions", is_passed=True, reason=f"none of {count} actions of others works against ours"
    )


def no_freeze_holds(context: GuardrailContext) -> Verdict:
    """No change freeze of the owner's holds now; what stands at the target, its restore included, stays."""
    frozen = frozen_until(context.limits.freezes, context.now_utc)
    if frozen is None:
        return Verdict(rule="change_freeze", is_passed=True, reason="no change freeze is in force")
    why, until = frozen
    reason = f"a change freeze is in force until {until:{_TIME}}: {why}; what stands at the target stays"
    return Verdict(rule="change_freeze", is_passed=False, reason=reason)


RULES: Final[tuple[Rule, ...]] = (
    kill_switch,
    window_is_newest,
    data_is_fresh,
    data_is_complete,
    forecast_is_current,
    forecast_is_in_band,
    target_is_active,
    other_policies,
    actions_are_inside_bounds,
    steps_are_small,
    quota_is_kept,
    actions_can_be_had,
    baseline_is_given_back,
    foreign_actions_agree,
    day_budget_is_kept,
    month_budget_is_kept,
    no_freeze_holds,
    throughput_is_plausible,
)
RULE_OF_LIMIT: Final = {
    "max_sample_age_seconds": "data_fresh",
    "min_samples_fraction": "data_complete",
    "max_forecast_age_seconds": "forecast_current",
    "min_hours_judged": "forecast_in_band",
    "min_band_fraction": "forecast_in_band",
    "max_window_age_seconds": "window",
    "max_usd_per_day": "budget",
    "max_usd_per_month": "month_budget",
    "reserved_actions": "quota",
    "min_peak_fraction": "throughput",
    "max_peak_multiple": "throughput",
    "freezes": "change_freeze",
}
"""The rule that each limit is read by."""


def _steps(actions: Sequence[Action]) -> list[Action]:
    return [action for action in actions if action.purpose is not ActionPurpose.RESTORE]


def _bounds(context: GuardrailContext) -> str:
    return f"{context.fleet.bounds.min_instances} to {context.fleet.bounds.max_instances} instances"


def _hours(seconds: float) -> str:
    return f"{seconds / SECONDS_PER_HOUR:.1f} h"
