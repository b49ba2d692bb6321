"""Our own policies in the replay: what the production planner decides, when the push would have put it in force."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from tests.unit.simulation.small_scene import START, small_fleet, small_scene

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import InstanceOption, SpotLimits
from headroom.simulation.engine import ReactionKind
from headroom.simulation.ours import Headroom, HeadroomReactive, HeadroomSpot
from headroom.simulation.policy import Change, DemandRecord, Scene, floor_of


class Says:
    """Forecasts a peak for each hour from noon on, at every quantile times its level; keeps what it was asked."""

    def __init__(self, *peaks: float) -> None:
        self.peaks, self.asked = peaks, list[datetime]()

    def forecast(self, made_at_utc: datetime) -> DemandForecast:
        self.asked.append(made_at_utc)
        first = int((made_at_utc - START) / timedelta(hours=1))
        peaks = np.array([self.peaks[min(first + hour, len(self.peaks) - 1)] for hour in range(72)])
        quantiles = peaks[:, np.newaxis] * np.array(QUANTILE_LEVELS)
        return DemandForecast(
            fleet_id="chat",
            made_at_utc=made_at_utc,
            hours=np.datetime64(made_at_utc.replace(tzinfo=None), "s") + np.arange(72) * np.timedelta64(1, "h"),
            mean_quantiles_per_second=quantiles,
            peak_quantiles_per_second=quantiles,
            members={"says": 1.0},
        )


def scene_with(forecasts: Says, *, hours: int, **changes: Any) -> Scene:
    """Hours of 50 requests a second after one of 80, which needs one instance of 100 slots for a second each."""
    scene = small_scene(*[50.0] * (60 * hours), fleet=replace(small_fleet(), **changes))
    return replace(scene, forecasts=forecasts)


def test_the_floor_is_raised_a_lead_time_and_a_late_action_before_the_hour_that_needs_it() -> None:
    # At q90 the peaks are 45, 225, 45 a second: instances of 100 slots that are busy for a second need 1, 3, 1.
    forecasts = Says(50.0, 250.0, 50.0)
    scene = scene_with(forecasts, hours=3)
    assert scene.instances_for([45.0, 225.0]).tolist() == [1, 3]
    floor = Headroom().plan(scene).floors[0]
    raised, lowered = int(np.argmax(floor == 3)), 119 - int(np.argmax(floor[::-1] == 3)) + 60
    # two minutes of lead and two that an action may be late: from 12:56 on, by chance up to two minutes later
    assert 56 <= raised <= 58
    # not before 14:00, and by chance up to two minutes later
    assert 120 <= lowered + 1 <= 122
    assert set(floor.tolist()) == {1, 3}
    assert forecasts.asked == [START + timedelta(hours=hour) for hour in range(3)]


def test_an_action_is_late_by_chance_of_the_seed() -> None:
    scene = scene_with(Says(50.0, 250.0), hours=2)
    raised = {int(np.argmax(Headroom().plan(replace(scene, seed=seed)).floors[0] == 3)) for seed in range(20)}
    # asked for 12:56, it comes up to two minutes later and counts from the next whole minute
    assert raised == {57, 58}


def test_a_change_counts_from_the_next_whole_step() -> None:
    scene = scene_with(Says(50.0), hours=1)
    changes = [
        Change(at_utc=START + timedelta(seconds=seconds), instances=count) for seconds, count in ((60, 2), (90, 3))
    ]
    assert floor_of(changes, scene)[0, :4].tolist() == [1, 2, 3, 3]


def test_no_push_is_in_force_before_it_would_have_been_made() -> None:
    # The hour that has begun needs three, and its forecast is pushed three minutes after noon: 12:04 at the soonest.
    floor = Headroom().plan(scene_with(Says(250.0), hours=1)).floors[0]
    assert floor[:4].tolist() == [1, 1, 1, 1]
    assert 4 <= int(np.argmax(floor == 3)) <= 6


@pytest.mark.parametrize(("start_minute", "made"), [(0, [11, 12]), (5, [11, 12]), (6, [12]), (30, [12])])
def test_the_push_that_stood_when_the_replay_began_counts_from_its_first_step(
    start_minute: int, made: list[int]
) -> None:
    # An hour's push is in force at four to six minutes past. All hours need three, of which one is there at first.
    forecasts = Says(250.0)
    noon = small_scene(*[50.0] * 59)
    known = DemandRecord(
        start_utc=noon.known.start_utc - timedelta(hours=1),
        step_seconds=60.0,
        rate_per_second=np.concatenate([np.full(60, 80.0), noon.known.rate_per_second]),
    )
    began = START + timedelta(minutes=start_minute)
    scene = replace(noon, known=known, start_utc=began, steps=59 - start_minute, forecasts=forecasts)
    assert (Headroom().plan(scene).floors[0] == 3).all()
    assert [asked.hour for asked in forecasts.asked] == made


def test_a_newer_push_replaces_what_is_yet_to_start() -> None:
    class Changes(Says):
        """Foresees a peak in the third hour until one o'clock, and none from then on."""

        def forecast(self, made_at_utc: datetime) -> DemandForecast:
            if made_at_utc > START:
                self.peaks = (50.0,)
            return super().forecast(made_at_utc)

    floor = Headroom().plan(scene_with(Changes(50.0, 50.0, 250.0), hours=3)).floors[0]
    assert set(floor.tolist()) == {1}


def test_the_ratio_chooses_the_quantile() -> None:
    # 250 x q: at a ratio of 1 that is 125 a second, two instances; the fleet's own ratio of 9 buys 225, three.
    scene = scene_with(Says(250.0), hours=1)
    assert Headroom(shortage_cost_ratio=1.0).plan(scene).floors[0, -1] == 2
    assert Headroom().plan(scene).floors[0, -1] == 3


def test_the_floor_goes_with_the_target_underneath() -> None:
    # Odds of being free: 3 to 7 at the usual 70 %, 1 to 1 at 50 %, 19 to 1 at 5 %. From 9 at 70 % to 100 at 5 % it is
    # log 100/9 = 1.046 over log 19 x 7/3 = 1.647, .635 a decade; at 50 % .635 x .368 = .234, in eighths 2.
    scene = scene_with(Says(50.0), hours=1)
    policy = HeadroomReactive()
    assert policy.ratio(scene) == pytest.approx(9.0)
    assert replace(policy, target_fraction=0.5).ratio(scene) == pytest.approx(9.0 * 10 ** (2 / 8))
    assert replace(policy, target_fraction=0.05).ratio(scene) == pytest.approx(9.0 * 10 ** (8 / 8))  # 8.4 eighths
    assert replace(policy, target_fraction=0.99).ratio(scene) < 1.0
    # one that is tuned is on a step itself: log 9 = .954, x 8 = 7.6, so 10
    assert replace(policy, shortage_cost_ratio=9.0).ratio(scene) == pytest.approx(10.0)
    plan = replace(policy, target_fraction=0.5).plan(scene)
    assert plan.reaction is not None
    assert plan.reaction.kind is ReactionKind.TARGET_TRACKING
    assert plan.reaction.parameters[0] == 0.5
    assert (plan.floors == Headroom(shortage_cost_ratio=9.0 * 10 ** (3 / 8)).plan(scene).floors).all()


def test_a_fleet_whose_shortage_is_dearer_than_any_knob_keeps_its_own_ratio() -> None:
    scene = scene_with(Says(50.0), hours=1, shortage_cost_ratio=500.0)
    policy = HeadroomReactive()
    assert policy.ratio(scene) == pytest.approx(500.0)
    for target in (0.05, 0.5, 0.9):  # above 100 there is no dearer quantile to go to
        assert replace(policy, target_fraction=target).ratio(scene) == pytest.approx(500.0)


def test_without_forecasts_ours_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="forecasts: expected a ForecastProvider"):
        Headroom().plan(small_scene(50.0))


def test_spot_buys_the_floor_as_the_first_spot_mix_plan_says() -> None:
    today = InstanceOption(
        name="g5.xlarge", sustainable_rate_per_second=90.0, on_demand_usd_per_hour=6.0, spot_usd_per_hour=2.0
    )
    scene = scene_with(
        Says(500.0), hours=1, spot=SpotLimits(max_fraction=0.5, risk_budget_fraction=0.01), instance_types=(today,)
    )
    plan = HeadroomSpot().plan(scene)
    assert [pool.purchase_option for pool in plan.pools] == ["on_demand", "spot", "spot", "spot"]
    assert [pool.usd_per_hour for pool in plan.pools] == [6.0, 2.0, 2.0, 2.0]
    held = plan.floors[:, -1]
    assert held[0] >= held[1:].sum()  # at most half on spot
    assert held.sum() - held[1:].max() >= Headroom().plan(scene).floors[0, -1]  # losing the largest zone leaves enough


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "headroom_spot: spot.max_fraction is 0"),
        ({"spot": SpotLimits(max_fraction=0.5)}, "headroom_spot: spot_usd_per_hour of g5.xlarge: expected a price"),
    ],
)
def test_spot_without_leave_or_price_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HeadroomSpot().plan(scene_with(Says(50.0), hours=1, **changes))
