"""Prophet as a member: its path on a log scale, with the residual correction; the only module that imports prophet."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats, Hours
from headroom.forecasting.members import FittedForecaster, MemberError, State
from headroom.forecasting.residual_correction import ResidualCorrection, fit_residual_correction
from headroom.forecasting.scale import Scale, choose_scale
from headroom.forecasting.series import ONE_HOUR, Series

if TYPE_CHECKING:
    import pandas as pd

_FEWEST_DAYS: Final = 4
_TREND_SEASONS: Final = 2
"""A season is modelled once it has been seen twice; a trend, once the longest has."""
RESERVE_STEPS: Final = 48
"""A fit's path reaches this much further than its horizon, so that a day of hourly updates can use it."""
_FOURIER_ORDER: Final = {0: 6, 1: 6}
_CHANGEPOINT_PRIOR_SCALE: Final = 0.05
_HOLIDAY_PRIOR_SCALE: Final = 1.0
_LOG: Final = logging.getLogger(__name__)
_QUIET_LOGGERS: Final = ("cmdstanpy", "prophet")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedPath:
    """A fitted path kept as numbers on its scale, from some way before the fit's end to beyond its horizon.

    Asking it for a forecast costs microseconds: the newest hours' residuals go through the correction, nothing is
    refitted and prophet is not imported.
    """

    first_hour: np.datetime64
    scaled_path: Floats
    scale: Scale
    correction: ResidualCorrection
    largest: float

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return path plus expected residuals on the series' own scale; None where the path ends too early."""
        end = int((series.hours[-1] + ONE_HOUR - self.first_hour) / ONE_HOUR)
        if end <= 0 or end + horizon_steps > len(self.scaled_path):
            return None
        known = min(end, len(series))
        residuals = self.scale.forward(series.observed[len(series) - known :]) - self.scaled_path[end - known : end]
        scaled = self.scaled_path[end : end + horizon_steps] + self.correction.extend(residuals, horizon_steps)
        return self.scale.backward(np.minimum(scaled, self.scale.forward(np.array([self.largest]))))

    def state(self) -> State:
        """Return the fit as JSON values."""
        return {
            "first_hour": str(self.first_hour),
            "scaled_path": self.scaled_path.tolist(),
            "scale": {"kind": self.scale.kind, "offset": self.scale.offset},
            "correction": self.correction.state(),
            "largest": self.largest if np.isfinite(self.largest) else None,
        }

    @classmethod
    def restore(cls, state: State) -> "CorrectedPath":
        """Return the fit that `state()` described; ValueError for one that no fit has made."""
        path, first = np.array(state["scaled_path"], dtype=np.float64), datetime.fromisoformat(state["first_hour"])
        first_hour = np.datetime64(first.replace(tzinfo=None), "s")
        if first.tzinfo or path.ndim != 1 or not len(path) or not np.isfinite(path).all():
            raise ValueError(f"a path of shape {path.shape} from {first_hour}, expected numbers from an hour on")
        return cls(
            first_hour=first_hour,
            scaled_path=path,
            scale=Scale(**state["scale"]),
            correction=ResidualCorrection.restore(state["correction"]),
            largest=float("inf") if state["largest"] is None else float(state["largest"]),
        )


@dataclass(frozen=True, slots=True)
class ProphetForecaster:
    """Prophet on a log scale with trend, the series' seasons, holidays and events, and the residual correction."""

    name: str = "prophet"

    def can_fit(self, series: Series) -> bool:
        """Say whether four days were seen, by then the daily shape is more than noise."""
        return int(np.isfinite(series.observed).sum()) >= _FEWEST_DAYS * series.day

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Fit once (0.2 s on eight weeks) and keep the path with the correction of its residuals."""
        scale = choose_scale(series.observed)
        scaled = scale.forward(series.observed)
        hours = np.concatenate([series.hours, series.hours_after(horizon_steps + RESERVE_STEPS)])
        fitted = _fit_path(series, scaled, hours, seed=seed)
        correction = fit_residual_correction(scaled - fitted[: len(series)], (1, *series.seasons))
        kept = min(len(series), 2 * max(series.seasons))
        return CorrectedPath(
            first_hour=hours[len(series) - kept],
            scaled_path=fitted[len(series) - kept :],
            scale=scale,
            correction=correction,
            largest=series.ceiling,
        )

    def restore(self, state: State) -> FittedForecaster:
        """Return the fit that `state()` described."""
        return CorrectedPath.restore(state)


def _fit_path(series: Series, scaled: Floats, hours: Hours, *, seed: int) -> Floats:
    """Fit Prophet to `scaled` and return its path over `hours` (the series' own and those after it)."""
    import pandas as pd  # noqa: PLC0415  # slow to import, and only fits need it
    from prophet import Prophet  # noqa: PLC0415  # 3.5 s to import

    steps = len(series)
    has_trend = steps >= _TREND_SEASONS * max(series.seasons)
    model = Prophet(
        growth="linear" if has_trend else "flat",
        changepoint_prior_scale=_CHANGEPOINT_PRIOR_SCALE,
        daily_seasonality=False,
        weekly_seasonality=False,
        yearly_seasonality=False,
        uncertainty_samples=0,
    )
    for index, season in enumerate(series.seasons):
        if steps >= _TREND_SEASONS * season:
            order = min(_FOURIER_ORDER.get(index, 3), season // 2)
            model.add_seasonality(f"season_{season}", period=season / 24, fourier_order=order)
    frame = pd.DataFrame({"ds": hours.astype("datetime64[ns]"), "y": np.nan})
    frame.loc[: steps - 1, "y"] = scaled
    for name, flags in _regressors(series, hours).items():
        frame[name] = flags.astype(np.float64)
        model.add_regressor(name, prior_scale=_HOLIDAY_PRIOR_SCALE, standardize=False)
    return _predict(model, frame, steps, seed=seed)


def _regressors(series: Series, hours: Hours) -> dict[str, Floats]:
    """Return holiday and event flags that history can teach something about: those that occurred in it."""
    is_seen = np.isfinite(series.observed)
    named = series.calendar.flags(hours)
    return {name: flags.astype(np.float64) for name, flags in named.items() if flags[: len(series)][is_seen].any()}


def _predict(model: Any, frame: "pd.DataFrame", steps: int, *, seed: int) -> Floats:  # noqa: ANN401  # prophet is untyped
    with _quiet(), _data_written_at_once(model):
        try:
            model.fit(frame.iloc[:steps].dropna(subset=["y"]), seed=seed)
        except RuntimeError as error:  # what cmdstanpy raises when its program fails; it names temporary files
            _LOG.warning("a Prophet fit failed: %s", error)
            raise MemberError("the fit failed") from error
        predicted = model.predict(frame.drop(columns="y"))
    path: Floats = predicted["yhat"].to_numpy(dtype=np.float64)
    return path


@contextmanager
def _data_written_at_once(model: Any) -> Iterator[None]:  # noqa: ANN401  # as above
    """Give CmdStan its data in files of one json.dumps each: the same bytes as stanio's, which is half of a fit."""
    ready = model.stan_backend.model
    with TemporaryDirectory(prefix="headroom-prophet-") as folder:
        model.stan_backend.model = _FilesForStan(ready, Path(folder))
        try:
            yield
        finally:
            model.stan_backend.model = ready


@dataclass(frozen=True, slots=True)
class _FilesForStan:
    """Stands for a CmdStanModel whose `optimize` is told of data and first values by file."""

    model: Any
    folder: Path

    def optimize(self, *, data: dict[str, Any], inits: dict[str, Any], **options: Any) -> Any:  # noqa: ANN401  # as above
        files = {name: self.folder / f"{name}.json" for name in ("data", "inits")}
        for name, values in (("data", data), ("inits", inits)):
            files[name].write_text(stan_json(values), encoding="utf-8")
        return self.model.optimize(data=str(files["data"]), inits=str(files["inits"]), **options)


def stan_json(values: dict[str, Any]) -> str:
    """Return values (numbers, lists and arrays) as stanio writes them."""
    return json.dumps(values, default=lambda array: np.asarray(array).tolist())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep cmdstanpy's line per fit out of the log; its warnings still come through."""
    from cmdstanpy.utils import get_logger  # noqa: PLC0415  # slow to import, and only fits need it

    get_logger()  # its first call sets a level and a handler of its own, so it has to come before ours
    loggers = [logging.getLogger(name) for name in _QUIET_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def forecast_with_prophet_alone(series: Series, *, horizon_steps: int, seed: int) -> Floats:
    """Return the quantiles of Prophet as it comes (level scale, its own uncertainty), shape (horizon_steps, 13).

    What we are judged against, never what we serve. Samples come from numpy's global state, which is seeded here and
    put back. Raises MemberError where the fit fails.
    """
    import pandas as pd  # noqa: PLC0415  # as above
    from prophet import Prophet  # noqa: PLC0415  # as above

    model = Prophet()
    history = pd.DataFrame({"ds": series.hours.astype("datetime64[ns]"), "y": series.observed}).dropna()
    future = pd.DataFrame({"ds": series.hours_after(horizon_steps).astype("datetime64[ns]")})
    before = np.random.get_state()  # noqa: NPY002  # prophet draws from the global state
    np.random.seed(seed)  # noqa: NPY002  # as above
    try:
        with _quiet():
            model.fit(history, seed=seed)
            samples = model.predictive_samples(future)["yhat"]
    except RuntimeError as error:  # as in _predict
        _LOG.warning("a fit of Prophet as it comes failed: %s", error)
        raise MemberError("the fit failed") from error
    finally:
        np.random.set_state(before)  # noqa: NPY002  # as above
    quantiles = np.quantile(samples, QUANTILE_LEVELS, axis=1).T
    return np.maximum(quantiles, 0.0) if series.is_nonnegative else quantiles
