"""Who may start, stop, approve and roll back: Airflow's own permissions, for every role, as docs/security.md lists."""

import re

import pytest
from tests.integration.access.conftest import FAB_ONLY, ROLES, Server
from tests.integration.access.rights import PUSH_ID, RIGHTS, Right, may

from headroom.config.settings import PROJECT_ROOT

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.what)
def test_a_role_may_exactly_what_the_table_says(server: Server, right: Right) -> None:
    for person in ROLES:
        status = server.ask(right.method, right.path, person=person, json=right.body).status_code
        expected = right.allowed if may(person, right.lowest[server.name]) else {403}
        assert status in expected, person
    assert server.ask(right.method, right.path, json=right.body).status_code == 401


@pytest.mark.parametrize("server", ["fab"], indirect=True)  # SimpleAuthManager has no roles of one's own
@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.what)
def test_a_role_without_rights_may_nothing_of_it(server: Server, right: Right) -> None:
    for person in set(FAB_ONLY) - {"reader"}:
        assert server.ask(right.method, right.path, person=person, json=right.body).status_code == 403, person


def test_the_table_in_the_documents_is_the_one_tested() -> None:
    text = (PROJECT_ROOT / "docs" / "security.md").read_text()
    rows = re.findall(
        r"^\| (?!what|---)([^|]+) \| (Viewer|User|Op|Admin) \| (Viewer|User|Op|Admin) \|$", text, re.MULTILINE
    )
    tested = [(right.what, right.lowest["simple"].capitalize(), right.lowest["fab"].capitalize()) for right in RIGHTS]
    assert rows == tested


@pytest.mark.parametrize(
    ("dag_id", "conf"),
    [
        ("rollback_scaling", {}),
        ("rollback_scaling", {"push_id": "../../x"}),
        ("rollback_scaling", {"push_id": f"../{PUSH_ID}"}),
        ("rollback_scaling", {"push_id": f"{PUSH_ID}/x"}),
        ("rollback_scaling", {"push_id": "{{ var.value.secret }}"}),
        ("rollback_scaling", {"push_id": "a" * 5000}),
        ("rollback_scaling", {"push_id": [PUSH_ID]}),
        ("rollback_scaling", {"push_id": PUSH_ID, "dry_run": "no"}),
        ("rollback_scaling", {"push_id": PUSH_ID, "dry_run": 0}),
        ("rollback_scaling", {"push_id": PUSH_ID, "reason": "x" * 501}),
        ("rollback_scaling", {"push_id": PUSH_ID, "reason": ["x"]}),
        ("scale_ahead", {"window": "{{ macros.datetime.now() }}"}),
        ("scale_ahead", {"window": "../../2026-11-18T05:00:00+00:00"}),
        ("scale_ahead", {"window": {"a": 1}}),
        ("settle_days", {"window": "yesterday"}),
    ],
)
def test_what_a_run_is_given_is_checked_before_it_starts(server: Server, dag_id: str, conf: dict[str, object]) -> None:
    body = {"logical_date": None, "conf": conf}
    answer = server.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", person="admin", json=body)
    assert answer.status_code == 400, answer.text
    (name,) = conf.keys() - {"push_id"} or {"push_id"}
    assert name in answer.text
