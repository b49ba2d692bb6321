"""The series of the forecaster's benchmark, from the public data sets beside the checkout."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from headroom.domain.demand import Floats
from headroom.forecasting.series import ONE_HOUR, Series

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HORIZON = 48
CLIENTS = 20
FIRST_HOUR = np.datetime64("2026-01-05T00:00:00", "s")
"""Dates are nominal: no holidays, no events."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """What is known at one origin of one series, and the HORIZON steps that came."""

    group: str
    known: Series
    actual: Floats


def m4_cases(data: Path, every: int = 1) -> list[Case]:
    """The odd hourly series of M4: everything from the training part, judged on the 48 test steps."""
    rows = pd.read_parquet(data / "forecasting" / "m4_hourly_odd.parquet")
    cases = []
    for series_id in sorted(rows["unique_id"].unique())[::every]:
        own = rows[rows["unique_id"] == series_id].sort_values(["split", "t"], ascending=[False, True])
        values = own["y"].to_numpy(dtype=np.float64)
        cases.append(case_of("m4", series_id, values, int((own["split"] == "train").sum())))
    return cases


def real_series(data: Path) -> dict[str, Floats]:
    """Hourly demand by series: LLM services and their busiest clients, production CPU, cloud metrics."""
    found: dict[str, Floats] = {}
    demand = hourly(data / "demand" / "llm_demand_hourly.parquet", "requests")
    found |= {name: demand[name] for name in ("burstgpt/conversation", "servegen/m-large")}
    clients = hourly(data / "demand" / "llm_clients_hourly.parquet", "requests")
    busiest = sorted(clients, key=lambda name: -float(np.nansum(clients[name])))[:CLIENTS]
    found |= {f"client {name}": clients[name] for name in busiest}
    found |= hourly(data / "forecasting" / "crane_cpu_minute.parquet", "value")
    found |= hourly(data / "forecasting" / "nab_hourly.parquet", "mean")
    return found


def hourly(file: Path, column: str) -> dict[str, Floats]:
    """Hourly means of a file's series by id, on a complete spine."""
    rows = pd.read_parquet(file, columns=["series_id", "timestamp", column])
    return {
        str(name): own.set_index("timestamp")[column].resample("1h").mean().to_numpy(dtype=np.float64)
        for name, own in rows.groupby("series_id")
    }


def real_cases(data: Path, every: int = 1) -> list[Case]:
    """Origins every 24 hours over the second half of each series."""
    cases = []
    for name, values in list(real_series(data).items())[::every]:
        origins = range(len(values) // 2, len(values) - HORIZON + 1, 24)
        cases += [case_of("real", name, values, origin) for origin in origins]
    return cases


def case_of(group: str, name: str, values: Floats, origin: int) -> Case:
    known = Series(series_id=name, hours=FIRST_HOUR + ONE_HOUR * np.arange(origin), observed=values[:origin])
    return Case(group=group, known=known, actual=values[origin : origin + HORIZON])
