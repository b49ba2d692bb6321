"""Which tests stay together where processes share the work, those that share servers, and which of them go first."""

from pathlib import PurePosixPath
from typing import Any, Final

from xdist.scheduler import LoadScopeScheduling

SHARED_BY_FOLDER = {"access", "end_to_end", "onboarding", "secrets", "team"}
"""Folders of tests/integration whose tests share one set of servers; elsewhere those of a file do at most."""
LONGEST_FIRST: Final = (
    "tests/integration/pipelines/test_a_day_of_hours.py",
    "tests/integration/secrets",
    "tests/integration/pipelines/test_claims_as_documented.py",
    "tests/integration/first_hour/test_getting_started.py",
)
"""Minutes each although of few tests: left for the end, one process would wait for the other."""


class ByServers(LoadScopeScheduling):
    """Gives a process all tests that share servers, so that no server is started twice; the longest are given first."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.split("::", 1)[0])
        return str(file.parent if file.parent.name in SHARED_BY_FOLDER else file)

    def _assign_work_unit(self, node: Any) -> None:  # xdist's controller of a process is untyped
        for scope in reversed(LONGEST_FIRST):
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)
