"""What is asked of a push."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from headroom.actuation.ledger import plan_push_id
from headroom.actuation.write import DiffFunction, IsOurs
from headroom.domain.fleet import Fleet, Mode
from headroom.domain.scaling import Action, ActionDiff, TargetState, Verdict

Guardrails = Callable[[TargetState, ActionDiff], tuple[Verdict, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """The actions a plan wants to stand at one fleet's target, and the rules they are judged by.

    `wanted` holds every action of the plan, the restore last; none means that nothing of ours is to stand there.
    `diff`, `is_ours` and `guardrails` are the scheduling's, passed in, since actuation decides nothing about plans.
    `approved_by` or `rejected_by` says who answered about exactly this plan, where the fleet's mode asks for it, and
    `answer_note` why; an empty `rejected_by` means that nobody answered in time.
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

    @property
    def push_id(self) -> str:
        """Equal for equal fleet, window and actions, so that running a window again is the same push."""
        return plan_push_id(self.fleet.id, window_end_utc=self.window_end_utc, wanted=self.wanted)

    @property
    def is_allowed_to_write(self) -> bool:
        """Whether the mode lets it touch the target: auto, or approve with an approval."""
        return self.fleet.mode is Mode.AUTO or (self.fleet.mode is Mode.APPROVE and self.approved_by is not None)
