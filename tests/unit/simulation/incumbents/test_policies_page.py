"""docs/reference/policies.md names every incumbent and policy of ours, their knobs, defaults and ranges."""

import re

import pytest
from tests.unit.simulation.incumbents.test_decision_tables import PAGE

from headroom.simulation.incumbents import INCUMBENTS, Dynamo, StaticPeak
from headroom.simulation.knobs import Knob, knobs_of, main_knob
from headroom.simulation.policies import POLICIES
from headroom.simulation.policy import Policy

CONTRACT = {
    *("static_peak", "threshold", "intelligent", "target_tracking", "hpa", "keda_cron", "dynamo", "aws_predictive")
}
"""The incumbents that CONTRACTS names."""


def row_of(policy: Policy, name: str, knob: Knob) -> str:
    value = getattr(policy, name)
    allowed = ", ".join(knob.choices) or f"{knob.low:g} to {knob.high:g}"
    default = "not set" if value is None else value if isinstance(value, str) else f"{value:g}"
    return f"| `{name}`{' (main)' if knob.is_main else ''} | {default} | {allowed} | {knob.text} |"


def test_every_incumbent_of_the_contract_is_there_under_its_name() -> None:
    assert set(INCUMBENTS) >= CONTRACT
    assert {name: policy.name for name, policy in INCUMBENTS.items()} == {name: name for name in INCUMBENTS}
    assert re.findall(r"^##+ (\w+)$", PAGE.read_text(), re.MULTILINE) == list(POLICIES)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
def test_the_page_has_just_the_knobs_that_the_class_has(policy: Policy) -> None:
    section = re.split(r"\n##+ ", PAGE.read_text().split(f"# {policy.name}\n")[1])[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row_of(policy, name, knob) for name, knob in knobs_of(policy).items()]
    assert main_knob(policy) in knobs_of(policy)


def test_a_knob_outside_its_range_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"peak_quantile must lie between 0 and 1, found 1\.1"):
        StaticPeak(peak_quantile=1.1)
    with pytest.raises(ValueError, match=r"load_predictor must be one of constant, arima, kalman, found 'prophet'"):
        Dynamo(load_predictor="prophet")  # type: ignore[arg-type]
