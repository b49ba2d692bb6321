"""Backtest: rolling-origin scores of ours, of each member, and of Prophet as it comes, on any user's series."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting import ensemble, losses
from headroom.forecasting.bands import BAND_NAMES, band_indices
from headroom.forecasting.members import MemberError
from headroom.forecasting.prophet_model import forecast_with_prophet_alone
from headroom.forecasting.rolling_origin import OriginPaths, collect_origin_paths
from headroom.forecasting.series import DEFAULT_SEASONS, ForecastError, Series, prepare, seed_of
from headroom.forecasting.series_frames import FrameSeries, ds_column, read_series
from headroom.forecasting.series_jobs import Progress, run_jobs
from headroom.forecasting.simple_cases import forecast_simple_case

if TYPE_CHECKING:
    import pandas as pd

OURS: Final = "headroom"
PROPHET_ALONE: Final = "prophet_alone"
MODELS: Final = (OURS, *(member.name for member in ensemble.MEMBERS), PROPHET_ALONE)
KNOWN_MODELS: Final = (*MODELS, *(member.name for member in ensemble.OTHER_MEMBERS))
"""Those asked by default, and all that can be named."""
SCORE_COLUMNS: Final = (
    *("model", "unique_id", "cutoff", "horizon_band"),
    *("mase", "wape", "smape", "pinball", "coverage80", "bias"),
)
FORECAST_COLUMNS: Final = ("unique_id", "cutoff", "ds", "y", "q10", "q50", "q90")
_DRAWN: Final = [QUANTILE_LEVELS.index(level) for level in (0.10, 0.50, 0.90)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestScore:
    """One model on one series, cutoff and band; NaN where a measure is undefined. `cutoff` is the last `ds` known."""

    model: str
    unique_id: str
    cutoff: int
    horizon_band: str
    mase: float
    wape: float
    smape: float
    pinball: float
    coverage80: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestScores:
    """`frame`: the columns of SCORE_COLUMNS. `failures`: why a series has no scores, by its id.

    `forecasts`: what `drawn_model` said at each cutoff beside what came, the columns of FORECAST_COLUMNS.
    """

    frame: "pd.DataFrame"
    failures: dict[str, str]
    forecasts: "pd.DataFrame"
    drawn_model: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SeriesScores:
    """Of one series: its scores, and by steps known what came and the quantiles drawn, shape (steps, 4).

    `origins_tried`: those with a value both before and after them, whether or not a model could serve there.
    """

    scores: list[BacktestScore]
    drawn: dict[int, Floats]
    origins_tried: int


def backtest_series(
    frame: "pd.DataFrame",
    *,
    horizon: int,
    windows: int,
    stride: int | None = None,
    models: Sequence[str] = MODELS,
    seasons: tuple[int, ...] = DEFAULT_SEASONS,
    country: str | None = None,
    jobs: int = 1,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> BacktestScores:
    """Score `models` at `windows` origins, `stride` steps apart (default `horizon`), the last `horizon` from the end.

    At each origin everything is chosen, fitted and calibrated from the steps before it alone. Raises FrameError for an
    unusable frame, ValueError for an unknown model or a count below 1.
    """
    stride = horizon if stride is None else stride
    if min(horizon, windows, stride) < 1:
        raise ValueError(f"horizon, windows and stride must be at least 1, found {horizon}, {windows}, {stride}")
    unknown = sorted(set(models) - set(KNOWN_MODELS))
    if unknown:
        raise ValueError(f"unknown models {unknown}; known are {list(KNOWN_MODELS)}")
    found, failures = read_series(frame, seasons=seasons, country=country)
    back = tuple(horizon + stride * window for window in reversed(range(windows)))
    work = partial(_backtest_one, horizon=horizon, steps_back=back, models=tuple(models), seed=seed)
    scores: list[BacktestScore] = []
    forecasts: list[pd.DataFrame] = []
    for item, made in zip(found.values(), run_jobs(work, list(found.values()), jobs, on_progress), strict=True):
        if made.scores:
            scores.extend(made.scores)
            forecasts += [_forecast_rows(item, cutoff, rows, frame["ds"]) for cutoff, rows in made.drawn.items()]
        else:
            failures[item.series.series_id] = (
                _none_served(item, made.origins_tried, models)
                if made.origins_tried
                else _not_judged(item, horizon, windows)
            )
    return BacktestScores(
        frame=_score_frame(scores, frame["ds"]),
        failures=dict(sorted(failures.items())),
        forecasts=_forecast_frame(forecasts),
        drawn_model=_drawn_model(models),
    )


def _drawn_model(models: Sequence[str]) -> str:
    return OURS if OURS in models else models[0]


def _not_judged(item: FrameSeries, horizon: int, windows: int) -> str:
    series, seen = item.series, int(np.isfinite(item.series.observed).sum())
    return (
        f"{series.series_id}: none of {windows} origins, the newest {horizon} steps from the end, has a y that is not "
        f"null both before and after it; found {seen} such in {len(series)} steps"
    )


def _none_served(item: FrameSeries, origins_tried: int, models: Sequence[str]) -> str:
    series = item.series
    return (
        f"{series.series_id}: none of {', '.join(models)} can serve at any of {origins_tried} origins; expected more "
        f"history before them, found {len(series)} steps in all"
    )


def _backtest_one(
    item: FrameSeries, *, horizon: int, steps_back: tuple[int, ...], models: tuple[str, ...], seed: int
) -> _SeriesScores:
    whole = item.series
    scores: list[BacktestScore] = []
    drawn: dict[int, Floats] = {}
    origins_tried = 0
    for back in steps_back:
        origin = len(whole) - back
        actual = whole.observed[max(origin, 0) : origin + horizon]
        if origin < 1 or not np.isfinite(actual).any():
            continue
        try:
            known = prepare(whole.until(origin))
        except ForecastError:  # nothing was seen before this origin; later ones may serve
            continue
        origins_tried += 1
        made = forecast_models(known, models, horizon_steps=horizon, seed=seed_of(whole.series_id, seed=seed))
        # of demand as it was: what we learn from may have been brought to a new level
        scale = losses.seasonal_scale(whole.observed[:origin], whole.day)
        cutoff = item.step_at(origin - 1)
        for model, quantiles in made.items():
            scored = _score(actual, quantiles, scale=scale)
            scores.extend(
                BacktestScore(model=model, unique_id=whole.series_id, cutoff=cutoff, horizon_band=band, **measures)
                for band, measures in scored.items()
            )
        if (shown := made.get(_drawn_model(models))) is not None:
            drawn[origin] = np.column_stack([actual, shown[: len(actual), _DRAWN]])
    return _SeriesScores(scores=scores, drawn=drawn, origins_tried=origins_tried)


def forecast_models(series: Series, models: Sequence[str], *, horizon_steps: int, seed: int) -> dict[str, Floats]:
    """Return quantiles (horizon_steps, 13) after the end of `series` by model; models that cannot serve are absent.

    Members are run once for all: ours and each member alone are choices among the same past origins. A member alone has
    our bands around the path that it says itself, so that a naive rule stays the rule.
    """
    asked = ensemble.MEMBERS if OURS in models else tuple(m for m in ensemble.MEMBERS if m.name in models)
    members = (*asked, *(member for member in ensemble.OTHER_MEMBERS if member.name in models))
    made: dict[str, Floats] = {}
    if PROPHET_ALONE in models and int(np.isfinite(series.observed).sum()) >= 2:
        with suppress(MemberError):
            made[PROPHET_ALONE] = forecast_with_prophet_alone(series, horizon_steps=horizon_steps, seed=seed)
    found = collect_origin_paths(
        series,
        [member for member in members if member.can_fit(series)],
        horizon_steps=horizon_steps,
        seed=seed,
    )
    if OURS in models and forecast_simple_case(series, horizon_steps=horizon_steps) is not None:
        simple = ensemble.forecast(series, ensemble.NOTHING_LEARNT, horizon_steps=horizon_steps, seed=seed)
        made[OURS] = simple.quantiles
    everyone = _all_members(found)
    fitted = ensemble.refit(series, everyone, horizon_steps=horizon_steps, seed=seed, members=members).fits
    ours = [member.name for member in ensemble.MEMBERS if member.name in fitted]
    for model in models:
        names = ours if model == OURS else [model]
        if model not in made and names and found.origins and set(names) <= set(fitted):
            chosen = ensemble.choose(series, _restricted(found, names))
            ready = replace(chosen, fits={name: fitted[name] for name in names})
            made[model] = ensemble.forecast_with_members(
                series, ready, horizon_steps=horizon_steps, seed=seed, members=members, is_moved=model == OURS
            ).quantiles
    return {model: made[model] for model in models if model in made}


def _all_members(found: OriginPaths) -> ensemble.SeriesSelection:
    return replace(ensemble.NOTHING_LEARNT, weights={"": dict.fromkeys(found.paths, 1.0)})


def _restricted(found: OriginPaths, names: Sequence[str]) -> OriginPaths:
    return replace(found, paths={name: found.paths[name] for name in names})


def _score(actual: Floats, quantiles: Floats, *, scale: float) -> dict[str, dict[str, float]]:
    """Return the measures of each band of which anything was seen."""
    bands = band_indices(np.arange(1, len(actual) + 1))
    scores: dict[str, dict[str, float]] = {}
    for number, band in enumerate(BAND_NAMES):
        rows = (bands == number) & np.isfinite(actual)
        if rows.any():
            median = quantiles[rows, losses.MEDIAN_INDEX]
            scores[band] = {
                "mase": losses.mase(actual[rows], median, scale=scale),
                "wape": losses.wape(actual[rows], median),
                "smape": losses.smape(actual[rows], median),
                "pinball": losses.pinball(actual[rows], quantiles[rows]),
                "coverage80": losses.coverage80(actual[rows], quantiles[rows]),
                "bias": losses.bias(actual[rows], median),
            }
    return scores


def _forecast_rows(item: FrameSeries, origin: int, rows: Floats, ds: "pd.Series") -> "pd.DataFrame":
    """Return what was drawn after the first `origin` steps, in the columns of FORECAST_COLUMNS."""
    import pandas as pd  # noqa: PLC0415  # slow to import, and only frames need it

    made = pd.DataFrame(rows, columns=list(FORECAST_COLUMNS[3:]))
    steps = np.array([item.step_at(origin + step) for step in range(len(rows))], dtype=np.int64)
    made.insert(0, "unique_id", item.series.series_id)
    made.insert(1, "cutoff", ds_column(np.full(len(rows), item.step_at(origin - 1)), ds))
    made.insert(2, "ds", ds_column(steps, ds))
    return made


def _forecast_frame(parts: "list[pd.DataFrame]") -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415  # as above

    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(FORECAST_COLUMNS))


def _score_frame(scores: list[BacktestScore], ds: "pd.Series") -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415  # slow to import, and only frames need it

    rows = pd.DataFrame([asdict(score) for score in scores], columns=list(SCORE_COLUMNS))
    rows["cutoff"] = ds_column(rows["cutoff"].to_numpy(dtype=np.int64), ds)
    return rows.sort_values(["model", "unique_id", "cutoff"], kind="stable", ignore_index=True)
