from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from headroom.domain.fleet import TargetKind
from headroom.domain.window import Window
from headroom.sandbox.prices import DATED_PRICES, on_demand_price_at
from headroom.sandbox.scenarios.scenario import availability_zones
from headroom.sandbox.world import DEFAULT_NOW, World
from headroom.sandbox.world_interface import DueAction, SandboxWorld
from headroom.sandbox.world_spot import SpotMarket

HOUR = timedelta(hours=1)
FOUR_WEEKS = timedelta(days=28)
SHORT = timedelta(days=3)


def due(name: str, minutes: int, fleet_id: str = "chat-large", **settings: int) -> DueAction:
    return DueAction(fleet_id=fleet_id, name=name, at_utc=DEFAULT_NOW + timedelta(minutes=minutes), **settings)


def test_the_world_is_what_its_interface_promises(opened_world: World) -> None:
    world: SandboxWorld = opened_world
    assert world.now_utc == DEFAULT_NOW
    assert [fleet.id for fleet in world.fleets] == ["chat-large", "embed-search", "rerank", "vision-batch"]
    assert {fleet.kind for fleet in world.fleets} == {
        TargetKind.EC2_AUTO_SCALING_GROUP,
        TargetKind.ECS_SERVICE,
        TargetKind.SAGEMAKER_VARIANT,
    }
    with pytest.raises(KeyError):
        world.capacity("nobody")


def test_the_chat_runs_fifty_instances_at_22_percent(opened_world: World) -> None:
    capacity = opened_world.capacity("chat-large")
    assert (capacity.min_instances, capacity.desired_instances, capacity.in_service_instances) == (50, 50, 50)
    served = opened_world.fleet_world("chat-large").served
    assert np.nanmean(served.utilization) == pytest.approx(0.22, abs=0.01)
    assert (served.in_service_mean == 50.0).all()


def test_the_reactive_fleets_follow_their_demand(opened_world: World) -> None:
    for fleet_id in ("embed-search", "rerank"):
        served = opened_world.fleet_world(fleet_id).served
        assert served.in_service_max.max() > 2 * served.in_service_min.min()
        assert np.corrcoef(np.nan_to_num(served.arrived), served.in_service_mean)[0, 1] > 0.9
        assert served.entered_service.sum() > 50


def test_instances_have_ids_zones_and_launch_times(opened_world: World) -> None:
    instances = opened_world.instances("chat-large")
    assert len({instance.instance_id for instance in instances}) == 50
    assert all(instance.instance_id.startswith("i-0") and len(instance.instance_id) == 19 for instance in instances)
    assert {instance.availability_zone for instance in instances} == set(availability_zones("us-east-1"))
    assert all(instance.is_in_service and instance.launched_at_utc < DEFAULT_NOW for instance in instances)


def test_due_actions_change_capacity_metrics_and_latency_when_the_clock_passes_them() -> None:
    world = World(history=SHORT)
    executed = world.advance_to(
        DEFAULT_NOW + 3 * HOUR,
        [
            due("b-raise", 60, min_instances=20, desired_instances=20),
            due("a-lower", 10, min_instances=8, desired_instances=8),
            due("later", 600, min_instances=1),
        ],
    )
    assert [(one.action.name, one.capacity.desired_instances, one.failure) for one in executed] == [
        ("a-lower", 8, None),
        ("b-raise", 20, None),
    ]
    assert executed[0].executed_at_utc == DEFAULT_NOW + timedelta(minutes=10)
    served = world.fleet_world("chat-large").served
    first = int((DEFAULT_NOW - world.start_utc).total_seconds()) // 300
    # 06:05 + 10 min: down to 8 at once. 07:05: 12 more are launched and serve at 07:10, after the lead time of 5 min.
    assert served.in_service_mean[first : first + 3].tolist() == [50.0, 50.0, 8.0]
    assert served.in_service_mean[first + 12 : first + 14].tolist() == [8.0, 20.0]
    assert served.entered_service[first + 13] == 12.0
    assert served.utilization[first + 5] > 3 * served.utilization[first + 1]


def test_an_action_that_does_not_fit_fails_and_changes_nothing() -> None:
    world = World(history=SHORT)
    (executed,) = world.advance_to(DEFAULT_NOW + HOUR, [due("too-many", 5, desired_instances=61)])
    assert executed.failure == "desired 61 must lie between the minimum, 50, and the maximum, 60"
    assert world.capacity("chat-large").desired_instances == 50
    (late,) = world.advance_to(world.now_utc, [due("late", 5, min_instances=40)])
    assert late.executed_at_utc == DEFAULT_NOW + HOUR
    assert world.set_capacity("chat-large", desired_instances=45).running_instances == 45
    with pytest.raises(ValueError, match="only goes forward"):
        world.advance_to(DEFAULT_NOW)


def test_however_the_clock_is_advanced_the_world_is_the_same() -> None:
    at_once, in_steps = World(seed=3, history=SHORT), World(seed=3, history=SHORT)
    actions = [due("low", 33, fleet_id="embed-search", min_instances=6), due("less", 95, max_instances=52)]
    end = DEFAULT_NOW + timedelta(hours=7, minutes=3)
    at_once.advance_to(end, actions)
    for minutes in (1, 33, 34, 120, 371, 423):
        moment = DEFAULT_NOW + timedelta(minutes=minutes)
        in_steps.advance_to(moment, [action for action in actions if action.at_utc > in_steps.now_utc])
    for fleet in at_once.fleets:
        one, other = at_once.fleet_world(fleet.id).served, in_steps.fleet_world(fleet.id).served
        assert at_once.instances(fleet.id) == in_steps.instances(fleet.id)
        for name in ("arrived", "errors", "utilization", "in_service_mean", "gauge_noise", "latency_seconds"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=f"{fleet.id} {name}")


def test_weeks_can_pass() -> None:
    world = World(history=SHORT)
    world.advance_to(DEFAULT_NOW + FOUR_WEEKS)
    assert len(world.fleet_world("rerank").served) == (3 + 28) * 288 + 73  # 06:05 is the end of 73 steps of the day


def test_spot_prices_are_changes_and_the_one_in_force_before() -> None:
    market = SpotMarket(seed=0, opened_utc=DEFAULT_NOW, zones=availability_zones("us-east-1"))
    window = Window(DEFAULT_NOW - timedelta(hours=6), DEFAULT_NOW + HOUR)
    prices = market.history(
        instance_types=["g5.xlarge", "unheard.of"],
        availability_zones=["us-east-1a"],
        window=window,
        now_utc=DEFAULT_NOW,
    )
    moments = [price.timestamp_utc for price in prices]
    assert moments == sorted(moments, reverse=True)
    assert moments[-1] <= window.start_utc
    assert all(window.start_utc < moment <= DEFAULT_NOW for moment in moments[:-1])
    assert {price.instance_type for price in prices} == {"g5.xlarge"}


def test_spot_prices_move_a_little_around_a_share_of_on_demand_and_reach_back_90_days(opened_world: World) -> None:
    window = Window(DEFAULT_NOW - timedelta(days=300), DEFAULT_NOW)
    prices = opened_world.spot_prices(instance_types=["g5.12xlarge"], availability_zones=None, window=window)
    assert {price.availability_zone for price in prices} == set(availability_zones("us-east-1"))
    assert DEFAULT_NOW - timedelta(days=95) < min(price.timestamp_utc for price in prices) < DEFAULT_NOW - timedelta(89)
    fractions = np.array([price.usd_per_hour for price in prices]) / 5.672
    assert 0.25 < fractions.min() < fractions.max() <= 1.0
    assert 800 < len(prices) < 2000  # four zones, 90 days, a change every seven hours


def test_the_past_of_a_spot_price_does_not_change_as_time_passes() -> None:
    market = SpotMarket(seed=0, opened_utc=DEFAULT_NOW, zones=availability_zones("us-east-1"))
    window = Window(DEFAULT_NOW - timedelta(days=2), DEFAULT_NOW)
    ask = {"instance_types": ["g6.xlarge"], "availability_zones": None, "window": window}
    before = market.history(**ask, now_utc=DEFAULT_NOW)  # type: ignore[arg-type]
    far = Window(DEFAULT_NOW, DEFAULT_NOW + timedelta(days=900))
    later = market.history(
        instance_types=["g6.xlarge"], availability_zones=None, window=far, now_utc=DEFAULT_NOW + timedelta(days=900)
    )
    assert max(price.timestamp_utc for price in later) > DEFAULT_NOW + timedelta(days=890)
    assert market.history(**ask, now_utc=DEFAULT_NOW) == before  # type: ignore[arg-type]
    assert (
        SpotMarket(seed=1, opened_utc=DEFAULT_NOW, zones=availability_zones("us-east-1")).history(
            **ask, now_utc=DEFAULT_NOW
        )
        != before
    )  # type: ignore[arg-type]


def test_all_pools_have_spot_prices(opened_world: World) -> None:
    window = Window(DEFAULT_NOW - HOUR, DEFAULT_NOW)
    prices = opened_world.spot_prices(instance_types=None, availability_zones=None, window=window)
    pools = {(price.instance_type, price.availability_zone) for price in prices}
    assert len(pools) == 4 * len({price.instance_type for price in DATED_PRICES if price.service == "ec2"})


def test_on_demand_prices_carry_the_day_they_took_effect(opened_world: World) -> None:
    (price,) = opened_world.on_demand_prices(instance_types=["p5.48xlarge"])
    assert (price.usd_per_hour, price.effective_from_utc) == (55.04, datetime(2025, 6, 23, tzinfo=UTC))
    assert on_demand_price_at("p5.48xlarge", datetime(2024, 1, 1, tzinfo=UTC)).usd_per_hour == 98.32
    with pytest.raises(KeyError):
        on_demand_price_at("p5.48xlarge", datetime(2020, 1, 1, tzinfo=UTC))


def test_sagemaker_has_prices_of_its_own(opened_world: World) -> None:
    prices = {price.instance_type: price for price in opened_world.on_demand_prices(service="sagemaker")}
    assert prices["ml.g5.2xlarge"].usd_per_hour == pytest.approx(1.515)  # 1.212 x 1.25
    assert prices["ml.g5.xlarge"].usd_per_hour == pytest.approx(1.4084)  # 1.006 x 1.4
    assert all(name.startswith("ml.") for name in prices)
