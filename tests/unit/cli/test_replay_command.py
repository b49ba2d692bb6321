import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.unit.pipelines.test_batching_profiles import FLEET_FILE, written

from headroom.cli import main

FLEET = """\
id: chat
target: {kind: ec2_auto_scaling_group, name: chat}
demand: {metric: {namespace: App, name: Requests}}
objective: {latency_seconds: 5.0}
serving: {model: slots, service_seconds: 1.0, service_cv2: 0.0, slots: 100}
instance_types: [{name: g5.xlarge, sustainable_rate_per_second: 90.0, on_demand_usd_per_hour: 6.0}]
lead_time_seconds: 120
bounds: {min_instances: 1, max_instances: 6}
"""
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
SPAN = ["--from", "2026-11-18T12:00:00Z", "--to", "2026-11-18T12:10:00Z"]
RISE = [80.0] * 62 + [150.0] * 4 + [80.0] * 4
FIGURES = {
    *("cost_usd", "instance_hours", "slo_met_fraction", "slo_hours_fraction", "latency_p50_seconds"),
    *("latency_p95_seconds", "latency_p99_seconds", "success_fraction", "utilization_fraction", "cold_starts"),
    *("interruptions", "scaling_actions", "cost_over_oracle"),
}


def files(folder: Path, rows: Any = None, *, fleet: str = FLEET) -> list[str]:
    """Write demand, an hour of history and ten minutes to play, and the fleet; return the options that name them."""
    if rows is None:
        stamps = [NOON - timedelta(hours=1) + timedelta(minutes=minute) for minute in range(len(RISE))]
        rows = {"ds": stamps, "rate_per_second": RISE}
    pd.DataFrame(rows).to_parquet(folder / "demand.parquet", index=False)
    (folder / "fleet.yaml").write_text(fleet)
    demand, config, out = (str(folder / name) for name in ("demand.parquet", "fleet.yaml", "out"))
    return ["replay", "--demand", demand, "--fleet", config, "--out", out]


def error_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_replay_writes_figures_capacity_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files(tmp_path), *SPAN, "--policy", "headroom", "headroom_combined", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out" / "replay.json").read_text())
    assert set(printed["policies"]) == {"oracle_hourly", "oracle", "headroom", "headroom_combined"}
    assert set(printed["policies"]["headroom"]) >= FIGURES
    # sixteen instance-minutes at six dollars an hour (tests/unit/simulation/test_replay.py)
    assert printed["policies"]["oracle"]["cost_usd"] == pytest.approx(1.6)
    assert printed["policies"]["oracle"]["cost_over_oracle"] == 1.0
    assert printed["oracle"]["plain_bound_usd"] == pytest.approx(1.4)
    assert printed["policies"]["headroom_combined"]["status"] == "open"
    assert printed["settings"]["initial_instances"] == 1
    assert "<h1>Headroom: replay of chat</h1>" in (tmp_path / "out" / "report.html").read_text()


def test_capacity_has_a_row_a_minute_and_pool_that_adds_up_to_the_cost(tmp_path: Path) -> None:
    assert main([*files(tmp_path), *SPAN, "--policy", "oracle"]) == 0
    schema = pq.read_schema(tmp_path / "out" / "capacity.parquet")
    assert schema.names == ["policy", "ds", "instance_type", "purchase_option", "zone", "ready", "billed"]
    rows = pd.read_parquet(tmp_path / "out" / "capacity.parquet")
    oracle = rows[rows["policy"] == "oracle"]
    assert len(oracle) == 10
    assert str(oracle["ds"].iloc[0]) == "2026-11-18 12:00:00+00:00"
    assert oracle["ready"].tolist() == [1, 1, 2, 2, 2, 2, 1, 1, 1, 1]
    assert oracle["billed"].sum() / 60 * 6.0 == pytest.approx(1.6)
    assert oracle["zone"].isna().all()
    assert set(oracle["purchase_option"]) == {"on_demand"}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    hours = [NOON - timedelta(hours=2) + timedelta(hours=hour) for hour in range(4)]
    options = files(tmp_path, {"ds": hours, "rate_per_second": [80.0, 90.0, 150.0, 100.0]})
    span = ["--from", "2026-11-18T12:00Z", "--to", "2026-11-18T14:00Z", "--policy", "headroom"]
    written = []
    for seed in ("7", "7", "8"):
        assert main([*options, *span, "--seed", seed]) == 0
        written.append([(tmp_path / "out" / name).read_bytes() for name in ("replay.json", "capacity.parquet")])
    assert written[0] == written[1]
    assert written[0] != written[2]


def test_classes_share_the_queue_and_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stamps = [NOON - timedelta(hours=1) + timedelta(minutes=minute) for minute in range(len(RISE))]
    rows = {
        "ds": stamps * 2,
        "rate_per_second": [0.75 * rate for rate in RISE] + [0.25 * rate for rate in RISE],
        "workload_class": ["chat"] * len(RISE) + ["batch"] * len(RISE),
    }
    assert main([*files(tmp_path, rows), *SPAN, "--policy", "oracle", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["demand"]["workload_classes"] == pytest.approx({"batch": 0.25, "chat": 0.75})
    assert printed["policies"]["oracle"]["cost_usd"] == pytest.approx(1.6)
    served = printed["policies"]["oracle"]["workload_classes"]
    assert served["chat"] == pytest.approx(printed["policies"]["oracle"]["slo_met_fraction"])


def minutes(count: int, *, step: float = 1.0) -> list[datetime]:
    return [NOON - timedelta(hours=1) + timedelta(minutes=step * place) for place in range(count)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"ds": minutes(2), "y": [1.0, 1.0]}, "demand.parquet: rate_per_second: the column is missing; found ds, y"),
        ({"ds": ["a", "b"], "rate_per_second": [1.0, 1.0]}, "ds: expected timestamps in UTC, found"),
        ({"ds": minutes(2), "rate_per_second": ["1", "2"]}, "rate_per_second: expected numbers, found"),
        ({"ds": minutes(2), "rate_per_second": [1.0, -1.0]}, "rate_per_second: expected at least 0 in every row"),
        ({"ds": minutes(2), "rate_per_second": [1.0, np.nan]}, "missing demand is unknown, not 0"),
        ({"ds": minutes(2, step=7.0), "rate_per_second": [1.0, 1.0]}, "ds: expected steps that divide an hour"),
        (
            {"ds": minutes(3), "rate_per_second": [1.0] * 3, "workload_class": ["a", "b", "a"]},
            "workload_class 'b': expected the same ascending times in ds as 'a'",
        ),
        (
            {"ds": minutes(2), "rate_per_second": [1.0] * 2, "workload_class": ["a", None]},
            "workload_class: expected a name in every row, found none in 1 rows",
        ),
    ],
)
def test_demand_that_cannot_be_played_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: Any, said: str
) -> None:
    assert said in error_of([*files(tmp_path, rows), *SPAN], capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "2026-11-18T10:00Z", "--to", "2026-11-18T12:00Z"], "--from: expected a time in 2026-11-18T11:00"),
        (["--from", "2026-11-18T12:00Z", "--to", "2026-11-18T13:00Z"], "--to: expected a time in 2026-11-18T11:00"),
        (["--from", "2026-11-18T12:05Z", "--to", "2026-11-18T12:05Z"], "expected a start before the end"),
        (["--from", "2026-11-18T11:30Z", "--to", "2026-11-18T12:05Z"], "at least one whole hour of demand before it"),
        ([*SPAN, "--policy", "magic"], "--policy: no policy 'magic'; known are "),
        ([*SPAN, "--burst-cv", "-1"], "--burst-cv must lie between 0 and 10, found -1.0"),
        (
            [*SPAN, "--burst-correlation-minutes", "nan"],
            "--burst-correlation-minutes must lie between 0 and 100000, found nan",
        ),
        ([*SPAN, "--seed", "-1"], "--seed: expected a whole number from 0 to 4294967295, found -1"),
    ],
)
def test_options_that_cannot_be_used_are_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in error_of([*files(tmp_path), *arguments, "--json"], capsys)


def test_a_policy_that_the_fleet_does_not_allow_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files(tmp_path), *SPAN, "--policy", "headroom_spot", "--json"]) == 2  # nothing else was asked for
    captured = capsys.readouterr()
    assert json.loads(captured.out)["policies"]["headroom_spot"]["status"] == "refused"
    assert "headroom_spot was not played: headroom_spot: spot.max_fraction is 0" in captured.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("latency_seconds: 5.0", "latency_seconds: 0.5"), "fleet.yaml: no number of instances can meet 0.5 s at p95"),
        (
            (
                "model: slots, service_seconds: 1.0, service_cv2: 0.0, slots: 100",
                "model: continuous_batching, profile: p",
            ),
            "fleet.yaml: objective: expected ttft_seconds and itl_seconds",
        ),
        (
            (", on_demand_usd_per_hour: 6.0", ""),
            "fleet.yaml: instance_types: g5.xlarge has no on_demand_usd_per_hour, and the lake no price of it in us-",
        ),
    ],
)
def test_a_fleet_that_cannot_be_played_is_one_clear_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    said: str,
) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    old, new = change
    assert said in error_of([*files(tmp_path, fleet=FLEET.replace(old, new)), *SPAN], capsys)


def test_a_file_of_several_fleets_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = FLEET.replace("\n", "\n    ").strip()
    second = entry.replace("id: chat", "id: other").replace("name: chat}", "name: other}")
    fleets = f"fleets:\n  - {entry}\n  - {second}\n"
    assert "fleet.yaml: expected one fleet, found 2" in error_of([*files(tmp_path, fleet=fleets), *SPAN], capsys)


def test_what_is_no_file_of_demand_and_no_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = files(tmp_path)
    (tmp_path / "out").write_text("a file")
    assert "out: expected a folder, found a file" in error_of([*options, *SPAN], capsys)
    (tmp_path / "out").unlink()
    (tmp_path / "demand.parquet").write_text("no Parquet")
    assert "demand.parquet: not a Parquet file" in error_of([*options, *SPAN], capsys)
    (tmp_path / "demand.parquet").unlink()
    assert "demand.parquet: there is no such file" in error_of([*options, *SPAN], capsys)


def test_a_fleet_that_batches_continuously_prints_both_of_its_latencies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    written(tmp_path)
    stamps = [NOON - timedelta(hours=1) + timedelta(minutes=minute) for minute in range(len(RISE))]
    few = {"ds": stamps, "rate_per_second": [rate / 40.0 for rate in RISE]}
    assert main([*files(tmp_path, few, fleet=FLEET_FILE), *SPAN, "--policy", "static_peak"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "ttft p99, s itl p99, s" in printed
    assert "kept: requests inside 2 s to the first token and 0.1 s between tokens" in printed
