"""A window that has not ended, given by mistake: it has no page, and holds back no page of an hour that has."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.pipelines.hour_of_fleets import NOW, WINDOW, Fleets

import headroom.pipelines.report
from headroom.domain.window import HOUR, Window
from headroom.extract.errors import SourceError
from headroom.pipelines.newest_report import LATEST_KEY, LATEST_PAGE
from headroom.pipelines.report import report_run
from headroom.pipelines.windows import WindowError

AHEAD = Window(WINDOW.start_utc + timedelta(days=365), WINDOW.end_utc + timedelta(days=365))
NEXT = Window(WINDOW.end_utc, WINDOW.end_utc + HOUR)


@pytest.fixture
def fleets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleets:
    made = Fleets(tmp_path)
    made.schedule()
    monkeypatch.setattr(headroom.pipelines.report, "open_workspace", made.opened)
    return made


def newest(fleets: Fleets) -> object:
    return fleets.workspace.lake.read_json(LATEST_KEY)["window"]


def test_a_window_ahead_gets_no_page_and_the_newest_stays(fleets: Fleets) -> None:
    report_run(WINDOW)
    page = fleets.file(LATEST_PAGE).read_bytes()
    with pytest.raises(WindowError, match="the window ends at 2027-11-18T06:00Z, and the cloud's clock stands at"):
        report_run(AHEAD)
    assert newest(fleets) == "2026-11-18T05:00:00"
    assert fleets.file(LATEST_PAGE).read_bytes() == page
    assert [file.name for file in sorted(fleets.file("reports/run").iterdir())] == [
        "2026-11-18T05.html",
        "2026-11-18T05.json",
    ]


def test_a_page_of_an_hour_ahead_that_is_there_is_not_the_newest(fleets: Fleets) -> None:
    fleets.workspace.lake.write_json(LATEST_KEY, {"window": "2027-11-18T05:00:00"})
    report_run(WINDOW)
    assert newest(fleets) == "2026-11-18T05:00:00"


def test_an_older_hour_run_again_leaves_the_newest(fleets: Fleets) -> None:
    fleets.sts.now = NOW + HOUR
    report_run(NEXT)
    report_run(WINDOW)
    assert newest(fleets) == "2026-11-18T06:00:00"


@pytest.mark.parametrize("note", ["yesterday", 5, None, "0001-01-01T00:00:00+14:00"])
def test_a_note_that_is_no_hour_holds_nothing_back(fleets: Fleets, note: object) -> None:
    fleets.workspace.lake.write_json(LATEST_KEY, {"window": note})
    report_run(WINDOW)
    assert newest(fleets) == "2026-11-18T05:00:00"


def test_where_no_cloud_says_what_time_it_is_the_page_tells_of_it(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_workspace: object) -> None:
        raise SourceError("STS GetCallerIdentity in us-east-1 did not answer")

    monkeypatch.setattr(headroom.pipelines.report, "read_clock_utc", silent)
    report_run(WINDOW)
    assert newest(fleets) == "2026-11-18T05:00:00"
