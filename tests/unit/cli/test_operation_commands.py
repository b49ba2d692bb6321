from datetime import UTC, datetime
from pathlib import Path

import pytest

from headroom.actuation.outcome import PushOutcome, PushState
from headroom.cli import main
from headroom.cli.operations import _exit_code
from headroom.cli.parser import build_parser
from headroom.domain.scaling import Verdict


def _outcome(state: PushState, *, is_passed: bool = True) -> PushOutcome:
    verdict = Verdict(rule="quota", is_passed=is_passed, reason="")
    return PushOutcome(fleet_id="a", push_id="a-20261118T0600Z-00000000", state=state, verdicts=(verdict,))


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([_outcome(PushState.VERIFIED), _outcome(PushState.UNCHANGED)], 0),
        ([_outcome(PushState.VERIFIED), _outcome(PushState.RECOMMENDED)], 3),
        ([_outcome(PushState.VERIFIED), _outcome(PushState.PLANNED)], 3),
        ([_outcome(PushState.REFUSED), _outcome(PushState.FAILED)], 4),
        ([_outcome(PushState.VERIFIED), "it has no plan in this run"], 4),
        ([_outcome(PushState.DRY_RUN)], 0),
        ([_outcome(PushState.DRY_RUN, is_passed=False)], 3),
        ([], 0),
    ],
)
def test_exit_codes_say_refused_or_failed(results: list[PushOutcome | str], code: int) -> None:
    assert _exit_code(results) == code


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["extract", "utilization", "--from", "2026-11-18", "--to", "2026-11-17"],
            "--to: expected a time after --from",
        ),
        (["extract", "prices", "--from", "2026-11-17T00:30:00", "--to", "2026-11-18"], "expected times on the hour"),
        (["push", "--as-of", "2026-11-18T06:05:00Z"], "--as-of: expected a time on the hour"),
    ],
)
def test_times_that_cannot_be_used_are_one_line(
    arguments: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_a_time_without_zone_is_utc() -> None:
    options = build_parser().parse_args(["plan", "--as-of", "2026-11-18T06:00:00"])
    assert options.as_of == datetime(2026, 11, 18, 6, tzinfo=UTC)


def test_a_broken_fleets_file_is_named_with_line_and_key(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "fleets.yaml").write_text("fleets:\n  - id: a\n    mod: auto\n")
    monkeypatch.setenv("HEADROOM_CONFIG", str(tmp_path))
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    assert main(["plan", "--as-of", "2026-11-18T06:00:00Z"]) == 2
    error = capsys.readouterr().err
    assert "fleets.yaml:3: fleets[0].mod: unknown key; did you mean 'mode'?" in error


def test_an_unknown_fleet_is_refused_with_the_known_ones(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "fleets.yaml").write_text("fleets: []\n")
    monkeypatch.setenv("HEADROOM_CONFIG", str(tmp_path))
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    assert main(["confirm", "chat", "--by", "me"]) == 2
    assert "no fleet 'chat'; known are none" in capsys.readouterr().err


def test_a_push_id_that_is_none_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    assert main(["rollback", "yesterday"]) == 2
    assert "is no push id" in capsys.readouterr().err


def test_a_period_of_another_form_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    assert main(["report", "--period", "last week"]) == 2
    assert "expected a day 2026-11-17, a week 2026-W47 or a month 2026-11" in capsys.readouterr().err


@pytest.mark.parametrize("lake", ["gs://bucket/lake", "/dev/null/lake"])
def test_a_lake_that_cannot_be_is_one_line(
    lake: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", lake)
    assert main(["report", "--period", "2026-11-17"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_time_out_of_reach_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["push", "--as-of", "0001-01-01T00:00:00Z"])
    assert raised.value.code == 2
    assert "expected a time from 2000 to 2200" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lake", "expected"),
    [
        ("{folder}/nowhere", "HEADROOM_LAKE: no mart stands below {folder}/nowhere/mart; expected a lake that"),
        ("{folder}/file", "HEADROOM_LAKE: lake root '{folder}/file': expected a folder, found a file"),
        ("s3://", "HEADROOM_LAKE: lake root 's3://': expected s3://bucket/prefix with a bucket's name"),
        ("s3:/bucket/lake", "HEADROOM_LAKE: lake root 's3:/bucket/lake': expected a path or s3://bucket/prefix"),
        ("s3://bucket/../lake", "HEADROOM_LAKE: lake root 's3://bucket/../lake': expected s3://bucket/prefix"),
    ],
)
def test_a_lake_that_is_none_leaves_the_warehouse_as_it_is(
    lake: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HEADROOM_LAKE", lake.format(folder=tmp_path))
    monkeypatch.setenv("HEADROOM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    assert main(["build"]) == 2
    assert capsys.readouterr().err.startswith(f"headroom: {expected.format(folder=tmp_path)}")
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_report_of_a_period_nobody_saw_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    assert main(["report", "--period", "2026-W47"]) == 2
    expected = "--period: period '2026-W47': the lake has no utilization of it nor of any other"
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "lake").exists()
