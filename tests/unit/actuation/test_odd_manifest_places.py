"""Where a manifest stands: links, pipes, read-only files, names that are none, buckets that are not there or closed."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError, NoCredentialsError
from tests.unit.actuation.manifest_desk import FLEET, WANTED, Desk
from tests.unit.actuation.test_keda_manifest import OWNERS

from headroom.actuation.errors import ActuationError
from headroom.actuation.kubernetes_deployment import KubernetesDeployment, kubernetes_deployment
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.lake.s3_storage import S3Storage

IN_S3 = "manifest s3://gitops/m.yaml"


class Placed(Desk):
    """A desk whose target is made from the manifest that fleets.yaml names."""

    manifest = ""

    @property
    def target(self) -> KubernetesDeployment:
        return kubernetes_deployment(replace(FLEET, target=replace(FLEET.target, manifest=self.manifest)), None)


def pushed(folder: Path, manifest: Path | str) -> PushOutcome:
    desk = Placed(folder)
    desk.manifest = str(manifest)
    return desk.push(WANTED)


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    real = tmp_path / "base" / "real.yaml"
    real.write_bytes(OWNERS)
    link = tmp_path / "overlay.yaml"
    link.symlink_to(Path("base") / "real.yaml")
    assert pushed(tmp_path, link).state is PushState.VERIFIED
    assert link.is_symlink()
    assert len(yaml.safe_load(real.read_bytes())["spec"]["triggers"]) > 1


def test_a_link_in_a_circle_or_to_something_else_is_named(tmp_path: Path) -> None:
    circle = tmp_path / "circle.yaml"
    circle.symlink_to(circle)
    assert "circle.yaml cannot be read: " in pushed(tmp_path, circle).reasons[0]
    (tmp_path / "note").write_text("no manifest")
    (tmp_path / "note.yaml").symlink_to(tmp_path / "note")
    assert f"manifest {tmp_path}/note: the document: expected keys and values" in pushed(
        tmp_path, tmp_path / "note.yaml"
    ).reasons[0]  # fmt: skip
    assert (tmp_path / "note").read_text() == "no manifest"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    outcome = pushed(tmp_path, pipe)
    assert outcome.state is PushState.FAILED
    assert "pipe.yaml: expected a file, found a pipe, a device or a folder" in outcome.reasons[0]


def test_a_read_only_file_stays_as_it_is_and_can_be_pushed_to_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.file.chmod(0o444)
    outcome = desk.push(WANTED)
    assert outcome.state is PushState.FAILED
    told = "scaledobject.yaml: expected a file that can be read and written: it is read-only"
    assert f"manifest {desk.file} cannot be written: {told}" in {failure.reason for failure in outcome.failures}
    assert desk.file.read_bytes() == OWNERS
    assert [file.name for file in tmp_path.iterdir()] == ["scaledobject.yaml"]
    desk.file.chmod(0o644)
    assert desk.push(WANTED).state is PushState.VERIFIED


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (".hidden.yaml", "expected a relative path inside the lake, without '..', hidden or empty parts and patterns"),
        ("*.yaml", "expected a relative path inside the lake, without '..', hidden or empty parts and patterns"),
        ("k" * 300 + ".yaml", "expected names of at most 200 bytes"),
    ],
)
def test_a_name_that_is_no_files_names_fleet_and_key(tmp_path: Path, name: str, told: str) -> None:
    for place in (f"{tmp_path}/{name}", f"s3://manifests/{name}"):
        with pytest.raises(ActuationError) as caught:
            pushed(tmp_path, place)
        assert str(caught.value).startswith("fleet chat-large: target.manifest '")
        assert told in str(caught.value)


@pytest.mark.parametrize("manifest", ["s3://manifests//chat.yaml", "/gitops//chat.yaml", "s3://a/b//c.yaml"])
def test_a_place_with_an_empty_part_is_refused(manifest: str) -> None:
    with pytest.raises(ValueError, match="manifest must have no empty part, found"):
        replace(FLEET.target, manifest=manifest)


class Bucket:
    """boto3 `s3` that holds one object, and refuses what it is told to."""

    def __init__(self, **refused: Exception) -> None:
        self.data = OWNERS
        self.refused = refused

    def get_object(self, **_: object) -> dict[str, Any]:
        self._ask("get_object")
        body = type("Body", (), {"read": lambda _self: self.data})()
        return {"ContentLength": len(self.data), "Body": body}

    def put_object(self, **request: Any) -> None:
        self._ask("put_object")
        self.data = request["Body"]

    def _ask(self, operation: str) -> None:
        if operation in self.refused:
            raise self.refused[operation]


class InS3(Desk):
    """A desk whose manifest is in a bucket."""

    bucket: Bucket

    @property
    def target(self) -> KubernetesDeployment:
        storage = S3Storage("gitops", client=self.bucket)
        return KubernetesDeployment("chat-large", "serving", "chat-large", storage, "m.yaml")


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        (
            {"get_object": refusal("NoSuchBucket", "GetObject")},
            f"get_object of {IN_S3}: NoSuchBucket",
        ),
        (
            {"get_object": refusal("AccessDenied", "GetObject")},
            f"get_object of {IN_S3}: AccessDenied",
        ),
        (
            {"put_object": refusal("AccessDenied", "PutObject")},
            f"put_object of {IN_S3}: AccessDenied",
        ),
        (
            {"put_object": NoCredentialsError()},
            f"put_object of {IN_S3}: no answer: Unable to locate",
        ),
    ],
)
def test_a_bucket_that_is_closed_is_named_and_nothing_is_written(
    tmp_path: Path, refused: dict[str, Exception], told: str
) -> None:
    bucket = Bucket(**refused)
    desk = InS3(tmp_path)
    desk.bucket = bucket
    outcome = desk.push(WANTED)
    assert outcome.state is PushState.FAILED
    causes = [*outcome.reasons, *(failure.reason for failure in outcome.failures)]
    assert any(told in cause for cause in causes), causes
    assert bucket.data == OWNERS
    bucket.refused = {}
    assert desk.push(WANTED).state is PushState.VERIFIED


@pytest.mark.parametrize(
    "twice",
    [
        OWNERS.replace(b"spec:", b"kind: ScaledObject\nspec:"),
        OWNERS + b"spec: {}\n",
        OWNERS.replace(b"  minReplicaCount: 2", b"  minReplicaCount: 9\n  minReplicaCount: 2"),
    ],
)
def test_a_key_that_stands_twice_is_refused_and_neither_is_dropped(tmp_path: Path, twice: bytes) -> None:
    assert twice != OWNERS
    desk = Desk(tmp_path)
    desk.write(twice)
    outcome = desk.push(WANTED)
    assert outcome.state is PushState.FAILED
    assert "stands twice" in outcome.reasons[0]
    assert desk.file.read_bytes() == twice


def test_permissions_of_the_file_stay(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.file.chmod(0o640)
    assert desk.push(WANTED).state is PushState.VERIFIED
    assert stat.S_IMODE(desk.file.stat().st_mode) == 0o640
