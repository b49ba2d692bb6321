import re
import tomllib
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlfluff

from headroom.columns import COLUMNS
from headroom.lake.fleet_relation import FLEET_RELATION_SCHEMA
from headroom.lake.session import duckdb_types
from headroom.lake.sql_runner import SqlModels
from headroom.lake.tables import TABLES

SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql"
MODELS = SqlModels.load(SQL_FOLDER)
NAMES = sorted(MODELS.by_name)


@pytest.mark.parametrize("name", NAMES)
def test_the_yml_names_the_columns_and_types_the_select_gives(name: str) -> None:
    with duckdb.connect() as session:
        for table in MODELS.relations(name):
            session.register(table, TABLES[table].schema.empty_table())
        session.register("fleet", FLEET_RELATION_SCHEMA.empty_table())
        bound = {
            parameter: 0.5 if entry.type == "DOUBLE" else "2026-11-18 00:00:00+00"
            for other in (*MODELS.dependencies(name), name)
            for parameter, entry in MODELS[other].parameters.items()
        }
        described = session.execute(f"describe {MODELS.query(name)}", bound).fetchall()

    found = {row[0]: row[1].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for row in described}
    written = {column: entry.type for column, entry in MODELS[name].columns.items()}
    if name in TABLES:  # the runner casts a mart to its table
        assert list(written) == list(TABLES[name].columns) == list(found)
        assert written == duckdb_types(TABLES[name])
    else:
        assert written == found


@pytest.mark.parametrize("name", NAMES)
def test_columns_of_the_registry_keep_their_type(name: str) -> None:
    for column, entry in MODELS[name].columns.items():
        if column in COLUMNS:
            assert entry.type == COLUMNS[column].type, column


@pytest.mark.parametrize("name", NAMES)
def test_models_say_what_a_reader_needs(name: str) -> None:
    model = MODELS[name]

    assert len(model.description) > 30
    assert model.checks
    assert all(entry.description for entry in model.columns.values())
    assert not model.key or any(check.kind == "unique_key" for check in model.checks)


@pytest.mark.parametrize("name", NAMES)
def test_selects_import_first_and_end_with_final(name: str) -> None:
    lines = MODELS[name].sql.splitlines()

    assert lines[0] == "with"
    assert lines[-1] == "select * from final"
    imports = re.findall(r"^(\w+) as \(\n    select \* from (\w+)\n\)", MODELS[name].sql, re.MULTILINE)
    assert imports, "imports stand in CTEs of their own"
    assert re.fullmatch(r"\s*", MODELS[name].sql.split(imports[0][0])[0].removeprefix("with"))


@pytest.mark.parametrize("name", NAMES)
def test_layers_read_only_what_lies_before_them(name: str) -> None:
    model = MODELS[name]
    if model.layer == "staging":
        assert MODELS.dependencies(name) == ()
    if model.layer == "marts":
        assert not any(TABLES[table].layer == "raw" and model.mentions(table) for table in TABLES)


@pytest.mark.integration  # the linter takes seconds
@pytest.mark.thorough
def test_the_sql_is_in_house_style() -> None:
    for file in sorted(SQL_FOLDER.glob("*/*.sql")):
        # the linter knows no $name parameters; a literal stands in for the reading only
        text = re.sub(r"\$[a-z_]+", "0", file.read_text(encoding="utf-8"))
        faults = sqlfluff.lint(text, config_path=str(SQL_FOLDER / ".sqlfluff"))
        assert [(fault["start_line_no"], fault["code"], fault["description"]) for fault in faults] == [], file.name


def test_every_parameter_has_a_literal_that_the_linter_reads_in_its_place() -> None:
    project = tomllib.loads((SQL_FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    literals = set(project["tool"]["sqlfluff"]["templater"]["placeholder"]) - {"param_regex"}

    assert literals == {parameter for model in MODELS.by_name.values() for parameter in model.parameters}


def test_fleet_relation_is_the_spine_that_the_yml_describes() -> None:
    described = MODELS["int_fleet__hour"].columns

    assert set(FLEET_RELATION_SCHEMA.names) <= set(described)
    assert isinstance(FLEET_RELATION_SCHEMA, pa.Schema)
