"""No name that configuration, a shell, a Param, a bill or the lake itself gives leads out of the lake.

The victim is a folder of its own beside the root, never the machine's.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from headroom.actuation.errors import ActuationError
from headroom.actuation.push_ids import fleet_of, moment_of
from headroom.cli import main
from headroom.config import ConfigError, Settings, load_fleets
from headroom.config.settings import PROJECT_ROOT
from headroom.config.sources import BillingExport
from headroom.lake.errors import LakeError, PathError, UnreadableFileError
from headroom.lake.lake import MOST_JSON_BYTES, Lake
from headroom.lake.layout import daily_path, hourly_path
from headroom.lake.paths import LONGEST_NAME_BYTES, checked_path, file_name
from headroom.lake.s3_storage import S3Storage
from headroom.lake.storage import LocalStorage, Storage, open_storage
from headroom.pipelines.savings import PeriodError, period_window
from headroom.pipelines.windows import WindowError, hour_window

PUSH_ID = "chat-large-20261118T0600Z-0a1b2c3d"
LEAVING = (
    *("", "/", ".", "..", "../x", "a/../../x", "a/..", "./x", "a//b", "a/", "/x", "//x", "a/./b"),
    *("..\\x", "a\\..\\x", "C:\\x", "\\\\host\\share", "a\0b", "a\nb", "a\x85b", "\ud800"),
    *("%2e%2e/x", "a/%2E%2e/x", "..%2fx", "a%5cb", "a%00"),
    *(".hidden", "a/.b.json.0f", "a/*.parquet", "a/**", "a/b?", "a/[b]", "a/{b,c}"),
    *("x" * 300, "/".join(["y" * 100] * 20), "\U0001f600" * 60),
)
SETTINGS = {"max_examples": 200, "deadline": None}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """What must neither be read nor changed: it lies beside the root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("the victim's")
    return outside


@pytest.fixture(scope="module")
def s3_client() -> Iterator[Any]:
    """A client of a bucket service in memory; to make one takes longer than a test."""
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture(params=["disk", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "disk":
        yield LocalStorage(tmp_path / "lake")
        return
    client = request.getfixturevalue("s3_client")
    client.create_bucket(Bucket="lake")
    client.put_object(Bucket="lake", Key="outside/x", Body=b"the victim's")
    yield S3Storage("lake", "root", client=client)
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="lake")["Contents"]]
    for key in keys:
        client.delete_object(Bucket="lake", Key=key)
    client.delete_bucket(Bucket="lake")
    assert [key for key in keys if not key.startswith("root/")] == ["outside/x"]


def uses(storage: Storage) -> tuple[Callable[[str], object], ...]:
    return (
        storage.read_bytes,
        lambda path: storage.write_bytes(path, b"owned"),
        lambda path: storage.write_bytes_if_absent(path, b"owned"),
        storage.exists,
        storage.delete,
        storage.url,
        lambda path: storage.list(path) if path else storage.read_bytes(path),
    )


@pytest.mark.parametrize("path", LEAVING)
def test_no_storage_takes_a_path_that_could_leave_it(storage: Storage, path: str) -> None:
    for use in uses(storage):
        with pytest.raises(PathError, match="inside the lake"):
            use(path)


@settings(**SETTINGS)
@given(st.text(alphabet="./\\%2e5cCfF0ab\0~", max_size=30))
def test_a_path_that_is_taken_stands_below_the_root_whoever_decodes_it(path: str) -> None:
    try:
        checked_path(path)
    except PathError:
        return
    for decoded in (path, path.replace("%2e", "."), path.replace("%2F", "/").replace("%5C", "/")):
        assert os.path.normpath(f"/root/{decoded}").startswith("/root/")
        assert "\0" not in decoded


@given(st.text())
def test_a_name_that_others_chose_becomes_one_that_is_taken(foreign: str) -> None:
    name = file_name(foreign)
    assert checked_path(f"quarantine/raw/assembly.parquet.{name}") == f"quarantine/raw/assembly.parquet.{name}"
    assert "/" not in name
    assert checked_path(name) == name
    assert len(name) <= LONGEST_NAME_BYTES // 2
    assert file_name(foreign) == name


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path, victim: Path) -> None:
    storage = LocalStorage(tmp_path / "lake")
    storage.write_bytes("inside/file", b"ours")
    (storage.root / "folder").symlink_to(victim)
    (storage.root / "inside" / "link").symlink_to(victim / "x")
    (storage.root / "inside" / "new").symlink_to(victim / "new")
    for path in ("folder/x", "folder/new", "inside/link", "inside/new"):
        for use in uses(storage)[:-1]:
            with pytest.raises(PathError, match="a link leads out of the lake"):
                use(path)
    for folder in ("folder", ""):
        with pytest.raises(PathError, match="a link leads out of the lake"):
            storage.list(folder)
    assert [(file.name, file.read_text()) for file in victim.iterdir()] == [("x", "the victim's")]


def test_the_root_may_be_a_link_and_so_may_what_stays_inside(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "lake").symlink_to(tmp_path / "disk")
    storage = LocalStorage(tmp_path / "lake")
    storage.write_bytes("raw/a", b"1")
    (tmp_path / "disk" / "alias").symlink_to(tmp_path / "disk" / "raw")
    assert storage.read_bytes("alias/a") == b"1"
    assert storage.list("") == ["alias/a", "raw/a"]


def test_a_root_beside_one_of_the_same_beginning_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "lake-of-others").mkdir()
    (tmp_path / "lake-of-others" / "x").write_text("theirs")
    storage = LocalStorage(tmp_path / "lake")
    storage.root.mkdir()
    (storage.root / "link").symlink_to(tmp_path / "lake-of-others" / "x")
    with pytest.raises(PathError, match="leads out"):
        storage.read_bytes("link")


@pytest.mark.parametrize(
    "root",
    [
        *("s3://bucket/../other", "s3://bucket/a/../b", "s3://bucket/a//b", "s3://bucket/%2e%2e/b", "s3://bucket/.a"),
        *("s3://bucket/a\\b", "s3://bucket/a*", "s3://", "s3:///x", "s3://../x", "s3://Bucket/x", "s3://a@b/x"),
        *("gs://bucket", "file:///x", "s3:x", "a\0b"),
    ],
)
def test_a_root_that_is_no_place_of_its_own_is_refused(root: str) -> None:
    with pytest.raises(PathError, match="lake"):
        open_storage(root)


@pytest.mark.parametrize("part", ["", "..", "a/b", "../x", "a\\b", "chunk=*", "x" * 300])
def test_no_part_of_a_table_leads_elsewhere(part: str, tmp_path: Path) -> None:
    moment = datetime(2026, 11, 18, 5, tzinfo=UTC)
    for make in (
        lambda: hourly_path("metric_sample", moment, part),
        lambda: daily_path("mart_plan__rightsizing", moment.date(), part),
    ):
        with pytest.raises(PathError):
            LocalStorage(tmp_path).write_bytes(make(), b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "push_id",
    [
        *("", "..", "../../x", f"../{PUSH_ID}", f"{PUSH_ID}/..", f"{PUSH_ID}\n", f"/{PUSH_ID}", f"{PUSH_ID}%2e%2e"),
        *("Chat-20261118T0600Z-0a1b2c3d", "a/b-20261118T0600Z-0a1b2c3d", "a\\b-20261118T0600Z-0a1b2c3d"),
        *(
            "a\0b-20261118T0600Z-0a1b2c3d",
            f"{'x' * 101}-20261118T0600Z-0a1b2c3d",
            "chat-\u0662\u0660261118T0600Z-0a1b2c3d",
        ),
    ],
)
def test_what_is_no_push_id_names_no_folder(push_id: str) -> None:
    with pytest.raises(ActuationError, match="is no push id") as refused:
        fleet_of(push_id)
    assert len(str(refused.value)) < 300


def test_a_push_id_of_a_day_that_never_was_is_none() -> None:
    with pytest.raises(ActuationError, match="is no push id"):
        moment_of("chat-20261399T0600Z-0a1b2c3d")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "..",
            "../..",
            "../../2026-11",
            "2026-11/../..",
            "/2026-11",
            "2026-11\n",
            "2026-11 ",
            " 2026-11",
            "2026-1",
        ),
        *(
            "20261117",
            "2026-11-17/",
            "2026-W47-1",
            "2026-w47",
            "2026W47",
            "\u0662026-11",
            "2026-11-17T00",
            "2026-13",
            "x" * 9000,
        ),
    ],
)
def test_a_period_has_one_name_and_no_other(name: str) -> None:
    with pytest.raises(PeriodError, match="expected a day"):
        period_window(name)


@pytest.mark.parametrize("key", ["..", "../../x", "2026-11-18T05:00:00/../..", "{{ ds }}"])
def test_a_partition_key_is_a_time_and_nothing_else(key: str) -> None:
    with pytest.raises(WindowError):
        hour_window(key)


@pytest.mark.parametrize("deployment", ["..", "a/b", "a-b", "A", "a\n", "a" * 41, "a\0", "٣"])
def test_a_deployment_is_a_short_plain_word(deployment: str) -> None:
    with pytest.raises(ConfigError, match="HEADROOM_DEPLOYMENT"):
        Settings.from_environment({"HEADROOM_DEPLOYMENT": deployment})


@pytest.mark.parametrize("fleet_id", ["..", "../x", "a/b", "a\\\\b", "%2e%2e", ".x", "A", "a_b", "x" * 101, "a\\0"])
def test_a_fleet_has_an_id_that_is_safe_in_every_name(fleet_id: str, tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "include/headroom/sandbox/config/fleets.yaml").read_text()
    (tmp_path / "fleets.yaml").write_text(text.replace("- id: chat-large\n", f'- id: "{fleet_id}"\n'))
    with pytest.raises(ConfigError, match=r"fleets\[\d\]"):
        load_fleets(tmp_path / "fleets.yaml")


@pytest.mark.parametrize(
    "keys",
    [
        {"export_name": ".."},
        {"export_name": "a/b"},
        {"export_name": "a\0"},
        {"export_name": "x" * 200},
        {"export_name": ""},
    ]
    + [{"prefix": prefix} for prefix in ("..", "../x", "a/../b", "a/./b", "a\\b", "a\nb")]
    + [{"bucket": bucket} for bucket in ("..", "a/b", "s3://a", "A", "a@b")],
)
def test_an_export_is_named_by_a_bucket_a_prefix_and_a_name(keys: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(keys))):
        BillingExport(**{"format": "focus", "bucket": "bills", "export_name": "focus", **keys})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["rollback", "../../x"],
            ["rollback", f"../{PUSH_ID}"],
            ["rollback", "/x", "--apply"],
            ["confirm", "../x", "--by", "a"],
        ),
        *(
            ["report", "--period", "../.."],
            ["report", "--period", "../../outside/x"],
            ["report", "--period", "2026-11/../.."],
        ),
    ],
)
def test_the_command_line_refuses_what_leads_out_in_one_line_and_touches_nothing(
    arguments: list[str],
    tmp_path: Path,
    victim: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "fleets.yaml").write_text("fleets: []\n")
    for name, value in {"CONFIG": config, "LAKE": tmp_path / "lake", "WAREHOUSE": tmp_path / "w.duckdb"}.items():
        monkeypatch.setenv(f"HEADROOM_{name}", str(value))
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
    assert not (tmp_path / "lake").exists()
    assert (victim / "x").read_text() == "the victim's"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["config", "outside"]


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a": NaN}', b"[Infinity]", b"1" * 5000, b"\xff\xfe", b"", b"{"]
)
def test_a_document_that_is_no_plain_json_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    lake = Lake(LocalStorage(tmp_path))
    lake.storage.write_bytes("control/kill_switch.json", content)
    with pytest.raises(UnreadableFileError, match=r"control/kill_switch\.json: not a JSON document"):
        lake.read_json("control/kill_switch.json")


def test_a_document_that_would_fill_the_memory_is_not_read(storage: Storage) -> None:
    storage.write_bytes("control/kill_switch.json", b" " * (MOST_JSON_BYTES + 1))
    with pytest.raises(LakeError, match=r"kill_switch\.json: has 33,554,433 bytes; expected at most 33,554,432"):
        Lake(storage).read_json("control/kill_switch.json")
