import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headroom.actuation.outcome import PushState
from headroom.domain.scaling import Action, ActionPurpose, CapacitySetting
from headroom.insight.metrics import METRICS
from headroom.insight.on_call import REFUSING_RULES, FleetRecord, OnCallRecord, late_capacity, measure

ROOT = Path(__file__).resolve().parents[3]
CLOSED = datetime(2026, 11, 18, 6, tzinfo=UTC)
MEASURED = CLOSED + timedelta(minutes=12)


def fleet(fleet_id: str, state: PushState | None = PushState.VERIFIED, **known: object) -> FleetRecord:
    found = {"newest_reached_utc": CLOSED, **known}
    return FleetRecord(fleet_id=fleet_id, state=state, **found)  # type: ignore[arg-type]


def values(*fleets: FleetRecord, **known: object) -> dict[tuple[str, str | None], float]:
    record = OnCallRecord(measured_at_utc=MEASURED, fleets=fleets, **known)  # type: ignore[arg-type]
    return {(item.name.removeprefix("headroom."), item.label): item.value for item in measure(record)}


def test_hours_behind_is_the_age_of_the_newest_hour_that_reached_verified_actions() -> None:
    # chat reached 06:00, twelve minutes ago; search only 03:00, 3 h 12 min ago.
    found = values(fleet("chat"), fleet("search", newest_reached_utc=CLOSED - timedelta(hours=3)))
    assert found["hours_behind", None] == pytest.approx(0.2)
    assert found["worst_fleet_hours_behind", None] == pytest.approx(3.2)
    assert found["fleet_hours_behind", "search"] == pytest.approx(3.2)
    assert found["newest_hour_timestamp_seconds", None] == CLOSED.timestamp()
    assert found["worst_fleet_hour_timestamp_seconds", None] == CLOSED.timestamp() - 3 * 3600


def test_a_fleet_that_reached_no_hour_of_the_last_day_counts_as_a_day_behind() -> None:
    assert values(fleet("chat", None, newest_reached_utc=None))["worst_fleet_hours_behind", None] == 24


@pytest.mark.parametrize(
    ("state", "late"),
    [
        (None, 1),
        (PushState.FAILED, 1),
        (PushState.VERIFICATION_FAILED, 1),
        (PushState.VERIFIED, 0),
        (PushState.UNCHANGED, 0),
        (PushState.RECOMMENDED, 0),
        (PushState.AWAITING_APPROVAL, 0),
        (PushState.OBSERVED, 0),
        # A person's, a guardrail's or an owner's no is an answer, given in time.
        (PushState.REJECTED, 0),
        (PushState.REFUSED, 0),
        (PushState.PAUSED, 0),
        (PushState.PLANNED, 0),
        (PushState.ROLLED_BACK, 0),
        (PushState.DRY_RUN, 0),
    ],
)
def test_what_is_late(state: PushState | None, late: int) -> None:
    assert values(fleet("chat", state))["late_pushes", None] == late


def test_every_way_a_push_can_end_is_late_or_not() -> None:
    table = test_what_is_late.pytestmark[0].args[1]
    assert {state for state, _ in table} == {None, *PushState}


def test_refusals_are_counted_by_rule_and_at_zero_too() -> None:
    found = values(
        fleet("chat", PushState.REFUSED, refused_by=("kill_switch", "data_fresh"), is_stopped=True),
        fleet("search", PushState.REFUSED, refused_by=("data_fresh",)),
    )
    assert found["refused_pushes", "data_fresh"] == 2
    assert found["refused_pushes", "kill_switch"] == 1
    assert found["refused_pushes", "budget"] == 0
    assert found["kill_switch_fleets", None] == 1


def test_the_share_outside_the_band_is_of_the_hours_that_could_be_judged() -> None:
    # 18 of 24 inside: a quarter was outside.
    found = values(fleet("chat", hours_judged=24, hours_inside=18), fleet("new"))
    assert found["fleet_outside_band_fraction", "chat"] == 0.25
    assert ("fleet_outside_band_fraction", "new") not in found


def test_what_nobody_knows_is_left_out_and_never_zero() -> None:
    found = values(fleet("chat"))
    assert ("fleet_capacity_late", "chat") not in found
    assert not [name for name, _ in found if name.startswith("lake_")]
    assert not [name for name, _ in values() if "hour" in name]


def test_failures_sources_and_lake_are_handed_on() -> None:
    found = values(
        fleet("chat", has_failed=True, actions_late=2, capacity_late=1),
        failed_sources=3,
        quarantined_sources=4,
        lake_bytes={"raw": 10, "mart": 20},
        lake_files={"raw": 1, "mart": 2},
    )
    assert found["failed_pushes", None] == 1
    assert (found["fleet_actions_late", "chat"], found["fleet_capacity_late", "chat"]) == (2, 1)
    assert (found["failed_sources", None], found["quarantined_sources", None]) == (3, 4)
    assert (found["lake_bytes", "mart"], found["lake_files", "raw"]) == (20, 1)


def test_every_measurement_has_a_metric_with_its_label_and_every_metric_but_the_pushs_own_is_measured() -> None:
    whole = fleet("chat", hours_judged=24, hours_inside=18, capacity_late=0)
    record = OnCallRecord(measured_at_utc=MEASURED, fleets=[whole], lake_bytes={"raw": 1}, lake_files={"raw": 1})
    found = measure(record)
    assert all((METRICS[item.name].label is None) == (item.label is None) for item in found)
    assert set(METRICS) - {item.name for item in found} == {"headroom.push_delay_seconds"}


def test_every_rule_that_can_refuse_is_counted() -> None:
    sources = [
        *(ROOT / "include/headroom/scheduling").glob("*.py"),
        *(ROOT / "include/headroom/actuation").glob("*.py"),
    ]
    rule = re.compile(r'(?:rule=|_RULE: Final = )"([a-z_]+)"')
    written = {name for file in sources for name in rule.findall(file.read_text())}
    assert set(REFUSING_RULES) == written
    assert len(REFUSING_RULES) == len(set(REFUSING_RULES))


def action(purpose: ActionPurpose, need: datetime, least: int) -> Action:
    return Action(
        name=f"headroom-test-chat-{need:%Y%m%dT%H%MZ}",
        fleet_id="chat",
        starts_at_utc=need - timedelta(minutes=5),
        setting=CapacitySetting(min_instances=least, max_instances=60),
        purpose=purpose,
        need_at_utc=need,
    )


def judged(*samples: tuple[int, float], actions: list[Action] | None = None) -> int | None:
    raises = [action(ActionPurpose.RAISE, CLOSED, 10)] if actions is None else actions
    seen = [(CLOSED + timedelta(minutes=minute), count) for minute, count in samples]
    return late_capacity(raises, seen, needed_from_utc=CLOSED, needed_before_utc=CLOSED + timedelta(hours=1))


def test_capacity_that_is_there_within_ten_minutes_of_the_need_is_not_late() -> None:
    assert judged((0, 8.0), (5, 10.0)) == 0


def test_capacity_that_comes_after_that_is_late() -> None:
    assert judged((0, 8.0), (5, 9.0), (10, 10.0)) == 1


def test_without_a_sample_nobody_knows_whether_capacity_came() -> None:
    assert judged((30, 10.0)) is None


def test_only_raises_needed_in_the_span_are_judged() -> None:
    others = [action(ActionPurpose.LOWER, CLOSED, 50), action(ActionPurpose.RAISE, CLOSED + timedelta(hours=1), 50)]
    assert judged((0, 1.0), actions=others) == 0
