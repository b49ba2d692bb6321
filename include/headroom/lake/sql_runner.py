"""Running SQL models: a mart is one query made of its SELECT and those it is built on, with parameters bound.

Staging and intermediate models become common table expressions in front of the mart, since a view cannot take bound
parameters. A mart that reads another mart reads it from the lake, as written.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from headroom.lake.frames import fit_frame
from headroom.lake.sql_checks import ModelCheckError, check_rows
from headroom.lake.sql_models import LAYERS, ModelError, ParameterValue, SqlModel, read_model
from headroom.lake.tables import TABLES

_log = logging.getLogger(__name__)


class SqlModels:
    """The models of a folder, by name."""

    def __init__(self, models: Iterable[SqlModel]) -> None:
        self.by_name = {model.name: model for model in models}

    @classmethod
    def load(cls, folder: Path) -> "SqlModels":
        """Read every model below `folder`; raise ModelError for the first that is faulty."""
        files = [file for layer in LAYERS for file in sorted((folder / layer).glob("*.sql"))]
        if not files:
            raise ModelError(f"{folder}: no SQL models in {', '.join(LAYERS)}")
        return cls(read_model(file) for file in files)

    def __getitem__(self, name: str) -> SqlModel:
        """Return the model; raise ModelError naming the known ones."""
        if name not in self.by_name:
            raise ModelError(f"no SQL model {name!r}; known are {', '.join(sorted(self.by_name))}")
        return self.by_name[name]

    def dependencies(self, name: str) -> tuple[str, ...]:
        """Return the staging and intermediate models that `name` is built on, each after those it reads."""
        ordered: list[str] = []

        def visit(model: SqlModel, path: tuple[str, ...]) -> None:
            if model.name in path:
                raise ModelError(f"SQL models read each other in a circle: {' -> '.join((*path, model.name))}")
            for other in self.by_name.values():
                if other.layer != "marts" and other.name not in ordered and model.mentions(other.name):
                    visit(other, (*path, model.name))
            if model.name != name:
                ordered.append(model.name)

        visit(self[name], ())
        return tuple(ordered)

    def relations(self, name: str) -> tuple[str, ...]:
        """Return the lake tables that must be registered before `name` is run, sorted; `fleet` comes beside them."""
        family = [self[other] for other in (*self.dependencies(name), name)]
        return tuple(sorted(table for table in TABLES if any(model.mentions(table) for model in family)))

    def create_views(self, session: duckdb.DuckDBPyConnection, names: Sequence[str] | None = None) -> None:
        """Make temporary views of the staging and intermediate models without parameters, for looking into a session.

        `names`: the models wanted with what they are built on; all by default. Models whose lake tables are not
        registered are passed over. run_model needs none of these views.
        """
        present = {name for (name,) in session.execute("select view_name from duckdb_views()").fetchall()}
        wanted = [other for name in (names or self.by_name) for other in (*self.dependencies(name), name)]
        for name in dict.fromkeys(wanted):
            family = [self[other] for other in (*self.dependencies(name), name)]
            is_plain = not any(model.parameters or model.layer == "marts" for model in family)
            if is_plain and present.issuperset(self.relations(name)):
                session.execute(f"create or replace temp view {name} as {self.query(name)}")

    def query(self, name: str) -> str:
        """Return the one query that computes `name`: the models it is built on as CTEs, then its own SELECT."""
        models = [self[other] for other in self.dependencies(name)]
        expressions = ",\n".join(f"{model.name} as (\n{model.sql}\n)" for model in models)
        selected = f"select * from (\n{self[name].sql}\n)"  # noqa: S608, the project's own SQL files
        return f"with {expressions}\n{selected}" if expressions else selected

    def run_model(
        self,
        session: duckdb.DuckDBPyConnection,
        name: str,
        parameters: Mapping[str, ParameterValue] | None = None,
    ) -> pa.Table:
        """Return the rows of `name` by its key, with `parameters` bound; a mart's are cast to its table's schema.

        The checks of its yml are run: `warn` is logged, `fail` raises ModelCheckError. Raise ModelError for a parameter
        that is missing or that no model knows.
        """
        bound = self._bound_parameters(name, parameters or {})
        rows = session.sql(self.query(name), params=bound).to_arrow_table()
        if name in TABLES:
            rows = fit_frame(TABLES[name], rows)
        elif self[name].key:
            rows = rows.sort_by([(column, "ascending") for column in self[name].key])
        for result in check_rows(session, self[name], rows):
            if result.is_passed:
                continue
            if result.severity == "fail":
                raise ModelCheckError(str(result))
            _log.warning("%s", result)
        return rows

    def _bound_parameters(self, name: str, given: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
        known = {parameter for model in self.by_name.values() for parameter in model.parameters}
        if unknown := sorted(set(given) - known):
            raise ModelError(f"{name}: unknown parameter {unknown[0]!r}; known are {', '.join(sorted(known))}")
        bound: dict[str, ParameterValue] = {}
        for model in (self[other] for other in (*self.dependencies(name), name)):
            for parameter, entry in model.parameters.items():
                value = given.get(parameter, entry.default)
                if value is None:
                    raise ModelError(f"{name}: parameter {parameter!r} is missing: {entry.description}")
                bound[parameter] = value
        return bound
