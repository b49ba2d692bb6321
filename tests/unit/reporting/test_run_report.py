import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from headroom.capacity import CostCurve
from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast, DemandHistory
from headroom.domain.scaling import Action, ActionPurpose, CapacitySetting, Verdict
from headroom.forecasting.drift import Drift
from headroom.reporting.run_report import (
    FleetSection,
    HistorySpan,
    Incident,
    PresentedAction,
    RunReport,
    ScheduleHour,
    render_run_report,
    run_summary,
)

MADE_AT = datetime(2026, 11, 18, 6, tzinfo=UTC)


def _section(fleet_id: str = "chat-large", *, cause: str = "") -> FleetSection:
    hours = np.datetime64("2026-11-18T06:00:00", "s") + np.arange(3) * np.timedelta64(1, "h")
    quantiles = np.tile(np.arange(1.0, len(QUANTILE_LEVELS) + 1), (3, 1))
    need = MADE_AT + timedelta(hours=1)
    action = Action(
        name=f"headroom-demo-{fleet_id}-20261118T0655Z",
        fleet_id=fleet_id,
        starts_at_utc=need - timedelta(minutes=5),
        setting=CapacitySetting(min_instances=12, max_instances=60, desired_instances=12),
        purpose=ActionPurpose.RAISE,
        need_at_utc=need,
        demand_per_second=90.0,
    )
    return FleetSection(
        fleet_id=fleet_id,
        mode="auto",
        target="ec2_auto_scaling_group chat",
        instance_type="g5.12xlarge",
        critical_ratio=0.9,
        state="verified",
        cause=cause,
        history=DemandHistory(
            fleet_id=fleet_id,
            hours=hours - np.timedelta64(3, "h"),
            mean_per_second=np.array([1.0, np.nan, 3.0]),
            peak_per_second=np.array([2.0, np.nan, 4.0]),
        ),
        forecast=DemandForecast(
            fleet_id=fleet_id,
            made_at_utc=MADE_AT,
            hours=hours,
            mean_quantiles_per_second=quantiles,
            peak_quantiles_per_second=quantiles,
            members={"prophet": 0.75, "weekly_naive": 0.25},
        ),
        schedule=tuple(
            ScheduleHour(
                hour_start_utc=MADE_AT + timedelta(hours=hour),
                required_instances=10 + hour,
                planned_instances=12,
                today_instances=50.0,
            )
            for hour in range(3)
        ),
        actions=(PresentedAction(action=action, status="pushed and read back", lead_minutes=5.0),),
        verdicts=(
            Verdict(rule="data_fresh", is_passed=True, reason="newest sample is 5 minutes old"),
            Verdict(rule="quota", is_passed=False, reason="126 actions do not fit"),
        ),
        today_usd_per_day=6806.4,
        planned_usd_per_day=2000.4,
        sizing_method="configuration",
    )


def _report(*sections: FleetSection, incidents: tuple[Incident, ...] = ()) -> RunReport:
    return RunReport(
        window_start_utc=MADE_AT - timedelta(hours=1),
        window_end_utc=MADE_AT,
        deployment="demo",
        fleets=sections,
        incidents=incidents,
    )


def test_page_shows_costs_actions_and_refusals() -> None:
    page = render_run_report(_report(_section()))

    assert "$6,806" in page
    assert "$2,000" in page
    assert "$4,806" in page  # 6806.4 - 2000.4 a day less
    assert "(71 %)" in page  # 4806 / 6806.4 = .706
    assert "1 of 2" in page  # checks passed
    assert "126 actions do not fit" in page
    assert "pushed and read back" in page
    assert "prophet (75 %), weekly_naive (25 %)" in page


def _figures(page: str) -> list[str]:
    """Every amount in dollars on a page with what stands before it, leaving out plotly's own script."""
    return re.findall(r"(≈ )?(\$[\d,.]+)", page.split("<main>")[1])


def test_every_cost_of_a_plan_is_marked_as_an_estimate_where_it_stands() -> None:
    page = render_run_report(_report(_section()))

    figures = _figures(page)
    assert len(figures) == 5  # three tiles, and two cells of the fleet's row
    assert {mark for mark, _ in figures} == {"≈ "}


def test_a_fleet_of_unknown_cost_is_named_and_not_added_as_nothing() -> None:
    unknown = replace(_section("embed"), today_usd_per_day=None, planned_usd_per_day=None)

    page = render_run_report(_report(_section(), unknown))

    assert "Not in these sums, their cost being unknown: embed." in page
    assert "≈ $6,806" in page


def test_a_check_by_a_limit_that_was_loosened_is_marked() -> None:
    said = "min_band_fraction is loosened from 0.5 (the default) to 0.3"
    loosened = Verdict(rule="forecast_in_band", is_passed=True, reason=f"4 of 10 ({said})", loosened=said)

    page = render_run_report(_report(replace(_section(), verdicts=(loosened,))))

    assert "passed, loosened</td>" in page
    assert said in page
    assert "loosened" not in render_run_report(_report(_section()))


def test_where_no_cost_is_known_the_page_says_unknown_and_not_zero() -> None:
    page = render_run_report(_report(replace(_section(), today_usd_per_day=None, planned_usd_per_day=None)))

    assert "<b>unknown</b>" in page
    assert _figures(page) == []


def test_the_page_tells_the_price_and_the_day_of_its_list() -> None:
    listed = render_run_report(_report(replace(_section(), usd_per_hour=5.672, price_day=date(2026, 11, 18))))
    configured = render_run_report(_report(replace(_section(), usd_per_hour=5.672)))

    assert "$5.672 an hour on demand, from the price list of 18 Nov 2026" in listed
    assert "$5.672 an hour on demand, from fleets.yaml" in configured


@pytest.mark.parametrize(
    ("hours", "seen", "text", "is_short"),
    [
        (14, 14, "14 hours of demand", True),
        (30, 28, "30 hours of demand, 2 hours of it missing", True),
        (30, 29, "30 hours of demand, 1 hour of it missing", True),
        (72, 72, "3.0 days of demand", False),
    ],
)
def test_the_page_says_how_much_history_a_forecast_rests_on(
    hours: int, seen: int, text: str, *, is_short: bool
) -> None:
    span = HistorySpan(first_hour_utc=datetime(2026, 11, 17, tzinfo=UTC), hours=hours, hours_seen=seen)

    page = render_run_report(_report(replace(_section(), history_span=span)))

    assert f"Rests on {text}, since Tue 17 Nov 00:00 UTC." in page
    assert (">short<" in page) is is_short


def test_page_needs_no_network() -> None:
    page = render_run_report(_report(_section()))

    loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"'](https?:[^\"']+)", page)
    assert loaded == []


def test_what_comes_from_tags_and_names_is_escaped() -> None:
    planted = "<script>alert(1)</script>"
    page = render_run_report(
        _report(
            _section(cause=planted),
            incidents=(Incident(step="extract", subject=planted, status="failed", cause=planted),),
        ),
    )

    assert planted not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_planted_fleet_name_cannot_leave_a_figure() -> None:
    page = render_run_report(_report(_section("</script><script>alert(1)</script>")))

    assert "<script>alert(1)" not in page


def test_same_report_gives_the_same_bytes() -> None:
    assert render_run_report(_report(_section())) == render_run_report(_report(_section()))


def test_fleet_that_failed_early_says_why_and_has_no_costs() -> None:
    section = FleetSection(
        fleet_id="embed",
        mode="recommend",
        target="ecs_service a/b",
        instance_type="g6.xlarge",
        critical_ratio=0.9,
        state="no plan",
        cause="forecast: no hour of its demand is known",
    )
    page = render_run_report(_report(section))

    assert "no hour of its demand is known" in page
    assert "unknown" in page
    assert "Plotly.newPlot" not in page


def test_summary_carries_what_a_terminal_shows() -> None:
    summary = run_summary(_report(_section()))

    (fleet,) = summary["fleets"]
    assert fleet["checks_passed"] == 1
    assert fleet["checks"] == 2
    assert fleet["actions"][0]["lead_minutes"] == 5.0
    assert (fleet["cost_basis"], fleet["price_day"], fleet["history"]) == ("estimated", None, None)
    assert fleet["actions"][0]["need_at_utc"] == "2026-11-18T07:00:00+00:00"


def test_a_rate_that_history_does_not_tell_has_its_reason_on_the_page() -> None:
    reason = "48 hours of steady instances with demand and latency, and 72 are needed"
    page = render_run_report(_report(replace(_section(), rate_not_measured=reason)))
    assert f"sized by configuration; the rate is not measured from history: {reason}" in page
    assert "not measured from history" not in render_run_report(_report(_section()))


def test_hours_that_step_limits_leave_short_are_on_the_page_and_in_the_summary() -> None:
    short = "step_limits leave it short: of the 12 instances needed only 8 can be asked for in time"
    report = _report(replace(_section(), short_of_capacity=short))
    assert short in render_run_report(report)
    assert run_summary(report)["fleets"][0]["short_of_capacity"] == short
    assert "step_limits" not in render_run_report(_report(_section()))


def test_the_lead_time_and_what_did_not_come_are_on_the_page_and_in_the_summary() -> None:
    told = "13 min: the last 3 raises stood 15 min after their start"
    missing = "capacity did not come: 8 instances were asked for. What would make sure is a Capacity Block"
    report = _report(replace(_section(), lead_time=told, capacity_not_come=missing))
    page = render_run_report(report)
    assert f"Lead time {told}." in page
    assert f'<p class="warn">{missing}.</p>' in page
    summary = run_summary(report)["fleets"][0]
    assert (summary["lead_time"], summary["capacity_not_come"]) == (told, missing)
    assert "Lead time" not in render_run_report(_report(_section()))


def test_the_cost_curve_is_drawn_where_a_price_is_known() -> None:
    curve = CostCurve(
        instance_usd=np.linspace(10.0, 130.0, 13), shortage_usd=np.linspace(240.0, 0.0, 13), critical_ratio=0.9
    )
    page = render_run_report(_report(replace(_section(), cost_curve=curve)))
    assert "Expected cost of a day of chat-large" in page
    # 130 + 0 at the last quantile is the least of 250 - 10 x position
    assert "Least at q99; bought is q90, by a critical ratio of 0.9." in page
    assert "Expected cost of a day" not in render_run_report(_report(_section()))


def test_a_critical_ratio_beyond_the_last_quantile_is_told_with_what_is_bought_for_it() -> None:
    curve = CostCurve(instance_usd=np.ones(13), shortage_usd=np.ones(13), critical_ratio=0.995)
    page = render_run_report(_report(replace(_section(), cost_curve=curve, critical_ratio=0.995)))
    assert "bought is q99, by a critical ratio of 0.995." in page
    assert "bought: 99% quantile of the minutes" in page


def test_the_page_shows_what_moves_a_forecast_and_leaves_out_what_does_not() -> None:
    section = _section()
    assert section.forecast is not None
    parts = np.array([[5.0, 1.5, 0.0, 0.5, 0.0, 0.0]] * 3)  # 7, the median of 1 to 13
    words = "The level is 5 per second: <b>so</b> it says."
    told = replace(section, forecast=replace(section.forecast, mean_parts_per_second=parts, explanation=words))

    page = render_run_report(_report(told)).split("<main>")[1]

    assert "What moves the forecast of chat-large" in page
    assert "The level is 5 per second: &lt;b&gt;so&lt;/b&gt; it says." in page
    assert '"name":"hour of the day"' in page
    assert '"name":"holiday"' in page
    assert '"name":"day of the week"' not in page
    assert run_summary(_report(told))["fleets"][0]["explanation"] == words


def test_a_forecast_of_unknown_parts_is_shown_without_them() -> None:
    page = render_run_report(_report(_section())).split("<main>")[1]

    assert "What moves the forecast" not in page
    assert run_summary(_report(_section()))["fleets"][0]["explanation"] is None


def test_a_fleet_whose_demand_has_drifted_is_marked_and_one_that_has_not_is_not() -> None:
    drift = Drift(hours=4, widening=1.5, direction="above")
    steady = _section("steady")
    assert steady.forecast is not None
    told = drift.remark(is_widened=True)
    drifting = replace(_section("moved"), forecast=replace(steady.forecast, note=f"weights; {told}"))
    report = RunReport(
        window_start_utc=MADE_AT - timedelta(hours=1),
        window_end_utc=MADE_AT,
        deployment="demo",
        fleets=(steady, drifting),
    )
    page = render_run_report(report)
    assert page.count('<span class="tag estimated">drifting</span>') == 2  # in the table and over its section
    assert f"Trust in this forecast is lowered: {told}." in page
    assert [fleet["drift"] for fleet in run_summary(report)["fleets"]] == [None, told]
