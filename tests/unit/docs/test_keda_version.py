"""KEDA is described as of one version, the one whose fields the tests' schema has."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SAYS_WHICH = (
    "tests/unit/actuation/scaled_object.schema.json",
    "tests/unit/actuation/keda_cluster.py",
    "include/headroom/actuation/keda_manifest.py",
    "docs/decisions/0026-keda-scaled-objects.md",
)


def test_schema_code_and_decision_name_the_same_version() -> None:
    found = {path: set(re.findall(r"\b2\.\d\d\b", (ROOT / path).read_text(encoding="utf-8"))) for path in SAYS_WHICH}
    assert found == {path: {"2.19"} for path in SAYS_WHICH}
