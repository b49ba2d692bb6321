"""What is told of pushes: events once, what lasts when it begins, changes, has lasted a day, and is over."""

from datetime import UTC, datetime, timedelta

import pytest

from headroom.insight.push_news import MOST_NAMES, News, NewsKind, Told, choose_news, news_text, reason_of

T0 = datetime(2026, 11, 18, 6, tzinfo=UTC)


def refused(text: str = "kill_switch: incident 4711", fleet_id: str = "a") -> News:
    return News(fleet_id=fleet_id, kind=NewsKind.REFUSED, text=text)


def pushed(key: str, fleet_id: str = "a") -> News:
    return News(fleet_id=fleet_id, kind=NewsKind.PUSHED, key=key, text="2 created")


class Hours:
    """Asks hour by hour, keeping what was told."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self.now = T0

    def hear(self, *news: News, fleets: tuple[str, ...] = ("a",)) -> list[str]:
        chosen, self.told = choose_news(fleets, news, self.told, now_utc=self.now)
        self.now += timedelta(hours=1)
        return [f"{item.kind} {item.fleet_id}: {item.text}" for item in chosen]


@pytest.fixture
def hours() -> Hours:
    return Hours()


def test_a_quiet_hour_tells_nothing(hours: Hours) -> None:
    assert hours.hear() == []


def test_the_same_refusal_is_told_once_and_once_more_after_a_day(hours: Hours) -> None:
    heard = [hours.hear(refused()) for _ in range(26)]
    # told at hour 0 and at hour 24; the 24 others are quiet
    assert [hour for hour, texts in enumerate(heard) if texts] == [0, 24]


def test_another_reason_is_told_at_once_and_other_numbers_are_no_other_reason(hours: Hours) -> None:
    assert hours.hear(refused("data_complete: 71 % of the samples since 2026-11-16 06:00Z")) != []
    assert hours.hear(refused("data_complete: 70 % of the samples since 2026-11-16 07:00Z")) == []
    assert hours.hear(refused("data_complete: 70 % of the samples since 2026-11-16 08:00Z; quota: 131 of 125")) != []


def test_what_is_over_is_told_and_when_it_comes_back_so_is_that(hours: Hours) -> None:
    hours.hear(refused())
    assert hours.hear() == ["no longer a: refused"]
    assert hours.hear() == []
    assert hours.hear(refused()) == ["refused a: kill_switch: incident 4711"]


def test_a_fleet_without_a_turn_is_not_said_to_be_well(hours: Hours) -> None:
    hours.hear(refused())
    assert hours.hear(fleets=()) == []
    assert hours.hear(refused()) == []


def test_a_push_is_told_once_however_often_its_run_is_cleared(hours: Hours) -> None:
    assert hours.hear(pushed("p1")) == ["pushed a: 2 created"]
    assert hours.hear(pushed("p1")) == []
    assert hours.hear(pushed("p2")) == ["pushed a: 2 created"]


def test_every_request_for_approval_is_told_for_each_is_a_question(hours: Hours) -> None:
    asked = [News(fleet_id="a", kind=NewsKind.APPROVAL_WANTED, key=key, text="3 created") for key in ("x", "x", "y")]
    assert [bool(hours.hear(item)) for item in asked] == [True, False, True]


def test_refused_and_drifted_are_two_things(hours: Hours) -> None:
    drifted = News(fleet_id="a", kind=NewsKind.DRIFTED, text="demand has drifted above its forecasts")
    assert len(hours.hear(refused(), drifted)) == 2
    assert hours.hear(drifted) == ["no longer a: refused"]


def test_one_line_lists_fleets_most_urgent_first_and_counts_the_many() -> None:
    many = [refused("kill_switch: incident 4711", f"f{number:02}") for number in range(13)]
    asked = News(fleet_id="z", kind=NewsKind.APPROVAL_WANTED, key="k", text="3 created")
    text = news_text([pushed("p", "b"), *many, asked, News(fleet_id="c", kind=NewsKind.OVER, text="refused")])
    names = ", ".join(f"f{number:02}" for number in range(MOST_NAMES))
    assert text == (
        f"approval wanted z (3 created); refused {names} and 3 more: kill_switch: incident 4711; "
        "pushed b (2 created); no longer refused: c"
    )


def test_fleets_with_the_same_reason_but_other_numbers_stand_together() -> None:
    news = [refused("data_fresh: 3 h old", "a"), refused("data_fresh: 4 h old", "b"), refused("quota: full", "c")]
    assert news_text(news) == "refused a, b: data_fresh: 3 h old; refused c: quota: full"


def test_names_of_fleets_and_rules_are_part_of_a_reason() -> None:
    assert reason_of("lock: chat-1 holds it") != reason_of("lock: chat-2 holds it")
    assert reason_of("foreign_actions: headroom") != reason_of("quota: headroom")
