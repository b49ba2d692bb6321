"""fleets.yaml -> domain fleets, with errors that name file, line and key."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom.columns import METRICS
from headroom.config.guardrail_scalars import GUARDRAILS, check_guardrail_scalars
from headroom.config.located_models import build_model, describe_type, suggestion
from headroom.config.located_yaml import KeyPath, LocatedDocument, read_located_yaml
from headroom.domain.fleet import Fleet
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS, GuardrailSettings

_DEMAND = METRICS["demand_count"]
_METRIC_NAMES = sorted(set(METRICS) - {_DEMAND.name})


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsFile:
    """What a fleets.yaml holds: its entries, and the guardrails for all of them."""

    fleets: tuple[Fleet, ...]
    guardrails: GuardrailSettings = NO_GUARDRAIL_SETTINGS


_read: dict[Path, tuple[str, FleetsFile]] = {}


def load_fleets(file: Path) -> tuple[Fleet, ...]:
    """Return the entries of a fleets.yaml, as load_fleets_file reads them."""
    return load_fleets_file(file).fleets


def load_fleets_file(file: Path) -> FleetsFile:
    """Read a fleets.yaml, or a file that is one entry; raise ConfigError on the first fault found.

    A thousand entries take two seconds, so a file whose content this process, or the one it was forked from, has read
    is not parsed again (airflow_glue/task_preload.py reads it before tasks are forked).
    """
    digest = _digest(file)
    kept = _read.get(file)
    if kept is not None and kept[0] == digest:
        return kept[1]
    content = _parse(file)
    if digest:
        _read[file] = (digest, content)
    return content


def _digest(file: Path) -> str:
    """Return a hash of the file's content; "" where it cannot be read, for the parser to say why."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    except OSError:
        return ""


def _parse(file: Path) -> FleetsFile:
    document = read_located_yaml(file)
    value = document.value
    if not isinstance(value, dict):
        raise document.error((), "expected 'fleets:' with a list of entries")
    if "fleets" not in value:
        return FleetsFile(fleets=(_fleet_from(document, value, ()),))
    entries = document.list_under("fleets", "fleets", others=(GUARDRAILS,))
    fleets = tuple(_fleet_from(document, entry, ("fleets", position)) for position, entry in enumerate(entries))
    _check_unique(document, fleets)
    if GUARDRAILS not in value:
        return FleetsFile(fleets=fleets)
    check_guardrail_scalars(document, value[GUARDRAILS], (GUARDRAILS,))
    common = build_model(document, GuardrailSettings, value[GUARDRAILS], (GUARDRAILS,))
    return FleetsFile(fleets=fleets, guardrails=common)


def _check_unique(document: LocatedDocument, fleets: tuple[Fleet, ...]) -> None:
    seen_ids: set[str] = set()
    seen_targets: dict[tuple[str | None, str, str, str], str] = {}
    for position, fleet in enumerate(fleets):
        if fleet.id in seen_ids:
            raise document.error(("fleets", position, "id"), f"fleet id {fleet.id!r} is given twice")
        seen_ids.add(fleet.id)
        target = (fleet.account, fleet.region, fleet.target.kind, fleet.target.name)
        if target in seen_targets:
            message = f"fleet {seen_targets[target]!r} already scales this target; one target belongs to one fleet"
            raise document.error(("fleets", position, "target"), message)
        seen_targets[target] = fleet.id


def _fleet_from(document: LocatedDocument, entry: object, prefix: KeyPath) -> Fleet:
    if not isinstance(entry, dict):
        raise document.error(prefix, f"expected a fleet with its keys, found {describe_type(entry)}")
    metrics = entry.get("metrics")
    for name in metrics if isinstance(metrics, dict) else ():
        if name not in _METRIC_NAMES:
            message = f"unknown metric{suggestion(str(name), _METRIC_NAMES)}; known are {', '.join(_METRIC_NAMES)}"
            raise document.error((*prefix, "metrics", str(name)), message)
    if GUARDRAILS in entry:
        check_guardrail_scalars(document, entry[GUARDRAILS], (*prefix, GUARDRAILS))
    return build_model(document, Fleet, _with_statistics(entry), prefix)


def _with_statistics(entry: dict[Any, Any]) -> dict[Any, Any]:
    """Return the entry with each metric's own statistic (headroom.columns.METRICS) where the file names none.

    Without it a latency_p95_seconds whose statistic was left out would be read as an average.
    """
    filled = dict(entry)
    demand = entry.get("demand")
    if isinstance(demand, dict) and isinstance(demand.get("metric"), dict):
        filled["demand"] = {**demand, "metric": {"statistic": _DEMAND.statistic, **demand["metric"]}}
    metrics = entry.get("metrics")
    if isinstance(metrics, dict):
        filled["metrics"] = {
            name: {"statistic": METRICS[name].statistic, **reference} if isinstance(reference, dict) else reference
            for name, reference in metrics.items()
        }
    return filled
