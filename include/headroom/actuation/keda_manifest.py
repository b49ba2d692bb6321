"""A KEDA ScaledObject with our actions in it as cron triggers, and how they are read back. Pure: no files, no clock.

A step of ours holds from its start to the start of our next action, as one trigger of that name; the dates in its cron
expressions say day and month, the name says the year. An action that gives the owner's bounds back ends the trigger
before it and needs none itself: it stands in an annotation. Everything else in the document is the owner's and stays.
docs/decisions/0026-keda-scaled-objects.md says why.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from headroom.domain.scaling import CapacitySetting, PresentAction

RESTORES: Final = "headroom/restores"
"""The annotation that names our actions which give the owner's bounds back."""
PLACEHOLDER: Final = "headroom-keeps-minimum"
"""KEDA refuses a ScaledObject without triggers; this one asks for the minimum, for a minute a year."""
HANDOVER: Final = timedelta(minutes=1)
"""How long a trigger outlasts the start of the next: no evaluation may find neither, and KEDA takes the larger."""
DEFAULT_LEAST: Final = 0
DEFAULT_MOST: Final = 100
"""minReplicaCount and maxReplicaCount where they are left out (KEDA 2.19, "ScaledObject specification")."""
_NAME: Final = re.compile(r"(?P<owner>headroom-[a-z0-9]+-.+)-(?P<stamp>[0-9]{8}T[0-9]{4}Z)")
_STAMP: Final = "%Y%m%dT%H%MZ"
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_UNKNOWN: Final = CapacitySetting(min_instances=None, max_instances=None)

Document = dict[str, Any]
Trigger = dict[str, Any]


class ManifestError(ValueError):
    """A document that is not the ScaledObject expected; the message names the key, and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAction:
    """An action of Headroom's in a ScaledObject; `is_end` where it gives the owner's bounds back.

    Of one whose trigger is not as we write it, `action` has no sizes: it equals no wanted action, and is put right.
    """

    action: PresentAction
    is_end: bool

    @property
    def start(self) -> datetime:
        """When it begins, as its name says."""
        return start_of(self.action.name)

    @property
    def owner(self) -> str:
        """Whose it is: the name without the time, so deployment and fleet."""
        return _parts(self.action.name)["owner"]


def is_name(name: object) -> bool:
    """Whether `name` is one of Headroom's actions, of whatever deployment and fleet."""
    return isinstance(name, str) and _parsed_start(name) is not None


def start_of(name: str) -> datetime:
    """Return the start that an action's name says; ManifestError where it is no name of ours."""
    start = _parsed_start(name)
    if start is None:
        raise ManifestError(f"{name!r} is no name of an action of ours")
    return start


def owned_setting(document: Mapping[str, Any]) -> CapacitySetting:
    """Return the owner's replica counts; we never change them."""
    spec = document["spec"]
    return CapacitySetting(
        min_instances=spec.get("minReplicaCount", DEFAULT_LEAST),
        max_instances=spec.get("maxReplicaCount", DEFAULT_MOST),
    )


def owners_triggers(document: Mapping[str, Any]) -> list[Trigger]:
    """Return the triggers that Headroom did not write."""
    return [trigger for trigger in document["spec"]["triggers"] if not _is_ours(trigger)]


def is_paused(document: Mapping[str, Any]) -> bool:
    """Whether an annotation keeps KEDA from scaling (KEDA 2.19, "Scaling Deployments": pause autoscaling)."""
    notes = document["metadata"].get("annotations") or {}
    is_told = notes.get("autoscaling.keda.sh/paused", "").lower() == "true"
    return is_told or "autoscaling.keda.sh/paused-replicas" in notes


def kept_actions(document: Mapping[str, Any]) -> list[KeptAction]:
    """Return Headroom's actions in the document, those of other deployments too, past and to come, by start."""
    ours = [trigger for trigger in document["spec"]["triggers"] if _is_ours(trigger) and is_name(trigger["name"])]
    counts = Counter(trigger["name"] for trigger in ours)
    claimed = [*_ends(document), *(_claimed(trigger) for trigger in ours)]
    due = {trigger["name"]: trigger for trigger in cron_triggers(claimed)}
    intact = {
        trigger["name"] for trigger in ours if counts[trigger["name"]] == 1 and due.get(trigger["name"]) == trigger
    }
    kept = {
        item.action.name: item
        if item.is_end or item.action.name in intact
        else KeptAction(action=_present(item.action.name, _UNKNOWN), is_end=False)
        for item in claimed
    }
    return sorted(kept.values(), key=lambda item: (item.start, item.action.name))


def floor_in_force(kept: Sequence[KeptAction], owned: CapacitySetting, *, now_utc: datetime) -> int:
    """Return the replicas that minReplicaCount and the newest action of each owner hold at `now_utc`."""
    least, most = owned.min_instances or 0, owned.max_instances
    steps = [item.action.setting.min_instances or 0 for item in _newest_begun(kept, now_utc) if not item.is_end]
    floor = max([least, *steps])
    return floor if most is None else min(floor, most)


def without_ended(kept: Sequence[KeptAction], *, now_utc: datetime) -> list[KeptAction]:
    """Return the actions to come and those in force: a trigger that has ended would begin again a year later."""
    in_force = {item.action.name for item in _newest_begun(kept, now_utc) if not item.is_end}
    return [item for item in kept if item.start > now_utc or item.action.name in in_force]


def with_actions(document: Mapping[str, Any], kept: Sequence[KeptAction]) -> Document:
    """Return the document with exactly `kept` as Headroom's part; the owner's triggers keep their places.

    They stand first, since KEDA names a trigger's metric by its position.
    """
    triggers = [*owners_triggers(document), *cron_triggers(kept)] or [_placeholder(document)]
    metadata = dict(document["metadata"])
    notes = {key: text for key, text in (metadata.pop("annotations", None) or {}).items() if key != RESTORES}
    ends = [item.action for item in kept if item.is_end]
    if ends:
        notes[RESTORES] = json.dumps(
            [
                {"name": end.name, "min": end.setting.min_instances, "max": end.setting.max_instances}
                for end in sorted(ends, key=lambda end: end.name)
            ]
        )
    if notes:
        metadata["annotations"] = notes
    return {**document, "metadata": metadata, "spec": {**document["spec"], "triggers": triggers}}


def cron_triggers(kept: Iterable[KeptAction]) -> list[Trigger]:
    """Return a trigger for every step, by start; a step that no later action of its owner ends is left out."""
    ordered = sorted(kept, key=lambda item: (item.owner, item.start))
    pairs = [(item, after) for item, after in pairwise(ordered) if item.owner == after.owner]
    triggers = [
        (item.start, _trigger(item, after))
        for item, after in pairs
        if not item.is_end and item.action.setting.min_instances is not None
    ]
    return [trigger for _, trigger in sorted(triggers, key=lambda pair: (pair[0], pair[1]["name"]))]


def new_document(*, namespace: str, deployment: str, least: int, most: int) -> Document:
    """Return a ScaledObject for a Deployment that has none."""
    document: Document = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": deployment, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"name": deployment},
            "minReplicaCount": least,
            "maxReplicaCount": most,
            "triggers": [],
        },
    }
    return with_actions(document, [])


def _ends(document: Mapping[str, Any]) -> list[KeptAction]:
    """Return the actions that stand in the annotation."""
    text = (document["metadata"].get("annotations") or {}).get(RESTORES, "[]")
    try:
        actions = [
            _present(
                item["name"], CapacitySetting(min_instances=_count(item["min"]), max_instances=_count(item["max"]))
            )
            for item in json.loads(text)
        ]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ManifestError(
            f"metadata.annotations.{RESTORES}: expected a list of name, min and max, as Headroom wrote it, "
            f"found {text[:200]!r}"
        ) from error
    return [KeptAction(action=action, is_end=True) for action in actions]


def _count(value: object) -> int | None:
    if value is not None and type(value) is not int:
        raise TypeError(f"{value!r} is no count of replicas")
    return value


def _claimed(trigger: Trigger) -> KeptAction:
    """Return the step that a trigger of ours stands for, going by its name and its count."""
    asked = trigger["metadata"].get("desiredReplicas")
    count = int(asked) if isinstance(asked, str) and _COUNT.fullmatch(asked) else 0
    setting = CapacitySetting(min_instances=count, max_instances=None)
    return KeptAction(action=_present(trigger["name"], setting), is_end=False)


def _present(name: str, setting: CapacitySetting) -> PresentAction:
    return PresentAction(name=name, starts_at_utc=start_of(name), setting=setting)


def _is_ours(trigger: Trigger) -> bool:
    name = trigger.get("name")
    return trigger["type"] == "cron" and (is_name(name) or name == PLACEHOLDER)


def _newest_begun(kept: Sequence[KeptAction], now_utc: datetime) -> list[KeptAction]:
    newest: dict[str, KeptAction] = {}
    for item in sorted(kept, key=lambda item: item.start):
        if item.start <= now_utc:
            newest[item.owner] = item
    return list(newest.values())


def _trigger(item: KeptAction, after: KeptAction) -> Trigger:
    end = after.start if after.is_end else after.start + HANDOVER
    return _cron_trigger(item.action.name, item.start, end, item.action.setting.min_instances or 0)


def _placeholder(document: Mapping[str, Any]) -> Trigger:
    new_year = datetime(2000, 1, 1, tzinfo=UTC)
    return _cron_trigger(PLACEHOLDER, new_year, new_year + HANDOVER, owned_setting(document).min_instances or 1)


def _cron_trigger(name: str, start: datetime, end: datetime, instances: int) -> Trigger:
    return {
        "type": "cron",
        "name": name,
        "metadata": {
            "timezone": "Etc/UTC",
            "start": _cron(start),
            "end": _cron(end),
            "desiredReplicas": str(instances),
        },
    }


def _cron(moment: datetime) -> str:
    return f"{moment.minute} {moment.hour} {moment.day} {moment.month} *"


def _parts(name: str) -> re.Match[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ManifestError(f"{name!r} is no name of an action of ours")
    return match


def _parsed_start(name: str) -> datetime | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=UTC)
    except ValueError:  # digits in the right places that are no date, such as month 13
        return None
