import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from headroom.lake.errors import PathError, UnreadableFileError
from headroom.lake.storage import LocalStorage, open_storage


@pytest.fixture
def storage(tmp_path: Path) -> Any:
    return LocalStorage(tmp_path / "lake")


def test_a_file_is_replaced_whole(storage: Any) -> None:
    storage.write_bytes("a/b.bin", b"old, and longer")
    storage.write_bytes("a/b.bin", b"new")

    assert storage.read_bytes("a/b.bin") == b"new"
    assert storage.exists("a/b.bin")


def test_a_reader_that_has_the_old_file_open_keeps_it(storage: Any) -> None:
    storage.write_bytes("a", b"old")
    with Path(storage.url("a")).open("rb") as reader:
        storage.write_bytes("a", b"new")
        assert reader.read() == b"old"


def test_a_write_that_fails_leaves_the_old_file_and_no_leftover(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.write_bytes("a/b", b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        storage.write_bytes("a/b", b"new")

    assert storage.read_bytes("a/b") == b"old"
    assert [file.name for file in (storage.root / "a").iterdir()] == ["b"]


def test_a_name_taken_by_a_folder_is_an_error_without_leftover(storage: Any) -> None:
    storage.write_bytes("a/b/c", b"x")

    for use in (lambda path: storage.write_bytes(path, b"y"), storage.read_bytes, storage.delete):
        with pytest.raises(UnreadableFileError, match=r"a/b: expected a file .*: Is a directory"):
            use("a/b")
    with pytest.raises(UnreadableFileError, match="a/b/c/d: expected a file"):
        storage.write_bytes_if_absent("a/b/c/d", b"y")
    assert [file.name for file in (storage.root / "a").iterdir()] == ["b"]


def test_writes_under_way_are_not_listed(storage: Any) -> None:
    storage.write_bytes("a/b.json", b"{}")
    (storage.root / "a" / ".c.json.0f").write_bytes(b"half")
    (storage.root / ".hidden").mkdir()

    assert storage.list("") == ["a/b.json"]


def test_created_once_is_never_rewritten(storage: Any) -> None:
    assert storage.write_bytes_if_absent("ledger/1.json", b"first") is True
    assert storage.write_bytes_if_absent("ledger/1.json", b"second") is False
    assert storage.read_bytes("ledger/1.json") == b"first"
    assert storage.list("ledger") == ["ledger/1.json"]


def test_of_many_racing_creators_one_wins(storage: Any) -> None:
    start = threading.Barrier(8)
    outcomes = []

    def create(number: Any) -> None:
        start.wait()
        outcomes.append((storage.write_bytes_if_absent("x", str(number).encode()), number))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = [number for has_won, number in outcomes if has_won]
    assert storage.read_bytes("x") == str(winner).encode()


def test_creating_once_works_where_there_are_no_hard_links(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)

    assert storage.write_bytes_if_absent("x", b"first") is True
    assert storage.write_bytes_if_absent("x", b"second") is False
    assert storage.list("") == ["x"]


def test_other_errors_of_linking_are_not_hidden(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "disk broken")

    monkeypatch.setattr(os, "link", refuse)

    with pytest.raises(OSError, match="disk broken"):
        storage.write_bytes_if_absent("x", b"first")


def test_listing_is_sorted_and_by_whole_folder_names(storage: Any) -> None:
    for path in ("t/hour=2/b", "t/hour=2/a", "t/hour=10/a", "tx/hour=2/a", "t/file"):
        storage.write_bytes(path, b"")

    assert storage.list("t") == ["t/file", "t/hour=10/a", "t/hour=2/a", "t/hour=2/b"]
    assert storage.list("t", name_prefix="hour=2") == ["t/hour=2/a", "t/hour=2/b"]
    assert storage.list("absent") == []


def test_what_is_not_there_is_said_plainly(storage: Any) -> None:
    assert not storage.exists("a")
    storage.delete("a")
    with pytest.raises(FileNotFoundError):
        storage.read_bytes("a")


def test_deleted_is_gone(storage: Any) -> None:
    storage.write_bytes("a", b"")
    storage.delete("a")

    assert not storage.exists("a")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/.", "a\\b", "a\0b", ".."])
def test_no_path_leaves_the_root(storage: Any, path: str) -> None:
    with pytest.raises(PathError, match="inside the lake"):
        storage.write_bytes(path, b"")
    with pytest.raises(PathError):
        storage.read_bytes(path)


def test_a_root_is_a_path_or_an_s3_address(tmp_path: Path) -> None:
    assert isinstance(open_storage(str(tmp_path)), LocalStorage)
    assert open_storage(str(tmp_path)).filesystem() is None
    with pytest.raises(PathError, match="s3://bucket/prefix"):
        open_storage("gs://bucket")


def test_a_file_is_replaced_on_a_mount_that_refuses_to_change_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = LocalStorage(tmp_path)
    storage.write_bytes("a.json", b"old")

    def refuse(_path: Path, _mode: int, **_more: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    storage.write_bytes("a.json", b"new")
    assert storage.read_bytes("a.json") == b"new"
