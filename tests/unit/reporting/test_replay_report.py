import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.unit.simulation.small_scene import Holds, Steps, small_scene

from headroom.reporting.replay_figures import busiest_day, drawn_points
from headroom.reporting.replay_report import ReplayReport, render_replay_report, replay_summary
from headroom.simulation.demand_path import Bursts
from headroom.simulation.engine import Conditions
from headroom.simulation.replay import play

RISE = (80.0, 80.0, 150.0, 150.0, 150.0, 150.0, 80.0, 80.0, 80.0, 80.0)


def report_of(*policies: Any, **changes: Any) -> ReplayReport:
    replay = play(policies, small_scene(*RISE), conditions=Conditions(), is_swept=True)
    report = ReplayReport(
        replay=replay,
        demand_source="demand.parquet",
        recorded_step_seconds=60.0,
        bursts=Bursts(),
        class_shares={"all": np.ones(len(RISE))},
        left_open={"headroom_hybrid": "needs tiers"},
    )
    return replace(report, **changes)


def page_of(report: ReplayReport) -> str:
    return render_replay_report(report, replay_summary(report))


def test_the_summary_is_plain_json_with_the_share_of_the_saving_that_each_part_has() -> None:
    # the fixed two cost 2.00, the steps 15 instance-minutes of ten cents
    report = report_of(
        Holds(name="static_peak", instances=2), Steps(name="headroom", counts=(1, 1, 1, 2, 2, 2, 2, 1, 1, 1))
    )
    summary = json.loads(json.dumps(replay_summary(report), allow_nan=False))
    schedule, spot, tiers, together = summary["savings"]
    assert schedule["saved_usd"] == pytest.approx(0.5)
    assert schedule["saved_fraction"] == pytest.approx(0.25)
    assert spot["saved_usd"] is None
    assert spot["reason"] == "headroom_spot was not played"
    assert tiers["reason"] == "headroom_hybrid is open: needs tiers"
    assert together["saved_usd"] is None


def test_spot_saves_what_the_same_schedule_costs_less() -> None:
    policies = [("static_peak", 3), ("headroom", 2), ("headroom_spot", 1)]
    rows = replay_summary(report_of(*(Holds(name=name, instances=count) for name, count in policies)))["savings"]
    # ten minutes at ten cents an instance-minute: 3.00, 2.00 and 1.00; the launches of more than one are billed too
    saved = {row["part"]: (row["saved_usd"], row["saved_fraction"]) for row in rows if row["saved_usd"] is not None}
    assert saved == {
        "schedule": (pytest.approx(1.0), pytest.approx(1 / 3)),
        "spot": (pytest.approx(1.0), pytest.approx(1 / 2)),
    }


def test_what_a_share_costs_is_read_off_the_swept_points() -> None:
    summary = replay_summary(report_of(Holds()))
    # one instance keeps a fifth, two keep all: 99 % lies just under two
    costs = summary["cost_at_share_usd"]["holds"]
    assert 1.9 < costs["0.99"] < 2.0
    assert costs["0.99"] < costs["0.999"]
    assert summary["policies"]["headroom_hybrid"] == {"status": "open", "reason": "needs tiers"}


def test_the_page_shows_every_policy_its_worst_hour_and_needs_no_network() -> None:
    page = page_of(report_of(Holds()))
    for words in (
        "holds",
        "oracle_hourly",
        "headroom_hybrid",
        "needs tiers",
        "1 instance was ready where up to 2 were",
    ):
        assert words in page
    assert "No request was late." in page  # the oracle's
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?http", page)
    assert "default-src &#39;none&#39;" in page
    assert "The busiest day, Wed 18 Nov 2026" in page


def test_names_of_classes_are_shown_and_not_obeyed() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    half = np.full(len(RISE), 0.5)
    page = page_of(report_of(Holds(), class_shares={hostile: half, "chat": half}))
    assert "&lt;img src=x" in page
    assert hostile not in page


def test_the_busiest_day_is_the_one_with_most_requests() -> None:
    # from noon on: twelve hours of 10 a second, a day of 20, half a day of 30
    minutes = [10.0] * 720 + [20.0] * 1440 + [30.0] * 720
    replay = play([], small_scene(*minutes), conditions=Conditions())
    assert busiest_day(replay).tolist() == list(range(720, 2160))


def test_fine_steps_are_drawn_where_they_change() -> None:
    minutes = np.repeat([2, 3], 720)
    assert drawn_points(minutes).tolist() == list(range(1440))
    tenths = np.repeat([2.0, 3.0, 2.0], [10, 2000, 862_000 - 10])
    assert drawn_points(tenths).tolist() == [0, 10, 2010, 863_999]


def test_the_toolbar_has_room_above_the_legend_and_a_phone_scrolls_figures() -> None:
    page = page_of(report_of(Holds()))
    assert page.count('<div class="scroll"><div class="figure">') == 2
    assert page.count('"margin":{"l":60,"r":16,"t":40,"b":44}') == 2  # the toolbar is 28 pixels high
