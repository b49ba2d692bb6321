"""Which tests stay together where processes share the work: those that share servers."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

SHARED_BY_FOLDER = {"access", "end_to_end", "onboarding", "secrets", "team"}
"""Folders of tests/integration whose tests share one set of servers; elsewhere those of a file do at most."""


class ByServers(LoadScopeScheduling):
    """Gives a process all tests that share servers, so that no server is started twice."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.split("::", 1)[0])
        return str(file.parent if file.parent.name in SHARED_BY_FOLDER else file)
