import json
import os
import stat
from concurrent.futures.process import BrokenProcessPool
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headroom.cli import build_parser, main
from headroom.columns import QUANTILE_NAMES


def _series(tmp_path: Path, *, hours: int = 20, unique_id: str = "a") -> Path:
    file = tmp_path / "series.parquet"
    stamps = pd.date_range("2026-11-01", periods=hours, freq="h", tz="UTC")
    values = 10.0 + np.arange(hours) % 24
    pd.DataFrame({"unique_id": unique_id, "ds": stamps, "y": values}).to_parquet(file, index=False)
    return file


def test_size_prints_nothing_but_json(capsys: pytest.CaptureFixture[str]) -> None:
    # M/M/1 at rate .5 and service 1 s: latency is exponential with rate 1 - .5, so p95 = ln(20) / .5 = 5.99 s
    arguments = ["--rate-per-second", "0.5", "--service-seconds", "1", "--percentile", "95", "--latency-seconds", "6"]
    assert main(["size", *arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["instances"] == 1
    assert answer["latency_seconds"] == pytest.approx(5.99, abs=0.01)
    assert answer["utilization_fraction"] == pytest.approx(0.5)
    assert answer["method"]


def test_size_says_that_no_number_of_instances_can_meet_it(capsys: pytest.CaptureFixture[str]) -> None:
    # p95 of an exponential service time of 1 s alone is ln(20) = 3.0 s
    arguments = ["--rate-per-second", "0.5", "--service-seconds", "1", "--percentile", "95", "--latency-seconds", "2.5"]
    assert main(["size", *arguments, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "no number of instances" in captured.err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        # a ratio of 1e308 between the two overflowed and the search for a size never ended
        (["--latency-seconds", "1e308"], "--latency-seconds must be at most 10,000,000, found 1e+308"),
        (["--service-seconds", "5e-324"], "--service-seconds must be at least 1e-06, found 5e-324"),
        (["--service-cv2", "1e300"], "--service-cv2 must be at most 10,000, found 1e+300"),
        (["--rate-per-second", "1e9"], "1e+09 requests a second, each of 1 s, keep 1e+09 slots busy; expected at most"),
        (["--percentile", "100"], "--percentile must lie between 0 and 100, found 100.0"),
    ],
)
def test_size_names_the_option_whose_number_is_beyond_reason(
    capsys: pytest.CaptureFixture[str], option: list[str], said: str
) -> None:
    arguments = ["--rate-per-second", "0.5", "--service-seconds", "1", "--percentile", "95", "--latency-seconds", "6"]
    assert main(["size", *arguments, *option, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"headroom: {said}")
    assert captured.err.count("\n") == 1


def test_size_for_people_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--rate-per-second", "0.5", "--service-seconds", "1", "--percentile", "95", "--latency-seconds", "6"]
    assert main(["size", *arguments]) == 0
    assert capsys.readouterr().out.startswith("1 instances: p95 latency 5.99 s")


def test_forecast_writes_a_row_per_series_and_step(tmp_path: Path) -> None:
    out = tmp_path / "folder" / "out.parquet"
    assert main(["forecast", "--series", str(_series(tmp_path)), "--horizon", "3", "--out", str(out)]) == 0
    made = pd.read_parquet(out)
    assert list(made.columns) == ["unique_id", "ds", "yhat", *QUANTILE_NAMES, "model"]
    assert len(made) == 3
    assert str(made["ds"].iloc[0]) == "2026-11-01 20:00:00+00:00"


@pytest.mark.thorough
def test_backtest_writes_scores_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scores"
    series = _series(tmp_path, hours=400)
    models = ["seasonal_naive_daily", "seasonal_naive_weekly"]
    arguments = ["--horizon", "2", "--windows", "2", "--models", *models, "--out", str(out)]
    assert main(["backtest", "--series", str(series), *arguments]) == 0
    scores = pd.read_parquet(out / "scores.parquet")
    wanted = ["model", "unique_id", "cutoff", "horizon_band", "mase", "wape", "smape", "pinball", "coverage80", "bias"]
    assert list(scores.columns) == wanted
    assert set(scores["model"]) == set(models)
    assert "seasonal_naive_daily" in (out / "report.html").read_text()
    assert "seasonal_naive_daily" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.parquet", None, "there is no such file"),
        ("text.parquet", b"not parquet", "not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    name: str,
    content: bytes | None,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    assert main(["forecast", "--series", str(file), "--horizon", "3", "--out", str(tmp_path / "out.parquet")]) == 2
    error = capsys.readouterr().err
    assert name in error
    assert expected in error
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("command", ["forecast", "backtest"])
def test_no_series_that_can_be_served_leaves_an_earlier_result_as_it_is(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "series.parquet"
    pd.DataFrame({"unique_id": ["a"], "ds": [1], "y": [np.nan]}).to_parquet(file)
    out = tmp_path / "out"
    options = ["--series", str(file), "--horizon", "3", "--out", str(out)]
    if command == "forecast":
        out.write_text("of an earlier run")
    else:
        out.mkdir()
        (out / "scores.parquet").write_text("of an earlier run")
        options += ["--windows", "1"]
    before = {place: place.read_text() for place in out.parent.rglob("*") if place.is_file() and place != file}
    assert main([command, *options]) == 2
    assert capsys.readouterr().err == f"headroom: {file}: a: every y is null, so there is nothing to forecast from\n"
    assert {place: place.read_text() for place in out.parent.rglob("*") if place.is_file() and place != file} == before


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"unique_id": [["a"]], "ds": [1], "y": [1.0]}, "unique_id: expected text, found list<"),
        ({"unique_id": [b"a"], "ds": [1], "y": [1.0]}, "unique_id: expected text, found binary"),
        ({"unique_id": [1], "ds": [1], "y": [1.0]}, "unique_id: expected text, found int64"),
        (
            {"unique_id": [None, "a"], "ds": [1, 2], "y": [1.0, 2.0]},
            "unique_id: expected a value in every row, found none in",
        ),
        (
            {"unique_id": ["a"], "ds": ["2026-11-18"], "y": [1.0]},
            "ds: expected timestamps in UTC or whole numbers, found str",
        ),
        (
            {"unique_id": ["a"], "ds": [1.5], "y": [1.0]},
            "ds: expected timestamps in UTC or whole numbers, found double",
        ),
        (
            {"unique_id": ["a"] * 2, "ds": [1, None], "y": [1.0, 2.0]},
            "ds: expected a value in every row, found none in 1",
        ),
        ({"unique_id": ["a"], "ds": [1], "y": [{"of": 1.0}]}, "y: expected numbers, found struct<of: double>"),
        ({"unique_id": ["a"], "ds": [1], "y": [True]}, "y: expected numbers, found bool"),
    ],
)
def test_a_column_of_another_type_is_named_with_what_was_found(
    columns: dict[str, list[object]], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "series.parquet"
    pq.write_table(pa.table(columns), file)
    assert main(["forecast", "--series", str(file), "--horizon", "3", "--out", str(tmp_path / "out.parquet")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"headroom: {file}: {said}")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "out.parquet").exists()


def test_money_dictionaries_and_a_frames_index_are_columns_like_others(tmp_path: Path) -> None:
    file, out = tmp_path / "series.parquet", tmp_path / "out.parquet"
    values = [Decimal("5.0")] * 3
    stamps = pd.date_range("2026-11-01", periods=3, freq="h", tz="UTC")
    frame = pd.DataFrame({"unique_id": pd.Categorical(["a"] * 3), "ds": stamps, "y": values})
    frame.set_index("ds").to_parquet(file)
    assert main(["forecast", "--series", str(file), "--horizon", "2", "--out", str(out)]) == 0
    made = pd.read_parquet(out)
    assert made["ds"].tolist() == pd.date_range("2026-11-01 03:00", periods=2, freq="h", tz="UTC").tolist()
    assert made["yhat"].tolist() == pytest.approx([5.0, 5.0])


def test_a_pipe_is_no_file_of_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")  # reading it would wait for ever
    assert main(["forecast", "--series", str(pipe), "--horizon", "3", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"headroom: {pipe}: expected a Parquet file, found no regular file\n"


@pytest.mark.parametrize(
    ("command", "out", "said"),
    [
        ("forecast", "file/out.parquet", "file: expected a folder, found a file"),
        ("backtest", "file", "file: expected a folder, found a file"),
        ("backtest", "scores", "report.html: expected a file to replace, found a folder"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_told_before_any_series_is_read(
    command: str, out: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "scores" / "report.html").mkdir(parents=True)
    options = ["--series", str(tmp_path / "none.parquet"), "--horizon", "3", "--out", str(tmp_path / out)]
    assert main([command, *options, *(["--windows", "1"] if command == "backtest" else [])]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("headroom: --out: ")
    assert captured.err.endswith(f"{said}\n")


@pytest.mark.parametrize(("seasons", "found"), [(["1"], "1"), (["24", "24"], "24, 24"), (["168", "24"], "168, 24")])
def test_seasons_that_do_not_ascend_name_the_option(
    seasons: list[str], found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [word for season in seasons for word in ("--season", season)]
    series = ["--series", str(_series(tmp_path)), "--horizon", "3", "--out", str(tmp_path / "out.parquet")]
    assert main(["forecast", *series, *options]) == 2
    said = f"headroom: --season: expected ascending lengths of at least 2 steps, found {found}\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("command", ["forecast", "backtest"])
def test_a_process_that_was_ended_from_outside_is_one_clear_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(f"headroom.cli.analysis.{command}_series", broken)
    options = ["--series", str(_series(tmp_path)), "--horizon", "3", "--jobs", "2", "--out", str(tmp_path / "out")]
    assert main([command, *options, *(["--windows", "1"] if command == "backtest" else [])]) == 2
    said = capsys.readouterr().err
    assert said.startswith("headroom: --jobs: one of 2 processes was ended from outside before its series was done")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_any_name_may_be_written_to(tmp_path: Path) -> None:
    for name in (".hidden", "of [one]*.parquet", "n" * 255):
        assert (
            main(["forecast", "--series", str(_series(tmp_path)), "--horizon", "3", "--out", str(tmp_path / name)]) == 0
        )
    assert len(list(tmp_path.iterdir())) == 4


def test_a_missing_column_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "series.parquet"
    pd.DataFrame({"unique_id": ["a"], "y": [1.0]}).to_parquet(file)
    assert main(["forecast", "--series", str(file), "--horizon", "3", "--out", str(tmp_path / "out.parquet")]) == 2
    assert "ds" in capsys.readouterr().err


def test_an_unknown_model_is_refused_with_the_known_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series = ["--series", str(_series(tmp_path)), "--out", str(tmp_path / "out")]
    assert main(["backtest", *series, "--horizon", "2", "--windows", "1", "--models", "oracle"]) == 2
    error = capsys.readouterr().err
    assert "'oracle'" in error
    assert "prophet" in error


@pytest.mark.parametrize("horizon", ["0", "-1", "two"])
def test_a_horizon_that_is_no_count_is_refused(horizon: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["forecast", "--series", str(_series(tmp_path)), "--horizon", horizon, "--out", str(tmp_path / "out")])
    assert raised.value.code == 2


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    assert main(["forecast", "--series", str(_series(tmp_path)), "--horizon", "3", "--out", str(pipe)]) == 2
    assert "no regular file" in capsys.readouterr().err
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_file_without_rows_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "series.parquet"
    pd.DataFrame({"unique_id": [], "ds": [], "y": []}).to_parquet(file)
    assert main(["forecast", "--series", str(file), "--horizon", "3", "--out", str(tmp_path / "out.parquet")]) == 2
    assert "there are no rows" in capsys.readouterr().err


def test_a_number_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--rate-per-second", "nan", "--service-seconds", "1", "--percentile", "95", "--latency-seconds", "6"]
    assert main(["size", *arguments]) == 2
    assert "--rate-per-second: expected a number, found nan" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--horizon", "1000000000"], "--horizon: expected a whole number from 1 to 8784, found '1000000000'"),
        (["--horizon", "8785"], "--horizon: expected a whole number from 1 to 8784, found '8785'"),
        (["--horizon", "3", "--jobs", "0"], "--jobs: expected a whole number from 1 to 100000, found '0'"),
        (["--horizon", "3", "--season", "9" * 5000], "--season: expected a whole number from 1 to 100000, found '999"),
    ],
)
def test_counts_out_of_all_proportion_are_refused(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["forecast", "--series", str(_series(tmp_path)), *arguments, "--out", str(tmp_path / "out.parquet")])
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_folder_as_series_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", "--series", str(tmp_path), "--horizon", "3", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"headroom: {tmp_path}: expected a Parquet file, found a folder\n"


def test_an_output_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    (taken / "inside").mkdir(parents=True)
    assert main(["forecast", "--series", str(_series(tmp_path)), "--horizon", "3", "--out", str(taken)]) == 2
    assert capsys.readouterr().err == f"headroom: --out: {taken}: expected a file to replace, found a folder\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["series.parquet", "taken"]


def test_a_percentile_given_as_a_fraction_gets_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--rate-per-second", "1", "--service-seconds", "1", "--percentile", "0.95", "--latency-seconds", "6"]
    assert main(["size", *arguments]) == 2
    assert "--percentile: expected as in 95 or 99.5, found 0.95; did you mean 95?" in capsys.readouterr().err


def test_a_time_zone_that_nobody_knows_names_the_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "series.parquet"
    stamps = pa.array([0, 3600], pa.timestamp("us", "Mars/Phobos"))
    pq.write_table(pa.table({"unique_id": ["a"] * 2, "ds": stamps, "y": [1.0, 2.0]}), file)
    assert main(["forecast", "--series", str(file), "--horizon", "3", "--out", str(tmp_path / "out")]) == 2
    said = f"headroom: {file}: ds: expected timestamps in UTC, found timestamp[us, tz=Mars/Phobos]\n"
    assert capsys.readouterr().err == said


def test_names_of_series_that_are_no_utf8_name_the_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "series.parquet"
    names = pa.Array.from_buffers(pa.string(), 2, pa.array([b"caf\xe9"] * 2).buffers())
    pq.write_table(pa.table({"unique_id": names, "ds": [1, 2], "y": [1.0, 2.0]}), file)
    assert main(["forecast", "--series", str(file), "--horizon", "3", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"headroom: {file}: unique_id: expected text in UTF-8, found other bytes\n"


def test_of_very_many_columns_the_first_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "series.parquet"
    pq.write_table(pa.table({f"c{number}": [1] for number in range(300)}), file)
    assert main(["forecast", "--series", str(file), "--horizon", "3", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "unique_id: the column is missing; found c0, c1, " in said
    assert said.endswith(", c19 and 280 more\n")


def test_models_named_in_two_options_are_all_scored() -> None:
    needed = ["--series", "x", "--horizon", "1", "--windows", "1", "--out", "y"]
    options = build_parser().parse_args(["backtest", *needed, "--models", "a", "--models", "b", "c"])
    assert options.models == ["a", "b", "c"]
