"""Threshold, target tracking and the HorizontalPodAutoscaler: whole replays whose every change is worked out."""

import pytest
from tests.unit.simulation.incumbents.small_scene import play, scene

from headroom.simulation.incumbents import Hpa, TargetTracking, Threshold, fast_target_tracking


def test_the_threshold_adds_one_instance_a_cooldown() -> None:
    # four instances serve 40/s. 43/s from minute 3: 100 % busy, seen in minute 4: 5.
    # ready in minute 7; 43/50 = 86 % and a backlog, but the cooldown of 5 minutes ends in minute 9: 6.
    # ready in minute 12; 43/60 = 72 %: stays.
    wanted = play(Threshold(), scene([20.0] * 3 + [43.0] * 20)).wanted
    assert wanted.tolist() == [4] * 4 + [5] * 5 + [6] * 14


def test_the_minimum_undoes_scaling_in_and_starts_no_cooldown() -> None:
    # one instance at 1/10 = 10 % would lose one each minute; at 9/s, 90 %, in minute 4, it gains one in minute 5
    wanted = play(Threshold(), scene([1.0] * 4 + [9.0] * 4, initial=1)).wanted
    assert wanted.tolist() == [1] * 5 + [2] * 3


def test_a_threshold_below_its_lower_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"in_fraction 0\.5 must be below out_fraction 0\.4"):
        Threshold(out_fraction=0.4, in_fraction=0.5)


def test_target_tracking_needs_fifteen_points_in_and_three_points_out_and_asks_once_for_a_lasting_breach() -> None:
    # minutes 0-14: 12/40 = 30 %, below 45 %: in minute 15 ceil(4 x 30/50 = 2.4) = 3.
    # minute 20 on: 26/30 = 87 %, above 50 % for three points in minute 23: ceil(3 x 87/50 = 5.2) = 6.
    # until they are ready in minute 26 three instances are measured: 5.2 again, so 6 stay wanted, in minute 26 too.
    # then 26/60 = 43 %, below 45 %, for 15 points: ceil(6 x 43/50 = 5.2) = 6.
    wanted = play(TargetTracking(), scene([12.0] * 20 + [26.0] * 40)).wanted
    assert wanted.tolist() == [4] * 15 + [3] * 8 + [6] * 37


def test_target_tracking_does_not_scale_in_while_a_launch_is_under_way() -> None:
    # as above until minute 23; then 3/30 = 10 % for 15 points in minute 38, but launches of 30 minutes end in minute 53
    of = scene([12.0] * 20 + [26.0] * 3 + [3.0] * 40, lead_time_seconds=1800.0)
    assert play(TargetTracking(), of).wanted.tolist() == [4] * 15 + [3] * 8 + [6] * 30 + [1] * 10


def test_fast_metrics_scale_out_after_one_minute() -> None:
    # minute 3: 26/40 = 65 %, above 50 %: in minute 4 ceil(4 x 65/50 = 5.2) = 6
    wanted = play(fast_target_tracking(), scene([18.0] * 3 + [26.0] * 9)).wanted
    assert wanted.tolist() == [4] * 4 + [6] * 8


@pytest.mark.parametrize(
    ("policy", "step_seconds", "points_out", "points_in", "steps_a_point"),
    [
        (TargetTracking(), 60.0, 3, 15, 1),
        (TargetTracking(), 10.0, 3, 15, 6),
        (fast_target_tracking(), 60.0, 1, 15, 1),  # 90 x 10 s are 15 minutes
        (fast_target_tracking(), 10.0, 1, 90, 1),
        (TargetTracking(), 300.0, 1, 3, 1),
        (TargetTracking(), 240.0, 1, 4, 1),  # rounded up, to last as long at least
    ],
)
def test_points_become_steps_of_the_replay(
    policy: TargetTracking, step_seconds: float, points_out: int, points_in: int, steps_a_point: int
) -> None:
    parameters = policy.reaction(scene([1.0], step_seconds=step_seconds)).parameters
    assert parameters == (0.5, points_out, points_in, 0.9, steps_a_point)


@pytest.mark.parametrize(
    ("step_seconds", "stabilization_steps", "periods"), [(60.0, 5.0, 4.0), (300.0, 1.0, 20.0), (10.0, 30.0, 1.0)]
)
def test_the_hpas_times_become_steps_of_the_replay(
    step_seconds: float, stabilization_steps: float, periods: float
) -> None:
    # five minutes of stabilisation; every 15 s of a step it may double, or add four
    reaction = Hpa().plan(scene([1.0], step_seconds=step_seconds)).reaction
    assert reaction is not None
    assert reaction.parameters == (0.5, 0.1, stabilization_steps, 1.0, 4.0, periods)


def test_a_point_is_the_mean_of_its_steps() -> None:
    # steps of 30 s: 15/40 = 38 % and 29/40 = 73 % are points of 55 %, three of them above 50 % after six steps:
    # ceil(4 x 55/50 = 4.4) = 5
    wanted = play(TargetTracking(), scene([15.0, 29.0] * 4, step_seconds=30.0, lead_time_seconds=3600.0)).wanted
    assert wanted.tolist() == [4] * 6 + [5] * 2


def test_the_hpa_counts_unready_pods_as_idle_and_waits_five_minutes_to_scale_down() -> None:
    # minutes 0-4: 20/40 = 50 %, the target. Minute 5: 30/40 = 75 %, ratio 1.5: in minute 6 ceil(4 x 1.5) = 6.
    # the two that are not ready count as idle: 1.5 x 4/6 = 1, so nothing more. From minute 9 on 30/60 = 50 %.
    # minute 15: 11/60 = 18 %: ceil(6 x 18/50 = 2.2) = 3 from minute 16 on; 6 was still recommended in minute 15, which
    # leaves the window of 300 s in minute 21. Then 11/30 = 37 %: ceil(3 x 37/50 = 2.2) = 3.
    wanted = play(Hpa(), scene([20.0] * 5 + [30.0] * 10 + [11.0] * 12)).wanted
    assert wanted.tolist() == [4] * 6 + [6] * 15 + [3] * 6
