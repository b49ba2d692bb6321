"""Bench of the forecaster on public data: error and calibration of ours, each member, and Prophet as it comes.

Horizon 48 steps. M4 hourly: the 48 test steps of every eighth odd series, everything chosen on its training part. LLM
demand: origins a day apart over the second half of each series. The data sets may not be shipped: they lie in the
folder shared/data beside the checkout, where they are there at all.
"""

import time
from pathlib import Path
from typing import Any

import pandas as pd

from headroom.forecasting import backtest_series
from headroom.forecasting.backtest import MODELS, OURS, PROPHET_ALONE, BacktestScores

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HORIZON = 48
NAIVE2_SMAPE, NAIVE2_MASE = (
    0.18383,
    2.395,
)  # published for all 414 hourly series; our subset's own would differ a little
LLM_SERIES = ("servegen/m-large", "burstgpt/conversation", "burstgpt/api")
STEPS_IN_BAND = {"1-2": 2, "3-6": 4, "7-24": 18, "25-72": HORIZON - 24}


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


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return, by data set, our errors over those of Prophet as it comes and of the better naive rule, and our coverage.

    Quick: eight M4 series. The seconds are of selecting, fitting and forecasting all of them with ours alone, over
    those of fitting Prophet alone.
    """
    if not DATA.is_dir():
        return {"skipped": f"{DATA.name}: no such folder beside the checkout; this bench needs the public data sets"}
    inputs = {"m4_hourly_odd": (read_m4(DATA, 26 if is_quick else 8), 1)}
    for series_id in () if is_quick else LLM_SERIES:
        rows = read_llm(DATA, series_id)
        inputs[series_id] = (rows, (len(rows) // 2 - HORIZON) // 24 + 1)
    answer: dict[str, Any] = {}
    for name, (frame, windows) in inputs.items():
        scores = backtest_series(frame, horizon=HORIZON, windows=windows, stride=24, jobs=2)
        table = summarize(scores, frame)
        naive = table.loc[[model for model in table.index if "naive" in model]]
        ours, prophet = table.loc[OURS], table.loc[PROPHET_ALONE]
        answer[name] = {
            "series": frame["unique_id"].nunique(),
            "origins": windows,
            "wape": ours["wape"],
            "wape_over_prophet": ours["wape"] / prophet["wape"],
            "wape_over_better_naive": ours["wape"] / naive["wape"].min(),
            "pinball_over_prophet": ours["pinball_scaled"] / prophet["pinball_scaled"],
            "coverage80": ours["coverage80"],
            "coverage80_of_prophet": prophet["coverage80"],
        }
    some = inputs["m4_hourly_odd"][0]
    seconds = {model: _seconds(some, model) for model in (OURS, PROPHET_ALONE)}
    answer["seconds_over_prophet"] = seconds[OURS] / seconds[PROPHET_ALONE]
    return answer


def _seconds(frame: pd.DataFrame, model: str) -> float:
    began = time.perf_counter()
    backtest_series(frame, horizon=HORIZON, windows=1, stride=24, models=(model,), jobs=1)
    return time.perf_counter() - began
