"""A real API server for each way of logging in, its DAGs known, with persons of every role; nothing runs tasks."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.integration.access.rights import PUSH_ID

from headroom.actuation.ledger import Ledger
from headroom.config.settings import PACKAGE_ROOT
from headroom.domain.ledger import LedgerState
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.pipelines.newest_report import LATEST_PAGE
from headroom.sandbox.airflow_process import LocalAirflow
from headroom.sandbox.team_airflow import TEAM_ACCOUNTS, TEAM_OPTIONS

JWT_SECRET = "for-these-tests-alone-" + "0123456789abcdef" * 3
CONTENT = "chat-large costs 85,000 a month"
ROLES = ("viewer", "user", "op", "admin")
READY_SECONDS = 120.0
FAB_ONLY = {
    "stranger": [],
    "other-team": [("can_read", "Website"), ("can_read", "DAG:settle_days"), ("can_read", "DAG Runs")],
    "reader": [("can_read", "Website"), ("can_read", "DAG:scale_ahead")],
}
"""Roles that only FAB can make: without any right, with those of another team, with the one that the pages ask for."""


@dataclass
class Server:
    """A running API server, and how each person asks it."""

    name: str
    airflow: LocalAirflow
    passwords: dict[str, str]
    _tokens: dict[str, str] = field(default_factory=dict)

    def token(self, person: str) -> str:
        if person not in self._tokens:
            login = {"username": person, "password": self.passwords[person]}
            answer = self.ask("POST", "/auth/token", json=login)
            assert answer.status_code in (200, 201), answer.text
            self._tokens[person] = answer.json()["access_token"]
        return self._tokens[person]

    def ask(
        self, method: str, path: str, *, person: str | None = None, token: str | None = None, **more: Any
    ) -> requests.Response:
        """Send a request as `person`, with `token`, or as nobody; the path goes out as it is written."""
        given = self.token(person) if person else token
        with requests.Session() as session:
            session.trust_env = False
            request = requests.Request(method, self.airflow.url, **more)
            prepared = session.prepare_request(request)
            prepared.url = f"{self.airflow.url}{path}"  # requests would tidy up `..` before the server sees it
            if given is not None:
                prepared.headers["Authorization"] = f"Bearer {given}"
            return session.send(prepared, timeout=30, allow_redirects=False)


@pytest.fixture(scope="package", params=["simple", "fab"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp(f"access-{request.param}")
    page = folder / "lake" / LATEST_PAGE
    page.parent.mkdir(parents=True)
    page.write_text(f"<html>{CONTENT}</html>")
    _write_a_push(folder / "lake")
    persons = [*ROLES, *(FAB_ONLY if request.param == "fab" else ())]
    passwords = {person: secrets.token_urlsafe(12) for person in persons}
    options = {"API_AUTH__JWT_SECRET": JWT_SECRET, "API__EXPOSE_CONFIG": "True"}
    if request.param == "fab":
        options["CORE__AUTH_MANAGER"] = TEAM_OPTIONS["CORE__AUTH_MANAGER"]
    else:
        options["CORE__SIMPLE_AUTH_MANAGER_USERS"] = ",".join(f"{role}:{role}" for role in ROLES)
    environment = {
        **os.environ,
        "HEADROOM_LAKE": str(folder / "lake"),
        "HEADROOM_CONFIG": str(PACKAGE_ROOT / "sandbox" / "config"),
        "HEADROOM_ADMIN_PASSWORD": passwords["admin"],
    }
    airflow = LocalAirflow(home=folder / "airflow", environment=environment, options=options)
    try:
        airflow.prepare()
        (folder / "airflow" / "passwords.json").write_text(json.dumps(passwords))
        if request.param == "fab":
            airflow.run_module(*TEAM_ACCOUNTS)
        airflow.run_command("dags", "reserialize")
        if request.param == "fab":
            airflow.run_command("sync-perm", "--include-dags")
        airflow.start_api_server()
        running = Server(request.param, airflow, passwords)
        _wait_until_it_answers(running)
        if request.param == "fab":
            _add_persons(running)
        yield running
    finally:
        airflow.stop()


def _write_a_push(folder: Path) -> None:
    ledger = Ledger(Lake(LocalStorage(folder)))
    for state in (LedgerState.INTENDED, LedgerState.VERIFIED):
        ledger.append(PUSH_ID, state, at_utc=datetime(2026, 11, 18, 6, 1, tzinfo=UTC), detail={})


def _wait_until_it_answers(server: Server) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        server.airflow.check_running()
        try:
            if server.ask("GET", "/api/v2/version").ok:
                return
        except requests.ConnectionError:
            assert time.monotonic() < deadline, "the API server does not answer"
        time.sleep(0.3)


def _add_persons(server: Server) -> None:
    for name, rights in FAB_ONLY.items():
        actions = [{"action": {"name": action}, "resource": {"name": resource}} for action, resource in rights]
        made = server.ask(
            "POST", "/auth/fab/v1/roles", person="admin", json={"name": name.capitalize(), "actions": actions}
        )
        assert made.ok, made.text
    for person in (*ROLES[:-1], *FAB_ONLY):
        body = {
            "username": person,
            "email": f"{person}@example.invalid",
            "first_name": person,
            "last_name": "Tester",
            "password": server.passwords[person],
            "roles": [{"name": person.capitalize()}],
        }
        made = server.ask("POST", "/auth/fab/v1/users", person="admin", json=body)
        assert made.ok, made.text
