"""What cannot be made again is backed up to the same bytes, and given back without overwriting anything."""

import gzip
import io
import json
import os
import shutil
import stat
import tarfile
from pathlib import Path

import pytest
from tests.unit.actuation.planning import BASELINE, NOW, ec2, group, plan, request

from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import Locks
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.cli import main
from headroom.lake.errors import PathError
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.pipelines.backup import BackupError, archive_bytes, files_of_archive

EVENT = "ledger/fleet=chat-large/push=chat-large-20261118T0600Z-0a1b2c3d/0001-intended.json"
SWITCH = "control/kill_switch.json"


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    config = tmp_path / "config"
    config.mkdir()
    (config / "fleets.yaml").write_text("fleets: []\n")
    monkeypatch.setenv("HEADROOM_CONFIG", str(config))
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("HEADROOM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    lake = Lake(LocalStorage(tmp_path / "lake"))
    lake.write_json(EVENT, {"state": "intended"})
    lake.write_json(SWITCH, {"reason": "incident 4711"})
    lake.write_json("selections/chat-large/2026-11-18T06.json", {"members": {}})
    lake.write_json("reports/latest.json", {"window": "is made anew"})
    return lake


def backed_up(tmp_path: Path, name: str = "a backup.tgz") -> Path:
    assert main(["backup", "--out", str(tmp_path / name)]) == 0
    return tmp_path / name


def test_a_backup_holds_what_cannot_be_made_again_with_a_hash_of_each(tmp_path: Path) -> None:
    files = files_of_archive(backed_up(tmp_path).read_bytes(), "here")
    assert sorted(files) == [
        "config/fleets.yaml",
        f"lake/{SWITCH}",
        f"lake/{EVENT}",
        "lake/selections/chat-large/2026-11-18T06.json",
    ]


def test_the_same_lake_gives_the_same_bytes(tmp_path: Path) -> None:
    assert backed_up(tmp_path, "one").read_bytes() == backed_up(tmp_path, "two").read_bytes()


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    assert main(["backup", "--out", str(pipe)]) == 2
    assert capsys.readouterr().err.count("is no regular file") == 1
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_restore_without_apply_changes_nothing(
    tmp_path: Path, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    file = backed_up(tmp_path)
    lake.storage.delete(EVENT)
    capsys.readouterr()
    assert main(["restore", str(file)]) == 0
    assert capsys.readouterr().out == "would create 1 files; 2 are there already\n"
    assert not lake.storage.exists(EVENT)


def test_a_restore_creates_what_is_missing_and_keeps_newer_control_files(
    tmp_path: Path, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    file = backed_up(tmp_path)
    lake.storage.delete(EVENT)
    lake.write_json(SWITCH, {"reason": "incident 4712"})
    capsys.readouterr()
    assert main(["restore", str(file), "--apply", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["missing"], said["kept"], said["is_applied"]) == ([EVENT], [SWITCH], True)
    assert lake.read_json(EVENT) == {"state": "intended"}
    assert lake.read_json(SWITCH) == {"reason": "incident 4712"}


def test_two_histories_are_named_and_nothing_is_restored(
    tmp_path: Path, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    file = backed_up(tmp_path)
    lake.write_json(EVENT, {"state": "another push's"})
    lake.storage.delete(SWITCH)
    capsys.readouterr()
    assert main(["restore", str(file), "--apply"]) == 3
    said = capsys.readouterr()
    assert said.err == f"headroom: {EVENT}: the lake's differs from the backup's; nothing is restored\n"
    assert said.out.startswith("would create 1 files")
    assert not lake.storage.exists(SWITCH)


def test_a_restored_ledger_lets_a_push_go_on_that_was_refused_without_its_baseline(tmp_path: Path, lake: Lake) -> None:
    target = ec2(group())

    def push(low: int) -> PushOutcome:
        wanted = request(plan((9, low), restore_hour=30))
        return push_fleet(
            wanted, target=target, ledger=Ledger(lake), locks=Locks(store=lake, clock=lambda: NOW), now_utc=NOW
        )

    lake.storage.delete(EVENT)
    assert push(8).state is PushState.VERIFIED
    file = backed_up(tmp_path)
    shutil.rmtree(tmp_path / "lake" / "ledger")
    assert push(9).state is PushState.REFUSED
    assert "the ledger has no baseline" in push(9).reasons[0]

    assert main(["restore", str(file), "--apply"]) == 0
    assert push(9).state is PushState.VERIFIED
    baseline = Ledger(lake).baseline("chat-large", now_utc=NOW)
    assert baseline is not None
    assert baseline.setting == BASELINE


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"no archive", "expected a whole backup of headroom"),
        (archive_bytes({"lake/ledger/a": b"1"})[:-30], "expected a whole backup of headroom"),
        (archive_bytes({"lake/raw/a.parquet": b"1"}), "lake/raw/a.parquet has no place in a backup"),
        (archive_bytes({"etc/passwd": b"1"}), "etc/passwd has no place in a backup"),
    ],
)
def test_what_is_no_backup_of_ours_is_named(data: bytes, expected: str) -> None:
    with pytest.raises(BackupError, match=expected):
        files_of_archive(data, "here")


def test_a_path_that_would_leave_the_lake_is_refused() -> None:
    with pytest.raises(PathError, match="expected a relative path inside the lake"):
        files_of_archive(archive_bytes({"lake/ledger/../../x": b"1"}), "here")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(tmp_path / "none.tgz")]) == 2
    assert capsys.readouterr().err == f"headroom: {tmp_path}/none.tgz: expected a backup, found no file\n"


def test_a_configuration_file_may_have_any_name_and_an_editors_lock_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "config" / "fleets [old].yaml").write_text("fleets: []\n")
    (tmp_path / "config" / ".#fleets.yaml").symlink_to("someone@host.4711")
    file = backed_up(tmp_path)
    assert sorted(files_of_archive(file.read_bytes(), "here"))[:2] == ["config/fleets [old].yaml", "config/fleets.yaml"]
    assert main(["restore", str(file)]) == 0


@pytest.mark.parametrize("place", ["http://host/a.tgz", "S3://bucket/a.tgz"])
def test_a_place_that_is_neither_path_nor_s3_is_refused(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["backup", "--out", place]) == 2
    assert capsys.readouterr().err == f"headroom: {place}: expected a path or s3://bucket/key\n"
    assert sorted(tmp_path.iterdir()) == before


def test_bytes_changed_anywhere_in_a_backup_are_noticed_or_change_no_file() -> None:
    files = {f"lake/ledger/{number}": f"event {number}".encode() * 300 for number in range(40)}
    whole = archive_bytes(files)
    refused = 0
    for place in range(0, len(whole) - 1, 3):
        damaged = whole[:place] + bytes(255 - byte for byte in whole[place : place + 2]) + whole[place + 2 :]
        try:
            assert files_of_archive(damaged, "here") == files
        except BackupError:
            refused += 1
    assert refused > len(whole) // 4  # most of the third that was tried


def test_a_manifest_nested_too_deeply_is_no_backup() -> None:
    nested = b"[" * 100_000
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(nested)
        archive.addfile(member, io.BytesIO(nested))
    with pytest.raises(BackupError, match="expected a whole backup of headroom, found RecursionError"):
        files_of_archive(gzip.compress(packed.getvalue()), "here")
