"""Fractions are summed in one order, so that a rerun gives the very bytes it gave before."""

import re

import pytest

from headroom.lake.sql_runner import SqlModels
from headroom.pipelines.workspace import SQL_FOLDER

MODELS = SqlModels.load(SQL_FOLDER)
SUMMED = re.compile(r"\b(?:sum|avg)\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)")
EXACT = re.compile(
    r"_usd$|_cost$|samples_(?:seen|expected|inferred)$|demand_seconds$|period_seconds$|cold_start(?:s|_count)$"
    r"|as integer\)$"
)
"""Decimals and whole numbers: their sums do not depend on any order."""


@pytest.mark.parametrize("name", sorted(MODELS.by_name))
def test_every_sum_of_fractions_says_its_order(name: str) -> None:
    summed = [" ".join(found.split()) for found in SUMMED.findall(MODELS[name].plain_sql)]
    assert [text for text in summed if " order by " not in text and not EXACT.search(text)] == []


def test_the_test_above_can_fail() -> None:
    assert SUMMED.findall("select sum(a * coalesce(b, 0)) from t") == ["a * coalesce(b, 0)"]
    assert EXACT.search("usage_hours") is None
