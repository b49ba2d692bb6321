from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from headroom.config.fleets import load_fleets
from headroom.config.sources import load_sources
from headroom.domain.fleet import Fleet
from headroom.sandbox.scenarios.by_name import scenario_named
from headroom.sandbox.scenarios.demo import demo_scenario
from headroom.sandbox.scenarios.many import many_scenario
from headroom.sandbox.world import World


@pytest.mark.parametrize("name", ["", "demo:4", "many", "many:", "many:0", "many:-1", "many:1.5", "other"])
def test_an_unknown_scenario_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"expected one of demo, company, many:N.*found"):
        scenario_named(name)


def test_the_written_configuration_is_the_one_the_many_fleets_have(tmp_path: Path) -> None:
    scenario = scenario_named("many:9")
    for name, text in scenario.config_files.items():
        (tmp_path / name).write_text(text)
    assert load_fleets(tmp_path / "fleets.yaml") == scenario.fleets
    assert load_sources(tmp_path / "sources.yaml").billing == scenario.exports


@pytest.mark.parametrize(
    "read",
    [
        lambda fleet: fleet.id,
        lambda fleet: fleet.target.name,
        lambda fleet: fleet.demand.metric.dimensions.get("LoadBalancer", fleet.id),
        lambda fleet: tuple(fleet.billing.tags.items()),
    ],
    ids=["id", "target", "load balancer", "tag"],
)
def test_no_two_of_many_fleets_share_what_is_a_fleet_s_own(read: Callable[[Fleet], object]) -> None:
    fleets = many_scenario(200).fleets
    assert len({read(fleet) for fleet in fleets}) == 200


def test_fewer_of_many_fleets_are_the_first_of_more() -> None:
    assert many_scenario(8).fleets == many_scenario(12).fleets[:8]


def test_many_fleets_differ_in_size_and_in_the_hours_of_their_demand() -> None:
    scenario = many_scenario(40)
    assert len({scenario.lives[fleet.id].demand.mean_per_second for fleet in scenario.fleets}) == 40
    assert len({fleet.country for fleet in scenario.fleets}) > 4
    for fleet in scenario.fleets:
        life = scenario.lives[fleet.id]
        assert fleet.bounds.min_instances <= life.baseline_min <= life.baseline_desired <= life.baseline_max
        assert life.baseline_max < fleet.bounds.max_instances


def test_a_world_of_many_fleets_has_their_metrics_over_the_days_asked_for() -> None:
    world = World(scenario=many_scenario(5), history=timedelta(days=3))
    assert [fleet.id for fleet in world.fleets][-1] == "chat-large-0005"
    assert world.start_utc == world.now_utc.replace(hour=0, minute=0) - timedelta(days=3)
    demand = world.metric_series("AWS/SQS", "NumberOfMessagesSent", {"QueueName": "vision-batch-0004"})
    assert demand is not None
    assert demand.sums.sum() > 0.0


def test_a_scenario_whose_fleet_has_no_life_is_refused() -> None:
    demo = demo_scenario()
    with pytest.raises(ValueError, match="rerank"):
        replace(demo, lives={name: life for name, life in demo.lives.items() if name != "rerank"})
    with pytest.raises(ValueError, match="chat-large is in us-east-1"):
        replace(demo, regions=("us-west-2",))
