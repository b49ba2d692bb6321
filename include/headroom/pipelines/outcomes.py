"""What became of each fleet and source in a run, kept in the lake, so that one failure stays one failure and is seen.

A task records an outcome per fleet or source and goes on. The run's last task, `check_outcomes`, fails when one failed,
so the run shows red while everything else was served; the report lists the causes.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from headroom.config.secrets import redact
from headroom.domain.window import Window
from headroom.pipelines.windows import window_key
from headroom.pipelines.workspace import Workspace, open_workspace


class OutcomeStatus(StrEnum):
    """How a step ended for its subject."""

    OK = "ok"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    REFUSED = "refused"
    RECOMMENDED = "recommended"
    NOTHING_TO_DO = "nothing_to_do"


BAD_STATUSES = frozenset({OutcomeStatus.FAILED, OutcomeStatus.QUARANTINED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one step of a run ended for one fleet or source, with the cause in words."""

    step: str
    subject: str
    status: OutcomeStatus
    cause: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether the run must show it as a failure."""
        return self.status in BAD_STATUSES


class RunHasFailures(RuntimeError):  # noqa: N818, a state of the run more than an error of the program
    """Some fleets or sources failed in a run whose other parts went on."""


def _folder(dag_id: str, window: Window) -> str:
    return f"outcomes/{dag_id}/{window_key(window)}"


def record_outcomes(
    workspace: Workspace,
    *,
    dag_id: str,
    window: Window,
    part: str,
    outcomes: Iterable[Outcome],
) -> dict[str, Any]:
    """Replace the outcomes of one task of a run; `part` names the task and its chunk. Return counts by status.

    Causes are the words of whatever failed, so secrets in them are masked here, where they are written down.
    """
    rows = [asdict(replace(outcome, cause=redact(outcome.cause))) for outcome in outcomes]
    workspace.lake.write_json(f"{_folder(dag_id, window)}/{part}.json", rows)
    counts: dict[str, Any] = {}
    for row in rows:
        counts[str(row["status"])] = counts.get(str(row["status"]), 0) + 1
    return counts


def run_step(
    *,
    dag_id: str,
    window: Window,
    part: str,
    step: Callable[[Workspace], Iterable[Outcome]],
) -> dict[str, Any]:
    """Run one task's `step` and record its outcomes; return counts by status.

    A step that raises is recorded as failed with its cause, for the report, and raises on, for Airflow to retry.
    """
    workspace = open_workspace()
    try:
        outcomes = list(step(workspace))
    except Exception as error:  # recorded whatever it is, and raised on: nothing is swallowed
        failed = Outcome(step=part, subject=dag_id, status=OutcomeStatus.FAILED, cause=f"{error}")
        damaged = damaged_outcomes(workspace)
        record_outcomes(workspace, dag_id=dag_id, window=window, part=part, outcomes=[failed, *damaged])
        raise
    outcomes += damaged_outcomes(workspace)
    return record_outcomes(workspace, dag_id=dag_id, window=window, part=part, outcomes=outcomes)


def damaged_outcomes(workspace: Workspace) -> list[Outcome]:
    """Return an outcome for every file of the lake that was found damaged and set aside while it was read."""
    return [
        Outcome(step="read", subject=damaged.path, status=OutcomeStatus.QUARANTINED, cause=str(damaged))
        for damaged in workspace.lake.damaged
    ]


def read_outcomes(
    workspace: Workspace,
    *,
    dag_id: str,
    window: Window,
    part: str | None = None,
) -> tuple[Outcome, ...]:
    """Return every outcome recorded for a run, or for one `part` of it, in the order of parts and subjects."""
    folder = _folder(dag_id, window)
    paths = workspace.lake.storage.list(folder) if part is None else [f"{folder}/{part}.json"]
    return tuple(
        Outcome(**{**row, "status": OutcomeStatus(row["status"])})
        for path in paths
        for row in workspace.lake.read_json(path) or []
    )


def runs_of(window: Window) -> tuple[tuple[str, Window], ...]:
    """Return the runs that the hour `window` rests on: DAG and window, those of the day before included."""
    day = Window.day_of(window.start_utc - timedelta(days=1))
    hourly = ("extract_utilization", "extract_spot_prices", "scale_ahead")
    daily = ("extract_catalogue", "extract_billing", "settle_days", "plan_fleets")
    return (*((dag_id, window) for dag_id in hourly), *((dag_id, day) for dag_id in daily))


def check_outcomes(*, dag_id: str, window: Window) -> dict[str, int]:
    """Raise RunHasFailures naming each fleet or source that failed in the run; else return how many were served."""
    outcomes = read_outcomes(open_workspace(), dag_id=dag_id, window=window)
    bad = [outcome for outcome in outcomes if outcome.is_bad]
    if bad:
        causes = "; ".join(f"{outcome.step} of {outcome.subject}: {outcome.cause}" for outcome in bad)
        raise RunHasFailures(f"{len(bad)} of {len(outcomes)} failed: {causes}")
    return {"served": len(outcomes)}
