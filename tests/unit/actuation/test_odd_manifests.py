"""ScaledObjects that others wrote badly, or not for us: refused with file and key, or left as they are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.actuation.manifest_desk import WANTED, Desk
from tests.unit.actuation.test_keda_manifest import OWNERS

from headroom.actuation.keda_manifest import RESTORES
from headroom.actuation.outcome import PushState

Edit = Callable[[dict[str, Any]], object]
OURS = "headroom-test-chat-large-20261118T0900Z"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def edited(edit: Edit) -> bytes:
    document = yaml.safe_load(OWNERS)
    edit(document)
    return yaml.safe_dump(document).encode()


def of_spec(**keys: Any) -> Edit:
    return lambda document: document["spec"].update(keys)


def of_metadata(**keys: Any) -> Edit:
    return lambda document: document["metadata"].update(keys)


def restores(text: object) -> Edit:
    return of_metadata(annotations={RESTORES: text})


def with_trigger(trigger: object) -> Edit:
    return lambda document: document["spec"]["triggers"].append(trigger)


COUNTS = "spec.minReplicaCount, spec.maxReplicaCount: expected whole numbers, the first no larger"
ANNOTATION = f"metadata.annotations.{RESTORES}: expected a list of name, min and max, as Headroom wrote it"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the document: expected keys and values, found NoneType"),
        (b"[]", "the document: expected keys and values, found list"),
        (b"\xc3\x28", "expected one YAML document"),
        (b"a: b: c", "expected one YAML document"),
        (OWNERS + b"\n---\n" + OWNERS, "expected one YAML document"),
        (b"[" * 5000, "expected one YAML document"),
        (edited(lambda document: document.update(kind="HorizontalPodAutoscaler")), "kind: expected ScaledObject"),
        (edited(lambda document: document.update(metadata=None)), "metadata: expected keys and values"),
        (edited(of_metadata(namespace="other")), "metadata.namespace: expected serving, found 'other'"),
        (edited(of_metadata(annotations=["x"])), "metadata.annotations: expected keys and values"),
        (edited(of_metadata(annotations={"a": True})), "metadata.annotations.a: expected text, found True"),
        (edited(of_spec(scaleTargetRef={"name": "other"})), "spec.scaleTargetRef.name: expected chat-large"),
        (edited(of_spec(scaleTargetRef={"kind": "StatefulSet", "name": "chat-large"})), "spec.scaleTargetRef.kind"),
        (edited(of_spec(minReplicaCount=30, maxReplicaCount=20)), COUNTS),
        (edited(of_spec(minReplicaCount=-1)), COUNTS),
        (edited(of_spec(minReplicaCount="2")), COUNTS),
        (edited(of_spec(minReplicaCount=True)), COUNTS),
        (edited(of_spec(maxReplicaCount=None)), COUNTS),
        (edited(of_spec(triggers=None)), "spec.triggers: expected a list, found None"),
        (edited(with_trigger(None)), "expected a trigger with type and metadata, found None"),
        (edited(with_trigger({"type": "cron"})), "expected a trigger with type and metadata"),
        (edited(with_trigger({"type": ["cron"], "metadata": {}})), "expected a trigger with type and metadata"),
        (edited(restores("not json")), ANNOTATION),
        (edited(restores("5")), ANNOTATION),
        (edited(restores("null")), ANNOTATION),
        (edited(restores("[" * 100_000)), ANNOTATION),
        (edited(restores('[{"name": 5, "min": 2, "max": 20}]')), ANNOTATION),
        (edited(restores('[{"name": "owners-own", "min": 2, "max": 20}]')), ANNOTATION),
        (edited(restores(json.dumps([{"name": OURS, "min": "2", "max": 20}]))), ANNOTATION),
        (edited(restores(json.dumps([{"name": OURS, "min": 2, "max": True}]))), ANNOTATION),
        (edited(restores(json.dumps([{"name": OURS, "min": 2}]))), ANNOTATION),
    ],
)
def test_a_manifest_that_is_not_the_fleets_is_left_and_file_and_key_are_named(
    desk: Desk, content: bytes, told: str
) -> None:
    desk.write(content)
    outcome = desk.push(WANTED)
    assert outcome.state is PushState.FAILED
    assert str(desk.file) in outcome.reasons[0]
    assert told in outcome.reasons[0]
    assert len(outcome.reasons[0]) < 1000
    assert desk.file.read_bytes() == content


def test_a_folder_in_the_manifests_place_and_a_folder_that_is_not_there_are_named(desk: Desk, tmp_path: Path) -> None:
    desk.file.unlink()
    desk.file.mkdir()
    assert "scaledobject.yaml cannot be read: scaledobject.yaml: expected a file" in desk.push(WANTED).reasons[0]
    nowhere = Desk.__new__(Desk)
    nowhere.__dict__ |= desk.__dict__
    nowhere.storage = type(desk.storage)(tmp_path / "gone")
    assert "is not there; put the ScaledObject of serving/chat-large there" in nowhere.push(WANTED).reasons[0]
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    "trigger",
    [
        {"type": "cron", "metadata": {"timezone": "Mars/Olympus", "start": "x", "end": 5, "desiredReplicas": "many"}},
        {"type": "cron", "metadata": {}},
        {"type": "cron", "name": ["a", "list"], "metadata": {"desiredReplicas": "3"}},
        {"type": "cron", "name": "nightly\x1b[31m", "metadata": {"desiredReplicas": "3"}},
        {"type": "kafka", "name": OURS, "metadata": {"topic": "x"}},
    ],
)
def test_triggers_of_others_stay_whatever_stands_in_them(desk: Desk, trigger: dict[str, Any]) -> None:
    desk.write(edited(with_trigger(trigger)))
    assert desk.push(WANTED).state is PushState.VERIFIED
    assert trigger in yaml.safe_load(desk.file.read_bytes())["spec"]["triggers"]
