"""One ledger that cannot be read keeps one fleet's savings as they were, and is told; the others' are made anew."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.pipelines.hour_of_fleets import DAMAGED, NOW, SOUND, Fleets

from headroom.domain.window import HOUR, Window
from headroom.lake.layout import settled_path
from headroom.pipelines import savings
from headroom.pipelines.daily_marts import SAVINGS_TABLE, UTILIZATION_TABLE
from headroom.pipelines.outcomes import RunHasFailures, check_outcomes
from headroom.pipelines.savings import report_savings

TODAY = Window.day_of(NOW)


def report(fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(savings, "open_workspace", fleets.opened)
    return report_savings(TODAY)


def settle(fleets: Fleets, *, instances: float) -> None:
    rows = [
        {"fleet_id": fleet_id, "hour_start_utc": TODAY.start_utc + hour * HOUR, "instances_in_service_mean": instances}
        for fleet_id in (DAMAGED, SOUND)
        for hour in range(24)
    ]
    fleets.save(settled_path(UTILIZATION_TABLE, TODAY.day), UTILIZATION_TABLE, rows)


def estimated_usd(fleets: Fleets) -> dict[str, float]:
    """Return the day's costs by fleet: 24 hours of the settled instances at 2 USD each."""
    rows = fleets.opened().lake.read_table(settled_path(SAVINGS_TABLE, TODAY.day))
    assert rows is not None
    return {row["fleet_id"]: float(row["estimated_cost_usd"]) for row in rows.to_pylist()}


@pytest.mark.parametrize("was_reported", [True, False])
def test_savings_of_the_others_are_told_and_the_run_shows_which_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, was_reported: bool
) -> None:
    fleets = Fleets(tmp_path)
    fleets.schedule()
    fleets.push()
    if was_reported:
        settle(fleets, instances=2.0)
        report(fleets, monkeypatch)
        assert estimated_usd(fleets) == {DAMAGED: 96.0, SOUND: 96.0}
    fleets.ledger()[-1].write_text("{")
    settle(fleets, instances=3.0)

    pages = report(fleets, monkeypatch)["pages"]

    assert estimated_usd(fleets) == {SOUND: 144.0} | ({DAMAGED: 96.0} if was_reported else {})
    assert pages == ["reports/savings/2026-11-18.html"]
    monkeypatch.setattr("headroom.pipelines.outcomes.open_workspace", fleets.opened)
    with pytest.raises(RunHasFailures, match=f"1 of 1 failed: savings of {DAMAGED}: ledger/fleet={DAMAGED}/"):
        check_outcomes(dag_id="report_savings", window=TODAY)


def test_where_no_ledger_can_be_read_pages_stand_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleets = Fleets(tmp_path)
    fleets.schedule()
    fleets.push()
    settle(fleets, instances=2.0)
    report(fleets, monkeypatch)
    for fleet_id in (DAMAGED, SOUND):
        fleets.ledger(fleet_id)[-1].write_text("{")
    settle(fleets, instances=3.0)

    report(fleets, monkeypatch)

    assert estimated_usd(fleets) == {DAMAGED: 96.0, SOUND: 96.0}
