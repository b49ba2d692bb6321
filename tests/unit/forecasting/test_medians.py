"""Medians of columns and rows are numpy's own, bit for bit, whatever was not seen."""

import numpy as np
import pytest

from headroom.forecasting.medians import column_medians, row_medians


@pytest.mark.parametrize("rows", [1, 2, 5, 6])
def test_medians_are_numpys_bit_for_bit(rows: int) -> None:
    generator = np.random.default_rng(rows)
    values = np.exp(generator.normal(size=(rows, 400)))
    values[generator.random(values.shape) < 0.3] = np.nan
    seen = np.isfinite(values).any(axis=0)
    assert (column_medians(values)[seen] == np.nanmedian(values[:, seen], axis=0)).all()
    assert (row_medians(values) == np.nanmedian(values, axis=1)).all()


def test_nothing_seen_is_no_median_and_no_warning() -> None:
    assert np.isnan(column_medians(np.full((3, 2), np.nan))).all()
    assert np.isnan(column_medians(np.empty((0, 2)))).all()
    assert len(row_medians(np.empty((0, 24)))) == 0
