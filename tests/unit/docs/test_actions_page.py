"""The table of docs/reference/actions.md says what headroom.scheduling.actions does, row by row and word by word."""

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
from tests.unit.scheduling.small_plan import BASELINE, BOUNDS, DEPLOYMENT, FLEET, plan

from headroom.domain.scaling import Action, ActionPurpose, Baseline, CapacitySetting, ScalingApi
from headroom.scheduling import actions_for

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "actions.md"
NAMES = {
    ScalingApi.EC2_AUTO_SCALING: "EC2 Auto Scaling",
    ScalingApi.APPLICATION_AUTO_SCALING: "Application Auto Scaling",
    ScalingApi.KEDA: "KEDA",
}
RUNNING = 6
UP, DOWN = 8, 3
ROWS = list(product(ScalingApi, (False, True), (False, True)))


def page_rows() -> dict[tuple[str, ...], tuple[str, ...]]:
    table = re.findall(r"^\| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[2:]
    cells = [tuple(row.split(" | ")) for row in table]
    return {row[:3]: row[3:] for row in cells}


def words_of(setting: CapacitySetting, *, meanings: dict[int, str]) -> str:
    """Say what a setting sets, by what its numbers mean: `min, max = needed`."""
    named = {"min": setting.min_instances, "max": setting.max_instances, "desired": setting.desired_instances}
    by_meaning: dict[str, list[str]] = {}
    for name, value in named.items():
        if value is not None:
            by_meaning.setdefault(meanings[value], []).append(name)
    return "; ".join(f"{', '.join(fields)} = {meaning}" for meaning, fields in by_meaning.items())


def cell_of(actions: Sequence[Action], *, meanings: dict[int, str]) -> str:
    return "; 5 min later: ".join(words_of(action.setting, meanings=meanings) for action in actions)


@pytest.mark.parametrize(("api", "is_reactive", "is_predictive"), ROWS)
def test_the_page_says_what_the_actions_set(api: ScalingApi, *, is_reactive: bool, is_predictive: bool) -> None:
    owned = BASELINE.setting
    is_group = api is ScalingApi.EC2_AUTO_SCALING
    made = actions_for(
        FLEET,
        plan(("09:00", UP), ("14:00", DOWN)),
        deployment=DEPLOYMENT,
        api=api,
        has_reactive_policy=is_reactive,
        has_predictive_policy=is_predictive,
        baseline=Baseline(
            fleet_id=FLEET,
            setting=owned if is_group else CapacitySetting(min_instances=owned.min_instances, max_instances=20),
            captured_at_utc=BASELINE.captured_at_utc,
            running_instances=RUNNING,
        ),
        bounds=BOUNDS,
        current_instances=5,
    )
    # The baseline is 2 to 20 with 5 desired; 6 ran.
    step = {UP: "needed", DOWN: "needed", 20: "widest"}
    end = {2: "baseline", 20: "baseline", 5: "baseline", RUNNING: "its instances"}
    by_purpose = {purpose: [action for action in made if action.purpose is purpose] for purpose in ActionPurpose}
    yes = {True: "yes", False: "no"}
    assert page_rows()[NAMES[api], yes[is_reactive], yes[is_predictive]] == (
        cell_of(by_purpose[ActionPurpose.RAISE], meanings=step),
        cell_of(by_purpose[ActionPurpose.LOWER], meanings=step),
        cell_of(by_purpose[ActionPurpose.RESTORE], meanings=end),
    )


def test_the_page_has_every_row_and_no_other() -> None:
    yes = {True: "yes", False: "no"}
    assert list(page_rows()) == [
        (NAMES[api], yes[is_reactive], yes[is_predictive])
        for api in ScalingApi
        for is_predictive, is_reactive in product((False, True), (False, True))
    ]
