"""When the capacity that an action asked for stood, by hand from five-minute means."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scheduling.small_plan import at

from headroom.scheduling.arrival import Arrival, InstanceSamples, RaisedFloor, judge_arrival

# 2 -> 6 instances at 08:53 for 09:00: lead time five minutes and two that the action may be late
RAISED: Final = RaisedFloor(
    action_name="headroom-test-chat-20261118T0853Z",
    starts_at_utc=at("08:53"),
    need_at_utc=at("09:00"),
    instances_before=2,
    instances_after=6,
    holds_until_utc=at("12:00"),
)


def samples(seen: Mapping[str, float], *, period_seconds: int = 300) -> InstanceSamples:
    return InstanceSamples(
        start=np.array([int(at(clock).timestamp()) for clock in seen], dtype=np.int64),
        period_seconds=np.full(len(seen), period_seconds, dtype=np.int64),
        instances=np.array(list(seen.values()), dtype=np.float64),
    )


def judged(seen: Mapping[str, float], **changes: datetime | int) -> Arrival:
    return judge_arrival(replace(RAISED, **changes), samples(seen))  # type: ignore[arg-type]


def test_samples_are_the_same_as_themselves_read_again_whatever_they_hold() -> None:
    seen = {"07:00": 2.0, "07:05": float("nan")}  # whoever looks until nothing has changed must come to an end
    assert samples(seen).is_same_as(samples(seen))
    assert not samples(seen).is_same_as(samples({**seen, "07:05": 2.0}))
    assert not samples(seen).is_same_as(samples({"07:00": 2.0, "07:10": float("nan")}))
    assert not samples(seen).is_same_as(samples({"07:00": 2.0}))


def test_the_moment_is_read_off_the_last_period_that_was_not_full() -> None:
    # all four stand at 08:58: three minutes of 2 and two of 6 are a mean of (3 x 2 + 2 x 6) / 5 = 3.6
    found = judged({"08:45": 2, "08:50": 2, "08:55": 3.6, "09:00": 6, "09:05": 6})
    assert found == Arrival(
        stood_at_utc=at("08:58"),
        seconds_to_stand=300.0,
        seconds_late=-120.0,
        is_short=False,
        has_come=True,
        instances_at_start=2.0,
        most_instances=6.0,
        samples_seen=4,
    )


def test_what_comes_late_is_short_by_so_many_seconds() -> None:
    # at 09:08: three minutes of 2 and two of 6, eight minutes after the need and fifteen after the start
    found = judged({"08:45": 2, "08:50": 2, "08:55": 2, "09:00": 2, "09:05": 3.6, "09:10": 6})
    assert (found.seconds_to_stand, found.seconds_late) == (900.0, 480.0)
    assert (found.is_short, found.has_come) == (True, True)


def test_one_that_is_a_laggard_decides() -> None:
    # three at 08:58, the fourth at 09:03: 09:00 to 09:05 has 5 for three minutes and 6 for two, 5.4, and began with 3.6
    found = judged({"08:45": 2, "08:50": 2, "08:55": 2 + 3 * 2 / 5, "09:00": 5.4, "09:05": 6})
    # how many were there at 09:00 the mean before does not tell; 0.6 missing on average is one for 0.6 x 300 s at least
    assert (found.stood_at_utc, found.is_short) == (at("09:03"), True)


def test_never_within_the_floor_is_no_time_at_all() -> None:
    seen = {"08:45": 2, "08:50": 2} | {f"{hour:02d}:{minute:02d}": 4 for hour in (9, 10, 11) for minute in (0, 30)}
    found = judged(seen)
    assert (found.stood_at_utc, found.seconds_to_stand, found.seconds_late) == (None, None, None)
    assert (found.is_short, found.has_come, found.most_instances) == (True, False, 4.0)


def test_without_samples_nothing_is_known() -> None:
    assert judged({}) == Arrival()
    # of the time before the start only: what stood then, nothing of what came
    assert judged({"08:45": 2}) == Arrival(instances_at_start=2.0)


def test_a_gap_hides_when_but_not_that_it_stood() -> None:
    found = judged({"08:45": 2, "08:50": 2, "09:00": 6})
    assert (found.stood_at_utc, found.is_short, found.has_come) == (None, False, True)
    after = judged({"08:45": 2, "08:50": 2, "09:05": 6})
    assert (after.stood_at_utc, after.is_short, after.has_come) == (None, None, True)
    seen_short = judged({"08:45": 2, "09:00": 2, "09:10": 6})
    assert (seen_short.stood_at_utc, seen_short.is_short, seen_short.has_come) == (None, True, True)
    # 09:55 to 10:05 unseen: whether it stood by 10:00 nobody knows
    hidden = judged({"08:50": 2, "09:50": 2, "10:05": 6})
    assert (hidden.is_short, hidden.has_come) == (True, None)


def test_what_stood_before_took_no_time() -> None:
    found = judged({"08:45": 7, "08:50": 6, "08:55": 6, "09:00": 6})
    assert (found.seconds_to_stand, found.is_short, found.instances_at_start) == (0.0, False, 7.0)


def test_what_stood_and_fell_before_the_need_is_short() -> None:
    found = judged({"08:45": 2, "08:50": 2, "08:55": 6, "09:00": 5, "09:05": 6})
    assert (found.seconds_late, found.is_short) == (-300.0, True)


def test_lowered_before_its_need_an_action_is_not_judged() -> None:
    found = judged({"08:45": 2, "08:50": 2, "08:55": 2, "09:00": 2}, holds_until_utc=at("08:58"))
    assert (found.is_short, found.has_come) == (None, None)
    # nor before the hour after the need is seen to its end
    early = judged({"08:45": 2, "08:50": 2, "09:00": 2})
    assert (early.is_short, early.has_come) == (True, None)


def test_more_than_an_hour_after_the_need_is_not_come() -> None:
    seen = {"08:45": 2.0, "08:50": 2.0} | {f"{at('08:55') + timedelta(minutes=5 * k):%H:%M}": 2.0 for k in range(14)}
    found = judged({**seen, "10:05": 6, "10:10": 6})
    assert (found.stood_at_utc, found.has_come, found.is_short) == (at("10:05"), False, True)


def test_asked_for_after_its_need_it_has_half_an_hour() -> None:
    # a first push at 09:50 for 09:00; until 10:20 nothing is said against it
    late = {"starts_at_utc": at("09:50")}
    seen = {"09:40": 2, "09:45": 2, "09:50": 2, "09:55": 2, "10:00": 2, "10:05": 2}
    assert judged(seen, **late).has_come is None
    assert judged({**seen, "10:10": 2, "10:15": 2}, **late).has_come is False
    assert judged({**seen, "10:10": 2, "10:15": 6}, **late).has_come is True


def test_one_minute_samples_tell_the_minute() -> None:
    minutes = {f"08:{minute}": 2.0 if minute < 57 else 6.0 for minute in range(45, 60)}
    found = judge_arrival(RAISED, samples(minutes, period_seconds=60))
    # the minute before was wholly without them
    assert found.stood_at_utc == at("08:57")


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 120), st.integers(0, 10))
def test_instances_that_come_together_are_told_to_the_minute(
    before: int, launched: int, minutes_to_stand: int, starts_in_minute: int
) -> None:
    starts = at("08:00") + timedelta(minutes=starts_in_minute)
    stands = starts + timedelta(minutes=minutes_to_stand)
    by_minute = [
        before + (launched if at("07:00") + timedelta(minutes=minute) >= stands else 0) for minute in range(300)
    ]
    means = np.array(by_minute, dtype=np.float64).reshape(-1, 5).mean(axis=1)
    start = int(at("07:00").timestamp()) + 300 * np.arange(60, dtype=np.int64)
    raised = replace(
        RAISED,
        starts_at_utc=starts,
        need_at_utc=at("09:00"),
        instances_before=before,
        instances_after=before + launched,
    )
    found = judge_arrival(
        raised, InstanceSamples(start=start, period_seconds=np.full(60, 300, dtype=np.int64), instances=means)
    )
    assert found.stood_at_utc == stands
    assert found.is_short is (stands > at("09:00"))
