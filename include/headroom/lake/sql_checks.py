"""Running the checks of a model's yml over its rows."""

from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from headroom.lake.errors import LakeError
from headroom.lake.sql_models import ModelCheck, SqlModel

_ROWS = "rows_under_check"


class ModelCheckError(LakeError):
    """Rows of a model break a check that fails; the message names the model, the check and how many rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found."""

    model: str
    check: str
    severity: str
    unexpected_count: int

    @property
    def is_passed(self) -> bool:
        """Whether no row broke the check."""
        return self.unexpected_count == 0

    def __str__(self) -> str:
        return f"{self.model}: {self.check}: {self.unexpected_count} rows break it ({self.severity})"


def check_rows(session: duckdb.DuckDBPyConnection, model: SqlModel, rows: pa.Table) -> tuple[CheckResult, ...]:
    """Run every check of `model` over `rows`; one query for all."""
    session.register(_ROWS, rows)
    try:
        return check_relation(session, model, _ROWS)
    finally:
        session.unregister(_ROWS)


def check_relation(session: duckdb.DuckDBPyConnection, model: SqlModel, relation: str) -> tuple[CheckResult, ...]:
    """Run every check of `model` over a table or view of the session, named as SQL names it; one query for all."""
    if not model.checks:
        return ()
    queries, parameters = [], {}
    for position, check in enumerate(model.checks):
        condition, bound = _unexpected(model, check, position, relation)
        queries.append(f"({condition})")
        parameters.update(bound)
    # fetchall, not fetchone: a result not read to its end keeps the connection busy
    (counts,) = session.execute(f"select {', '.join(queries)}", parameters).fetchall()
    return tuple(
        CheckResult(model=model.name, check=_title(check), severity=check.severity, unexpected_count=int(count))
        for check, count in zip(model.checks, counts, strict=True)
    )


def _unexpected(model: SqlModel, check: ModelCheck, position: int, relation: str) -> tuple[str, dict[str, Any]]:
    """Return a scalar query that counts the rows that break `check`, and its bound parameters."""
    arguments = check.arguments
    count = f"select count(*) from {relation} where"  # noqa: S608, names come from the project's own yml
    if check.kind == "unique_key":
        key = ", ".join(model.key)
        return f"select count(*) from (select 1 from {relation} group by {key} having count(*) > 1)", {}  # noqa: S608, as above
    if check.kind == "not_null":
        return f"{count} {' or '.join(f'{name} is null' for name in arguments['columns'])}", {}
    if check.kind == "accepted_range":
        bounds = {f"{side}_{position}": arguments[side] for side in ("min", "max") if side in arguments}
        broken = [f"{arguments['column']} {'<' if name.startswith('min') else '>'} ${name}" for name in sorted(bounds)]
        return f"{count} {' or '.join(broken)}", bounds
    if check.kind == "accepted_values":
        name = f"values_{position}"
        return f"{count} not list_contains(${name}, {arguments['column']})", {name: list(arguments["values"])}
    return f"{count} not ({arguments['expression']})", {}


def _title(check: ModelCheck) -> str:
    details = ", ".join(f"{name} {value}" for name, value in check.arguments.items())
    return f"{check.kind} {details}".strip()
