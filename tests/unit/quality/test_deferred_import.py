import subprocess
import sys
from pathlib import Path

import pytest

from headroom.quality.deferred_import import deferred_modules

INCLUDE = Path(__file__).resolve().parents[3] / "include"
SCRIPT = """
import os, sys
from headroom.quality.deferred_import import import_great_expectations
gx = import_great_expectations()
print("altair" in sys.modules, "scipy.stats" in sys.modules, os.environ["GX_ANALYTICS_ENABLED"])
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as used
print(round(used.stats.entropy([0.5, 0.5]), 3), "scipy.stats" in sys.modules)
"""


@pytest.mark.integration  # a second import of it, in a process of its own, takes seconds
def test_great_expectations_comes_without_what_a_gate_never_uses_and_works_when_it_is_used_after_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(INCLUDE)}
    )

    assert done.stdout.split() == ["False", "False", "false", "0.693", "True"]  # ln 2


def test_a_stand_in_gives_way_to_the_real_module_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with deferred_modules(("colorsys",)):
        import colorsys  # noqa: PLC0415, the import under test

        assert not hasattr(colorsys, "__wrapped__")
        assert type(colorsys).__name__ == "_DeferredModule"
        assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)

    assert type(sys.modules["colorsys"]).__name__ == "module"
    assert colorsys.hsv_to_rgb(0, 0, 0) == (0, 0, 0)


def test_modules_already_imported_stay() -> None:
    before = sys.modules["subprocess"]
    with deferred_modules(("subprocess",)):
        assert sys.modules["subprocess"] is before
    assert sys.modules["subprocess"] is before


def test_an_unused_stand_in_is_taken_away() -> None:
    sys.modules.pop("sndhdr_of_nobody", None)
    with deferred_modules(("sndhdr_of_nobody",)):
        assert "sndhdr_of_nobody" in sys.modules
    assert "sndhdr_of_nobody" not in sys.modules
