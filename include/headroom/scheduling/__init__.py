"""Required capacity -> schedule -> fewest safe actions, their diff and guardrails; pure."""

from headroom.scheduling.actions import actions_for
from headroom.scheduling.diff import apply_diff, diff_actions
from headroom.scheduling.fleet_schedule import FleetSchedule, schedule_for
from headroom.scheduling.floor import floor_at, hourly_floor, mean_floor
from headroom.scheduling.guardrail_context import CostSoFar, GuardrailContext
from headroom.scheduling.guardrail_limits import GuardrailLimits, Loosening, limits_for, loosened_limits
from headroom.scheduling.guardrails import check_guardrails
from headroom.scheduling.names import action_name, is_ours, parse_action_name
from headroom.scheduling.quota import SCHEDULED_ACTIONS_PER_TARGET, actions_available, max_changes
from headroom.scheduling.replicas import reachable_bounds
from headroom.scheduling.schedule import ScheduleImpossibleError, earliest_start, schedule_capacity

__all__ = [
    "SCHEDULED_ACTIONS_PER_TARGET",
    "CostSoFar",
    "FleetSchedule",
    "GuardrailContext",
    "GuardrailLimits",
    "Loosening",
    "ScheduleImpossibleError",
    "action_name",
    "actions_available",
    "actions_for",
    "apply_diff",
    "check_guardrails",
    "diff_actions",
    "earliest_start",
    "floor_at",
    "hourly_floor",
    "is_ours",
    "limits_for",
    "loosened_limits",
    "max_changes",
    "mean_floor",
    "parse_action_name",
    "reachable_bounds",
    "schedule_capacity",
    "schedule_for",
]
