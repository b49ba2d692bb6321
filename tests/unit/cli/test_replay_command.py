import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
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


@pytest.mark.parametrize(
    ("options", "ready"),
    [
        # the second instance is asked for in minute 3 and takes two minutes
        ([], [1] * 5 + [2] * 5),
        # nearly every launch is told that there is no capacity, or fails when it should serve
        (["--refused-launches", "0.99"], [1] * 10),
        (["--failed-launches", "0.99"], [1] * 10),
        # the delay is an exponential of 20 minutes on average: seed 0 draws more than five
        (["--lead-spread", "10"], [1] * 10),
    ],
)
def test_launches_may_be_late_refused_or_fail(tmp_path: Path, options: list[str], ready: list[int]) -> None:
    assert main([*files(tmp_path), *SPAN, "--policy", "threshold", *options]) == 0
    rows = pd.read_parquet(tmp_path / "out" / "capacity.parquet")
    assert rows[rows["policy"] == "threshold"]["ready"].tolist() == ready
    assert rows[rows["policy"] == "oracle"]["ready"].tolist() == [1, 1, 2, 2, 2, 2, 1, 1, 1, 1]  # it has no bad luck
    summary = json.loads((tmp_path / "out" / "replay.json").read_text())
    said = summary["settings"]
    assert {said["lead_spread_fraction"], said["refused_launches_fraction"], said["failed_launches_fraction"]} == (
        {0.0} | {float(option) for option in options[1:]}
    )


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
        (
            {"ds": minutes(2), "rate_per_second": [1.0] * 2, "workload_class": ["a", "  "]},
            "workload_class: expected a name of 1 to 100 characters in every row, found '  '",
        ),
        (
            {
                "ds": minutes(101),
                "rate_per_second": [1.0] * 101,
                "workload_class": [f"user {row}" for row in range(101)],
            },
            "workload_class: expected at most 100 names, found 101",
        ),
        (
            # each class counts by itself: their sum is 80
            {
                "ds": minutes(2) * 2,
                "rate_per_second": [-10.0] * 2 + [90.0] * 2,
                "workload_class": ["a"] * 2 + ["b"] * 2,
            },
            "rate_per_second: expected at least 0 in every row, found -10 at 2026-11-18T11:00:00",
        ),
        ({"ds": minutes(2), "rate_per_second": [1.0, np.inf]}, "expected at most 1e+09 in every row, found inf"),
        # as many digits as show that it is beyond
        ({"ds": minutes(2), "rate_per_second": [1e9 + 1] * 2}, "at most 1e+09 in every row, found 1000000001"),
        ({"ds": minutes(2), "rate_per_second": [1.7e308] * 2}, "expected at most 1e+09 in every row, found 1.7e+308"),
        (
            {
                "ds": np.array([2**62, 2**62 + 60], "datetime64[s]").astype("datetime64[ms]"),
                "rate_per_second": [1.0] * 2,
            },
            "ds: expected times from 2000",
        ),
        (
            {
                "ds": pd.DatetimeIndex([], tz="UTC"),
                "rate_per_second": np.zeros(0),
                "workload_class": pd.Series([], dtype="str"),
            },
            "ds: expected at least two steps, found 0",
        ),
    ],
)
def test_demand_that_cannot_be_played_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: Any, said: str
) -> None:
    assert said in error_of([*files(tmp_path, rows), *SPAN], capsys)


def test_a_demand_column_that_is_there_twice_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = files(tmp_path)
    whole = pq.read_table(tmp_path / "demand.parquet")
    twice = pa.Table.from_arrays([*whole.columns, whole["ds"]], names=[*whole.column_names, "ds"])
    pq.write_table(twice, tmp_path / "demand.parquet")
    assert "demand.parquet: ds: the column is there more than once" in error_of([*options, *SPAN], capsys)


def test_a_pipe_is_no_file_of_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = files(tmp_path)
    (tmp_path / "demand.parquet").unlink()
    os.mkfifo(tmp_path / "demand.parquet")
    assert "expected a Parquet file, found no regular file" in error_of([*options, *SPAN], capsys)


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
        ([*SPAN, "--lead-spread", "-1"], "--lead-spread must lie between 0 and 10, found -1.0"),
        ([*SPAN, "--refused-launches", "1"], "--refused-launches must lie between 0 and 0.99, found 1.0"),
        ([*SPAN, "--failed-launches", "nan"], "--failed-launches must lie between 0 and 0.99, found nan"),
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
            # a rate would not help: what has no model is told before what lacks a number
            (
                (
                    "model: slots, service_seconds: 1.0, service_cv2: 0.0, slots: 100}\ninstance_types: "
                    "[{name: g5.xlarge, sustainable_rate_per_second: 90.0"
                ),
                "model: continuous_batching, profile: p}\ninstance_types: [{name: g5.xlarge",
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


@pytest.mark.thorough
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


def broken_out(folder: Path, kind: str) -> str:
    """Make what is no place for a replay, and return its path."""
    (folder / "file").write_text("kept")
    if kind == "empty":
        return ""
    if kind == "s3":
        return "s3://bucket/folder"
    if kind == "under a file":
        return str(folder / "file" / "out")
    if kind == "long":
        return str(folder / ("n" * 300))
    if kind == "broken link":
        (folder / "out").symlink_to(folder / "nowhere")
    else:
        (folder / "out").mkdir()
    if kind == "folder inside":
        (folder / "out" / "report.html").mkdir()
    if kind == "link inside":
        (folder / "out" / "replay.json").symlink_to(folder / "file")
    return str(folder / "out")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("empty", "--out: expected a path, found an empty text"),
        ("s3", "--out: s3:/bucket/folder: expected a folder on this machine"),
        ("under a file", "file: expected a folder, found a file"),
        ("long", "cannot be written: File name too long"),
        ("broken link", "out: expected a folder, found a link that leads nowhere"),
        ("folder inside", "report.html: expected a file to replace, found a folder"),
        ("link inside", "replay.json: expected a file to replace, found a link out of the folder"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    monkeypatch.setattr("headroom.cli.replay.replay_files", None)  # calling it would fail
    options = files(tmp_path)
    out = broken_out(tmp_path, kind)
    before = sorted(tmp_path.rglob("*"))
    try:
        code = main([*options[:-1], out, *SPAN])
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    assert (code, captured.err.count("\n")) == (2, 1)
    assert said in captured.err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "kept"


def test_a_link_to_a_folder_is_a_place_and_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    options = files(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "replay.json").write_text("of an earlier run")
    assert main([*options, *SPAN, "--policy", "oracle"]) == 0
    assert sorted(file.name for file in (tmp_path / "elsewhere").iterdir()) == [
        "capacity.parquet",
        "replay.json",
        "report.html",
    ]
    assert json.loads((tmp_path / "elsewhere" / "replay.json").read_text())["fleet_id"] == "chat"


@pytest.mark.parametrize("failing", ["render_replay_report", "capacity_rows"])
def test_nothing_is_written_where_a_part_of_the_report_fails_or_is_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"headroom.pipelines.replay.{failing}", interrupted)
    assert main([*files(tmp_path), *SPAN, "--policy", "oracle"]) == 130
    assert capsys.readouterr().err == "headroom: interrupted\n"
    assert not (tmp_path / "out").exists()


def test_a_refusal_of_the_system_names_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("headroom.lake.storage.LocalStorage.write_bytes", full)
    said = error_of([*files(tmp_path), *SPAN, "--policy", "oracle"], capsys)
    assert "out: cannot be written: No space left on device" in said


@pytest.mark.thorough
def test_bounds_far_above_the_need_cost_the_oracle_no_memory_and_change_no_figure(tmp_path: Path) -> None:
    oracles = []
    for most in ("6", "50000"):
        options = files(tmp_path, fleet=FLEET.replace("max_instances: 6", f"max_instances: {most}"))
        assert main([*options, *SPAN, "--policy", "threshold"]) == 0
        summary = json.loads((tmp_path / "out" / "replay.json").read_text())
        policies = summary["policies"]
        oracles.append((summary["oracle"], policies["oracle"]["cost_usd"], policies["threshold"]["cost_usd"]))
    assert oracles[0] == oracles[1]
    assert oracles[0][1] == pytest.approx(1.6)


def test_a_year_of_ten_thousand_instances_is_more_than_the_oracle_searches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"ds": pd.date_range("2025-11-18T11:00Z", periods=24 * 366, freq="h"), "rate_per_second": 800_000.0}
    options = files(tmp_path, rows, fleet=FLEET.replace("max_instances: 6", "max_instances: 10000"))
    said = error_of([*options, "--from", "2025-11-18T12:00Z", "--to", "2026-11-18T12:00Z"], capsys)
    assert "--from, --to: 525,600 steps of up to " in said
    assert "expected at most " in said


def test_bounds_below_the_need_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = FLEET.replace("max_instances: 6", "max_instances: 1")
    assert main([*files(tmp_path, fleet=fleet), *SPAN, "--policy", "headroom", "--burst-cv", "0"]) == 0
    # two instances are needed for the four minutes at 150 a second
    assert "bounds.max_instances: 1 are fewer than 4 of 10 steps need" in capsys.readouterr().err
