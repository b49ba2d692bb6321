"""What a person reads before they approve, in Markdown: diff, cost, risk and replay. Pure.

Names and reasons, which others chose, stand in code spans; the table has none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from headroom.actuation.shown import Purpose, Shown
from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast, bought_level
from headroom.domain.fleet import Fleet
from headroom.domain.foreign_text import code_span
from headroom.domain.scaling import CapacitySetting, PresentAction
from headroom.pipelines.plan_costs import describe_estimate
from headroom.pipelines.replay_record import ReplayRecord
from headroom.units import HOURS_PER_DAY

_BAND = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBefore:
    """Who approved the request before this one, when, and what had moved since they were shown it."""

    by: str
    at_utc: str
    moved: tuple[str, ...]


def approval_body(
    fleet: Fleet,
    plan: Mapping[str, Any],
    result: Mapping[str, Any],
    shown: Shown,
    *,
    forecast: DemandForecast | None,
    replay: ReplayRecord | None,
    asked_before: AskedBefore | None = None,
) -> str:
    """Return the request; `result` is that of the push that waits, `shown` what it would do to which target."""
    lines = [*_moved_lines(asked_before), *_target_lines(fleet, plan, result, shown), "", *_diff_lines(result, shown)]
    if shown.purpose is Purpose.PLAN:
        lines += ["", "**Cost.** " + f"{describe_estimate(plan['estimate'], plan['instance_type'])}.", ""]
        lines += ["**Risk.** " + " ".join(_risk_sentences(fleet, plan, forecast)), ""]
        lines += ["**Replay.** " + _replay_sentence(fleet, shown, replay), ""]
        lines += ["**Checks.**"]
    lines += ["", *(f"- {check['rule']}: {code_span(check['reason'])}" for check in result["verdicts"])]
    return "\n".join(lines)


def _moved_lines(asked_before: AskedBefore | None) -> list[str]:
    if asked_before is None:
        return []
    who = f"{code_span(asked_before.by)} approved at {asked_before.at_utc[:16]}Z"
    return [
        f"**Asked again.** {who}; nothing was written, because since it was shown:",
        "",
        *(f"- {code_span(sentence)}" for sentence in asked_before.moved),
        "",
    ]


def _target_lines(fleet: Fleet, plan: Mapping[str, Any], result: Mapping[str, Any], shown: Shown) -> list[str]:
    at = f"Fleet **{fleet.id}** ({fleet.target.kind} {code_span(fleet.target.name)})"
    now = f"At {shown.read_at_utc:%Y-%m-%d %H:%M}Z the target stood at {_words(shown.setting)}"
    now += f", set to {shown.current_instances} instances."
    if shown.purpose is Purpose.WITHDRAWAL:
        reasons = "; ".join(result["reasons"])
        return [f"{at} is paused: {code_span(reasons)}.", now, "", "Take back our pending actions, but for the last?"]
    return [f"{at}, plan {code_span(plan['plan_id'])}.", f"Sized by {code_span(plan['sizing_method'])}.", now]


def _diff_lines(result: Mapping[str, Any], shown: Shown) -> list[str]:
    lines = ["| start (UTC) | min | max | desired | why | change |", "| --- | --- | --- | --- | --- | --- |"]
    for change in ("create", "replace", "keep"):
        lines += [
            f"| {item['starts_at_utc'][:16]} | {_cell(item['min_instances'])} | {_cell(item['max_instances'])} "
            f"| {_cell(item['desired_instances'])} | {item['purpose']} | {change} |"
            for item in result[change]
        ]
    return lines + [_deleted_row(action) for action in shown.deleted]


def _deleted_row(action: PresentAction) -> str:
    setting, start = action.setting, action.starts_at_utc
    when = "" if start is None else f"{start:%Y-%m-%dT%H:%M}"
    sizes = (setting.min_instances, setting.max_instances, setting.desired_instances)
    return f"| {when} | {' | '.join(map(_cell, sizes))} | no longer wanted | delete |"


def _risk_sentences(fleet: Fleet, plan: Mapping[str, Any], forecast: DemandForecast | None) -> list[str]:
    level, objective = bought_level(fleet.critical_ratio), fleet.objective
    sized = (
        f"It buys for demand up to q{100 * level:g} of the minutes: in about {1 - level:.1%} of them more is expected "
        f"to come than it is sized for; up to that, {objective.percentile:g} % of requests or more keep the objective."
    )
    sentences = [sized]
    if plan["short_of_capacity"]:
        sentences.append(f"{code_span(plan['short_of_capacity'])}.")
    if forecast is not None:
        sentences.append(_band_sentence(forecast))
    if fleet.spot.max_fraction > 0:
        sentences.append(
            f"Up to {fleet.spot.max_fraction:.0%} of the instances may be spot, which can be interrupted; the accepted "
            f"chance of being short by that is {fleet.spot.risk_budget_fraction:.1%}."
        )
    else:
        sentences.append("None of the instances may be spot.")
    return sentences


def _band_sentence(forecast: DemandForecast) -> str:
    peaks = forecast.peak_quantiles_per_second[:HOURS_PER_DAY]
    low, middle, high = (QUANTILE_LEVELS.index(level) for level in _BAND)
    hour = int(np.argmax(peaks[:, middle]))
    at = forecast.hours[hour].astype("datetime64[m]").item()
    return (
        f"In the busiest hour of the next day, {at:%Y-%m-%d %H:%M}Z, demand is forecast to peak at "
        f"{peaks[hour, middle]:,.4g} a second, between {peaks[hour, low]:,.4g} and {peaks[hour, high]:,.4g} in 8 of 10 "
        "such hours; how often it came inside the band lately is among the checks (forecast_in_band)."
    )


def _replay_sentence(fleet: Fleet, shown: Shown, replay: ReplayRecord | None) -> str:
    if replay is None:
        return (
            f"No replay of this fleet has been run yet: trigger the DAG `replay_policies` with fleet `{fleet.id}`, a "
            "start and an end, and its figures stand here the next time."
        )
    ours = "headroom_reactive" if shown.has_reactive_policy else "headroom"
    return (
        f"Over {replay.from_utc:%Y-%m-%d %H:%M}Z to {replay.to_utc:%Y-%m-%d %H:%M}Z {replay.describe(ours)}; "
        f"{replay.describe(_present_policy(shown))}, which is what the fleet has today. {code_span(replay.page)}"
    )


def _present_policy(shown: Shown) -> str:
    """Return the incumbent of the replay that is what scales the target without us."""
    if shown.has_predictive_policy:
        return "aws_predictive"
    return "target_tracking" if shown.has_reactive_policy else "static_peak"


def _words(setting: CapacitySetting) -> str:
    sizes = (("minimum", setting.min_instances), ("maximum", setting.max_instances))
    return ", ".join(f"{name} {size}" for name, size in sizes if size is not None)


def _cell(count: int | None) -> str:
    return "" if count is None else str(count)
