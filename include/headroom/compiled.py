"""The one way in which loops are compiled: numba, its machine code kept between processes where it can be."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Return `function` compiled by numba when it is first called; it holds no lock of the interpreter while it runs.

    The machine code is kept in __pycache__ beside the source, or in the user's cache folder, so only the first process
    compiles. Where neither may be written, as in a read-only image, numba refuses to keep it with a RuntimeError: then
    every process compiles for itself, and the results are the same. numba looks at the function's own file to tell
    whether what is kept is stale, so a compiled function calls only compiled functions of its own file.
    """
    try:
        return cast("Function", numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast("Function", numba.njit(nogil=True)(function))
