from dataclasses import replace

from tests.unit.capacity.small_fleet import fleet, forecast
from tests.unit.scheduling.small_plan import at, steps_of

from headroom.capacity import SustainableRate
from headroom.capacity.rates import RateSource
from headroom.domain.fleet import StepLimits
from headroom.scheduling import FleetSchedule, schedule_for

RATE = SustainableRate(
    instance_type="g5.xlarge", rate_per_second=10.0, source=RateSource.CONFIGURATION, method="configuration"
)


def decided(*demand: float, step_limits: StepLimits) -> FleetSchedule:
    return schedule_for(
        replace(fleet(), step_limits=step_limits),
        forecast(*demand),
        rate=RATE,
        starts_after_utc=at("06:06"),
        current_instances=2,
        max_changes=40,
    )


def test_the_fleets_step_limits_are_kept() -> None:
    # lead time 5 minutes, actions two minutes late: 10 instances by 08:53, in two steps half an hour apart
    made = decided(20.0, 20.0, 20.0, 100.0, step_limits=StepLimits(max_raise_instances=4))
    assert steps_of(made.schedule)[:2] == [("08:23", 6), ("08:53", 10)]
    assert made.short_of_capacity is None


def test_the_lead_time_is_todays_types_own_unless_a_longer_one_was_learnt() -> None:
    # 10 instances for 09:00; an action may be two minutes late
    def starts(lead_time_seconds: float | None, own: float | None) -> str:
        made = fleet()
        today = replace(made.current_type, lead_time_seconds=own)
        decided = schedule_for(
            replace(made, instance_types=(today, *made.instance_types[1:])),
            forecast(20.0, 20.0, 20.0, 100.0),
            rate=RATE,
            starts_after_utc=at("06:06"),
            current_instances=2,
            max_changes=40,
            lead_time_seconds=lead_time_seconds,
        )
        return steps_of(decided.schedule)[0][0]

    assert starts(None, None) == "08:53"
    assert starts(None, 900.0) == "08:43"
    assert starts(1800.0, 900.0) == "08:28"


def test_hours_that_cannot_be_reached_are_told_in_words() -> None:
    # 6 from 06:06 and 10 from 06:36; 12 from 07:06, which is late for 07:00 and the lead time before it
    one = decided(20.0, 120.0, 120.0, step_limits=StepLimits(max_raise_instances=4))
    assert one.short_of_capacity == (
        "step_limits leave it short: of the 12 instances needed at 2026-11-18 07:00Z only 10 can be asked for in time"
    )
    two = decided(120.0, 120.0, 120.0, step_limits=StepLimits(max_raise_instances=4)).short_of_capacity
    assert two is not None
    assert two.endswith("06:00Z only 6 can be asked for in time, and one hour more")
