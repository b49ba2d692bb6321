"""Price lists come when they come: what a day cost is told alike, whether its report came before the first or after."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headroom.domain.window import HOUR, Window
from headroom.lake.lake import Lake
from headroom.lake.layout import settled_path
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines.daily_marts import KPI_TABLE, write_kpis
from headroom.pipelines.savings import report_savings
from headroom.pipelines.workspace import open_workspace

pytestmark = pytest.mark.thorough

FLEET = """\
fleets:
- id: chat-large
  region: us-east-1
  target: {kind: ec2_auto_scaling_group, name: chat-large}
  demand: {metric: {namespace: AWS/ApplicationELB, name: RequestCount}}
  objective: {latency_seconds: 2.0}
  serving: {model: slots, service_seconds: 0.4}
  instance_types: [{name: g5.12xlarge}]
  lead_time_seconds: 300
  bounds: {min_instances: 2, max_instances: 60}
"""
SATURDAY, SUNDAY, MONDAY = (date(2026, 11, day) for day in (14, 15, 16))
PRICES = "prices"
Event = date | str


def play(
    folder: Path, events: Sequence[Event], monkeypatch: pytest.MonkeyPatch, *, after: Path | None = None
) -> dict[str, bytes]:
    """Settle days, each followed by its report, and read the first price list, in the order given.

    All of it comes after what was played in the folder `after`, which is left as it is.
    """
    if after is None:
        folder.mkdir()
        (folder / "fleets.yaml").write_text(FLEET)
    else:
        shutil.copytree(after, folder)
    monkeypatch.setenv("HEADROOM_CONFIG", str(folder))
    monkeypatch.setenv("HEADROOM_LAKE", str(folder / "lake"))
    storage = LocalStorage(folder / "lake")
    for event in events:
        if isinstance(event, date):
            settle(Lake(storage), event)
            report_savings(Window.day_of(datetime(event.year, event.month, event.day, tzinfo=UTC)))
        else:
            read_prices(Lake(storage))
    return {path: storage.read_bytes(path) for path in storage.list("")}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Saturday settled before the first price list came; to be copied, never played on."""
    folder = tmp_path_factory.mktemp("shared") / "older"
    with pytest.MonkeyPatch.context() as monkeypatch:
        play(folder, (SATURDAY,), monkeypatch)
    return folder


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Saturday and Sunday settled after it came; to be copied, never played on."""
    folder = tmp_path_factory.mktemp("shared") / "newer"
    with pytest.MonkeyPatch.context() as monkeypatch:
        play(folder, (PRICES, SATURDAY, SUNDAY), monkeypatch)
    return folder


@pytest.fixture(scope="module")
def early(newer: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What three days leave whose price list came before them."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return play(tmp_path_factory.mktemp("shared") / "early", (MONDAY,), monkeypatch, after=newer)


def settle(lake: Lake, day: date) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"fleet_id": "chat-large", "hour_start_utc": start + hour * HOUR, "instances_in_service_mean": 10.0}
        for hour in range(24)
    ]
    write(lake, "mart_utilization__hourly_by_fleet", day, rows)
    demand = {"mean_demand_per_second": 4.0, "peak_demand_per_second": 5.0, "samples_expected": 12, "samples_seen": 12}
    of_hour = [{key: row[key] for key in ("fleet_id", "hour_start_utc")} for row in rows]
    write(lake, "mart_demand__hourly_by_fleet", day, [{**row, **demand} for row in of_hour])


def read_prices(lake: Lake) -> None:
    """Read the first list, on the day after the last one that is settled here."""
    row = {
        "region": "us-east-1",
        "instance_type": "g5.12xlarge",
        "service": "ec2",
        "day_utc": MONDAY + timedelta(days=1),
        "on_demand_usd_per_hour": Decimal("5.672"),
        "effective_from_utc": datetime(2026, 1, 1, tzinfo=UTC),
    }
    write(lake, "on_demand_price", MONDAY + timedelta(days=1), [row])


def write(lake: Lake, name: str, day: date, rows: list[dict[str, Any]]) -> None:
    frame = pa.Table.from_pylist(rows, schema=TABLES[name].schema)
    lake.write_table(settled_path(name, day), TABLES[name], frame, fingerprint="")


@pytest.mark.parametrize("after_saturday", [(SUNDAY, PRICES, MONDAY), (PRICES, SUNDAY, MONDAY)])
def test_when_the_first_price_list_came_leaves_no_trace(
    early: dict[str, bytes],
    older: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after_saturday: Sequence[Event],
) -> None:
    late = play(tmp_path / "late", after_saturday, monkeypatch, after=older)

    assert b'"estimated_cost_usd": 1361.28' in early["reports/savings/2026-11-14.json"]  # 24 h x 10 x 5.672 USD
    assert sorted(path for path in early.keys() | late.keys() if early.get(path) != late.get(path)) == []


@pytest.mark.parametrize("table", ["mart_kpi__daily_by_fleet", "mart_savings__daily_by_fleet"])
def test_what_a_slow_task_wrote_over_a_newer_file_is_made_anew_by_the_next_report(
    older: Path, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    path = settled_path(table, SATURDAY)
    wanted = play(tmp_path / "played", (), monkeypatch, after=newer)[path]
    before_prices = LocalStorage(older / "lake").read_bytes(path)
    assert before_prices != wanted

    storage = LocalStorage(tmp_path / "played" / "lake")
    storage.write_bytes(path, before_prices)
    report_savings(Window.day_of(datetime(2026, 11, 15, tzinfo=UTC)))

    assert storage.read_bytes(path) == wanted


class StorageWithInterlude(LocalStorage):
    """Lets something else happen once, after price lists were looked for and before anything else is."""

    def __init__(self, root: Path, interlude: Callable[[], None]) -> None:
        super().__init__(root)
        self._interludes = [interlude]
        self._has_looked = False

    def list(self, folder: str, *, name_prefix: str = "") -> list[str]:
        is_price = folder == "raw/on_demand_price"
        if self._has_looked and not is_price and self._interludes:
            self._interludes.pop()()
        self._has_looked |= is_price
        return super().list(folder, name_prefix=name_prefix)


def test_a_price_list_and_a_report_that_come_while_a_day_is_settled_are_not_lost(
    older: Path, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(tmp_path / "played", (), monkeypatch, after=older)
    storage = LocalStorage(tmp_path / "played" / "lake")

    def come() -> None:
        read_prices(Lake(storage))
        settle(Lake(storage), SUNDAY)
        report_savings(Window.day_of(datetime(2026, 11, 15, tzinfo=UTC)))

    slow = Lake(StorageWithInterlude(storage.root, come))
    write_kpis(replace(open_workspace(), lake=slow), Window.day_of(datetime(2026, 11, 14, tzinfo=UTC)))
    report_savings(Window.day_of(datetime(2026, 11, 15, tzinfo=UTC)))

    path = settled_path(KPI_TABLE, SATURDAY)
    assert storage.read_bytes(path) == LocalStorage(newer / "lake").read_bytes(path)
