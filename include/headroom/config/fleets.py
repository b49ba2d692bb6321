"""fleets.yaml -> domain fleets, with errors that name file, line and key."""

import dataclasses
import difflib
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from headroom.columns import METRICS
from headroom.config.errors import ConfigError
from headroom.config.located_yaml import KeyPath, LocatedDocument, read_located_yaml
from headroom.domain.fleet import Fleet

_FLEET: TypeAdapter[Fleet] = TypeAdapter(Fleet)
_SERVING_TAGS = ("slots", "continuous_batching")


def load_fleets(file: Path) -> tuple[Fleet, ...]:
    """Read `fleets:` of a fleets.yaml, or a file that is one entry; raise ConfigError on the first fault found."""
    document = read_located_yaml(file)
    value = document.value
    if isinstance(value, dict) and "fleets" in value:
        unknown = sorted(set(value) - {"fleets"})
        if unknown:
            raise document.error((unknown[0],), "unknown key; expected only 'fleets' beside the list of entries")
        entries, prefix = value["fleets"], ("fleets",)
        if entries is None:
            entries = []
        if not isinstance(entries, list):
            raise document.error(prefix, f"expected a list of fleets, found {type(entries).__name__}")
    elif isinstance(value, dict):
        return (_fleet_from(document, value, ()),)
    else:
        raise document.error((), "expected 'fleets:' with a list of entries")
    fleets = tuple(_fleet_from(document, entry, (*prefix, position)) for position, entry in enumerate(entries))
    _check_unique(document, fleets)
    return fleets


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
        raise document.error(prefix, f"expected a fleet with its keys, found {type(entry).__name__}")
    try:
        fleet = _FLEET.validate_python(entry)
    except ValidationError as error:
        raise _as_config_error(document, error, prefix) from error
    for name in fleet.metrics:
        if name not in METRICS or name == "demand_count":
            known = sorted(set(METRICS) - {"demand_count"})
            message = f"unknown metric{_suggestion(name, known)}; known are {', '.join(known)}"
            raise document.error((*prefix, "metrics", name), message)
    return fleet


def _as_config_error(document: LocatedDocument, error: ValidationError, prefix: KeyPath) -> ConfigError:
    # A misspelt key is also a missing one: naming the misspelling helps more.
    first = min(error.errors(include_url=False), key=lambda fault: fault["type"] != "unexpected_keyword_argument")
    location = tuple(part for part in first["loc"] if part not in _SERVING_TAGS or part == first["loc"][-1])
    path = (*prefix, *location)
    kind = first["type"]
    if kind == "unexpected_keyword_argument":
        known = _known_keys(location[:-1])
        return document.error(path, f"unknown key{_suggestion(str(location[-1]), known)}; known are {', '.join(known)}")
    if kind in ("missing", "missing_argument"):
        return document.error(path, "is missing")
    message = str(first["msg"]).removeprefix("Value error, ")
    found = first.get("input")
    if isinstance(found, str | int | float | bool) and repr(found) not in message:
        message = f"{message}, found {found!r}"
    return document.error(path, message)


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _known_keys(location: KeyPath) -> list[str]:
    """Return the keys that the dataclass at `location` of a fleet takes."""
    candidates: list[Any] = [Fleet]
    for part in location:
        if isinstance(part, int):
            continue
        candidates = [
            leaf
            for candidate in candidates
            if dataclasses.is_dataclass(candidate) and part in typing.get_type_hints(candidate)
            for leaf in _leaf_types(typing.get_type_hints(candidate)[part])
        ]
    return sorted(
        {
            f.name
            for candidate in candidates
            if dataclasses.is_dataclass(candidate)
            for f in dataclasses.fields(candidate)
        },
    )


def _leaf_types(annotation: Any) -> list[Any]:  # noqa: ANN401, type annotations have no common type
    if typing.get_origin(annotation) in (types.UnionType, typing.Union, tuple, dict):
        return [leaf for argument in typing.get_args(annotation) for leaf in _leaf_types(argument)]
    return [annotation]
