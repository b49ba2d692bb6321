"""Asking Airflow over its REST API: trigger keyed runs and backfills, watch them, read and answer what waits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import requests

TIMEOUT_SECONDS = 30.0
FINISHED_STATES = frozenset({"success", "failed"})


class AirflowApiError(RuntimeError):
    """Airflow refused a request; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRun:
    """One run of a DAG: `key` is its partition key, `state` queued, running, success or failed."""

    dag_id: str
    run_id: str
    key: str | None
    state: str

    @property
    def is_finished(self) -> bool:
        """Whether the run will do nothing more."""
        return self.state in FINISHED_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One task of a run: `map_index` is -1 for an unmapped one, `process_id` where it runs, `tries` begun so far."""

    task_id: str
    map_index: int
    state: str | None
    process_id: int | None = None
    tries: int = 0


class AirflowApi:
    """A client of one Airflow, logged in as one user."""

    def __init__(self, url: str, *, user: str, password: str) -> None:
        self.url = url
        self.timeout_seconds = TIMEOUT_SECONDS
        self._credentials = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # loopback needs no proxy

    def is_healthy(self) -> bool:
        """Whether the server answers and the scheduler beats."""
        try:
            answer = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=self.timeout_seconds)
        except requests.ConnectionError:
            return False
        return answer.ok and answer.json()["scheduler"]["status"] == "healthy"

    def token(self) -> str:
        """Return a token for the user."""
        answer = self._session.post(f"{self.url}/auth/token", json=self._credentials, timeout=self.timeout_seconds)
        return str(self._checked(answer)["access_token"])

    def dag_ids(self) -> set[str]:
        """Return the DAGs that have been parsed."""
        return {dag["dag_id"] for dag in self._get("dags", limit=100)["dags"] if not dag["is_stale"]}

    def import_errors(self) -> list[str]:
        """Return what went wrong in DAG files that could not be read."""
        return [f"{error['filename']}: {error['stack_trace']}" for error in self._get("importErrors")["import_errors"]]

    def trigger(self, dag_id: str, *, key: str | None = None, parameters: dict[str, Any] | None = None) -> DagRun:
        """Start a run, under partition `key` if given."""
        body = {"logical_date": None, "conf": parameters or {}, **({"partition_key": key} if key else {})}
        return _dag_run(self._send("POST", f"dags/{dag_id}/dagRuns", body))

    def pause(self, dag_id: str) -> None:
        """Let no further run of a DAG start."""
        self._send("PATCH", f"dags/{dag_id}", {"is_paused": True})

    def backfill(self, dag_id: str, *, first_day: date, last_day: date, max_active_runs: int) -> int:
        """Start a backfill over both days and those between; return its id."""
        body = {
            "dag_id": dag_id,
            "from_date": f"{first_day}T00:00:00Z",
            "to_date": f"{last_day}T00:00:00Z",
            "max_active_runs": max_active_runs,
        }
        return int(self._send("POST", "backfills", body)["id"])

    def runs(self, dag_id: str) -> list[DagRun]:
        """Return every run of a DAG, oldest first."""
        found: list[DagRun] = []
        while True:
            page = self._get(f"dags/{dag_id}/dagRuns", limit=100, offset=len(found), order_by="run_after")
            found += [_dag_run(run) for run in page["dag_runs"]]
            if not page["dag_runs"] or len(found) >= page["total_entries"]:
                return found

    def runs_of(self, dag_ids: Iterable[str]) -> list[DagRun]:
        """Return every run of several DAGs."""
        return [run for dag_id in dag_ids for run in self.runs(dag_id)]

    def tasks(self, run: DagRun) -> list[TaskRun]:
        """Return the task instances of a run."""
        page = self._get(f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances", limit=500)
        return [
            TaskRun(
                task_id=task["task_id"],
                map_index=task["map_index"],
                state=task["state"],
                process_id=task["pid"],
                tries=task["try_number"],
            )
            for task in page["task_instances"]
        ]

    def log(self, run: DagRun, task: TaskRun, *, try_number: int = 1) -> str:
        """Return the log of one try of a task as text."""
        path = f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task.task_id}/logs/{try_number}"
        lines = self._get(path, map_index=task.map_index)["content"]
        return "\n".join(
            str(line.get("event", line)) + _cause(line) if isinstance(line, dict) else line for line in lines
        )

    def open_approvals(self) -> list[dict[str, Any]]:
        """Return the requests that wait for an answer, as Airflow describes them."""
        answer = self._get("dags/~/dagRuns/~/hitlDetails", response_received="false", state="awaiting_input")
        return list(answer["hitl_details"])

    def answer_approval(self, run: DagRun, task: TaskRun, *, choice: str, note: str | None = None) -> None:
        """Answer a waiting request with Approve or Reject, and say why."""
        path = f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task.task_id}/{task.map_index}/hitlDetails"
        self._send("PATCH", path, {"chosen_options": [choice], "params_input": {} if note is None else {"note": note}})

    def _get(self, path: str, **query: Any) -> Any:  # noqa: ANN401, JSON
        answer = self._session.get(
            f"{self.url}/api/v2/{path}", params=query, headers=self._login(), timeout=self.timeout_seconds
        )
        return self._checked(answer)

    def _send(self, method: str, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401, JSON
        url = f"{self.url}/api/v2/{path}"
        return self._checked(
            self._session.request(method, url, json=body, headers=self._login(), timeout=self.timeout_seconds)
        )

    def _login(self) -> dict[str, str]:
        if "Authorization" not in self._session.headers:
            self._session.headers["Authorization"] = f"Bearer {self.token()}"
        return {}

    @staticmethod
    def _checked(answer: requests.Response) -> Any:  # noqa: ANN401, JSON
        if not answer.ok:
            asked = f"{answer.request.method} {answer.request.path_url}"
            raise AirflowApiError(f"Airflow answered {asked} with {answer.status_code}: {answer.text}")
        return answer.json()


def _dag_run(run: dict[str, Any]) -> DagRun:
    return DagRun(dag_id=run["dag_id"], run_id=run["dag_run_id"], key=run["partition_key"], state=run["state"])


def _cause(line: dict[str, Any]) -> str:
    details = line.get("error_detail") or []
    return "".join(f" {detail.get('exc_type')}: {detail.get('exc_value')}" for detail in details)
