"""By hand: what every policy would have cost and kept over a fleet's demand in the marts -> a report in the lake."""

from datetime import timedelta

from airflow.sdk import Param, dag, task

from headroom.airflow_glue.task_defaults import task_defaults


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=2,
    tags=["headroom", "replay", "by hand"],
    default_args=task_defaults(retries=1, execution_timeout=timedelta(hours=2)),
    params={
        "fleet": Param(
            type="string",
            pattern="^[a-z0-9-]{1,100}$",
            title="Fleet",
            description="Id of the fleet, as in fleets.yaml.",
        ),
        "start": Param(
            type="string",
            format="date-time",
            title="Start",
            description="Start of the span to play, UTC, on the hour. The six weeks before it are history.",
        ),
        "end": Param(
            type="string",
            format="date-time",
            title="End",
            description="End of the span, UTC, on the hour; not in it.",
        ),
        "policies": Param(
            default=[],
            type="array",
            items={"type": "string"},
            title="Policies",
            description="One name a line, as headroom replay --policy takes them; empty: all. The oracles always play.",
        ),
        "sweep": Param(
            default=False,
            type="boolean",
            title="Sweep",
            description="Also play every policy over its main knob, for the frontier of cost against the objective.",
        ),
    },
    doc_md="""
    ### Replay policies
    Plays incumbents, Headroom's own policies and the oracles over the fleet's recorded demand, minute by minute,
    each from what was known at its time. The report with figures, frontier, a day and each policy's worst hour is
    written to `reports/replay/<fleet>/<start>_<end>/` in the lake; the task's result names it. Reads only: nothing
    is changed at the cloud, and a second run over the same demand writes the same bytes.
    """,
)
def replay_policies() -> None:
    """Wire one replay."""

    @task
    def replay_fleet(params: dict[str, object] | None = None) -> dict[str, object]:
        from headroom.pipelines import replay

        chosen = params or {}
        return replay.replay_policies(
            chosen["fleet"], chosen["start"], chosen["end"], chosen["policies"], is_swept=chosen["sweep"]
        )

    replay_fleet()


replay_policies()
