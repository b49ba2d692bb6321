"""What is asked of a push."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from headroom.actuation.moved import what_moved
from headroom.actuation.push_ids import plan_push_id
from headroom.actuation.shown import Shown
from headroom.actuation.write import DiffFunction, IsOurs
from headroom.domain.fleet import Fleet, Mode
from headroom.domain.scaling import Action, ActionDiff, TargetState, Verdict

Guardrails = Callable[[TargetState, ActionDiff], tuple[Verdict, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """The actions a plan wants to stand at one fleet's target, and the rules they are judged by.

    `wanted` holds every action of the plan, the restore last; none means that nothing of ours is to stand there.
    `diff`, `is_ours` and `guardrails` are the scheduling's, passed in, since actuation decides nothing about plans.
    `approved_by` or `rejected_by` says who answered, where the fleet's mode asks for it, and `answer_note` why; an
    empty `rejected_by` means that nobody answered in time. `shown` is what they were shown, None where that is not on
    record; `planned_usd_per_day` is the plan's estimate, to be shown beside it.
    """

    fleet: Fleet
    window_end_utc: datetime
    wanted: tuple[Action, ...]
    diff: DiffFunction
    is_ours: IsOurs
    guardrails: Guardrails
    plan_id: str = ""
    inputs_hash: str = ""
    approved_by: str | None = None
    rejected_by: str | None = None
    answer_note: str = ""
    shown: Shown | None = None
    planned_usd_per_day: float | None = None

    @property
    def push_id(self) -> str:
        """Equal for equal fleet, window and actions, so that running a window again is the same push."""
        return plan_push_id(self.fleet.id, window_end_utc=self.window_end_utc, wanted=self.wanted)

    @property
    def is_allowed_to_write(self) -> bool:
        """Whether the mode lets it touch the target: auto, or approve with an approval."""
        return self.fleet.mode is Mode.AUTO or (self.fleet.mode is Mode.APPROVE and self.approved_by is not None)

    @property
    def is_asked_about(self) -> bool:
        """Whether a person is yet to be asked: their answer is needed, and this request carries none."""
        return self.fleet.mode is Mode.APPROVE and self.approved_by is None and self.rejected_by is None

    @property
    def is_rejected(self) -> bool:
        """Whether a person who is to be asked, or nobody in time, has said no."""
        return self.fleet.mode is Mode.APPROVE and self.rejected_by is not None

    def moved_since_approval(self, now: Shown) -> tuple[str, ...]:
        """Return why an approval does not hold for what would be written `now`; none where nobody had to approve."""
        if self.fleet.mode is not Mode.APPROVE or self.approved_by is None:
            return ()
        if self.shown is None:
            return ("what was approved is not on record",)
        return what_moved(self.shown, now, is_ours=self.is_ours)
