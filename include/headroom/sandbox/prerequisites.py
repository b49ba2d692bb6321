"""What the machine must bring that no package of ours does; each missing piece is one line that names the package."""

import ctypes
import importlib.util
import sys
from collections.abc import Callable

OPENMP_LIBRARY = "libgomp.so.1"


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
