"""Whatever was pushed, rolled back, edited or killed: what the ledger tells stands there, or is named as possible.

What the owner did since anybody looked is out of reach; the next look tells of it.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from tests.unit.actuation.planning import is_ours
from tests.unit.actuation.test_push_state_machine import OWNERS, Pushing

from headroom.actuation.in_force import in_force_at


class Telling(Pushing):
    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.is_owner_ahead = False

    @rule(low=OWNERS)
    def owner_edits(self, low: int) -> None:
        super().owner_edits(low)
        self.is_owner_ahead = True

    @rule(low=OWNERS, in_minutes=st.integers(7, 600))
    def owner_schedules(self, low: int, in_minutes: int) -> None:
        super().owner_schedules(low, in_minutes)
        self.is_owner_ahead = True

    @invariant()
    def the_ledger_tells_what_stands(self) -> None:
        events = [event for push_id in self.ledger.pushes("chat-large") for event in self.ledger.events(push_id)]
        looks = sum("memory" in event.detail and event.state != "confirmed" for event in events)
        if looks > self.looks:
            self.looks, self.is_owner_ahead = looks, False
        found = in_force_at(events, self.cloud.now, is_ours=is_ours)
        assert (found is None) == (looks == 0)
        if found is not None and not self.is_owner_ahead:
            assert self.cloud.sizes["MinSize"] in (found.minimum.value, *found.also_possible)
            assert self.cloud.sizes["MaxSize"] == found.maximum.value == 20


TestTelling = Telling.TestCase
TestTelling.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


def test_a_plan_that_comes_back_within_the_minute_is_told_after_the_one_between() -> None:
    telling = Telling()
    for raises in ({2: 8}, {1: 8}, {2: 8}):
        telling.push(mishap=None, raises=raises)
    telling.clock_jumps(hours=1)
    telling.the_ledger_tells_what_stands()
    telling.clock_jumps(hours=1)
    telling.the_ledger_tells_what_stands()
