"""The gate: a frame on its way into the lake against its table's schema and its Great Expectations suite."""

from functools import cache
from math import isfinite
from typing import Any, Final

import pyarrow as pa

from headroom.domain.window import Window
from headroom.lake.frames import schema_faults
from headroom.lake.tables import Table
from headroom.quality.deferred_import import import_great_expectations
from headroom.quality.result import GateFailure, GateResult
from headroom.quality.suites import GATED_TABLES, expectations_of
from headroom.quality.validation_frame import moment_from_microseconds, time_columns, validation_frame

_EXAMPLES: Final = 3


def gate(table: Table, frame: pa.Table, *, window: Window | None = None) -> GateResult:
    """Check `frame` against the schema and the expectations of `table`; with `window`, its times must lie inside.

    Columns and dtypes come first: where they are wrong, values are not looked at. Raise ValueError for a table that has
    no expectations (marts have the checks of their SQL models instead).
    """
    if table.name not in GATED_TABLES:
        raise ValueError(f"table {table.name!r} has no gate; gated are {', '.join(GATED_TABLES)}")
    faults = schema_faults(table, frame)
    if faults:
        failures = tuple(
            GateFailure(
                expectation="expect_column_values_to_be_of_type"
                if column in frame.schema.names
                else "expect_table_columns_to_match_set",
                column=column,
                reason=reason,
                unexpected_count=frame.num_rows,
            )
            for column, reason in faults
        )
        return GateResult(table=table.name, row_count=frame.num_rows, failures=failures)
    if frame.num_rows == 0:
        empty = GateFailure(expectation="expect_table_row_count_to_be_between", column="", reason="there are no rows")
        return GateResult(table=table.name, row_count=0, failures=(empty,))
    gx = import_great_expectations()
    suite = gx.ExpectationSuite(
        name=table.name,
        expectations=expectations_of(gx.expectations, table, window),
    )
    batch = _batches(table.name).get_batch(batch_parameters={"dataframe": validation_frame(table.name, frame)})
    outcome = batch.validate(
        suite,
        result_format={"result_format": "BASIC", "partial_unexpected_count": _EXAMPLES},
    )
    times = time_columns(frame)
    failures = tuple(_failure(result, frame.num_rows, times) for result in outcome.results if not result.success)
    return GateResult(table=table.name, row_count=frame.num_rows, failures=tuple(sorted(failures, key=_order)))


@cache
def _batches(table_name: str) -> Any:  # noqa: ANN401, great_expectations has no types
    gx = import_great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas(name="extracted")
    return source.add_dataframe_asset(name=table_name).add_batch_definition_whole_dataframe("whole")


def _failure(result: Any, row_count: int, times: frozenset[str] = frozenset()) -> GateFailure:  # noqa: ANN401, as above
    config = result.expectation_config
    meta = config.meta or {}
    reason = str(meta.get("reason", config.type))
    column = str(meta.get("column") or config.kwargs.get("column") or "")
    error = _raised(result.exception_info)
    if error:
        return GateFailure(expectation=config.type, column=column, reason=f"{reason}: the check failed itself: {error}")
    count = int(result.result.get("unexpected_count") or 0)
    if count:
        examples = _examples(result.result.get("partial_unexpected_list") or (), column, times)
        reason += f" ({count} of {row_count} rows{examples})"
    return GateFailure(expectation=config.type, column=column, reason=reason, unexpected_count=count)


def _raised(info: Any) -> str:  # noqa: ANN401, as above
    """Return the message of an exception inside an expectation: one flat record, or one per metric."""
    records = [info] if "raised_exception" in info else list(info.values())
    return "; ".join(str(record["exception_message"]) for record in records if record.get("raised_exception"))


def _examples(values: Any, column: str, times: frozenset[str]) -> str:  # noqa: ANN401, as above
    shown = list(dict.fromkeys(_shown(value, column, times) for value in values))
    return f", such as {', '.join(shown)}" if shown else ""


def _shown(value: Any, column: str, times: frozenset[str]) -> str:  # noqa: ANN401, as above
    """Return a value in words: a key is given by its columns, a pair by two of the same kind."""
    if isinstance(value, dict):
        return " / ".join(_shown(part, name, times) for name, part in value.items())
    if isinstance(value, list | tuple):
        return " / ".join(_shown(part, column, times) for part in value)
    if column in times and isinstance(value, int | float) and isfinite(value):
        return moment_from_microseconds(value).isoformat()
    return str(value)


def _order(failure: GateFailure) -> tuple[str, str]:
    return failure.column, failure.expectation
