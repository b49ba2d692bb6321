"""A manifest in a folder, a ledger beside it, a clock, and plans as the scheduling makes them for KEDA."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.unit.actuation.fake_cloud import Killed, MemoryStore
from tests.unit.actuation.keda_cluster import admit
from tests.unit.actuation.planning import NOW, PREFIX, WINDOW_END, action, all_clear, at, fleet, is_ours, name_of
from tests.unit.actuation.test_keda_manifest import OWNERS

from headroom.actuation.kubernetes_deployment import KubernetesDeployment
from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import Locks
from headroom.actuation.outcome import PushOutcome
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.domain.fleet import Bounds, TargetKind
from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, TargetState
from headroom.lake.storage import LocalStorage
from headroom.scheduling import diff_actions

FLEET = fleet(kind=TargetKind.KUBERNETES_DEPLOYMENT, name="serving/chat-large")
RAISE, LOWER, RESTORE = ActionPurpose.RAISE, ActionPurpose.LOWER, ActionPurpose.RESTORE


def floors(*steps: tuple[float, int], restore_hour: float, owned: tuple[int, int] = (2, 20)) -> tuple[Action, ...]:
    """Return a plan as the scheduling makes it for KEDA: steps set the minimum, the restore names the owner's."""
    restore = action(at(restore_hour), *owned, purpose=RESTORE)
    return (*(action(at(hour), count, None) for hour, count in steps), restore)


WANTED = floors((9, 8), (12, 4), (26, 7), restore_hour=30)
LATER = floors((9, 9), (13, 5), (30.5, 6), restore_hour=31)


class MortalStorage(LocalStorage):
    """A folder whose writer may die at the n-th write from now, before or after it took effect."""

    dies_at = 0
    is_written_first = False

    def write_bytes(self, path: str, data: bytes) -> None:
        self.dies_at -= 1
        if self.dies_at == 0 and not self.is_written_first:
            raise Killed
        super().write_bytes(path, data)
        if self.dies_at == 0:
            raise Killed


@dataclass
class Desk:
    """A manifest in a folder, the ledger beside it, and a clock."""

    folder: Path
    now: datetime = NOW
    store: MemoryStore = field(default_factory=MemoryStore)
    bounds: Bounds | None = None

    def __post_init__(self) -> None:
        self.storage = MortalStorage(self.folder)
        self.write(OWNERS)

    @property
    def file(self) -> Path:
        return self.folder / "scaledobject.yaml"

    @property
    def target(self) -> KubernetesDeployment:
        return KubernetesDeployment(
            "chat-large", "serving", "chat-large", self.storage, "scaledobject.yaml", self.bounds
        )

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store)

    @property
    def locks(self) -> Locks:
        return Locks(store=self.store, clock=lambda: self.now)

    def write(self, data: bytes) -> None:
        self.file.write_bytes(data)

    def edit(self, before: str, after: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert before in text
        self.file.write_text(text.replace(before, after), encoding="utf-8")

    def state(self) -> TargetState:
        return self.target.read(now_utc=self.now)

    def diff(self, wanted: Sequence[Action], state: TargetState) -> ActionDiff:
        return diff_actions(wanted, state, deployment="test", fleet_id="chat-large", now_utc=state.read_at_utc)

    def push(self, wanted: tuple[Action, ...], *, window_end: datetime = WINDOW_END) -> PushOutcome:
        asked = PushRequest(
            fleet=FLEET,
            window_end_utc=window_end,
            wanted=wanted,
            diff=self.diff,
            is_ours=is_ours,
            guardrails=all_clear,
            plan_id="plan-1",
        )
        return push_fleet(asked, target=self.target, ledger=self.ledger, locks=self.locks, now_utc=self.now)

    def roll_back(self, push_id: str) -> PushOutcome:
        asked = RollbackRequest(push_id=push_id, diff=self.diff, is_ours=is_ours, name_action=name_of)
        return rollback_push(asked, target=self.target, ledger=self.ledger, locks=self.locks, now_utc=self.now)

    def triggers(self) -> list[tuple[str, str, str, str]]:
        """Return name, start, end and count of our triggers, as the cluster takes them."""
        said = [
            (str(item["name"]).removeprefix(PREFIX), item["metadata"])
            for item in admit(self.file.read_bytes())["spec"]["triggers"]
            if str(item.get("name")).startswith(PREFIX)
        ]
        return [(name, item["start"], item["end"], item["desiredReplicas"]) for name, item in said]
