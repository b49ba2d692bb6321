"""Running SQL models for fleets over the lake's views; what marts are made of is in marts.py."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from headroom.domain.fleet import Fleet
from headroom.domain.window import Window
from headroom.lake.damage import query_tables
from headroom.lake.fleet_relation import fleet_relation
from headroom.lake.layout import chunk_of
from headroom.lake.session import open_session, register_tables
from headroom.lake.sql_models import ParameterValue
from headroom.pipelines.workspace import Workspace


def run_model(
    workspace: Workspace,
    name: str,
    fleets: Sequence[Fleet],
    *,
    window: Window,
    files_of: Window | None = None,
    parameters: Mapping[str, ParameterValue] | None = None,
) -> pa.Table:
    """Return the rows of the model `name` about `fleets`, by its key, with `window` and `parameters` bound.

    The lake's files of `files_of` are read, of `window` by default: a forecast stands in the file of the hour it was
    made after, which is earlier than the hours it is about.
    """
    relation = fleet_relation(fleets)
    return run_models(workspace, (name,), relation, window=window, files_of=files_of, parameters=parameters)[name]


def run_models(
    workspace: Workspace,
    names: Sequence[str],
    fleet: pa.Table,
    *,
    window: Window,
    files_of: Window | None = None,
    parameters: Mapping[str, ParameterValue] | None = None,
) -> dict[str, pa.Table]:
    """Return the rows of several models, run in one session over the relation `fleet`, by the models' names."""
    sources = sorted({table for name in names for table in workspace.models.relations(name)})
    chunks = {chunk_of(fleet_id) for fleet_id in fleet["fleet_id"].to_pylist()}
    bound = {"window_start": window.start_utc, "window_end": window.end_utc, **(parameters or {})}

    def run() -> dict[str, pa.Table]:
        with open_session() as session:
            register_tables(session, workspace.lake, sources, window=files_of or window, chunks=chunks)
            session.register("fleet", fleet)
            return {name: workspace.models.run_model(session, name, bound) for name in names}

    return query_tables(workspace.lake, workspace.models, sources, run, window=files_of or window)


def read_rows(workspace: Workspace, table_name: str, window: Window) -> pa.Table:
    """Return the rows of a lake table as `register_tables` gives them for `window`."""

    def read() -> pa.Table:
        with open_session() as session:
            register_tables(session, workspace.lake, [table_name], window=window)
            return session.sql(f"select * from {table_name}").to_arrow_table()  # noqa: S608, a name of the registry

    return query_tables(workspace.lake, workspace.models, [table_name], read, window=window)
