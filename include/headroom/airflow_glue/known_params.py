"""What a run was started with: a key that its DAG has no Param of is refused, since Airflow passes it over.

Who misspells `dry_run`, or names a fleet where the DAG works on all of them, would get another run than they meant.
"""

from collections.abc import Mapping
from typing import Any, Final

from headroom.config import ConfigError
from headroom.config.located_models import suggestion

_AIRFLOWS_OWN: Final = "airflow/"
"""What Airflow itself reads from a run's conf begins so (3.3: airflow/task_span_detail_level)."""


def refuse_unknown_params(context: Mapping[str, Any] | None = None) -> None:
    """Raise ConfigError, which is not retried, naming the first such key; Airflow calls it before a task."""
    given = getattr((context or {}).get("dag_run"), "conf", None) or {}
    if not given or context is None:
        return
    dag = context["dag"]
    known = sorted(dag.params)
    for key in given:
        if key not in known and not key.startswith(_AIRFLOWS_OWN):
            said = f"known are {', '.join(known)}" if known else "the DAG takes none"
            raise ConfigError(f"Param {key!r:.100} of {dag.dag_id}: unknown{suggestion(str(key), known)}; {said}")
