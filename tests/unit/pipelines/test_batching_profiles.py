"""profile.parquet: what is read, and what each kind of mistake is told."""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.capacity.small_fleet import SLOTS, fleet, forecast

from headroom.capacity import RateSource, required_capacity
from headroom.config import ConfigError
from headroom.config.settings import PROJECT_ROOT
from headroom.domain.fleet import Fleet, InstanceOption
from headroom.domain.serving import Objective
from headroom.domain.window import HOUR
from headroom.pipelines.batching_profiles import COLUMNS, profile_of, read_profile, read_profiles
from headroom.pipelines.prices import Market
from headroom.pipelines.replay import ReplayInputError, ReplayRequest, replay_files
from headroom.reporting.replay_report import ReplayReport, render_replay_report, replay_summary

TOKENS = Objective(ttft_seconds=2.0, itl_seconds=0.1)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


def columns(**changed: Any) -> dict[str, Any]:
    """Return p = .1 s, alpha = .01 s, beta = .001 s at 100 gaps (tests/unit/capacity/test_continuous_batching.py)."""
    concurrency = [1, 2, 4, 8, 16]
    ttft, itl = [0.1 * count for count in concurrency], [0.01 + 0.001 * count for count in concurrency]
    made = {
        "instance_type": ["g5.xlarge"] * 5,
        "input_tokens": [512] * 5,
        "output_tokens": [101] * 5,
        "concurrency": concurrency,
        "ttft_seconds": ttft,
        "itl_seconds": itl,
        "tokens_per_second": [101 * c / (t + 100 * i) for c, t, i in zip(concurrency, ttft, itl, strict=True)],
    }
    return made | changed


def written(folder: Path, **changed: Any) -> Path:
    file = folder / "profile.parquet"
    pq.write_table(pa.table({name: values for name, values in columns(**changed).items() if values}), file)
    return file


def batching(*types: InstanceOption, unit: str = "requests") -> Fleet:
    made = fleet(*(types or (InstanceOption(name="g5.xlarge"),)), objective=TOKENS)
    return replace(made, demand=replace(made.demand, unit=unit))


def market(made: Fleet, folder: Path) -> Market:
    return Market(types={}, on_demand={}, list_days={}, spot={}, profiles=read_profiles([made], folder))


def test_a_fleet_with_both_objectives_is_sized_from_its_profile(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path))
    instance = profile.instance("g5.xlarge")
    assert instance is not None
    rate = market(batching(), tmp_path).rate(batching(), "g5.xlarge")
    assert rate.rate_per_second == instance.sustainable_rate(TOKENS)
    assert rate.source is RateSource.CONFIGURATION
    assert "p95 <= 2 s to the first token and <= 0.1 s between tokens" in rate.method
    needed = required_capacity(batching(), forecast(2.5 * rate.rate_per_second), rate=rate)
    assert needed.required_instances.tolist() == [3]


def test_demand_in_tokens_is_sized_by_the_tokens_of_a_request(tmp_path: Path) -> None:
    written(tmp_path)
    rates = {
        unit: market(made, tmp_path).rate(made, "g5.xlarge").rate_per_second
        for unit in ("requests", "input_tokens", "output_tokens")
        for made in [batching(unit=unit)]
    }
    assert rates["input_tokens"] == pytest.approx(512 * rates["requests"])
    assert rates["output_tokens"] == pytest.approx(101 * rates["requests"])


def test_a_profile_follows_the_objective_so_it_comes_before_a_number(tmp_path: Path) -> None:
    written(tmp_path)
    made = batching(InstanceOption(name="g5.xlarge", sustainable_rate_per_second=1000.0))
    assert market(made, tmp_path).rate(made, "g5.xlarge").rate_per_second < 4.0


@pytest.mark.parametrize("made", [fleet(), fleet(serving=SLOTS)])
def test_no_profile_is_read_where_the_objective_is_on_the_whole_latency(made: Fleet, tmp_path: Path) -> None:
    assert read_profiles([made], tmp_path) == {}


def test_a_profile_that_cannot_be_used_fails_its_fleet_alone(tmp_path: Path) -> None:
    of_one = market(batching(), tmp_path)
    with pytest.raises(ConfigError, match="it is not there"):
        of_one.rate(batching(), "g5.xlarge")
    assert of_one.sustainable_rate_per_second(batching()) is None
    other = replace(fleet(), id="other")
    assert of_one.rate(other, "g5.xlarge").rate_per_second == 10.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"itl_seconds": None}, "FILE: column itl_seconds is missing; found instance_type, input_tokens, "),
        ({"ttft_seconds": ["a"] * 5}, "FILE: ttft_seconds: expected numbers, found string"),
        ({"concurrency": [1.5] * 5}, "FILE: concurrency: expected whole numbers, found double"),
        ({"instance_type": [1] * 5}, "FILE: instance_type: expected text, found int64"),
        (
            {"itl_seconds": [0.01, None, 0.01, 0.01, None]},
            "FILE: itl_seconds: expected a value in every row, found 2 null",
        ),
        (
            {"ttft_seconds": [0.1, -0.1, 0.1, 0.1, 0.1]},
            "FILE: row 2: ttft_seconds must be above 0, found -0.1",
        ),
        (
            {"concurrency": [8] * 5, "tokens_per_second": [900.0] * 5},
            "FILE: concurrency must have two values or more for g5.xlarge, found 8 alone",
        ),
        (
            # milliseconds: a request of 100 gaps at 11 ms and a first token of 100 ms, written as seconds, takes 1200 s
            {
                "ttft_seconds": [100.0 * count for count in (1, 2, 4, 8, 16)],
                "itl_seconds": [10.0 + count for count in (1, 2, 4, 8, 16)],
            },
            (
                "FILE: row 1: tokens_per_second must be the output tokens of the whole instance, found 84.1667 where 1 "
                "requests of 101 in 1.2e+03 s make 0.0842; are ttft_seconds and itl_seconds in seconds?"
            ),
        ),
        (
            {"itl_seconds": [0.011, 0.012, 0.014, 0.018, 1e300]},
            "FILE: row 5: itl_seconds must be at most 100,000, found 1e+300",
        ),
        ({"ttft_seconds": [1e-300] * 5}, "FILE: row 1: ttft_seconds must be at least 1e-06, found 1e-300"),
        ({"concurrency": [1, 2, 4, 8, 10**9]}, "FILE: row 5: concurrency must be at most 4,096, found 1e+09"),
        (
            {"instance_type": ["g6.xlarge"] * 5},
            "FILE: instance_type: no row of g5.xlarge, today's type of chat; found 'g6.xlarge'",
        ),
        (
            # told in quotes: without them it would look like the name that was expected
            {"instance_type": ["g5.xlarge "] * 5},
            "FILE: instance_type: no row of g5.xlarge, today's type of chat; found 'g5.xlarge '",
        ),
        (
            {"input_tokens": [512, 512, 512, 512, 1024]},
            (
                "FILE: concurrency must have the same values for every pair of tokens; g5.xlarge has 1, 2, 4, 8 for "
                "512 and 101 tokens, 16 for 1024 and 101"
            ),
        ),
    ],
)
def test_a_fault_is_told_with_file_and_column(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = written(tmp_path, **changed)
    with pytest.raises(ConfigError) as caught:
        profile_of(batching(), file)
    told = str(caught.value).replace(str(file), "FILE")
    assert "\n" not in told
    assert told.startswith(message)


def test_a_file_that_is_no_profile_is_told(tmp_path: Path) -> None:
    file = tmp_path / "profile.parquet"
    with pytest.raises(ConfigError, match=r"profile\.parquet: expected a Parquet file with instance_type, .*not there"):
        read_profile(file)
    os.mkfifo(file)  # reading it would wait for ever
    with pytest.raises(ConfigError, match=r"profile\.parquet: expected a Parquet file, found no regular file"):
        read_profile(file)
    with pytest.raises(ConfigError, match=r"expected a Parquet file, found a folder"):
        read_profile(tmp_path)
    file.unlink()
    file.write_text("instance_type,ttft_seconds")
    with pytest.raises(ConfigError, match=r"profile\.parquet: not a Parquet file"):
        read_profile(file)
    pq.write_table(pa.table(columns()).slice(0, 0), file)
    with pytest.raises(ConfigError, match=r"instance_type: expected a row per measurement, found none"):
        read_profile(file)


def test_a_column_that_is_there_twice_is_told(tmp_path: Path) -> None:
    whole = pa.table(columns())
    twice = pa.Table.from_arrays([*whole.columns, whole["itl_seconds"]], names=[*whole.column_names, "itl_seconds"])
    pq.write_table(twice, tmp_path / "profile.parquet")
    with pytest.raises(ConfigError, match=r"column itl_seconds is there more than once"):
        read_profile(tmp_path / "profile.parquet")


def test_a_type_without_rows_may_have_its_rate_in_fleets_yaml(tmp_path: Path) -> None:
    file = written(tmp_path, instance_type=["g6.xlarge"] * 5)
    today = InstanceOption(name="g5.xlarge", sustainable_rate_per_second=5.0)
    assert profile_of(batching(today), file).instance_types == ("g6.xlarge",)
    assert market(batching(today), tmp_path).rate(batching(today), "g5.xlarge").rate_per_second == 5.0


def test_the_reference_has_every_column_of_a_profile() -> None:
    text = (PROJECT_ROOT / "docs" / "reference" / "configuration.md").read_text()
    section = text.split("## profile", 1)[1].split("\n## ", 1)[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == COLUMNS


FLEET_FILE = """\
id: chat
target: {kind: ec2_auto_scaling_group, name: chat}
demand: {metric: {namespace: App, name: Requests}}
objective: {ttft_seconds: 2.0, itl_seconds: 0.1}
serving: {model: continuous_batching, profile: profile.parquet}
instance_types: [{name: g5.xlarge, on_demand_usd_per_hour: 6.0}]
lead_time_seconds: 120
bounds: {min_instances: 1, max_instances: 20}
"""


def replayed(folder: Path) -> ReplayReport:
    """Replay an hour of three requests a second after one."""
    (folder / "fleet.yaml").write_text(FLEET_FILE)
    stamps = pa.array([NOON + timedelta(minutes=minute) for minute in range(120)], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"ds": stamps, "rate_per_second": [3.0] * 120}), folder / "demand.parquet")
    request = ReplayRequest(
        start_utc=NOON + HOUR, end_utc=NOON + 2 * HOUR, policies=("static_peak", "target_tracking", "dynamo")
    )
    return replay_files(folder / "demand.parquet", folder / "fleet.yaml", request)


def test_a_replay_judges_first_tokens_and_gaps_by_the_profile(tmp_path: Path) -> None:
    written(tmp_path)
    report = replayed(tmp_path)
    summary = replay_summary(report)
    settings, figures = summary["settings"], summary["policies"]["static_peak"]
    assert (
        settings["sustainable_rate_per_second"]
        == market(batching(), tmp_path).rate(batching(), "g5.xlarge").rate_per_second
    )
    assert settings["saturation_per_second"] == pytest.approx(16 / 4.2)
    assert (settings["prefill_seconds"], settings["most_running"]) == (pytest.approx(0.1), 16)
    assert (settings["step_seconds_alone"], settings["step_seconds_at_most"]) == (
        pytest.approx(0.011),
        pytest.approx(0.026),
    )
    assert "latency_p95_seconds" not in figures
    assert 0.1 < figures["ttft_p50_seconds"] < figures["ttft_p95_seconds"] <= 2.0
    assert 0.011 < figures["itl_p50_seconds"] < figures["itl_p95_seconds"] <= 0.1
    met = figures["ttft_met_fraction"], figures["itl_met_fraction"]
    assert figures["slo_met_fraction"] <= min(met) <= 1.0
    assert summary["policies"]["target_tracking"]["status"] == "played"
    page = render_replay_report(report, summary)
    assert "inside 2 s to the first token and 0.1 s between tokens" in page
    assert "Gap p95" in page


def test_a_replay_names_the_fault_of_a_profile(tmp_path: Path) -> None:
    with pytest.raises(ReplayInputError, match=r"profile\.parquet: expected a Parquet file"):
        replayed(tmp_path)
