"""The cached selection of a fleet: what was learnt for each target, as JSON, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from headroom.domain.window import as_utc
from headroom.forecasting.ensemble import SeriesSelection
from headroom.forecasting.members import State
from headroom.forecasting.prophet_model import RESERVE_STEPS

FORMAT: Final = 2
TARGETS: Final = ("mean", "peak")
FITS_SERVE_FOR: Final = timedelta(hours=RESERVE_STEPS)


class OtherFormatError(ValueError):
    """A selection is whole as far as can be told, but another version of headroom wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Weights, calibration and fits of one fleet for both targets ("mean", "peak").

    `selected_at_utc`: origin the weights rest on. `fitted_at_utc`: origin of the fits, the same or later. Nothing at or
    after them was known; a forecast made before `fitted_at_utc` must not use it.
    """

    fleet_id: str
    selected_at_utc: datetime
    fitted_at_utc: datetime
    targets: dict[str, SeriesSelection]

    def serves(self, made_at_utc: datetime) -> bool:
        """Whether the fits reach far enough for the usual horizon from `made_at_utc`; else each would be made anew."""
        return made_at_utc - self.fitted_at_utc <= FITS_SERVE_FOR

    def to_json(self) -> State:
        """Return plain JSON values, some 50 kB a fleet, of which Prophet and the trees are most."""
        return {
            "format": FORMAT,
            "fleet_id": self.fleet_id,
            "selected_at_utc": self.selected_at_utc.isoformat(),
            "fitted_at_utc": self.fitted_at_utc.isoformat(),
            "targets": {target: selection.state() for target, selection in self.targets.items()},
        }

    @classmethod
    def from_json(cls, state: State) -> "Selection":
        """Return the selection `to_json` gave; OtherFormatError for another version's, ValueError for a damaged one.

        Then one selects again.
        """
        said = state if isinstance(state, dict) else {}
        subject = f"selection of {said.get('fleet_id')}"
        if (found := said.get("format")) != FORMAT:
            kind = OtherFormatError if isinstance(found, int) else ValueError
            raise kind(f"{subject}: format {found!r}, expected {FORMAT}")
        try:
            selected, fitted = (
                as_utc(datetime.fromisoformat(state[name])) for name in ("selected_at_utc", "fitted_at_utc")
            )
            if selected > fitted:
                raise ValueError(f"{subject}: selected at {selected:%FT%TZ}, after its fits of {fitted:%FT%TZ}")
            return cls(
                fleet_id=state["fleet_id"],
                selected_at_utc=selected,
                fitted_at_utc=fitted,
                targets={target: SeriesSelection.restore(state["targets"][target]) for target in TARGETS},
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{subject}: damaged, {error!r}") from error
