"""Random interleavings of pushes, rollbacks, owner edits, clock jumps, foreign actions and deaths never break this:

1. Foreign actions are exactly what the owner made them.
2. The baseline in the ledger holds only values the owner set, never one of ours.
3. While any action of ours stands, the latest of them takes back every minimum of ours.
4. A push that ended well, run again, makes no write call and adds nothing to the ledger.
5. Whenever Headroom stops, the minimum three days later is one the owner set.
6. After a push that ended well, no earlier one stands half done in the ledger: each says what became of it.
"""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.actuation.fake_cloud import Killed, MemoryStore, minutes
from tests.unit.actuation.planning import action, add_foreign, ec2, group, is_ours, name_of, request

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.ledger import Ledger, is_unfinished
from headroom.actuation.lock import Locks
from headroom.actuation.observe import observe_target
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.domain.scaling import ActionPurpose
from headroom.scheduling.diff import diff_actions

OWNERS = st.integers(1, 6)
OURS = st.integers(8, 15)
DEATHS = st.one_of(st.none(), st.integers(1, 12))
HORIZON = timedelta(hours=30)


class Pushing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cloud = group()
        self.store = MemoryStore()
        self.ledger = Ledger(self.store)
        self.locks = Locks(store=self.store, clock=lambda: self.cloud.now)
        self.foreign: dict[str, object] = {}
        self.last_intent: str | None = None

    def _with_death(self, call_number: int | None, is_after: bool) -> None:  # noqa: FBT001, a test's own
        first = len(self.cloud.calls)

        def kill(number: int, _operation: str) -> None:
            if call_number is not None and number == first + call_number:
                raise Killed

        self.cloud.on_call = (lambda _n, _o: None) if is_after else kill
        self.cloud.after_call = kill if is_after else (lambda _n, _o: None)

    def _push(self, raises: dict[int, int]) -> PushOutcome:
        target, now = ec2(self.cloud), self.cloud.now
        found = observe_target(target, self.ledger, is_ours=is_ours, now_utc=now)
        baseline = found.baseline.setting
        hour = now.replace(minute=0)
        wanted = tuple(action(hour + timedelta(hours=at), low, baseline.max_instances) for at, low in raises.items())
        restore = action(
            hour + HORIZON,
            baseline.min_instances,
            baseline.max_instances,
            purpose=ActionPurpose.RESTORE,
        )
        asked = replace(
            request((*wanted, restore) if wanted else (), window_end=hour),
            diff=partial(diff_actions, deployment="test", fleet_id="chat-large", now_utc=now),
        )
        return push_fleet(asked, target=target, ledger=self.ledger, locks=self.locks, now_utc=now)

    @rule(raises=st.dictionaries(st.integers(1, 28), OURS, max_size=4), dies_at=DEATHS, is_after=st.booleans())
    def push(self, raises: dict[int, int], dies_at: int | None, is_after: bool) -> None:  # noqa: FBT001
        self._with_death(dies_at, is_after)
        try:
            outcome = self._push(raises)
        except Killed:
            return
        finally:
            self._with_death(None, is_after=False)
        if outcome.state in (PushState.VERIFIED, PushState.UNCHANGED):
            calls, files = len(self.cloud.write_calls), len(self.ledger_files)
            assert self._push(raises).state is PushState.UNCHANGED
            assert (len(self.cloud.write_calls), len(self.ledger_files)) == (calls, files)
            pushes = self.ledger.pushes("chat-large")
            assert not any(is_unfinished(self.ledger.states(push_id)) for push_id in pushes)

    @rule(dies_at=DEATHS, is_after=st.booleans(), back=st.integers(1, 3))
    def roll_back(self, dies_at: int | None, is_after: bool, back: int) -> None:  # noqa: FBT001
        pushes = self.ledger.pushes("chat-large")
        if not pushes:
            return
        asked = RollbackRequest(
            push_id=pushes[-min(back, len(pushes))],
            diff=partial(diff_actions, deployment="test", fleet_id="chat-large", now_utc=self.cloud.now),
            is_ours=is_ours,
            name_action=name_of,
        )
        self._with_death(dies_at, is_after)
        try:
            now = self.cloud.now
            rollback_push(asked, target=ec2(self.cloud), ledger=self.ledger, locks=self.locks, now_utc=now)
        except Killed:
            pass
        finally:
            self._with_death(None, is_after=False)

    @rule(hours=st.sampled_from([0.02, 0.1, 0.5, 1, 1, 5, 26]))
    def clock_jumps(self, hours: float) -> None:
        self.cloud.advance_to(self.cloud.now + timedelta(hours=hours))
        self.foreign = {name: item for name, item in self.foreign.items() if name in self.cloud.actions}

    @rule(low=OWNERS)
    def owner_edits(self, low: int) -> None:
        self.cloud.sizes |= {"MinSize": low, "DesiredCapacity": low}

    @rule(low=OWNERS, in_minutes=st.integers(7, 600))
    def owner_schedules(self, low: int, in_minutes: int) -> None:
        # Not on a whole hour, where ours may stand: AWS would refuse the owner.
        start = self.cloud.now.replace(second=0) + minutes(in_minutes)
        taken = {item["start"] for item in self.cloud.actions.values()}
        if start.minute != 0 and start not in taken:
            name = add_foreign(self.cloud, start, low=low)
            self.foreign[name] = dict(self.cloud.actions[name])

    @precondition(lambda self: self.memory is not None)
    @rule()
    def owner_confirms(self) -> None:
        confirm_baseline("chat-large", ledger=self.ledger, now_utc=self.cloud.now, confirmed_by="ada")

    @property
    def memory(self) -> object:
        return self.ledger.memory("chat-large", now_utc=self.cloud.now)

    @property
    def ledger_files(self) -> dict[str, object]:
        store: MemoryStore = self.ledger._store  # type: ignore[assignment]  # noqa: SLF001, the test's own store
        return store.files

    @invariant()
    def foreign_actions_are_the_owners(self) -> None:
        assert {name: item for name, item in self.cloud.actions.items() if not is_ours(name)} == self.foreign

    @invariant()
    def the_baseline_is_the_owners(self) -> None:
        baseline = self.ledger.baseline("chat-large", now_utc=self.cloud.now)
        assert baseline is None or baseline.setting.min_instances in range(1, 7)

    @invariant()
    def the_latest_of_ours_gives_back(self) -> None:
        ours = sorted((item["start"], name) for name, item in self.cloud.actions.items() if is_ours(name))
        assert not ours or self.cloud.actions[ours[-1][1]]["sizes"]["MinSize"] in (None, *range(1, 7))

    def teardown(self) -> None:
        self.cloud.advance_to(self.cloud.now + timedelta(days=3))
        assert self.cloud.sizes["MinSize"] in range(1, 7)


TestPushing = Pushing.TestCase
TestPushing.settings = settings(max_examples=120, stateful_step_count=20, deadline=None)
