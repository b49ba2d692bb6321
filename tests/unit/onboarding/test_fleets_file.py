from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.onboarding.small_account import BALANCER, PLACE, group, picture

from headroom.config import load_fleets
from headroom.domain.account import FoundExport, FoundPolicy, FoundTarget, MetricSummary, Unread
from headroom.domain.fleet import Mode
from headroom.onboarding.draft import draft_fleets
from headroom.onboarding.estimates import estimate
from headroom.onboarding.fleets_file import EstimatedDraft, fleets_text


def text_of(*targets: FoundTarget, **changes: Any) -> str:
    drafts, skipped = draft_fleets(picture(*targets))
    estimated = [EstimatedDraft(draft=draft, estimates=estimate(draft.found, MetricSummary())) for draft in drafts]
    return fleets_text(estimated, **({"places": [PLACE], "skipped": skipped} | changes))


def load(text: str, folder: Path) -> Any:
    (folder / "fleets.yaml").write_text(text)
    return load_fleets(folder / "fleets.yaml")


def test_a_draft_loads_as_it_is_and_starts_in_observe(tmp_path: Path) -> None:
    (fleet,) = load(text_of(group(load_balancers=(BALANCER,), tags={"service": "chat"})), tmp_path)
    assert (fleet.id, fleet.account, fleet.region, fleet.mode) == (
        "chat-a10g",
        PLACE.account,
        "eu-west-1",
        Mode.OBSERVE,
    )
    assert (fleet.bounds.min_instances, fleet.bounds.max_instances) == (2, 20)
    assert fleet.billing.tags == {"service": "chat"}
    assert fleet.country == "IE"


def test_a_target_without_demand_stands_in_comments(tmp_path: Path) -> None:
    text = text_of(group())
    assert load(text, tmp_path) == ()
    assert "NOT A FLEET YET" in text


def test_taking_the_comment_away_and_naming_demand_makes_a_fleet_of_it(tmp_path: Path) -> None:
    text = text_of(group()).replace("  # - id", "  - id").replace("  #   ", "    ")
    (fleet,) = load(text.replace("UNKNOWN, name: UNKNOWN", "Own, name: Calls"), tmp_path)
    assert fleet.demand.metric.name == "Calls"


def test_every_oddity_of_a_target_is_told() -> None:
    found = group(
        load_balancers=(BALANCER,),
        policies=(FoundPolicy(name="ahead", kind="PredictiveScaling"),),
        scheduled_actions=("business-hours",),
        is_scheduled_scaling_suspended=True,
    )
    text = text_of(found, group("web", accelerator=None))
    for words in (
        "predictive scaling policy ahead",
        "business-hours",
        "SUSPENDED",
        "left out",
        "Auto Scaling group web",
    ):
        assert words in text


def test_what_could_not_be_read_stands_at_the_top() -> None:
    unread = Unread(place=PLACE, operation="ecs list_clusters", cause="AccessDenied: no", lost="every ECS service")
    assert "every ECS service: ecs list_clusters in eu-west-1 of 123456789012: AccessDenied: no" in text_of(
        unread=[unread]
    )


def test_an_export_is_offered_for_sources_yaml_and_its_absence_is_told() -> None:
    export = FoundExport(
        name="hourly",
        bucket="bills",
        prefix="exports",
        region="us-east-1",
        table="focus",
        is_parquet=True,
        is_hourly=True,
        has_resource_ids=True,
    )
    assert "export_name: hourly" in text_of(exports=[export])
    assert "no billing export" in text_of()


@pytest.mark.parametrize("name", ["on", "123", "a: b", "x#y", "- z", "'quoted'", 'say "x"', "{{ x }}", "a\nb: c"])
def test_names_that_yaml_would_read_otherwise_are_quoted(name: str, tmp_path: Path) -> None:
    (fleet,) = load(text_of(group(name, load_balancers=(BALANCER,), tags={name: name})), tmp_path)
    assert fleet.target.name == name
    assert fleet.billing.tags == {name: name}


hostile = st.text(min_size=1, max_size=30)


@given(name=hostile, key=hostile, value=hostile, action=hostile)
def test_no_name_or_tag_can_change_what_the_file_says(
    tmp_path_factory: pytest.TempPathFactory, name: str, key: str, value: str, action: str
) -> None:
    found = group(name, load_balancers=(BALANCER,), tags={key: value}, scheduled_actions=(action,))
    fleets = load(text_of(found), tmp_path_factory.getbasetemp())
    assert [fleet.target.name for fleet in fleets] == [name]
    assert fleets[0].mode is Mode.OBSERVE
