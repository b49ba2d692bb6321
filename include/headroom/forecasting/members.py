"""What a member of the ensemble is: fitted rarely, updated with the newest hours whenever a path is asked for."""

from typing import Any, Protocol

from headroom.domain.demand import Floats
from headroom.forecasting.series import Series

State = dict[str, Any]
"""A fit as plain JSON values, so that the pipeline can keep it between hourly runs."""


class MemberError(RuntimeError):
    """A member could not be fitted to a series; the others serve, and the note says so."""


class FittedForecaster(Protocol):
    """A fit that can be asked for a path from any later origin, the hours seen since then included."""

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return the median path after the end of `series`, shape (horizon_steps,); None where the fit is too old.

        `series` is the fit's own, possibly with newer hours at its end; nothing is refitted here.
        """
        ...

    def state(self) -> State:
        """Return the fit as JSON values; floats survive a round trip exactly."""
        ...


class Forecaster(Protocol):
    """A way to forecast. Members hold no data: all they learn is in what `fit` returns."""

    @property
    def name(self) -> str:
        """The member's name in tables and reports."""
        ...

    def can_fit(self, series: Series) -> bool:
        """Say whether there is enough history for this member."""
        ...

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Learn from `series` alone, so that paths of `horizon_steps` can be given for a day or so from now.

        Raises MemberError where the fit does not converge.
        """
        ...

    def restore(self, state: State) -> FittedForecaster:
        """Return the fit that `state()` described."""
        ...
