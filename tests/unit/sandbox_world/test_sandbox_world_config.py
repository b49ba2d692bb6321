from headroom.config import load_fleets
from headroom.config.events import load_events
from headroom.config.sources import load_sources
from headroom.domain.fleet import Mode
from headroom.domain.serving import Slots
from headroom.sandbox.fleet_lives import LIVES
from headroom.sandbox.prices import DATED_PRICES
from headroom.sandbox.scenarios.demo import CONFIG_FOLDER

FLEETS = {fleet.id: fleet for fleet in load_fleets(CONFIG_FOLDER / "fleets.yaml")}


def test_every_fleet_has_a_life_and_every_life_a_fleet() -> None:
    assert list(FLEETS) == list(LIVES)


def test_the_demo_s_fleets_may_be_pushed_and_are_billed_under_their_own_tag() -> None:
    for fleet in FLEETS.values():
        assert fleet.mode is Mode.AUTO
        assert fleet.billing is not None
        assert fleet.billing.tags == {"fleet": fleet.id}


def test_every_type_that_a_fleet_may_run_on_has_a_price() -> None:
    priced = {price.instance_type for price in DATED_PRICES}
    for fleet in FLEETS.values():
        assert {option.name for option in fleet.instance_types} <= priced


def test_rates_are_below_what_the_slots_can_do_and_busy_hours_inside_the_bounds() -> None:
    for fleet in FLEETS.values():
        assert isinstance(fleet.serving, Slots)
        rate = fleet.current_type.sustainable_rate_per_second
        assert rate is not None
        assert rate < fleet.serving.slots / fleet.serving.service_seconds
        assert LIVES[fleet.id].demand.busy_per_second < rate * fleet.bounds.max_instances


def test_the_owner_s_bounds_and_headroom_s_belong_together() -> None:
    for fleet in FLEETS.values():
        life = LIVES[fleet.id]
        assert life.baseline_min <= life.baseline_desired <= life.baseline_max
        assert fleet.bounds.min_instances <= life.baseline_min
        assert life.baseline_max <= fleet.bounds.max_instances


def test_events_name_fleets_that_are_there() -> None:
    assert len(load_events(CONFIG_FOLDER / "events.yaml", fleet_ids=list(FLEETS))) == 3


def test_the_first_export_is_the_one_in_focus() -> None:
    exports = load_sources(CONFIG_FOLDER / "sources.yaml").billing
    assert [(one.format, one.bucket) for one in exports] == [
        ("focus", "headroom-billing"),
        ("cur2", "headroom-billing"),
    ]
