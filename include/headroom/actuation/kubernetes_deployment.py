"""Kubernetes Deployment as a scaling target: the KEDA ScaledObject in a file that GitOps takes to the cluster.

Headroom has no credentials of a cluster: what stands at this target is what stands in the file.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final

from headroom.actuation.errors import ActuationError, cloud_call
from headroom.actuation.keda_manifest import (
    Document,
    KeptAction,
    ManifestError,
    floor_in_force,
    is_name,
    is_paused,
    kept_actions,
    new_document,
    owned_setting,
    owners_triggers,
    start_of,
    with_actions,
    without_ended,
)
from headroom.actuation.keda_text import check_document, document_bytes, parse_document
from headroom.actuation.records import present_of
from headroom.actuation.target import ActionFailure, ApplyResult, BeforeCall, WriteCall, not_tried
from headroom.domain.fleet import Bounds, Fleet
from headroom.domain.scaling import Action, ActionPurpose, CapacitySetting, PresentAction, ScalingApi, TargetState
from headroom.lake.errors import LakeError
from headroom.lake.storage import Storage, open_storage

MAX_ACTIONS: Final = 60
"""Ours and the owner's cron triggers in one ScaledObject; KEDA sets no limit (decision 0026)."""
MOST_BYTES: Final = 256 * 1024
"""Of a manifest: what kubectl can apply, whose annotation repeats it (Kubernetes: annotations of 256 KiB in all)."""
_PREDICTIVE: Final = "predictkube"
_CRON: Final = "cron"


@dataclass(slots=True)
class KubernetesDeployment:
    """The Deployment `deployment` in `namespace`, by the ScaledObject in the file `path` of `storage`.

    `bounds` are the replica counts of a ScaledObject that is made where there is no file; None where there must be one.
    """

    api: ClassVar[ScalingApi] = ScalingApi.KEDA
    max_actions: ClassVar[int] = MAX_ACTIONS

    fleet_id: str
    namespace: str
    deployment: str
    storage: Storage
    path: str
    bounds: Bounds | None = None
    _read_at_utc: datetime | None = field(default=None, init=False)
    """When it was last read: what had ended by then is left out by the next write."""

    def read(self, *, now_utc: datetime) -> TargetState:
        """Return what the manifest asks of KEDA; raise ActuationError when it is not there or no ScaledObject."""
        document = self._read_document()
        kept = self._kept(document)
        self._read_at_utc = now_utc
        owned = owned_setting(document)
        floor = floor_in_force(kept, owned, now_utc=now_utc)
        kinds = {trigger["type"] for trigger in owners_triggers(document)}
        return TargetState(
            fleet_id=self.fleet_id,
            api=self.api,
            read_at_utc=now_utc,
            setting=CapacitySetting(min_instances=floor, max_instances=owned.max_instances),
            current_instances=floor,
            actions=(
                *(item.action for item in kept if item.start > now_utc),
                *_owners_crons(document),
            ),
            has_reactive_policy=bool(kinds - {_CRON, _PREDICTIVE}),
            has_predictive_policy=_PREDICTIVE in kinds,
            is_scheduled_scaling_suspended=is_paused(document),
            owners_setting=owned,
        )

    def put_actions(self, actions: Sequence[Action], *, before_call: BeforeCall) -> ApplyResult:
        """Create or replace `actions` in one write of the manifest; what does not fit the owner's counts is refused."""
        names = tuple(action.name for action in actions)

        def put(kept: dict[str, KeptAction], document: Document) -> tuple[ActionFailure, ...]:
            owned = owned_setting(document)
            refused = {action.name: reason for action in actions if (reason := _refusal(action, owned))}
            to_come = {
                name for name, item in kept.items() if self._read_at_utc is None or item.start > self._read_at_utc
            }
            over = len(to_come.union(names)) + len(_owners_crons(document)) - MAX_ACTIONS
            if over > 0:
                reason = f"the manifest would hold {over} scheduled actions above the {MAX_ACTIONS} it may have"
                refused |= dict.fromkeys(names, reason)
            for action in actions:
                if action.name not in refused:
                    kept[action.name] = KeptAction(action=present_of(action), is_end=_is_end(action))
            return tuple(ActionFailure(name=name, reason=reason) for name, reason in refused.items())

        return self._rewrite(names, put, before_call)

    def delete_actions(self, names: Sequence[str], *, before_call: BeforeCall) -> ApplyResult:
        """Delete the actions named in one write of the manifest; one that is already gone counts as deleted."""

        def delete(kept: dict[str, KeptAction], _document: Document) -> tuple[ActionFailure, ...]:
            for name in names:
                kept.pop(name, None)
            return ()

        return self._rewrite(tuple(names), delete, before_call)

    def _rewrite(
        self,
        names: tuple[str, ...],
        change: Callable[[dict[str, KeptAction], Document], tuple[ActionFailure, ...]],
        before_call: BeforeCall,
    ) -> ApplyResult:
        """Read the manifest, change our part of it, and put it whole in the place of what was read."""
        calls: tuple[WriteCall, ...] = ()
        try:
            before_call()
            document = self._read_document()
            kept = {item.action.name: item for item in self._kept(document)}
            failures = change(kept, document)
            left = list(kept.values())
            if self._read_at_utc is not None:
                left = without_ended(left, now_utc=self._read_at_utc)
            changed = with_actions(document, left)
            if changed != document:
                data = document_bytes(changed)
                digest = hashlib.sha256(data).hexdigest()
                calls = (WriteCall(operation="write_manifest", names=names, request_id=f"sha256:{digest[:16]}"),)
                self._write(data)
        except ActuationError as error:
            failed = not_tried(names, str(error))
            return ApplyResult(failures=failed.failures, calls=calls)
        refused = {failure.name for failure in failures}
        applied = tuple(name for name in names if name not in refused)
        return ApplyResult(applied=applied, failures=failures, calls=calls)

    @property
    def _subject(self) -> str:
        return f"manifest {self.storage.url(self.path)}"

    def _read_document(self) -> Document:
        data = self._read()
        try:
            if data is None:
                return self._new_document()
            return check_document(parse_document(data), namespace=self.namespace, deployment=self.deployment)
        except ManifestError as error:
            raise ActuationError(f"{self._subject}: {error}", code="NotAScaledObject") from error

    def _new_document(self) -> Document:
        if self.bounds is None:
            raise ActuationError(
                f"{self._subject} is not there; put the ScaledObject of {self.namespace}/{self.deployment} there",
                code="NotFound",
            )
        return new_document(
            namespace=self.namespace,
            deployment=self.deployment,
            least=self.bounds.min_instances,
            most=self.bounds.max_instances,
        )

    def _kept(self, document: Document) -> list[KeptAction]:
        try:
            return kept_actions(document)
        except ManifestError as error:
            raise ActuationError(f"{self._subject}: {error}", code="NotAScaledObject") from error

    def _read(self) -> bytes | None:
        try:
            with cloud_call("get_object", self._subject):
                return self.storage.read_bytes(self.path, most_bytes=MOST_BYTES)
        except FileNotFoundError:
            return None
        except (OSError, LakeError) as error:
            raise ActuationError(f"{self._subject} cannot be read: {error}", code=type(error).__name__) from error

    def _write(self, data: bytes) -> None:
        if len(data) > MOST_BYTES:
            raise ActuationError(f"{self._subject} would have {len(data):,} bytes; expected at most {MOST_BYTES:,}")
        try:
            with cloud_call("put_object", self._subject):
                self.storage.write_bytes(self.path, data)
        except (OSError, LakeError) as error:
            raise ActuationError(f"{self._subject} cannot be written: {error}", code=type(error).__name__) from error


def kubernetes_deployment(fleet: Fleet, storage: Storage | None) -> KubernetesDeployment:
    """Return the target of a fleet whose target name is `namespace/deployment`.

    A manifest named in fleets.yaml is the owner's and must be there. Without one Headroom keeps its own in `storage`,
    the lake's, and makes it at the first push, with the fleet's bounds for replica counts.
    """
    namespace, deployment = fleet.target.name.split("/")
    manifest, bounds = fleet.target.manifest, fleet.bounds
    if manifest is not None:
        # a link is followed: it stays, and what it leads to is read and written
        place = manifest if manifest.startswith("s3://") else os.path.realpath(manifest)
        folder, _, path = place.rpartition("/")
        try:
            owners = open_storage(folder or "/")
            owners.url(path)  # raises for a name that it takes for no file's
        except LakeError as error:
            raise ActuationError(f"fleet {fleet.id}: target.manifest {manifest!r:.200}: {error}") from error
        return KubernetesDeployment(fleet.id, namespace, deployment, owners, path)
    if storage is None:
        raise ActuationError(f"fleet {fleet.id}: its manifest is in the lake, which is not at hand here")
    return KubernetesDeployment(fleet.id, namespace, deployment, storage, manifest_path(fleet.id), bounds)


def manifest_path(fleet_id: str) -> str:
    """Return where Headroom keeps a fleet's ScaledObject in the lake."""
    return f"kubernetes/{fleet_id}/scaledobject.yaml"


def _is_end(action: Action) -> bool:
    """Whether it gives the owner's bounds back: only such an action names a maximum."""
    return action.purpose is ActionPurpose.RESTORE or action.setting.max_instances is not None


def _refusal(action: Action, owned: CapacitySetting) -> str | None:
    """Return why the ScaledObject cannot hold an action, or None."""
    setting = action.setting
    if not is_name(action.name) or start_of(action.name) != action.starts_at_utc:
        return f"its name does not say that it starts at {action.starts_at_utc:%Y-%m-%d %H:%M}Z"
    if setting.min_instances is None or setting.desired_instances is not None:
        return "a ScaledObject takes a minimum, and no desired count beside it"
    if _is_end(action):
        is_owners = setting.min_instances == owned.min_instances
        if not is_owners or setting.max_instances not in (None, owned.max_instances):
            return (
                f"it would give back {setting.min_instances} to {setting.max_instances} replicas, but the manifest has "
                f"the owner's {owned.min_instances} to {owned.max_instances}, which Headroom never changes"
            )
    elif owned.max_instances is not None and setting.min_instances > owned.max_instances:
        return f"it asks for {setting.min_instances} replicas, above the owner's maxReplicaCount {owned.max_instances}"
    return None


def _owners_crons(document: Document) -> list[PresentAction]:
    """Return the cron triggers of the owner's: they set no bound of theirs, and can only add to what is asked for."""
    found = []
    for number, trigger in enumerate(owners_triggers(document)):
        if trigger["type"] == _CRON:
            start, end, zone, count = (
                trigger["metadata"].get(key) for key in ("start", "end", "timezone", "desiredReplicas")
            )
            found.append(
                PresentAction(
                    name=str(trigger.get("name") or f"trigger {number}"),
                    starts_at_utc=None,
                    setting=CapacitySetting(min_instances=None, max_instances=None),
                    recurrence=f"{count} replicas from {start} to {end} {zone}",
                )
            )
    return found
