"""The newest replay of a fleet in the lake, as it bears on a push: ours against what scales the fleet today."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from headroom.lake.errors import LakeError
from headroom.pipelines.workspace import Workspace

REPLAY_FOLDER: Final = "reports/replay"
_FILE: Final = "replay.json"
_FIGURES: Final = ("cost_usd", "slo_met_fraction")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRecord:
    """What a replay says: its span, its page in the lake, and each policy's figures."""

    from_utc: datetime
    to_utc: datetime
    page: str
    policies: Mapping[str, Mapping[str, Any]]

    def describe(self, name: str) -> str:
        """Return a policy's cost over the span and its share of requests inside the objective, in words."""
        figures = self.policies.get(name, {})
        if figures.get("status") != "played":
            return f"{name} was not played"
        return f"{name} cost {figures['cost_usd']:,.2f} USD with {figures['slo_met_fraction']:.2%} inside the objective"


def newest_replay(workspace: Workspace, fleet_id: str) -> ReplayRecord | None:
    """Return the replay of a fleet that reaches furthest; None where there is none that can be read."""
    folder = f"{REPLAY_FOLDER}/{fleet_id}"
    found = [path for path in workspace.lake.storage.list(folder) if path.endswith(f"/{_FILE}")]
    records = (_record_at(workspace, path) for path in found)
    return max((record for record in records if record), key=lambda record: record.to_utc, default=None)


def _record_at(workspace: Workspace, path: str) -> ReplayRecord | None:
    try:
        record = workspace.lake.read_json(path)
        return ReplayRecord(
            from_utc=datetime.fromisoformat(record["from_utc"]),
            to_utc=datetime.fromisoformat(record["to_utc"]),
            page=f"{path.removesuffix(_FILE)}report.html",
            policies={
                str(name): {
                    "status": str(figures["status"]),
                    **{key: float(figures[key]) for key in _FIGURES if figures["status"] == "played"},
                }
                for name, figures in record["policies"].items()
            },
        )
    except (LakeError, AttributeError, KeyError, TypeError, ValueError):
        return None
