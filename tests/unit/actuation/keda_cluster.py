"""What a cluster makes of a ScaledObject: whether it takes it, and the replicas minute by minute.

The schema and the rules are written from KEDA's own, version 2.19 (config/crd/bases/keda.sh_scaledobjects.yaml and
apis/keda/v1alpha1 for what is refused, pkg/scalers/cron_scaler.go for when a cron trigger is active, read 2026-11), the
rest from the Kubernetes documentation, "Horizontal Pod Autoscaling". The cron expressions are read by croniter.
"""

import json
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import yaml
from croniter import croniter

SCHEMA = json.loads(Path(__file__).with_name("scaled_object.schema.json").read_text(encoding="utf-8"))
TOLERANCE = 0.1
STABILIZATION = timedelta(minutes=5)
"""Of a scale-in, by default: the largest recommendation of the last 300 s holds."""


class RefusedError(ValueError):
    """The cluster does not take the ScaledObject."""


def admit(manifest: bytes) -> dict[str, Any]:
    """Return the ScaledObject in `manifest` as a cluster takes it; raise RefusedError or the schema's own error."""
    document: dict[str, Any] = yaml.safe_load(manifest)
    jsonschema.validate(document, SCHEMA)
    spec = document["spec"]
    names = [trigger["name"] for trigger in spec["triggers"] if "name" in trigger]
    if len(set(names)) < len(names):
        raise RefusedError("a trigger's name stands twice")
    if spec.get("minReplicaCount", 0) > spec.get("maxReplicaCount", 100):
        raise RefusedError("minReplicaCount is above maxReplicaCount")
    for trigger in spec["triggers"]:
        if trigger["type"] == "cron":
            said = trigger["metadata"]
            if set(said) != {"timezone", "start", "end", "desiredReplicas"} or said["start"] == said["end"]:
                raise RefusedError(f"not a cron trigger's metadata: {said}")
            ZoneInfo(said["timezone"])
            int(said["desiredReplicas"])
    return document


def is_active(trigger: dict[str, Any], now: datetime) -> bool:
    """Whether a cron trigger is active: it is unless its next start comes before its next end."""
    said = trigger["metadata"]
    local = now.astimezone(ZoneInfo(said["timezone"]))
    return not _next(said["start"], local) < _next(said["end"], local)


@dataclass
class Cluster:
    """A Deployment with `replicas`, scaled by one ScaledObject; `reactive` is what its other triggers ask for."""

    replicas: int
    reactive: int = 0
    _wanted: deque[tuple[datetime, int]] = field(default_factory=deque)

    def step(self, document: dict[str, Any], now: datetime) -> int:
        """Let the HorizontalPodAutoscaler look once, and return the replicas after it."""
        spec = document["spec"]
        metrics = [
            int(trigger["metadata"]["desiredReplicas"]) if is_active(trigger, now) else 1
            for trigger in spec["triggers"]
            if trigger["type"] == "cron"
        ]
        proposals = [self._proposal(metric) for metric in (*metrics, self.reactive)]
        wanted = min(max([spec.get("minReplicaCount", 0), *proposals]), spec.get("maxReplicaCount", 100))
        self._wanted.append((now, wanted))
        while self._wanted[0][0] <= now - STABILIZATION:
            self._wanted.popleft()
        most_of_late = max(count for _, count in self._wanted)
        self.replicas = max(wanted, min(self.replicas, most_of_late))
        return self.replicas

    def _proposal(self, metric: int) -> int:
        if self.replicas and abs(1.0 - metric / self.replicas) <= TOLERANCE:
            return self.replicas
        return math.ceil(metric)


def play(manifest: bytes, cluster: Cluster, *, begin: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """Yield each minute and the replicas at it."""
    document = admit(manifest)
    now = begin
    while now < end:
        yield now, cluster.step(document, now)
        now += timedelta(minutes=1)


def _next(expression: str, now: datetime) -> datetime:
    """Return the next time after `now`; the last answer holds until it has passed."""
    known = _NEXT.get(expression)
    if known is None or not known[0] <= now < known[1]:
        known = (now, croniter(expression, now).get_next(datetime))
        _NEXT[expression] = known
    return known[1]


_NEXT: dict[str, tuple[datetime, datetime]] = {}
