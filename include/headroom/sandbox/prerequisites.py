"""What the machine must bring that no package of ours does; each missing piece is one line that names the package."""

import ctypes
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

OPENMP_LIBRARY = "libgomp.so.1"
POSTGRES_FOLDERS = tuple(sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name))
"""Where Debian keeps each version's programs, which are not on the path."""


def can_load(library: str) -> bool:
    """Whether the system's loader finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def is_installed(module: str) -> bool:
    """Whether a Python module is there, without importing it."""
    return importlib.util.find_spec(module) is not None


def missing_prerequisites(
    *,
    platform: str = sys.platform,
    has_module: Callable[[str], bool] = is_installed,
    has_library: Callable[[str], bool] = can_load,
) -> list[str]:
    """Return a line for each missing piece: what, why, and the package that brings it."""
    missing = []
    if platform == "linux" and has_module("lightgbm") and not has_library(OPENMP_LIBRARY):
        missing.append(f"{OPENMP_LIBRARY} is missing, which lightgbm needs (Debian, Ubuntu: apt-get install libgomp1)")
    return missing


def find_program(name: str, *, folders: Iterable[Path] = POSTGRES_FOLDERS) -> Path | None:
    """Return where a program is, on the path or in `folders`, of which later ones win; None if it is nowhere."""
    found = shutil.which(name)
    for folder in folders:
        if (folder / name).exists():
            found = str(folder / name)
    return None if found is None else Path(found)


def missing_servers(*, find: Callable[[str], Path | None] = find_program) -> list[str]:
    """Return a line for each server of the team set-up that is not installed."""
    servers = {
        "initdb": ("PostgreSQL", "the metadata database", "postgresql"),
        "redis-server": ("Redis", "the queue", "redis-server"),
    }
    return [
        f"{name} is missing, which the team set-up needs as {use} (Debian, Ubuntu: apt-get install {package})"
        for program, (name, use, package) in servers.items()
        if find(program) is None
    ]
