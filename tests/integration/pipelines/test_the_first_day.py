"""An account on its first day: metrics and list prices, no bill; then the bill comes. In the order of its tests.

chat-large has every metric; embed-search and rerank have no count of instances, no latency and no GPU metric.
"""

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from tests.integration.pipelines.conftest import SANDBOX_CONFIG

from headroom.cli import main
from headroom.pipelines import report, scale, utilization, windows
from headroom.pipelines.outcomes import check_outcomes, read_outcomes
from headroom.pipelines.plan import list_chunks_to_plan, plan_day
from headroom.pipelines.workspace import open_workspace
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration

BUCKET = "headroom-billing"
LIVE_HOUR = windows.hour_window("2026-11-18T05:00:00")
AS_OF = "2026-11-18T06:00:00Z"
DAY = windows.day_window("2026-11-17T00:00:00")
NEXT_DAY = windows.day_window("2026-11-18T00:00:00")
KEPT_METRICS = {"embed-search": {"cpu_utilization_percent"}, "rerank": {"memory_utilization_percent"}}
SOURCES = f"billing:\n  - {{format: focus, bucket: {BUCKET}, prefix: exports, export_name: focus-hourly}}\n"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fleets in mode recommend, one in approve, two of them with the metrics every account has, and no sources.yaml."""
    document = yaml.safe_load((SANDBOX_CONFIG / "fleets.yaml").read_text())
    for fleet in document["fleets"]:
        fleet["mode"] = "approve" if fleet["id"] == "vision-batch" else "recommend"
        kept = KEPT_METRICS.get(fleet["id"], set(fleet["metrics"]))
        fleet["metrics"] = {name: place for name, place in fleet["metrics"].items() if name in kept}
    folder = tmp_path_factory.mktemp("config")
    (folder / "fleets.yaml").write_text(yaml.safe_dump(document))
    return folder


@pytest.fixture(autouse=True)
def first_day(environment: None, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001, comes first
    monkeypatch.setenv("HEADROOM_CONFIG", str(config))


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def _by_fleet(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["fleet_id"]: entry for entry in entries}


def _amounts(page: str) -> set[str]:
    """Return the signs that stand before the amounts of a page."""
    return {mark for mark, _ in re.findall(r"(≈ )?(\$[\d,.]+\d)(?![\d.,]| an hour)", page.split("<main>")[1])}


def _kpis(folder: Path, day: str) -> dict[str, Any]:
    assert main(["build"]) == 0
    query = "select fleet_id, cost_basis, cost_per_million_units_usd from mart_kpi__daily_by_fleet where day_utc = $day"
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as session:
        return {fleet_id: (basis, cost) for fleet_id, basis, cost in session.execute(query, {"day": day}).fetchall()}


def test_1_metrics_and_prices_come_in_and_the_missing_bill_is_said_not_failed(
    capsys: pytest.CaptureFixture[str],
    sandbox: SandboxProcess,
) -> None:
    s3 = sandbox.client("s3")
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])
    assert main(["extract", "prices", "--from", "2026-11-17", "--to", "2026-11-18"]) == 0
    assert main(["extract", "utilization", "--from", "2026-11-14", "--to", "2026-11-18T06:00:00"]) == 0
    capsys.readouterr()

    assert main(["extract", "billing", "--from", "2026-11-01", "--to", "2026-11-18"]) == 0

    assert "sources.yaml names no billing export; costs are estimated from list prices" in capsys.readouterr().out


def test_2_a_plan_carries_its_estimate_and_a_push_only_recommends(
    capsys: pytest.CaptureFixture[str],
    sandbox: SandboxProcess,
) -> None:
    code, answer = _json(capsys, "plan", "--as-of", AS_OF)
    assert code == 0, answer
    chat = _by_fleet(answer)["chat-large"]["estimate"]
    assert chat["today_usd_per_day"] == 6806.4  # 50 instances x 24 h x 5.672 USD
    assert (chat["cost_basis"], chat["price_day"]) == ("estimated", "2026-11-18")
    code, answer = _json(capsys, "push", "--as-of", AS_OF, "--apply")
    assert code == 3
    states = {entry["fleet_id"]: entry["state"] for entry in answer}
    assert states.pop("vision-batch") == "awaiting_approval"
    assert set(states.values()) == {"recommended"}
    assert sandbox.calls(service="autoscaling", is_write=True) == []
    main(["plan", "--as-of", AS_OF])
    shown = capsys.readouterr().out
    assert "Estimated cost, no bill: about 6,806.40 USD a day as it runs today" in " ".join(shown.split())


def test_3_the_hours_tasks_and_the_days_plans_run_to_their_end(sandbox: SandboxProcess) -> None:
    for chunk in utilization.list_chunks():
        utilization.extract_hour(LIVE_HOUR, chunk)
        scale.forecast_chunk(LIVE_HOUR, chunk)
        scale.schedule_chunk(LIVE_HOUR, chunk)
        scale.push_chunk(LIVE_HOUR, chunk, approvals={})
    requests = [item for chunk in utilization.list_chunks() for item in scale.pending_approvals(LIVE_HOUR, chunk)]
    assert [item["fleet_id"] for item in requests] == ["vision-batch"]
    (request,) = requests
    assert "Estimated cost, no bill: about" in request["body"]
    # c_short / c_over is 3: critical ratio 3 / (3 + 1)
    assert "**Risk.** It buys for demand up to q75 of the minutes: in about 25.0% of them more" in request["body"]
    assert "**Replay.** No replay of this fleet has been run yet: trigger the DAG `replay_policies`" in request["body"]
    again = _approved_after_the_owner_raised_the_minimum(request, sandbox)
    answer = _answer(again, is_approved=False, note="a load test runs")
    told = scale.push_answered(LIVE_HOUR, again, answer)
    assert told == {"nothing_to_do": 1, "write_calls": 0, "ask_again": None}
    assert scale.pending_approvals(LIVE_HOUR, request["chunk"]) == []  # a no is an answer: nobody is asked twice
    for chunk in list_chunks_to_plan(DAY):
        plan_day(DAY, chunk)
    assert (
        check_outcomes(dag_id="scale_ahead", window=LIVE_HOUR)["served"] == 15
    )  # 4 fleets x 3 steps, vision-batch's second plan and push, and the answer
    assert check_outcomes(dag_id="plan_fleets", window=DAY)["served"] == 4


def _answer(request: dict[str, Any], *, is_approved: bool, note: str = "") -> dict[str, Any]:
    """Return an answer as the task that asked hands it on."""
    moments = {"asked_at_utc": "2026-11-18T06:06:00+00:00", "at_utc": "2026-11-18T06:10:00+00:00"}
    about = {key: request[key] for key in ("fleet_id", "plan_id", "shown")}
    return {**about, **moments, "is_approved": is_approved, "by": "ada", "note": note}


def _approved_after_the_owner_raised_the_minimum(request: dict[str, Any], sandbox: SandboxProcess) -> dict[str, Any]:
    """Approve when the target has moved; return the second request, made of a plan that gives the new minimum back."""
    autoscaling = sandbox.client("autoscaling")
    (group,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["vision-batch"])["AutoScalingGroups"]
    autoscaling.update_auto_scaling_group(AutoScalingGroupName="vision-batch", MinSize=group["MinSize"] + 1)
    told = scale.push_answered(LIVE_HOUR, request, _answer(request, is_approved=True))
    assert told["write_calls"] == 0
    again: dict[str, Any] = told["ask_again"]
    assert again["subject"].startswith("Asked again: change ")
    assert again["body"].startswith("**Asked again.** `ada` approved at 2026-11-18T06:10Z; nothing was written")
    moved = f"- `the target's minimum is {group['MinSize'] + 1}; it was {group['MinSize']}`"
    assert moved in again["body"]
    assert again["plan_id"] != request["plan_id"]
    assert again["asked_first_at_utc"] == "2026-11-18T06:06:00+00:00"
    return again


def test_4_the_page_of_the_run_marks_every_cost_and_says_what_forecasts_rest_on(folder: Path) -> None:
    written = report.report_run(LIVE_HOUR)

    assert written["incidents"] == 0
    page = (folder / "lake" / written["page"]).read_text()
    assert _amounts(page) == {"≈ "}
    assert "Rests on 4.2 days of demand, since Sat 14 Nov 00:00 UTC." in page  # 4 days and 6 hours
    summary = json.loads((folder / "lake" / written["page"].replace(".html", ".json")).read_text())
    assert {fleet["cost_basis"] for fleet in summary["fleets"]} == {"estimated"}
    assert {fleet["history"]["hours"] for fleet in summary["fleets"]} == {102}


def test_5_the_report_of_a_day_is_estimated_where_instances_are_counted_and_unknown_elsewhere(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, answer = _json(capsys, "report", "--period", "2026-11-17")

    assert code == 0
    fleets = _by_fleet(answer["fleets"])
    chat = fleets["chat-large"]
    assert (chat["cost_bases"], chat["instances_bases"]) == (["estimated"], ["in_service"])
    assert chat["estimated_cost_usd"] == pytest.approx(6806.4, rel=0.01)
    assert chat["billed_cost_usd"] is chat["billed_savings_usd"] is chat["estimated_savings_usd"] is None
    # no count of instances, no plan of that day, no baseline: nothing to estimate from
    assert fleets["rerank"]["cost_bases"] == fleets["embed-search"]["cost_bases"] == ["unknown"]
    assert fleets["rerank"]["estimated_cost_usd"] is None
    assert _amounts((folder / "lake/reports/savings/2026-11-17.html").read_text()) == {"≈ "}
    kpis = _kpis(folder, "2026-11-17")
    assert (kpis["chat-large"][0], kpis["rerank"]) == ("estimated", ("unknown", None))


def test_6_an_export_whose_bucket_is_still_empty_is_no_failure(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config / "sources.yaml").write_text(SOURCES)

    assert main(["extract", "billing", "--from", "2026-11-01", "--to", "2026-11-18"]) == 0

    assert "export focus-hourly has delivered nothing yet, the first takes up to a day" in capsys.readouterr().out


def test_7_the_bill_replaces_the_estimate_which_stays_beside_it(
    sandbox: SandboxProcess,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = _kpis(folder, "2026-11-17")
    sandbox.advance(timedelta(days=1))
    assert main(["extract", "billing", "--from", "2026-11-01", "--to", "2026-11-19"]) == 0
    assert main(["extract", "utilization", "--from", "2026-11-18", "--to", "2026-11-19"]) == 0

    written = report.report_savings(NEXT_DAY)

    assert "reports/savings/2026-11-17.html" in written["pages"]
    answer = json.loads((folder / "lake/reports/savings/2026-11-17.json").read_text())
    fleets = _by_fleet(answer["fleets"])
    assert {fleet_id: fleet["cost_bases"] for fleet_id, fleet in fleets.items()} == {
        fleet_id: ["billed"] for fleet_id in fleets
    }
    chat = fleets["chat-large"]
    assert chat["compared_estimated_cost_usd"] == pytest.approx(6806.4, rel=0.01)
    assert chat["compared_billed_cost_usd"] == chat["billed_cost_usd"]
    assert abs(chat["estimate_error_fraction"]) < 0.02  # all of it is on demand
    page = (folder / "lake/reports/savings/2026-11-17.html").read_text()
    assert "How good the estimates were" in page
    after = _kpis(folder, "2026-11-17")
    assert {basis for basis, _ in after.values()} == {"billed"}
    assert before["rerank"][1] is None
    assert isinstance(after["rerank"][1], Decimal)
    capsys.readouterr()


def test_8_a_day_with_plans_is_estimated_from_what_the_target_was_set_to(folder: Path) -> None:
    answer = json.loads((folder / "lake/reports/savings/2026-11-18.json").read_text())
    query = (
        "select distinct desired_instances, usd_per_hour from mart_plan__schedule "
        "where fleet_id = 'rerank' and hour_start_utc = made_at_utc"
    )
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as session:
        ((desired, price),) = session.execute(query).fetchall()

    rerank = _by_fleet(answer["fleets"])["rerank"]
    assert (rerank["instances_bases"], rerank["compared_days"]) == (["desired"], 1)
    assert rerank["compared_estimated_cost_usd"] == pytest.approx(desired * 24 * float(price))
    assert rerank["cost_bases"] == ["billed"]


def test_9_prices_that_may_not_be_read_are_named_and_costs_stay_unknown(
    sandbox: SandboxProcess,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", str(folder / "a lake without prices"))
    sandbox.add_fault(service="pricing", status=403, count=None)
    assert main(["extract", "prices", "--from", "2026-11-18", "--to", "2026-11-19"]) == 4
    assert main(["extract", "utilization", "--from", "2026-11-14", "--to", "2026-11-19T06:00:00"]) == 0
    sandbox.clear_faults()
    assert "AccessDenied" in capsys.readouterr().err

    code, answer = _json(capsys, "plan", "--as-of", "2026-11-19T06:00:00Z")

    assert code == 0, answer
    assert {entry["estimate"]["cost_basis"] for entry in answer} == {"unknown"}
    code, answer = _json(capsys, "report", "--period", "2026-11-18")
    assert code == 0
    assert {tuple(fleet["cost_bases"]) for fleet in answer["fleets"]} == {("unknown",)}
    for chunk in list_chunks_to_plan(NEXT_DAY):
        plan_day(NEXT_DAY, chunk)
    planned = read_outcomes(open_workspace(), dag_id="plan_fleets", window=NEXT_DAY)
    assert all("price" in item.cause for item in planned if item.is_bad)
