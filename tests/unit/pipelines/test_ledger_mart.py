"""mart_action__ledger of a day with all that goes wrong in one: who, what stood before and after, what came of it."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.unit.actuation.planning import at as hour_of
from tests.unit.actuation.planning import fleet
from tests.unit.actuation.played_day import play
from tests.unit.extract.fake_aws import FakeClients

from headroom.domain.window import Window
from headroom.lake.lake import Lake
from headroom.lake.layout import settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.pipelines.ledger_events import LEDGER_TABLE, settle_ledger
from headroom.pipelines.workspace import Workspace

DAY = Window.day_of(hour_of(6))


@pytest.fixture(scope="module")
def mart(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("lake")
    storage = LocalStorage(folder)
    for path, text in play(9).store.files.items():
        storage.write_bytes(path, text.encode())
    workspace = Workspace(
        fleets=(fleet(),),
        config_folder=folder,
        lake=Lake(storage),
        models=SqlModels({}),
        clients=FakeClients({}),
        deployment="test",
        warehouse_path=folder / "warehouse.duckdb",
    )
    assert settle_ledger(workspace, DAY) == []
    table = workspace.lake.read_table(settled_path(LEDGER_TABLE, DAY.day))
    assert table is not None
    return table


def ask(mart: Any, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as session:
        session.register("mart_action__ledger", mart)
        session.execute("set timezone = 'UTC'")
        return session.execute(query).fetchall()


def setting(low: int | None, high: int | None, desired: int | None = None) -> dict[str, int | None]:
    return {"min_instances": low, "max_instances": high, "desired_instances": desired}


def test_a_row_says_what_stood_before_and_after_by_whom_and_from_which_plan(mart: Any) -> None:
    # 08:55 sets 10 by the plan of 06:05, and 12 by that of 07:05.
    rows = ask(
        mart,
        """select state, result, setting_before, setting_after, who, plan_id
        from mart_action__ledger
        where action_name = 'headroom-test-chat-large-20261118T0855Z' and push_id like 'chat-large-20261118T0700Z-%'
        order by sequence""",
    )
    assert [row[:2] for row in rows] == [("intended", "replace"), ("applied", "applied")]
    for row in rows:
        assert json.loads(row[2]) == setting(10, None)
        assert json.loads(row[3]) == setting(12, None)
        assert row[4:] == ("mode auto", "plan-1")


def test_what_goes_has_no_setting_after_and_what_is_new_none_before(mart: Any) -> None:
    rows = ask(mart, "select distinct result, setting_before is null, setting_after is null from mart_action__ledger "
                     "where state = 'intended' and result in ('create', 'delete') order by result")  # fmt: skip
    assert rows == [("create", True, False), ("delete", False, True)]


def test_who_approved_confirmed_or_rolled_back_stands_in_every_row_of_it(mart: Any) -> None:
    rows = ask(mart, "select distinct who, state from mart_action__ledger where who in ('grace', 'ada') order by all")
    assert rows == [
        ("ada", "applied"),
        ("ada", "confirmed"),
        ("ada", "rollback_intended"),
        ("ada", "rolled_back"),
        ("grace", "applied"),
        ("grace", "approved"),
        ("grace", "intended"),
        ("grace", "verified"),
    ]


def test_an_owners_edit_says_the_baseline_before_and_what_was_found(mart: Any) -> None:
    ((before, after, reason),) = ask(
        mart, "select setting_before, setting_after, reason from mart_action__ledger where state = 'owner_edit_seen'"
    )
    assert json.loads(before) == setting(2, 20, 2)
    assert json.loads(after)["min_instances"] == 3
    assert "the owner changed the target" in reason


def test_a_refusal_says_which_rule_and_what_it_would_have_written(mart: Any) -> None:
    rows = ask(mart, "select distinct reason, who from mart_action__ledger where state = 'refused'")
    assert rows == [("kill_switch: the kill switch is thrown: incident 4711", None)]


def test_the_key_is_unique(mart: Any) -> None:
    counted = "select count(*), count(distinct (push_id, sequence, action_name)) from mart_action__ledger"
    ((rows, keys),) = ask(mart, counted)
    assert rows == keys
