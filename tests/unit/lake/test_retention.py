"""What the lake no longer keeps goes, and nothing that anybody still needs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from headroom.lake.retention import NEEDED_HISTORY_DAYS, POLICY, expired
from headroom.lake.storage import LocalStorage

NOW = datetime(2026, 11, 18, 6, tzinfo=UTC)
FOR_EVER = (
    "ledger/fleet=chat/push=chat-20200101T0600Z-0a1b2c3d/0001-intended.json",
    "control/kill_switch.json",
    "mart/mart_forecast_score__by_fleet/day=2020-01-01/settled.parquet",
    "mart/mart_kpi__daily_by_fleet/day=2020-01-01/settled.parquet",
    "mart/mart_savings__daily_by_fleet/day=2020-01-01/settled.parquet",
    "mart/mart_action__ledger/day=2020-01-01/settled.parquet",
    "reports/day/2020-01-01.html",
    "reports/latest.html",
    "alerts/scale_ahead/push_chunk.json",
    "metrics/newest.json",
    "somebody-elses/2020-01-01.txt",
    "raw/metric_sample/README.md",
    "raw/metric_sample/day=9999-12-31/settled.parquet",
    "raw/metric_sample/hour=9999-12-31T23/chunk=01.parquet",
    "plans/9999-12-31.json",
    "plans/2020-13-45.json",
)


@pytest.mark.parametrize("path", FOR_EVER)
def test_what_no_rule_names_is_kept_for_ever(path: str) -> None:
    assert expired([path], now_utc=NOW) == []


@pytest.mark.parametrize(
    ("last_kept", "first_gone"),
    [
        # 120 days before 18 November 06:00 is 21 July 06:00: the 21st is kept, the 20th is over since 21 July 00:00.
        ("raw/metric_sample/day=2026-07-21/settled.parquet", "raw/metric_sample/day=2026-07-20/settled.parquet"),
        # 90 days before is 20 August 06:00; that hour 05 was over then.
        ("plans/hour=2026-08-20T05/fleet=chat.json", "plans/hour=2026-08-19T05/fleet=chat.json"),
        (
            "mart/mart_forecast__hourly_by_fleet/hour=2026-08-20T06/chunk=01.parquet",
            "mart/mart_forecast__hourly_by_fleet/hour=2026-08-20T05/chunk=01.parquet",
        ),
        ("outcomes/settle_days/2026-08-20T00:00:00/a.json", "outcomes/settle_days/2026-08-19T00:00:00/a.json"),
        # 800 days before is 9 September 2024: that month's bill is not over then, August's is.
        ("raw/billing_line/period=2024-09/assembly.parquet", "raw/billing_line/period=2024-08/assembly.parquet"),
    ],
)
def test_a_file_goes_when_the_time_it_is_about_is_so_many_days_over(last_kept: str, first_gone: str) -> None:
    assert expired([last_kept, first_gone], now_utc=NOW) == [first_gone]


def test_the_newest_prices_and_selections_serve_on_however_old_they_are() -> None:
    prices = [f"raw/on_demand_price/day=2020-01-{day:02}/settled.parquet" for day in range(1, 11)]
    assert expired(prices, now_utc=NOW) == prices[:2]
    selections = [f"selections/{fleet}/2020-01-0{day}T06.json" for fleet in ("a", "b") for day in (1, 2, 3)]
    assert expired(selections, now_utc=NOW) == [selections[0], selections[3]]


def test_hours_hidden_by_their_settled_day_go_after_three_days_and_others_stay() -> None:
    paths = [
        "raw/metric_sample/day=2026-11-14/settled.parquet",
        "raw/metric_sample/hour=2026-11-14T05/chunk=01.parquet",
        "raw/metric_sample/day=2026-11-17/settled.parquet",
        "raw/metric_sample/hour=2026-11-17T05/chunk=01.parquet",
        "raw/metric_sample/hour=2026-11-13T05/chunk=01.parquet",
        "raw/spot_price/hour=2026-11-14T05/all.parquet",
    ]
    assert expired(paths, now_utc=NOW) == [paths[1]]


def test_nothing_that_forecasts_approvals_or_repairs_read_goes_sooner_than_it_is_needed() -> None:
    days = {rule.folder: rule.days for rule in POLICY}
    assert min(days.values()) >= NEEDED_HISTORY_DAYS > 42
    assert not any(folder.startswith(("ledger", "control")) for folder in days)


def test_every_rule_says_why() -> None:
    assert all(rule.why for rule in POLICY)
    assert len({rule.folder for rule in POLICY}) == len(POLICY)


def test_the_sizes_of_a_folders_files_are_their_bytes(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.write_bytes("raw/a", b"123")
    storage.write_bytes("plans/b/c", b"1")
    assert storage.sizes("") == {"plans/b/c": 1, "raw/a": 3}
    assert storage.sizes("raw") == {"raw/a": 3}
