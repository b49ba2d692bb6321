"""Tasks die and are tried again, among all that may come between; beside the invariants of test_push_state_machine:

1. A second try that ended well leaves nothing unfinished in the ledger, and tried once more changes nothing anywhere.
2. A push whose rollback ended well stands undone.
3. What `explain` says is in force, or may be, is what stands, unless the owner has changed it since anybody looked.
"""

from collections.abc import Callable
from datetime import datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from tests.unit.actuation.fake_cloud import Killed
from tests.unit.actuation.planning import ec2, is_ours, name_of
from tests.unit.actuation.test_push_state_machine import DEATHS, RAISES, Death, Pushing, diff

from headroom.actuation.in_force import in_force_at, in_order
from headroom.actuation.ledger import is_unfinished
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.actuation.taken_back import taken_back
from headroom.reporting.why_minimum import why_in_force

MAY_DIE = st.one_of(st.none(), st.none(), DEATHS)


class TryingAgain(Pushing):
    def __init__(self) -> None:
        super().__init__()
        self.dead_pushes: list[PushRequest] = []
        self.dead_rollbacks: list[RollbackRequest] = []
        self.runs = 0
        self.changed_by_owner: datetime | None = None
        """When the owner's newest change was made, or will come about."""

    @rule(raises=RAISES, death=DEATHS)
    def push_dies(self, raises: dict[int, int], death: Death) -> None:
        asked = self.request_for(raises)
        if self._ends(death, lambda: self._push_again(asked, is_second_try=False)) is None:
            self.dead_pushes.append(asked)

    @precondition(lambda self: self.dead_pushes)
    @rule(death=MAY_DIE)
    def push_is_tried_again(self, death: Death | None) -> None:
        asked = self.dead_pushes[-1]
        ended = self._ends(death, lambda: self._push_again(asked, is_second_try=True))
        if ended is None:
            return
        self.dead_pushes.pop()
        if ended.state in (PushState.VERIFIED, PushState.UNCHANGED):
            self._nothing_is_unfinished()
            self._changes_nothing(lambda: self._push_again(asked, is_second_try=True), PushState.UNCHANGED)

    @rule(death=DEATHS, back=st.integers(1, 4))
    def rollback_dies(self, death: Death, back: int) -> None:
        pushes = self.ledger.pushes("chat-large")
        if not pushes:
            return
        self.runs += 1
        asked = RollbackRequest(
            push_id=pushes[-min(back, len(pushes))],
            diff=diff,
            is_ours=is_ours,
            name_action=name_of,
            run_id=f"manual {self.runs}",
        )
        if self._ends(death, lambda: self._roll_back_again(asked, is_second_try=False)) is None:
            self.dead_rollbacks.append(asked)

    @precondition(lambda self: self.dead_rollbacks)
    @rule(death=MAY_DIE, back=st.integers(1, 3))
    def rollback_is_tried_again(self, death: Death | None, back: int) -> None:
        asked = self.dead_rollbacks[-min(back, len(self.dead_rollbacks))]
        ended = self._ends(death, lambda: self._roll_back_again(asked, is_second_try=True))
        if ended is None:
            return
        self.dead_rollbacks.remove(asked)
        if ended.state is not PushState.ROLLED_BACK:
            return
        was_done_before = any("rolled back" in reason for reason in ended.reasons)
        if not was_done_before:  # else others may be at work
            self._nothing_is_unfinished()
            assert taken_back(asked.push_id, self.ledger) is not None
        self._changes_nothing(lambda: self._roll_back_again(asked, is_second_try=True), PushState.ROLLED_BACK)

    @invariant()
    def what_is_in_force_is_told(self) -> None:
        events = in_order(event for push in self.ledger.pushes("chat-large") for event in self.ledger.events(push))
        found = in_force_at(events, self.cloud.now, is_ours=is_ours)
        if found is None:
            return
        assert why_in_force(found.minimum, found, events).text
        if self.changed_by_owner is None or found.memory.at_utc > self.changed_by_owner:
            assert self.cloud.sizes["MinSize"] in (found.minimum.value, *found.also_possible)

    def owner_changes(self, moment: datetime) -> None:
        self.changed_by_owner = max(moment, self.changed_by_owner or moment)

    def _push_again(self, asked: PushRequest, *, is_second_try: bool) -> PushOutcome:
        target, now = ec2(self.cloud), self.cloud.now
        return push_fleet(
            asked, target=target, ledger=self.ledger, locks=self.locks, now_utc=now, is_second_try=is_second_try
        )

    def _roll_back_again(self, asked: RollbackRequest, *, is_second_try: bool) -> PushOutcome:
        target, now = ec2(self.cloud), self.cloud.now
        return rollback_push(
            asked, target=target, ledger=self.ledger, locks=self.locks, now_utc=now, is_second_try=is_second_try
        )

    def _ends(self, death: Death | None, work: Callable[[], PushOutcome]) -> PushOutcome | None:
        """Return how the work ended, None where it died first."""
        first = len(self.cloud.calls)

        def die(number: int, _operation: str) -> None:
            if death is not None and number == first + death.at_call:
                self.store.is_dead = True
                raise Killed

        setattr(self.cloud, "after_call" if death is not None and death.is_after else "on_call", die)
        try:
            return work()
        except Killed:
            return None
        finally:
            self.store.is_dead = False
            self._nothing_happens()

    def _changes_nothing(self, work: Callable[[], PushOutcome], state: PushState) -> None:
        writes, files = len(self.cloud.write_calls), len(self.store.files)
        assert work().state is state
        assert (len(self.cloud.write_calls), len(self.store.files)) == (writes, files)

    def _nothing_is_unfinished(self) -> None:
        pushes = self.ledger.pushes("chat-large")
        assert not any(is_unfinished(self.ledger.states(push_id)) for push_id in pushes)


TestTryingAgain = TryingAgain.TestCase
TestTryingAgain.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
