"""One SQL model: a SELECT and the yml beside it, read from files and checked against each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from headroom.config.located_yaml import YamlLoader
from headroom.lake.errors import LakeError

LAYERS: Final = ("staging", "intermediate", "marts")
ParameterValue = str | int | float | bool | Decimal | datetime | date | None
Severity = str

CHECK_KINDS: Final = {
    "unique_key": frozenset[str](),
    "not_null": frozenset({"columns"}),
    "accepted_range": frozenset({"column", "min", "max"}),
    "accepted_values": frozenset({"column", "values"}),
    "expression": frozenset({"expression"}),
}
"""The kinds of checks, and the keys each takes beside check, severity and tolerance."""


class ModelError(LakeError):
    """An SQL model or its yml cannot be used; the message names the file and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelColumn:
    """A column of a model's result."""

    type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelParameter:
    """A bound parameter ($name) of a model; one with a default may be left out."""

    type: str
    description: str
    default: ParameterValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """A check on a model's rows: `fail` stops, `warn` is logged; `tolerance` says why the limit is where it is."""

    kind: str
    severity: Severity
    arguments: Mapping[str, Any]
    tolerance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlModel:
    """One SELECT with its description, grain, key, columns, parameters and checks."""

    name: str
    layer: str
    sql: str
    description: str
    grain: str
    key: tuple[str, ...]
    columns: Mapping[str, ModelColumn]
    parameters: Mapping[str, ModelParameter]
    checks: tuple[ModelCheck, ...]

    @property
    def plain_sql(self) -> str:
        """The SELECT without comments and text literals, for finding names in it."""
        return _plain(self.sql)

    def mentions(self, name: str) -> bool:
        """Whether the SELECT reads the relation `name`."""
        return name in _relations_read(self.sql)


@cache
def _plain(sql: str) -> str:
    return re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--[^\n]*", "", sql))


@cache
def _relations_read(sql: str) -> frozenset[str]:
    """Return the names after `from` and `join`: every run of a model asks for them, hundreds of times."""
    return frozenset(re.findall(r"\b(?:from|join)\s+(\w+)\b", _plain(sql)))


def read_model(file: Path) -> SqlModel:
    """Read `<model>.sql` and `<model>.yml`; raise ModelError naming the file when one is missing or they disagree."""
    description_file = file.with_suffix(".yml")
    if not description_file.is_file():
        raise ModelError(f"{file}: expected {description_file.name} beside it")
    value = yaml.load(description_file.read_text(encoding="utf-8"), Loader=YamlLoader)  # noqa: S506, a safe one
    if not isinstance(value, dict) or value.get("name") != file.stem:
        raise ModelError(f"{description_file}: expected name: {file.stem}")
    known = {"name", "description", "grain", "key", "parameters", "columns", "checks"}
    if unknown := sorted(set(value) - known):
        raise ModelError(f"{description_file}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    try:
        model = SqlModel(
            name=file.stem,
            layer=file.parent.name,
            sql=file.read_text(encoding="utf-8").strip().rstrip(";"),
            description=" ".join(str(value["description"]).split()),
            grain=str(value["grain"]),
            key=tuple(value["key"]),
            columns={name: ModelColumn(**column) for name, column in value["columns"].items()},
            parameters={name: ModelParameter(**entry) for name, entry in (value.get("parameters") or {}).items()},
            checks=tuple(_check_from(description_file, entry) for entry in value.get("checks") or ()),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{description_file}: incomplete or malformed: {error}") from error
    _compare(description_file, model)
    return model


def _check_from(file: Path, entry: dict[str, Any]) -> ModelCheck:
    kind, severity = entry.get("check"), entry.get("severity")
    if kind not in CHECK_KINDS:
        raise ModelError(f"{file}: check {kind!r}: expected one of {', '.join(sorted(CHECK_KINDS))}")
    if severity not in ("fail", "warn"):
        raise ModelError(f"{file}: check {kind}: severity {severity!r}: expected fail or warn")
    arguments = {name: entry[name] for name in entry if name not in ("check", "severity", "tolerance")}
    if unknown := sorted(set(arguments) - CHECK_KINDS[kind]):
        raise ModelError(f"{file}: check {kind}: unknown key {unknown[0]!r}")
    if severity == "warn" and not entry.get("tolerance"):
        raise ModelError(f"{file}: check {kind}: a check that only warns needs a sentence under tolerance")
    return ModelCheck(kind=kind, severity=severity, arguments=arguments, tolerance=str(entry.get("tolerance", "")))


def _compare(file: Path, model: SqlModel) -> None:
    used = set(re.findall(r"\$([a-z_][a-z0-9_]*)", model.plain_sql))
    if used != set(model.parameters):
        different = ", ".join(sorted(used ^ set(model.parameters)))
        raise ModelError(f"{file}: parameters differ from those of the SELECT: {different}")
    if absent := [name for name in model.key if name not in model.columns]:
        raise ModelError(f"{file}: key column {absent[0]!r} is not among the columns")
