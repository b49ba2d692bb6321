"""The watch goes on whatever one file of its own is like: it was red every hour until somebody deleted the file."""

from pathlib import Path

import pytest
from tests.unit.pipelines.test_watching_fleets import CHAT, HOUR_5, SEARCH, clock, pushed, values, workspace

from headroom.actuation.outcome import PushState
from headroom.pipelines.on_call import measure_fleets
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, record_outcomes
from headroom.pipelines.workspace import Workspace

__all__ = ["clock", "workspace"]

DAMAGES = ["{", "[]", "{}", "5", '{"window": 5, "measurements": []}', '{"window": "2026-11-18T05:00:00"}']


def written(tmp_path: Path, path: str, content: str) -> None:
    file = tmp_path / "lake" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_newest_measurement_is_measured_over(workspace: Workspace, tmp_path: Path, content: str) -> None:
    pushed(workspace, CHAT, PushState.VERIFIED)
    pushed(workspace, SEARCH, PushState.UNCHANGED)
    written(tmp_path, "metrics/newest.json", content)
    assert measure_fleets(HOUR_5) == {"ok": 2}
    assert values()["late_pushes", None] == 0


@pytest.mark.parametrize("content", ["{", "[]", '{"bytes": 5}', '{"bytes": {"raw": "7"}}'])
def test_a_damaged_size_of_the_lake_is_left_out(workspace: Workspace, tmp_path: Path, content: str) -> None:
    pushed(workspace, CHAT, PushState.VERIFIED)
    pushed(workspace, SEARCH, PushState.UNCHANGED)
    written(tmp_path, "metrics/lake_size.json", content)
    assert measure_fleets(HOUR_5) == {"ok": 2}
    assert not [name for name, _label in values() if name.startswith("lake_")]


@pytest.mark.parametrize("content", ["{", "[5]", '[{"status": "levitating"}]'])
def test_outcomes_of_a_run_that_are_damaged_count_as_a_failed_source_and_hide_no_fleet(
    workspace: Workspace, tmp_path: Path, content: str
) -> None:
    pushed(workspace, CHAT, PushState.VERIFIED)
    pushed(workspace, SEARCH, PushState.FAILED)
    bad = [Outcome(step="push", subject=SEARCH, status=OutcomeStatus.FAILED, cause="AccessDenied")]
    record_outcomes(workspace, dag_id="scale_ahead", window=HOUR_5, part="3-push", outcomes=bad)
    written(tmp_path, "outcomes/extract_utilization/2026-11-18T05:00:00/extract.json", content)
    assert measure_fleets(HOUR_5) == {"ok": 1, "failed": 1}
    assert values()["failed_sources", None] == 1
    written(tmp_path, "outcomes/scale_ahead/2026-11-18T05:00:00/3-push.json", content)
    assert measure_fleets(HOUR_5) == {"ok": 1, "failed": 1}
