"""The process dies before or after any single AWS call of a push; whatever happened, the next run puts it right."""

from collections.abc import Callable

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, Killed, MemoryStore, minutes
from tests.unit.actuation.planning import add_foreign, at, ec2, group, is_ours, ours_at, plan, request

from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest

OLD = plan((9, 8), (12, 4), (26, 7), restore_hour=30)
NEW = plan((9, 9), (13, 5), (30.5, 6), restore_hour=31)
NEW_MINIMA = {"T0900": 9, "T1300": 5, "T0630": 6, "T0700": 2}


def _run(asked: PushRequest, target: FakeTarget, ledger: Ledger) -> PushState:
    return push_fleet(asked, target=ec2(target), ledger=ledger, now_utc=target.now).state


def _setting_out() -> tuple[FakeTarget, Ledger, MemoryStore]:
    """Return a group with an old plan standing, a foreign action beside it, and the ledger of that."""
    target, store = group(), MemoryStore()
    add_foreign(target, at(10), low=3)
    ledger = Ledger(store)
    assert _run(request(OLD, window_end=at(5)), target, ledger) is PushState.VERIFIED
    target.calls.clear()
    return target, ledger, store


def _kill_at(number: int) -> Callable[[int, str], None]:
    def kill(call: int, _operation: str) -> None:
        if call == number:
            raise Killed

    return kill


def _count_calls() -> int:
    target, ledger, _store = _setting_out()
    _run(request(NEW), target, ledger)
    return len(target.calls)


CALLS = _count_calls()


def _last_of_ours_gives_the_baseline_back(target: FakeTarget) -> bool:
    ours = [item for name, item in target.actions.items() if is_ours(name)]
    return not ours or max(ours, key=lambda item: item["start"])["sizes"]["MinSize"] == 2


def test_there_are_calls_enough_to_die_at() -> None:
    # Reading takes 3 calls, then the restore, the others, the deletes, and 3 for reading back.
    assert CALLS == 9


@pytest.mark.parametrize("number", range(1, CALLS + 1))
@pytest.mark.parametrize("hook", ["on_call", "after_call"])
def test_the_next_run_finishes_what_was_begun(number: int, hook: str) -> None:
    target, ledger, _store = _setting_out()
    setattr(target, hook, _kill_at(number))
    try:
        _run(request(NEW), target, ledger)
    except Killed:
        pass
    else:
        # The fake's plain reads have no moment after taking effect.
        assert hook == "after_call"
    assert _last_of_ours_gives_the_baseline_back(target)
    assert target.actions["owner-181000"]["sizes"]["MinSize"] == 3

    setattr(target, hook, lambda _number, _operation: None)
    assert _run(request(NEW), target, ledger) in (PushState.VERIFIED, PushState.UNCHANGED)
    assert ours_at(target) == NEW_MINIMA
    assert target.actions["owner-181000"]["sizes"]["MinSize"] == 3
    states = [state.value for state in ledger.states(request(NEW).push_id)]
    assert states[-1] == "verified"
    assert states[0] == "intended"


@pytest.mark.parametrize("number", range(4, CALLS + 1))
def test_a_later_window_with_another_plan_finishes_it_too(number: int) -> None:
    target, ledger, store = _setting_out()
    target.on_call = _kill_at(number)
    with pytest.raises(Killed):
        _run(request(NEW), target, ledger)
    target.on_call = lambda _number, _operation: None
    target.advance_to(at(7) + minutes(5))
    later = plan((9, 7), restore_hour=32)
    assert _run(request(later, window_end=at(7)), target, ledger) is PushState.VERIFIED
    assert ours_at(target) == {"T0900": 7, "T0800": 2}
    assert ledger.states(request(NEW).push_id)[-1].value == "repaired"
    files = len(store.files)
    assert _run(request(later, window_end=at(7)), target, ledger) is PushState.UNCHANGED
    assert len(store.files) == files


@pytest.mark.parametrize("number", range(4, CALLS + 1))
def test_if_no_run_ever_follows_the_fleet_still_returns_to_its_baseline(number: int) -> None:
    target, ledger, _store = _setting_out()
    target.on_call = _kill_at(number)
    with pytest.raises(Killed):
        _run(request(NEW), target, ledger)
    target.advance_to(at(48))
    # The foreign action raised the minimum to 3 at 10:00; our restore at 30 or 31 o'clock came later.
    assert target.sizes["MinSize"] == 2
