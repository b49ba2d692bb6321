from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from headroom.lake.sql_checks import ModelCheckError, check_rows
from headroom.lake.sql_models import ModelError
from headroom.lake.sql_runner import SqlModels

YML = """
name: {name}
description: a model of a test
grain: one number
key: [number]
parameters: {{{parameters}}}
columns:
  number: {{type: BIGINT, description: a number}}
checks: [{checks}]
"""


class ModelFolder:
    """Writes small models."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self, name: str, sql: str, *, layer: Any = "staging", parameters: Any = "", checks: Any = "", yml: Any = None
    ) -> Any:
        folder = self.root / layer
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.sql").write_text(sql)
        (folder / f"{name}.yml").write_text(yml or YML.format(name=name, parameters=parameters, checks=checks))
        return self

    def load(self) -> Any:
        return SqlModels.load(self.root)


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    return ModelFolder(tmp_path)


@pytest.fixture
def session() -> Any:
    with duckdb.connect() as connection:
        connection.execute("create temp view metric_sample as select 1 as number union all select 2")
        yield connection


def test_a_model_runs_with_those_it_is_built_on_and_its_parameters_bound(
    folder: "ModelFolder", session: duckdb.DuckDBPyConnection
) -> None:
    folder.add("stg_a", "select number from metric_sample -- from int_b\n")
    folder.add(
        "int_b",
        "select number + $offset as number from stg_a;\n",
        layer="intermediate",
        parameters="offset: {type: BIGINT, description: added}",
    )
    models = folder.add("mart_c", "select b.number from int_b as b join stg_a using (number)", layer="marts").load()

    assert models.dependencies("mart_c") == ("stg_a", "int_b")
    assert models.relations("mart_c") == ("metric_sample",)
    assert models.run_model(session, "mart_c", {"offset": 1}).to_pylist() == [{"number": 2}]


def test_a_parameter_left_out_takes_its_default(folder: "ModelFolder", session: duckdb.DuckDBPyConnection) -> None:
    parameters = "least: {type: BIGINT, description: the least number, default: 2}"
    models = folder.add(
        "stg_a", "select number from metric_sample where number >= $least", parameters=parameters
    ).load()

    assert models.run_model(session, "stg_a").num_rows == 1
    assert models.run_model(session, "stg_a", {"least": 1}).num_rows == 2


def test_missing_and_unknown_parameters_and_models_are_named(
    folder: "ModelFolder", session: duckdb.DuckDBPyConnection
) -> None:
    parameters = "least: {type: BIGINT, description: the least number}"
    models = folder.add(
        "stg_a", "select number from metric_sample where number >= $least", parameters=parameters
    ).load()

    with pytest.raises(ModelError, match="parameter 'least' is missing: the least number"):
        models.run_model(session, "stg_a")
    with pytest.raises(ModelError, match="unknown parameter 'most'; known are least"):
        models.run_model(session, "stg_a", {"least": 1, "most": 2})
    with pytest.raises(ModelError, match="no SQL model 'stg_b'; known are stg_a"):
        models.run_model(session, "stg_b")


def test_a_circle_of_models_is_named(folder: "ModelFolder") -> None:
    folder.add("int_a", "select number from int_b", layer="intermediate")
    models = folder.add("int_b", "select number from int_a", layer="intermediate").load()

    with pytest.raises(ModelError, match="int_a -> int_b -> int_a"):
        models.dependencies("int_a")


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        ("{check: unique_key, severity: fail}", "unique_key: 1 rows"),
        ("{check: not_null, columns: [number], severity: fail}", "not_null columns .*: 1 rows"),
        ("{check: accepted_range, column: number, min: 0, severity: fail}", "min 0: 1 rows"),
        ("{check: accepted_range, column: number, min: -9, max: 4, severity: fail}", "max 4: 1 rows"),
        ("{check: accepted_values, column: number, values: [-1, 2, 3], severity: fail}", "accepted_values .*: 1 rows"),
        ("{check: expression, expression: 'number <> 3', severity: fail}", "expression .*: 2 rows"),
    ],
)
def test_a_failing_check_stops_and_says_how_many_rows(
    folder: "ModelFolder", session: duckdb.DuckDBPyConnection, checks: Any, message: str
) -> None:
    sql = "select unnest([-1, 2, 3, 3, 5, null]) as number"
    if "accepted_values" in checks:
        sql = "select unnest([-1, 2, 3, 3, 5]) as number"

    with pytest.raises(ModelCheckError, match=message):
        folder.add("stg_a", sql, checks=checks).load().run_model(session, "stg_a")


def test_a_warning_is_logged_and_the_rows_go_on(
    folder: "ModelFolder", session: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    checks = "{check: accepted_range, column: number, max: 1, severity: warn, tolerance: two may happen}"
    models = folder.add("stg_a", "select number from metric_sample", checks=checks).load()

    assert models.run_model(session, "stg_a").num_rows == 2
    assert "stg_a: accepted_range column number, max 1: 1 rows break it (warn)" in caplog.text


def test_checks_that_pass_say_so(folder: "ModelFolder", session: duckdb.DuckDBPyConnection) -> None:
    models = folder.add(
        "stg_a",
        "select 1",
        checks="{check: unique_key, severity: fail}, {check: not_null, columns: [number], severity: fail}",
    ).load()

    results = check_rows(session, models["stg_a"], pa.table({"number": [1, 2]}))

    assert [result.is_passed for result in results] == [True, True]


def test_a_connection_can_go_on_after_checks(folder: "ModelFolder", session: duckdb.DuckDBPyConnection) -> None:
    models = folder.add(
        "stg_a", "select number from metric_sample", checks="{check: unique_key, severity: fail}"
    ).load()

    models.run_model(session, "stg_a")
    models.create_views(session)

    assert session.execute("select count(*) from stg_a").fetchall() == [(2,)]


def test_views_are_made_of_what_can_be_one(folder: "ModelFolder", session: duckdb.DuckDBPyConnection) -> None:
    folder.add("stg_a", "select number from metric_sample")
    folder.add("stg_other", "select number from spot_price")
    folder.add(
        "int_b",
        "select number from stg_a where number > $least",
        layer="intermediate",
        parameters="least: {type: BIGINT, description: x}",
    )
    models = folder.add("mart_c", "select number from int_b", layer="marts").load()

    models.create_views(session, ["mart_c"])
    models.create_views(session)

    views = session.execute("select view_name from duckdb_views() where not internal").fetchall()
    assert {name for (name,) in views} == {"metric_sample", "stg_a"}


@pytest.mark.parametrize(
    ("sql", "yml", "message"),
    [
        ("select 1", "name: other", "expected name: stg_a"),
        ("select 1", "[]", "expected name: stg_a"),
        ("select 1", YML.format(name="stg_a", parameters="", checks="") + "oops: 1", "unknown key 'oops'"),
        ("select 1", "name: stg_a", "incomplete or malformed: 'description'"),
        ("select $x", YML.format(name="stg_a", parameters="", checks=""), "parameters differ .*: x"),
        (
            "select 1",
            YML.format(name="stg_a", parameters="x: {type: BIGINT, description: y}", checks=""),
            "parameters differ .*: x",
        ),
        ("select 1", YML.format(name="stg_a", parameters="", checks="{check: magic, severity: fail}"), "'magic'"),
        (
            "select 1",
            YML.format(name="stg_a", parameters="", checks="{check: unique_key, severity: x}"),
            "fail or warn",
        ),
        (
            "select 1",
            YML.format(name="stg_a", parameters="", checks="{check: unique_key, severity: fail, column: a}"),
            "unknown key 'column'",
        ),
        (
            "select 1",
            YML.format(name="stg_a", parameters="", checks="{check: unique_key, severity: warn}"),
            "needs a sentence under tolerance",
        ),
        (
            "select 1",
            YML.format(name="stg_a", parameters="", checks="").replace("[number]", "[other]"),
            "key column 'other'",
        ),
    ],
)
def test_a_faulty_model_is_named_with_what_was_expected(
    folder: "ModelFolder", sql: str, yml: Any, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        folder.add("stg_a", sql, yml=yml).load()


def test_a_model_without_yml_and_a_folder_without_models_are_refused(folder: "ModelFolder", tmp_path: Path) -> None:
    folder.add("stg_a", "select 1")
    (tmp_path / "staging" / "stg_a.yml").unlink()

    with pytest.raises(ModelError, match=r"expected stg_a\.yml beside it"):
        folder.load()
    with pytest.raises(ModelError, match="no SQL models"):
        SqlModels.load(tmp_path / "nowhere")


def test_rows_come_by_the_models_key(folder: "ModelFolder", session: duckdb.DuckDBPyConnection) -> None:
    models = folder.add("stg_a", "select unnest([3, 1, 2]) as number").load()

    assert models.run_model(session, "stg_a").to_pylist() == [{"number": 1}, {"number": 2}, {"number": 3}]
