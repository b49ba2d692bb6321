"""Scenario names of the command line -> scenarios."""

from headroom.sandbox.scenarios.company import company_scenario
from headroom.sandbox.scenarios.demo import demo_scenario
from headroom.sandbox.scenarios.many import many_scenario
from headroom.sandbox.scenarios.scenario import Scenario

NAMES = "demo, company, many:N"


def scenario_named(name: str) -> Scenario:
    """Return the scenario of that name; ValueError that lists the names for any other."""
    kind, _, count = name.partition(":")
    if name == "demo":
        return demo_scenario()
    if name == "company":
        return company_scenario()
    if kind == "many" and count.isdecimal() and int(count) > 0:
        return many_scenario(int(count))
    raise ValueError(f"--scenario: expected one of {NAMES}, found {name!r}")
