"""Random interleavings of pushes, rollbacks, owner edits, clock jumps, foreign actions and deaths never break this.

A push may begin inside any call of another push or rollback, at once or after so long that the other's lock is over.

1. Foreign actions are exactly what the owner made them.
2. The baseline in the ledger holds only values the owner set, never one of ours.
3. While any action of ours stands, the latest of them takes back every minimum of ours.
4. A push that ended well, run again, makes no write call and adds nothing to the ledger.
5. Whenever Headroom stops, the minimum three days later is one the owner set.
6. After a push that ended well, no earlier one stands half done in the ledger: each says what became of it.
7. While somebody has the fleet's lock, dead or alive, nobody else makes a write call.
8. Once another fence of the lock is taken, whoever had an earlier one makes no write call any more.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.actuation.fake_cloud import Killed, MemoryStore, minutes
from tests.unit.actuation.planning import action, add_foreign, ec2, group, is_ours, locks, name_of, request

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.ledger import Ledger, is_unfinished
from headroom.actuation.lock import EXPIRES_AFTER
from headroom.actuation.observe import observe_target
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, TargetState
from headroom.scheduling.diff import diff_actions

OWNERS = st.integers(1, 6)
OURS = st.integers(8, 15)
HORIZON = timedelta(hours=30)
RAISES = st.dictionaries(st.integers(1, 28), OURS, max_size=4)


@dataclass(frozen=True)
class Death:
    """The process dies at its n-th call, before or after that took effect."""

    at_call: int
    is_after: bool


@dataclass(frozen=True)
class Other:
    """Another push runs at the n-th call; `is_late`: so long after the call that the lock has expired."""

    at_call: int
    is_late: bool
    raises: dict[int, int]


DEATHS = st.builds(Death, st.integers(1, 12), st.booleans())
OTHERS = st.builds(Other, st.integers(1, 10), st.booleans(), RAISES)
MISHAPS = st.one_of(st.none(), DEATHS, OTHERS)


def diff(wanted: Sequence[Action], state: TargetState) -> ActionDiff:
    return diff_actions(wanted, state, deployment="test", fleet_id="chat-large", now_utc=state.read_at_utc)


class Pushing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cloud = group()
        self.store = MemoryStore()
        self.ledger = Ledger(self.store)
        self.locks = locks(self.store, self.cloud)
        self.foreign: dict[str, object] = {}

    @contextmanager
    def _suffering(self, mishap: Death | Other | None) -> Iterator[None]:
        """Let the mishap happen inside, and check that whoever has not the lock wrote nothing."""
        first = len(self.cloud.calls)
        writes_before = len(self.cloud.write_calls)
        _fence, was_held = self.newest_fence
        is_before = (isinstance(mishap, Death) and not mishap.is_after) or (
            isinstance(mishap, Other) and not mishap.is_late
        )
        other: list[tuple[int, int]] = []

        def happen(number: int, _operation: str) -> None:
            if mishap is None or number != first + mishap.at_call:
                return
            if isinstance(mishap, Death):
                self.store.is_dead = True
                raise Killed
            self._nothing_happens()
            if mishap.is_late:
                self.clock_jumps((EXPIRES_AFTER + minutes(5)) / timedelta(hours=1))
            fence, is_held, writes = *self.newest_fence, len(self.cloud.write_calls)
            self._push(mishap.raises)
            assert not is_held or len(self.cloud.write_calls) == writes
            newest, _is_held = self.newest_fence
            if newest != fence:
                other.append((newest, len(self.cloud.write_calls)))

        setattr(self.cloud, "on_call" if is_before else "after_call", happen)
        try:
            yield
        except Killed:
            pass
        finally:
            self.store.is_dead = False
            self._nothing_happens()
        # Whoever had looked before that has written nothing since; who looked only then has a fence of his own.
        fence_now, _is_held = self.newest_fence
        assert all(fence_now > fence or len(self.cloud.write_calls) == writes for fence, writes in other)
        assert not was_held or isinstance(mishap, Other) or len(self.cloud.write_calls) == writes_before

    def _nothing_happens(self) -> None:
        self.cloud.on_call = self.cloud.after_call = lambda _number, _operation: None

    def request_for(self, raises: dict[int, int]) -> PushRequest:
        """Return the push of this hour's plan: minimums by hours from now, and the restore of what stands."""
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
        return replace(request((*wanted, restore) if wanted else (), window_end=hour), diff=diff)

    def _push(self, raises: dict[int, int]) -> PushOutcome:
        target, now, asked = ec2(self.cloud), self.cloud.now, self.request_for(raises)
        return push_fleet(asked, target=target, ledger=self.ledger, locks=self.locks, now_utc=now)

    @rule(raises=RAISES, mishap=MISHAPS)
    def push(self, raises: dict[int, int], mishap: Death | Other | None) -> None:
        outcome, hour = None, self.cloud.now.hour
        with self._suffering(mishap):
            outcome = self._push(raises)
        is_same_window = self.cloud.now.hour == hour
        if outcome is not None and is_same_window and outcome.state in (PushState.VERIFIED, PushState.UNCHANGED):
            calls, files = len(self.cloud.write_calls), len(self.store.files)
            assert self._push(raises).state is PushState.UNCHANGED
            assert (len(self.cloud.write_calls), len(self.store.files)) == (calls, files)
            pushes = self.ledger.pushes("chat-large")
            assert not any(is_unfinished(self.ledger.states(push_id)) for push_id in pushes)

    @rule(mishap=MISHAPS, back=st.integers(1, 3))
    def roll_back(self, mishap: Death | Other | None, back: int) -> None:
        pushes = self.ledger.pushes("chat-large")
        if not pushes:
            return
        push_id = pushes[-min(back, len(pushes))]
        asked = RollbackRequest(push_id=push_id, diff=diff, is_ours=is_ours, name_action=name_of)
        with self._suffering(mishap):
            now = self.cloud.now
            rollback_push(asked, target=ec2(self.cloud), ledger=self.ledger, locks=self.locks, now_utc=now)

    @rule(hours=st.sampled_from([0.02, 0.1, 0.5, 1, 1, 5, 26]))
    def clock_jumps(self, hours: float) -> None:
        self.cloud.advance_to(self.cloud.now + timedelta(hours=hours))
        self.foreign = {name: item for name, item in self.foreign.items() if name in self.cloud.actions}

    @rule(low=OWNERS)
    def owner_edits(self, low: int) -> None:
        self.cloud.sizes |= {"MinSize": low, "DesiredCapacity": low}
        self.owner_changes(self.cloud.now)

    @rule(low=OWNERS, in_minutes=st.integers(7, 600))
    def owner_schedules(self, low: int, in_minutes: int) -> None:
        # Not on a whole hour, where ours may stand: AWS would refuse the owner.
        start = self.cloud.now.replace(second=0) + minutes(in_minutes)
        taken = {item["start"] for item in self.cloud.actions.values()}
        if start.minute != 0 and start not in taken:
            name = add_foreign(self.cloud, start, low=low)
            self.foreign[name] = dict(self.cloud.actions[name])
            self.owner_changes(start)

    def owner_changes(self, moment: datetime) -> None:
        """Hear of what the owner changes at `moment`; a machine that goes by it overrides this."""

    @precondition(lambda self: self.memory is not None)
    @rule()
    def owner_confirms(self) -> None:
        confirm_baseline("chat-large", ledger=self.ledger, now_utc=self.cloud.now, confirmed_by="ada")

    @property
    def memory(self) -> object:
        return self.ledger.memory("chat-large", now_utc=self.cloud.now)

    @property
    def newest_fence(self) -> tuple[int, bool]:
        """Return the newest fence and whether somebody has it, as the files say without asking the code under test."""
        paths = [path for path in self.store.files if path.startswith("locks/fleet=chat-large/")]
        newest = max((int(path[-13:-5]) for path in paths if "released" not in path), default=0)
        path = f"locks/fleet=chat-large/{newest:08d}.json"
        if newest == 0 or path.replace(".json", "-released.json") in paths:
            return newest, False
        return newest, self.cloud.now.isoformat() < self.store.read_json(path)["expires_at_utc"]

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
