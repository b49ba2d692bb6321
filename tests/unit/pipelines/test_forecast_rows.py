"""Forecasts to and from the rows of their mart, those of an older version among them."""

from datetime import UTC, datetime

import numpy as np
import pytest

from headroom.columns import PART_NAMES, QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast
from headroom.pipelines.demand_history import forecast_rows, forecasts_from_rows

MADE_AT = datetime(2026, 11, 18, 6, tzinfo=UTC)
PART_COLUMNS = [f"mean_demand_{name}_per_second" for name in PART_NAMES]


def forecast(fleet_id: str, *, has_parts: bool) -> DemandForecast:
    median = 7.0  # the seventh of the 13 levels
    parts = np.array([[5.0, 1.5, 0.25, -0.5, 0.0, 0.75]] * 2)
    assert parts.sum(axis=1) == pytest.approx(median)
    quantiles = np.tile(np.arange(1.0, len(QUANTILE_LEVELS) + 1), (2, 1))
    return DemandForecast(
        fleet_id=fleet_id,
        made_at_utc=MADE_AT,
        hours=np.datetime64("2026-11-18T06:00:00", "s") + np.arange(2) * np.timedelta64(1, "h"),
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=quantiles,
        members={"prophet": 1.0},
        note="a note",
        mean_parts_per_second=parts if has_parts else None,
        explanation="the level is 5" if has_parts else "",
    )


def test_parts_and_words_come_back_as_they_were_written() -> None:
    rows = forecast_rows([(forecast("chat", has_parts=True), "hash"), (forecast("embed", has_parts=False), "hash")])

    assert [rows[name].to_pylist() for name in PART_COLUMNS[:2]] == [[5.0, 5.0, None, None], [1.5, 1.5, None, None]]
    known = forecasts_from_rows(rows)
    chat, embed = known["chat", MADE_AT], known["embed", MADE_AT]
    assert np.array_equal(chat.mean_parts_per_second, forecast("chat", has_parts=True).mean_parts_per_second)
    assert chat.explanation == "the level is 5"
    assert embed.mean_parts_per_second is None
    assert embed.explanation == ""


def test_rows_of_an_older_version_give_forecasts_without_parts() -> None:
    older = forecast_rows([(forecast("chat", has_parts=True), "hash")]).drop_columns([*PART_COLUMNS, "explanation"])

    chat = forecasts_from_rows(older)["chat", MADE_AT]

    assert chat.mean_parts_per_second is None
    assert chat.explanation == ""
    assert chat.mean_at_level(0.5).tolist() == [7.0, 7.0]
