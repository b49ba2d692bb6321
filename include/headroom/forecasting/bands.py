"""Horizon bands: spans of steps ahead whose errors are alike enough to be judged and calibrated together."""

from typing import Final

import numpy as np
import numpy.typing as npt

BANDS: Final = ((1, 2), (3, 6), (7, 24), (25, 72), (73, 168))
"""First and last step ahead of each band; FACTS: the next one to two hours matter most, so they stand alone."""
BAND_NAMES: Final = (*(f"{first}-{last}" for first, last in BANDS), f"{BANDS[-1][1] + 1}+")

BAND_CENTRES: Final = np.sqrt([first * last for first, last in (*BANDS, (BANDS[-1][1] + 1, 2 * BANDS[-1][1]))])
"""The step ahead that each band's errors are most like, the geometric middle."""

_UPPER: Final = np.array([last for _, last in BANDS])


def band_indices(steps_ahead: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return, per step ahead (1 is the next), the index of its band in BAND_NAMES.

    >>> band_indices(np.array([1, 2, 3, 24, 25, 169])).tolist()
    [0, 0, 1, 2, 3, 5]
    """
    return np.searchsorted(_UPPER, steps_ahead, side="left").astype(np.int64)
