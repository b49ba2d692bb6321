"""Bench of the forecaster on public data: error and calibration of ours, each member, and Prophet as it comes.

`PYTHONPATH=include python tests/bench/bench_forecast.py [--data DIR] [--every N] [--jobs N]`, DIR being the folder with
demand/ and forecasting/, prints one table per data set. Horizon 48 steps. M4: the 48 test steps of every N-th odd
series, everything chosen on its training part. LLM demand: origins a day apart over the second half of each series.
"""

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

from headroom.forecasting import backtest_series
from headroom.forecasting.backtest import MODELS, BacktestScores

HORIZON = 48
NAIVE2_SMAPE, NAIVE2_MASE = (
    0.18383,
    2.395,
)  # published for all 414 hourly series; our subset's own would differ a little
LLM_SERIES = ("servegen/m-large", "burstgpt/conversation", "burstgpt/api")
STEPS_IN_BAND = {"1-2": 2, "3-24": 22, "25-72": HORIZON - 24}


def read_m4(data: Path, every: int) -> pd.DataFrame:
    m4 = pd.read_parquet(data / "forecasting" / "m4_hourly_odd.parquet")
    kept = sorted(m4["unique_id"].unique())[::every]
    rows = m4[m4["unique_id"].isin(kept)].sort_values(["unique_id", "split", "t"], ascending=[True, False, True])
    return rows.assign(ds=rows.groupby("unique_id").cumcount().astype("int64"))[["unique_id", "ds", "y"]]


def read_llm(data: Path, series_id: str) -> pd.DataFrame:
    demand = pd.read_parquet(data / "demand" / "llm_demand_hourly.parquet")
    rows = demand[demand["series_id"] == series_id]
    return rows.rename(columns={"series_id": "unique_id", "timestamp": "ds", "requests": "y"})[["unique_id", "ds", "y"]]


def summarize(scores: BacktestScores, frame: pd.DataFrame) -> pd.DataFrame:
    """Return measures by model: WAPE pooled over all steps, the rest averaged over them; pinball over the mean of y.

    The scores hold shares per band; the demand each band was about, taken from `frame`, makes pooled ones of them.
    """
    rows = scores.frame.assign(steps=scores.frame["horizon_band"].map(STEPS_IN_BAND).astype(float))
    rows["demand"] = demand_of(rows, frame)
    rows["scaled"] = rows["pinball"] / rows["unique_id"].map(frame.groupby("unique_id")["y"].mean())
    measures = {}
    for model, group in rows.groupby("model"):
        share = group["steps"] / group["steps"].sum()
        near = group[group["horizon_band"] == "1-2"]
        measures[model] = {
            "smape": (group["smape"] * share).sum(),
            "mase": (group["mase"] * share).sum(),
            "wape": (group["wape"] * group["demand"]).sum() / group["demand"].sum(),
            "wape_next_2h": (near["wape"] * near["demand"]).sum() / near["demand"].sum(),
            "coverage80": (group["coverage80"] * share).sum(),
            "pinball_scaled": (group["scaled"] * share).sum(),
        }
    table = pd.DataFrame(measures).T
    table["owa_about"] = (table["smape"] / NAIVE2_SMAPE + table["mase"] / NAIVE2_MASE) / 2
    return table.reindex([model for model in MODELS if model in table.index])


def demand_of(rows: pd.DataFrame, frame: pd.DataFrame) -> list[float]:
    """Return, per row of scores, the sum of `y` over the steps its band covers."""
    series = {unique_id: group.set_index("ds")["y"].sort_index() for unique_id, group in frame.groupby("unique_id")}
    sums = []
    for row in rows.itertuples():
        first, last = (int(step) for step in row.horizon_band.split("-"))
        after = series[row.unique_id]
        position = after.index.searchsorted(row.cutoff, side="right")
        sums.append(float(after.iloc[position + first - 1 : position + min(last, HORIZON)].sum()))
    return sums


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.stderr.write(f"{arguments.data}: no such folder; the bench needs the public data sets\n")
        return 2
    inputs = {"M4 hourly, odd": (read_m4(arguments.data, arguments.every), 1)}
    for series_id in LLM_SERIES:
        rows = read_llm(arguments.data, series_id)
        inputs[series_id] = (rows, (len(rows) // 2 - HORIZON) // 24 + 1)
    for name, (frame, windows) in inputs.items():
        started = time.perf_counter()
        scores = backtest_series(frame, horizon=HORIZON, windows=windows, stride=24, jobs=arguments.jobs)
        seconds = time.perf_counter() - started
        count = frame["unique_id"].nunique()
        sys.stdout.write(f"\n{name}: {count} series, {windows} origins, {seconds:.0f} s\n")
        sys.stdout.write(summarize(scores, frame).round(3).to_string() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
