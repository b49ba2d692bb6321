"""What an approver was shown against the world at the time of their answer: what may move, and what asks again."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from tests.unit.actuation.planning import BASELINE, NOW, at, is_ours, name_of

from headroom.actuation.moved import what_moved
from headroom.actuation.shown import Purpose, Shown, shown_from
from headroom.domain.scaling import CapacitySetting, PresentAction


def ours(hour: float, low: int) -> PresentAction:
    setting = CapacitySetting(min_instances=low, max_instances=20, desired_instances=None)
    return PresentAction(name=name_of(at(hour)), starts_at_utc=at(hour), setting=setting)


def owners(hour: float | None, low: int | None = None, *, recurrence: str | None = None) -> PresentAction:
    setting = CapacitySetting(min_instances=low, max_instances=None, desired_instances=None)
    starts_at = None if hour is None else at(hour)
    return PresentAction(name="owner-night", starts_at_utc=starts_at, setting=setting, recurrence=recurrence)


RAISE, LOWER, RESTORE, OLD, OTHERS = ours(7, 8), ours(9, 5), ours(12, 2), ours(10, 6), owners(20, 1)


def shown(**changed: Any) -> Shown:
    """Return a target as a person was shown it at 06:05: a raise and a restore to write, a lowering that stands."""
    usual = Shown(
        purpose=Purpose.PLAN,
        read_at_utc=NOW,
        setting=BASELINE,
        current_instances=20,
        has_reactive_policy=False,
        has_predictive_policy=False,
        is_scheduled_scaling_suspended=False,
        standing=(LOWER, OLD, OTHERS),
        written=(RAISE, RESTORE),
        kept=(LOWER,),
        deleted=(OLD,),
        planned_usd_per_day=1000.0,
    )
    return replace(usual, **changed)


def moved(*, at_hour: float = 6.4, **changed: Any) -> tuple[str, ...]:
    """Return what moved since `shown()`, when the same is seen at an hour but for what is `changed`."""
    return what_moved(shown(), shown(read_at_utc=at(at_hour), **changed), is_ours=is_ours)


def bounds(low: int | None = 2, high: int | None = 20) -> CapacitySetting:
    return CapacitySetting(min_instances=low, max_instances=high, desired_instances=2)


def test_nothing_moves_by_time_alone() -> None:
    assert moved() == ()


@pytest.mark.parametrize("purpose", Purpose)
def test_what_was_shown_is_read_back_from_its_record_and_told_by_its_digest(purpose: Purpose) -> None:
    told = shown(purpose=purpose)
    read = shown_from(json.loads(json.dumps(told.record())))
    assert read == told
    assert read.digest == told.digest
    assert read.digest != shown(purpose=purpose, current_instances=21).digest


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (bounds(low=3), "the target's minimum is 3; it was 2"),
        (bounds(high=30), "the target's maximum is 30; it was 20"),
        (bounds(low=None), "the target's minimum is None; it was 2"),
    ],
)
def test_a_bound_that_the_owner_changed_asks_again(setting: CapacitySetting, sentence: str) -> None:
    assert moved(setting=setting) == (sentence,)


def test_a_bound_that_a_standing_action_has_set_by_itself_does_not() -> None:
    due = replace(OLD, starts_at_utc=at(6.25))
    before = shown(standing=(LOWER, due, OTHERS), deleted=(due,))
    now = replace(before, read_at_utc=at(6.4), setting=bounds(low=6), standing=(LOWER, OTHERS), deleted=())
    assert what_moved(before, now, is_ours=is_ours) == ()
    # 7 is what nobody's action has set.
    assert what_moved(before, replace(now, setting=bounds(low=7)), is_ours=is_ours) != ()


@pytest.mark.parametrize(
    ("instances", "is_moved"),
    [(18, False), (22, False), (17, True), (23, True)],  # a tenth of 20 is 2
)
def test_running_instances_may_differ_by_a_tenth(instances: int, *, is_moved: bool) -> None:
    sentence = f"the target is set to {instances} instances; it was 20"
    assert moved(current_instances=instances) == ((sentence,) if is_moved else ())


def test_few_running_instances_may_differ_by_one() -> None:
    few = shown(current_instances=3)
    assert what_moved(few, replace(few, current_instances=4), is_ours=is_ours) == ()
    assert what_moved(few, replace(few, current_instances=5), is_ours=is_ours) != ()


def test_a_policy_may_move_the_running_instances_as_it_likes() -> None:
    for policy in ("has_reactive_policy", "has_predictive_policy"):
        scaled = replace(shown(), **{policy: True})
        assert what_moved(scaled, replace(scaled, current_instances=40), is_ours=is_ours) == ()


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("has_reactive_policy", "a reactive scaling policy has come at the target"),
        ("has_predictive_policy", "a predictive scaling policy has come at the target"),
        ("is_scheduled_scaling_suspended", "a suspension of scheduled scaling has come at the target"),
    ],
)
def test_a_policy_that_comes_or_goes_asks_again(field: str, words: str) -> None:
    assert moved(**{field: True}) == (words,)
    there = shown(**{field: True})
    assert what_moved(there, replace(there, **{field: False}), is_ours=is_ours) == (words.replace("come", "gone"),)


@pytest.mark.parametrize(
    ("others", "word"),
    [((), "has gone"), ((owners(20, 4),), "was changed"), ((owners(21, 1),), "was changed")],
)
def test_an_action_of_somebody_else_that_goes_or_changes_asks_again(
    others: tuple[PresentAction, ...], word: str
) -> None:
    assert moved(standing=(LOWER, OLD, *others)) == (f"owner-night, a scheduled action of somebody else, {word}",)


def test_a_new_action_of_somebody_else_asks_again() -> None:
    new = replace(owners(15, 9), name="owner-launch")
    assert moved(standing=(LOWER, OLD, OTHERS, new)) == ("owner-launch, a scheduled action of somebody else, has come",)


def test_an_action_of_somebody_else_that_has_run_meanwhile_does_not_nor_does_a_recurring_ones_next_start() -> None:
    before = shown(standing=(LOWER, OLD, owners(6.2, 1)))
    assert (
        what_moved(before, shown(read_at_utc=at(6.4), standing=(LOWER, OLD), setting=bounds(1)), is_ours=is_ours) == ()
    )
    nightly = shown(standing=(LOWER, OLD, owners(6.2, 2, recurrence="0 6 * * *")))
    later = replace(nightly, read_at_utc=at(6.4), standing=(LOWER, OLD, owners(30.2, 2, recurrence="0 6 * * *")))
    assert what_moved(nightly, later, is_ours=is_ours) == ()


def test_an_action_that_stands_already_need_not_be_written_again() -> None:
    assert moved(written=(RESTORE,), kept=(LOWER, RAISE), deleted=()) == ()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"written": (RAISE, RESTORE, ours(8, 9))},
            f"{name_of(at(8))} would be written, min 9, max 20 at 2026-11-18 08:",
        ),
        ({"kept": (), "written": (RAISE, RESTORE, LOWER)}, f"{LOWER.name} would be written"),
        ({"written": (ours(7, 9), RESTORE)}, f"{RAISE.name} would not stand as it was shown, min 8"),
        ({"written": (RESTORE,)}, f"{RAISE.name} would not stand as it was shown"),
        ({"kept": (), "deleted": (LOWER, OLD)}, f"{LOWER.name} would be deleted, and was not shown so"),
    ],
)
def test_another_write_than_was_shown_asks_again(changed: dict[str, Any], sentence: str) -> None:
    assert any(told.startswith(sentence) for told in moved(**changed))


def late(moment: datetime, low: int) -> PresentAction:
    return replace(ours(7, low), name=name_of(moment), starts_at_utc=moment)


def test_a_step_whose_start_has_passed_may_be_caught_up_with_as_it_was_shown() -> None:
    # Approved at 06:05 and answered at 07:20: the raise of 07:00 goes to the next minute that can be had.
    assert moved(at_hour=7 + 20 / 60, written=(late(at(7.4), 8), RESTORE)) == ()
    (told,) = moved(at_hour=7 + 20 / 60, written=(late(at(7.4), 9), RESTORE))
    assert "min 9" in told


def test_a_step_that_a_later_one_has_overtaken_need_not_stand() -> None:
    assert moved(at_hour=8.99, written=(RESTORE,)) == ()


@pytest.mark.parametrize(
    ("usd", "is_moved"), [(950.0, False), (1050.0, False), (949.0, True), (1051.0, True), (None, True)]
)
def test_the_estimated_cost_may_differ_by_a_twentieth(usd: float | None, *, is_moved: bool) -> None:
    told = moved(planned_usd_per_day=usd)
    assert bool(told) is is_moved
    assert all("it was 1,000.00 USD a day" in sentence for sentence in told)


def test_a_plan_is_not_approved_by_an_answer_about_taking_back_nor_the_other_way_round() -> None:
    assert moved(purpose=Purpose.WITHDRAWAL) == ("the owner changed the target, and the fleet is paused",)
    taken_back = shown(purpose=Purpose.WITHDRAWAL)
    assert what_moved(taken_back, shown(), is_ours=is_ours) == ("the pause has ended",)


def test_every_thing_that_moved_is_told() -> None:
    assert len(moved(setting=bounds(3, 30), has_predictive_policy=True, planned_usd_per_day=2000.0)) == 4
