"""What came of a push or rollback, for reports, the command line and the tasks' summaries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from headroom.actuation.lock import LOCK_RULE
from headroom.actuation.records import action_record
from headroom.actuation.shown import Shown
from headroom.actuation.target import ActionFailure, WriteCall
from headroom.domain.scaling import ActionDiff, TargetState, Verdict

OVERDUE_AFTER: Final = timedelta(minutes=3)
"""AWS runs a scheduled action up to 2 minutes late; one that still stands after that was not run."""


class PushState(StrEnum):
    """How a push ended."""

    OBSERVED = "observed"
    """The fleet's mode is observe: nothing was even looked at."""
    DRY_RUN = "dry_run"
    PLANNED = "planned"
    """The window is past or overtaken: what would have been pushed is in the ledger."""
    RECOMMENDED = "recommended"
    AWAITING_APPROVAL = "awaiting_approval"
    REJECTED = "rejected"
    PAUSED = "paused"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    VERIFIED = "verified"
    VERIFICATION_FAILED = "verification_failed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


_REFUSALS = frozenset(
    {
        PushState.OBSERVED,
        PushState.PLANNED,
        PushState.RECOMMENDED,
        PushState.AWAITING_APPROVAL,
        PushState.REJECTED,
        PushState.PAUSED,
        PushState.REFUSED,
    },
)
_FAILURES = frozenset({PushState.VERIFICATION_FAILED, PushState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOutcome:
    """`diff` is None where the target was not read; `reasons` say in words why it ended as it did."""

    fleet_id: str
    push_id: str
    state: PushState
    diff: ActionDiff | None = None
    verdicts: tuple[Verdict, ...] = ()
    reasons: tuple[str, ...] = ()
    failures: tuple[ActionFailure, ...] = ()
    write_calls: int = 0
    overdue: tuple[str, ...] = ()
    """Actions of ours that stood at the target although their time had come and gone, by name."""
    shown: Shown | None = None
    """What a person is to be asked about; None where nobody is."""
    moved: tuple[str, ...] = ()
    """Why an approval did not hold: what had moved since it was shown. Nothing was written then."""
    whole: Mapping[str, Sequence[str]] | None = None
    """By change, the names of the actions that the push changed in all, where an earlier try of it had begun to write;
    None where this one alone did, and `diff` says it."""

    @property
    def is_refused(self) -> bool:
        """Whether mode, pause, guardrail or a window that is past kept it back (the command line's exit 3)."""
        return self.state in _REFUSALS

    @property
    def lacks_lock(self) -> bool:
        """Whether another push or rollback had the fleet's lock, or had it meanwhile."""
        return any(verdict.rule == LOCK_RULE and not verdict.is_passed for verdict in self.verdicts)

    @property
    def is_failed(self) -> bool:
        """Whether something failed at the cloud (the command line's exit 4)."""
        return self.state in _FAILURES

    def summary(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "fleet_id": self.fleet_id,
            "push_id": self.push_id,
            "state": self.state.value,
            "reasons": list(self.reasons),
            "verdicts": verdict_records(self.verdicts),
            "failures": failure_records(self.failures),
            "write_calls": self.write_calls,
            "overdue": list(self.overdue),
            "shown": self.shown.digest if self.shown else None,
            "moved": list(self.moved),
            **self._whole_record(),
            **diff_record(self.diff),
        }

    def _whole_record(self) -> dict[str, Any]:
        """Return what all tries changed; nothing where that is nothing, as where the earlier one only withdrew."""
        whole = {change: list(names) for change, names in (self.whole or {}).items()}
        return {"whole": whole} if any(whole.values()) else {}


def overdue_actions(state: TargetState, *, is_ours: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the names of our one-time actions that stand although they should have run by now."""
    return tuple(
        sorted(
            action.name
            for action in state.actions
            if is_ours(action.name)
            and action.recurrence is None
            and action.starts_at_utc is not None
            and action.starts_at_utc < state.read_at_utc - OVERDUE_AFTER
        ),
    )


def diff_record(diff: ActionDiff | None) -> dict[str, Any]:
    """Return a diff as JSON: what it creates, replaces, deletes, keeps, sees of others, and cannot have."""
    if diff is None:
        return {"create": [], "replace": [], "delete": [], "keep": [], "foreign": [], "refused": []}
    return {
        "create": [action_record(action) for action in diff.create],
        "replace": [action_record(action) for action in diff.replace],
        "delete": [action.name for action in diff.delete],
        "keep": [action_record(action) for action in diff.keep],
        "foreign": [action.name for action in diff.foreign],
        "refused": [{**action_record(action), "reason": reason} for action, reason in diff.refused],
    }


def verdict_records(verdicts: tuple[Verdict, ...]) -> list[dict[str, Any]]:
    """Return verdicts as JSON; one by a limit that was loosened says in `loosened` from what to what."""
    return [
        {
            "rule": verdict.rule,
            "is_passed": verdict.is_passed,
            "reason": verdict.reason,
            **({"loosened": verdict.loosened} if verdict.loosened else {}),
        }
        for verdict in verdicts
    ]


def call_records(calls: tuple[WriteCall, ...]) -> list[dict[str, Any]]:
    """Return write calls as JSON, each with the id by which AWS and CloudTrail know it."""
    return [{"operation": call.operation, "request_id": call.request_id, "actions": list(call.names)} for call in calls]


def failure_records(failures: tuple[ActionFailure, ...]) -> list[dict[str, Any]]:
    """Return failures as JSON."""
    return [{"name": failure.name, "reason": failure.reason} for failure in failures]
