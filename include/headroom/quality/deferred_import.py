"""Importing Great Expectations without the third of its import time that goes into what a gate never uses.

Its package imports every expectation, and with one of them (KL divergence) altair and scipy.stats. Both are put off
until they are used. Measured on 2 cores in 2026-11, CPU: 7.2 s before, 4.6 s so, garbage collection being paused too.
"""

import gc
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

_PUT_OFF: Final = ("altair", "scipy.stats")


class _DeferredModule(ModuleType):
    """Stands for a module until an attribute of it is asked for, then passes on to the real one."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401, whatever the module has
        # Tools that look over sys.modules (inspect.getmodule) ask for __file__ and the like: that is no use of it.
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def deferred_modules(names: tuple[str, ...]) -> Iterator[None]:
    """While inside, `import` of the named modules gives stand-ins; modules already imported stay as they are."""
    stand_ins = {name: _DeferredModule(name) for name in names if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


def import_great_expectations() -> ModuleType:
    """Return the great_expectations package, imported once, with its usage statistics off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # at INFO it tells of every expectation's steps
    is_collecting = gc.isenabled()
    gc.disable()  # a hundred thousand classes and functions that all stay: looking for garbage is a tenth of the time
    try:
        with deferred_modules(_PUT_OFF):
            return importlib.import_module("great_expectations")
    finally:
        if is_collecting:
            gc.enable()
