"""A ScaledObject with our actions in it, written out by hand, and what is read back from it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml
from tests.unit.actuation.keda_cluster import admit
from tests.unit.actuation.planning import PREFIX, action, at, name_of, plan

from headroom.actuation.keda_manifest import (
    PLACEHOLDER,
    RESTORES,
    Document,
    KeptAction,
    ManifestError,
    floor_in_force,
    kept_actions,
    new_document,
    owned_setting,
    owners_triggers,
    with_actions,
    without_ended,
)
from headroom.actuation.keda_text import check_document, document_bytes, parse_document
from headroom.actuation.records import present_of
from headroom.domain.scaling import Action, ActionPurpose, CapacitySetting

OWNERS = b"""\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: chat-large
  namespace: serving
  labels: {team: chat}
  annotations: {argocd.argoproj.io/sync-wave: "2"}
spec:
  scaleTargetRef: {name: chat-large}
  pollingInterval: 15
  minReplicaCount: 2
  maxReplicaCount: 20
  triggers:
    - type: prometheus
      name: queue
      metadata: {serverAddress: "http://prometheus:9090", query: "sum(rate(requests[1m]))", threshold: "12"}
      authenticationRef: {name: prometheus}
    - type: cron
      name: office-hours
      metadata: {timezone: Europe/Berlin, start: 0 8 * * 1-5, end: 0 18 * * 1-5, desiredReplicas: "4"}
"""
WANTED = plan((9, 8), (12, 4), (26, 7), restore_hour=30)
"""From 09:00 on 8, from 12:00 on 4, from 02:00 of the next day on 7, given back at 06:00."""

# A trigger lasts a minute into the next one, and the last exactly to the restore.
RENDERED = [
    ("headroom-test-chat-large-20261118T0900Z", "0 9 18 11 *", "1 12 18 11 *", "8"),
    ("headroom-test-chat-large-20261118T1200Z", "0 12 18 11 *", "1 2 19 11 *", "4"),
    ("headroom-test-chat-large-20261119T0200Z", "0 2 19 11 *", "0 6 19 11 *", "7"),
]


def owners_document() -> Document:
    return check_document(parse_document(OWNERS), namespace="serving", deployment="chat-large")


def kept(*actions: Action) -> list[KeptAction]:
    return [
        KeptAction(
            action=present_of(item)
            if item.purpose is ActionPurpose.RESTORE
            else present_of(replace(item, setting=replace(item.setting, max_instances=None))),
            is_end=item.purpose is ActionPurpose.RESTORE,
        )
        for item in actions
    ]


def ours(document: Document) -> list[dict[str, object]]:
    return [trigger for trigger in document["spec"]["triggers"] if str(trigger["name"]).startswith(PREFIX)]


def test_each_step_is_a_cron_trigger_and_the_restore_an_annotation() -> None:
    document = with_actions(owners_document(), kept(*WANTED))
    assert ours(document) == [
        {
            "type": "cron",
            "name": name,
            "metadata": {"timezone": "Etc/UTC", "start": start, "end": end, "desiredReplicas": count},
        }
        for name, start, end, count in RENDERED
    ]
    assert json.loads(document["metadata"]["annotations"][RESTORES]) == [
        {"name": "headroom-test-chat-large-20261119T0600Z", "min": 2, "max": 20}
    ]


def test_the_written_manifest_is_one_that_keda_takes_and_reads_back_the_same() -> None:
    data = document_bytes(with_actions(owners_document(), kept(*WANTED)))
    assert admit(data)["spec"]["minReplicaCount"] == 2
    again = check_document(parse_document(data), namespace="serving", deployment="chat-large")
    assert kept_actions(again) == kept(*WANTED)
    assert document_bytes(with_actions(again, kept_actions(again))) == data
    assert b"start: 0 9 18 11 *\n" in data
    assert b"desiredReplicas: '8'\n" in data


def test_whatever_is_the_owners_stays_as_it_is_and_where_it_is() -> None:
    before = owners_document()
    document = with_actions(before, kept(*WANTED))
    assert document["spec"]["triggers"][:2] == before["spec"]["triggers"] == owners_triggers(document)
    assert with_actions(document, []) == before == owners_document()


def test_actions_of_another_deployment_keep_their_own_ends() -> None:
    others = [replace(item, name=item.name.replace("-test-", "-stage-")) for item in plan((10, 6), restore_hour=11)]
    document = with_actions(owners_document(), kept(*WANTED, *others))
    (stage,) = (item for item in document["spec"]["triggers"] if "-stage-" in item["name"])
    assert stage["metadata"]["end"] == "0 11 18 11 *"
    assert next(item["metadata"] for item in ours(document))["end"] == "1 12 18 11 *"  # type: ignore[index]
    assert len(kept_actions(document)) == 6


def test_a_step_over_new_year_ends_in_the_next_year() -> None:
    evening = action(at(18, day=18) + timedelta(days=43), 5)  # 31 December, 18:00
    morning = action(at(30, day=18) + timedelta(days=43), 2, purpose=ActionPurpose.RESTORE)
    document = with_actions(owners_document(), kept(evening, morning))
    assert ours(document)[0]["metadata"] == {
        "timezone": "Etc/UTC",
        "start": "0 18 31 12 *",
        "end": "0 6 1 1 *",
        "desiredReplicas": "5",
    }
    assert [item.start.year for item in kept_actions(document)] == [2026, 2027]


def test_a_step_that_nothing_ends_is_not_written() -> None:
    assert ours(with_actions(owners_document(), kept(action(at(9), 8)))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"desiredReplicas": "80"},
        {"end": "0 13 18 11 *"},
        {"start": "0 9 17 11 *"},
        {"timezone": "Europe/Berlin"},
        {"desiredReplicas": 8},
    ],
)
def test_a_trigger_of_ours_that_somebody_changed_equals_no_wanted_action(change: dict[str, object]) -> None:
    document = with_actions(owners_document(), kept(*WANTED))
    ours(document)[0]["metadata"].update(change)  # type: ignore[attr-defined]
    found = kept_actions(document)
    changed = next(item.action for item in found if item.action.name == name_of(at(9)))
    if change == {"desiredReplicas": "80"}:  # a count stands for itself
        assert changed.setting.min_instances == 80
    else:
        assert changed.setting == CapacitySetting(min_instances=None, max_instances=None)
    assert [item.action for item in found if item.action.name != name_of(at(9))] == [
        item.action for item in kept(*WANTED) if item.action.name != name_of(at(9))
    ]


def test_a_trigger_of_ours_that_is_there_twice_or_has_no_end_equals_no_wanted_action() -> None:
    document = with_actions(owners_document(), kept(*WANTED))
    document["spec"]["triggers"].append(ours(document)[0])
    del document["metadata"]["annotations"][RESTORES]  # which ended the third
    sizes = [item.action.setting.min_instances for item in kept_actions(document)]
    assert sizes == [None, 4, None]


def test_what_is_in_force_is_the_newest_step_that_began_or_the_owners_minimum() -> None:
    # 08:59 the owner's 2; 09:00 8; 12:00 4; 02:00 7; 06:00 given back
    asked = [(8.99, 2), (9, 8), (11.99, 8), (12, 4), (25.9, 4), (26, 7), (29.9, 7), (30, 2), (300, 2)]
    owned = owned_setting(owners_document())
    assert [(hour, floor_in_force(kept(*WANTED), owned, now_utc=at(hour))) for hour, _ in asked] == asked
    higher = replace(owned, min_instances=5)
    assert floor_in_force(kept(*WANTED), higher, now_utc=at(12)) == 5
    lower = replace(owned, max_instances=6)
    assert floor_in_force(kept(*WANTED), lower, now_utc=at(9)) == 6


def test_what_has_ended_goes_and_what_is_in_force_stays() -> None:
    def left(hour: float) -> list[str]:
        return [item.action.name[-6:-1] for item in without_ended(kept(*WANTED), now_utc=at(hour))]

    assert left(8) == ["T0900", "T1200", "T0200", "T0600"]
    assert left(9) == ["T0900", "T1200", "T0200", "T0600"]
    assert left(12.5) == ["T1200", "T0200", "T0600"]
    assert left(30) == []


def test_a_scaled_object_that_we_make_has_the_bounds_given_and_a_trigger_that_asks_for_no_more() -> None:
    document = new_document(namespace="serving", deployment="chat-large", least=2, most=20)
    data = document_bytes(document)
    assert admit(data)["spec"] == {
        "scaleTargetRef": {"name": "chat-large"},
        "minReplicaCount": 2,
        "maxReplicaCount": 20,
        "triggers": [
            {
                "type": "cron",
                "name": PLACEHOLDER,
                "metadata": {
                    "timezone": "Etc/UTC",
                    "start": "0 0 1 1 *",
                    "end": "1 0 1 1 *",
                    "desiredReplicas": "2",
                },
            }
        ],
    }
    with_ours = with_actions(document, kept(*WANTED))
    assert len(with_ours["spec"]["triggers"]) == 3
    assert with_actions(with_ours, []) == document


def test_the_largest_plan_is_far_below_what_kubectl_applies() -> None:
    steps = [action(at(hour), 3 + hour % 2) for hour in range(1, 59)]
    restore = action(at(59), 2, purpose=ActionPurpose.RESTORE)
    assert len(document_bytes(with_actions(owners_document(), kept(*steps, restore)))) < 20_000


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    text = b"a: 2026-11-18\nb: 12:30:00\nc: 12:30\nd: 010\ne: 1.5\nf: true\ng: ~\nh: 0x10\ni: '5'\n"
    document = parse_document(text)
    assert document == {
        "a": "2026-11-18",
        "b": "12:30:00",
        "c": "12:30",
        "d": 8,
        "e": 1.5,
        "f": True,
        "g": None,
        "h": 16,
        "i": "5",
    }
    assert isinstance(document, dict)
    assert yaml.safe_load(document_bytes(document)) == document


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b"kind: ScaledObject", b"kind: ScaledJob", "kind: expected ScaledObject, found 'ScaledJob'"),
        (b"keda.sh/v1alpha1", b"keda.sh/v2", "apiVersion: expected keda.sh/v1alpha1, found 'keda.sh/v2'"),
        (b"namespace: serving", b"namespace: web", "metadata.namespace: expected serving, found 'web'"),
        (
            b'sync-wave: "2"',
            b"sync-wave: 2",
            "metadata.annotations.argocd.argoproj.io/sync-wave: expected text, found 2",
        ),
        (b"{name: chat-large}", b"{name: web}", "spec.scaleTargetRef.name: expected chat-large, found 'web'"),
        (
            b"{name: chat-large}",
            b"{name: chat-large, kind: StatefulSet}",
            "spec.scaleTargetRef.kind: expected Deployment",
        ),
        (
            b"minReplicaCount: 2",
            b'minReplicaCount: "2"',
            "minReplicaCount, spec.maxReplicaCount: expected whole numbers",
        ),
        (b"minReplicaCount: 2", b"minReplicaCount: 21", "expected whole numbers, the first no larger, found (21, 20)"),
        (b"type: prometheus", b"kind: prometheus", "spec.triggers[0]: expected a trigger with type and metadata"),
        (b"kind: ScaledObject", b"kind: [", "expected one YAML document: "),
        (b"kind: ScaledObject", b"---\nkind: ScaledObject", "expected one YAML document: "),
        (b"metadata:\n  name", b"metadata: none\nx:\n  name", "metadata: expected keys and values, found str"),
    ],
)
def test_what_is_not_the_deployments_scaled_object_is_named(before: bytes, after: bytes, message: str) -> None:
    assert before in OWNERS
    with pytest.raises(ManifestError) as caught:
        check_document(parse_document(OWNERS.replace(before, after, 1)), namespace="serving", deployment="chat-large")
    assert message in str(caught.value)


def test_an_annotation_of_ours_that_somebody_changed_is_named() -> None:
    document = with_actions(owners_document(), kept(*WANTED))
    document["metadata"]["annotations"][RESTORES] = '[{"name": "mine"}]'
    with pytest.raises(ManifestError, match=r"annotations\.headroom/restores: expected a list of name, min and max"):
        kept_actions(document)
