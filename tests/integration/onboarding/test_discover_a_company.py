"""`headroom discover` on an account that it was told nothing about, permitted by docs/iam/read.json alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.onboarding.conftest import Command, run_discover

from headroom.config.fleets import load_fleets
from headroom.domain.fleet import Fleet, Mode, TargetKind
from headroom.sandbox.process import SandboxProcess
from headroom.sandbox.scenarios.company import ACCOUNT, HOME_REGION, RESEARCH_ACCOUNT, SECOND_REGION, company_scenario

pytestmark = pytest.mark.integration
BOTH = ("--region", HOME_REGION, "--region", SECOND_REGION)
ROLE = "arn:aws:iam::{account}:role/headroom-read"
TRUTH = {fleet.id: fleet for fleet in company_scenario().fleets}


@dataclass(frozen=True)
class Draft:
    """What one discovery of both regions wrote and printed, and the calls it made."""

    fleets: dict[str, Fleet]
    text: str
    summary: dict[str, Any]
    calls: list[dict[str, Any]]


@pytest.fixture(scope="module")
def draft(company: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Draft:
    folder = tmp_path_factory.mktemp("draft")
    out = folder / "drafted.yaml"
    company.clear_calls()
    done = run_discover(company, folder, *BOTH, "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    fleets = {fleet.id: fleet for fleet in load_fleets(out)}
    return Draft(fleets, out.read_text(), json.loads(done.stdout), company.calls())


def drafted(discover: Command, tmp_path: Path, *arguments: str) -> tuple[dict[str, Fleet], str]:
    """Return the fleets of a discovery that must succeed, and the text it wrote."""
    out = tmp_path / "drafted.yaml"
    done = discover(*arguments, "--out", str(out))
    assert done.returncode == 0, done.stderr
    return {fleet.id: fleet for fleet in load_fleets(out)}, out.read_text()


def test_two_regions_give_the_account_s_five_fleets_each_with_its_demand_where_it_really_is(draft: Draft) -> None:
    fleets = draft.fleets
    assert set(fleets) == {fleet.id for fleet in TRUTH.values() if fleet.account == ACCOUNT}
    for name, fleet in fleets.items():
        truth = TRUTH[name]
        assert (fleet.account, fleet.region, fleet.target) == (truth.account, truth.region, truth.target)
        assert fleet.demand.metric == truth.demand.metric
        assert fleet.current_type.name == truth.current_type.name
        assert fleet.mode is Mode.OBSERVE
        assert fleet.billing == truth.billing


def test_metrics_that_are_published_are_found_and_no_others_are_named(draft: Draft) -> None:
    fleets = draft.fleets
    for name, fleet in fleets.items():
        silent_at_zero = {"error_count"}
        assert set(fleet.metrics) - silent_at_zero == set(TRUTH[name].metrics) - silent_at_zero, name
        for metric, reference in fleet.metrics.items():
            if metric in TRUTH[name].metrics:
                assert reference == TRUTH[name].metrics[metric]


def test_what_the_owner_set_up_and_what_is_missing_is_told_beside_the_fleet(draft: Draft) -> None:
    text = draft.text
    comments = {
        name: section.partition("- id:")[0]
        for name, section in zip(
            [line.split(": ")[1] for line in text.splitlines() if line.startswith("  - id: ")],
            text.split("\n\n"),
            strict=False,
        )
    }
    assert (
        "owner's scheduled actions stay as they are: assist-weekday-close, assist-weekday-open"
        in (comments["assist-llm-prod"])
    )
    assert "predictive scaling policy asr-predictive acts beside us" in comments["speech-asr-prod"]
    assert "TargetTrackingScaling policy embedder-cpu-57 goes on working" in comments["embedder"]
    assert "UNKNOWN gpu_utilization_percent: switch on the CloudWatch agent" in comments["moderation-gpu-workers"]
    assert "UNKNOWN gpu_utilization_percent" not in comments["assist-llm-prod"]
    assert "GUESS by its name alone: check that it feeds this fleet" in text
    assert "Headroom never asks for fewer than 24: lower it for quiet hours to save more" in text


def test_measured_guesses_lie_near_what_the_fleet_really_is(draft: Draft) -> None:
    fleets = draft.fleets
    for name in ("assist-llm-prod", "speech-asr-prod", "embedder"):
        fleet, truth = fleets[name], TRUTH[name]
        assert fleet.serving.service_seconds == pytest.approx(truth.serving.service_seconds, rel=0.15)  # type: ignore[union-attr]
        rate = fleet.current_type.sustainable_rate_per_second
        assert rate is not None
        # The rate was seen, so it is below what the slots can do; a fleet is never run at its limit on purpose.
        assert 0.3 * truth.serving.slots < rate * truth.serving.service_seconds < truth.serving.slots  # type: ignore[union-attr]


def test_what_is_no_fleet_is_listed_with_the_reason(draft: Draft) -> None:
    left_out = {item["target"]: item["reason"] for item in draft.summary["left_out"]}
    assert left_out == {
        "storefront-web": "has no accelerator (--include-cpu drafts such targets, too)",
        "rag-gpu-hosts": "carries the ECS service rag/embedder, which is the fleet",
        "eks-ml-platform-gpu-nodes": (
            "nodes of the Kubernetes cluster ml-platform: "
            "its Deployments are the fleets (kind kubernetes_deployment), the nodes follow"
        ),
    }


def test_the_account_s_billing_export_is_offered_for_sources_yaml(draft: Draft) -> None:
    text = draft.text
    assert "{format: focus, bucket: acme-billing-exports, prefix: daily, export_name: acme-focus" in text


def test_discovery_writes_nothing_to_the_account(draft: Draft) -> None:
    assert [call for call in draft.calls if call["is_write"]] == []
    assert len(draft.calls) > 40
    assert {call["status"] for call in draft.calls} == {200}  # read.json permits all of it


def test_another_account_is_entered_by_its_role(discover: Command, tmp_path: Path) -> None:
    arguments = ("--region", HOME_REGION, "--account", ACCOUNT, "--account", RESEARCH_ACCOUNT, "--role-arn", ROLE)
    fleets, text = drafted(discover, tmp_path, *arguments)
    assert fleets["research-writer"].account == RESEARCH_ACCOUNT
    assert fleets["research-writer"].target.kind is TargetKind.EC2_AUTO_SCALING_GROUP
    assert fleets["assist-llm-prod"].account == ACCOUNT
    assert f"{HOME_REGION} of {RESEARCH_ACCOUNT}" in text.splitlines()[0]


def test_an_account_whose_role_does_not_let_us_in_is_told_once_and_the_other_is_drafted(
    discover: Command, tmp_path: Path
) -> None:
    out = tmp_path / "drafted.yaml"
    closed = "999999999999"
    done = discover(
        *("--region", HOME_REGION, "--account", ACCOUNT, "--account", closed, "--role-arn", ROLE, "--out", str(out))
    )
    assert done.returncode == 4
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("headroom: could not read")]
    assert f"everything in {HOME_REGION} of {closed}" in line
    assert "is not authorized to perform: sts:AssumeRole on resource" in line
    assert {fleet.id for fleet in load_fleets(out)} == {"assist-llm-prod", "embedder", "speech-asr-prod"}
    assert f"everything in {HOME_REGION} of {closed}" in out.read_text()


def test_where_no_account_lets_us_in_nothing_is_written_and_the_cause_is_one_line(
    discover: Command, tmp_path: Path
) -> None:
    out = tmp_path / "drafted.yaml"
    role = "arn:aws:iam::{account}:role/nobody-knows"
    done = discover("--region", HOME_REGION, "--account", RESEARCH_ACCOUNT, "--role-arn", role, "--out", str(out))
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert "nothing could be read" in done.stderr
    assert not out.exists()


def test_another_account_without_a_role_is_refused_rather_than_read_as_our_own(
    discover: Command, tmp_path: Path
) -> None:
    done = discover("--region", HOME_REGION, "--account", RESEARCH_ACCOUNT, "--out", str(tmp_path / "drafted.yaml"))
    assert done.returncode == 4
    assert f"account {RESEARCH_ACCOUNT} is not the account of these credentials ({ACCOUNT})" in done.stderr


@pytest.mark.parametrize(("silent", "other"), [(HOME_REGION, SECOND_REGION), (SECOND_REGION, HOME_REGION)])
def test_a_region_that_does_not_answer_is_told_once_and_the_other_is_drafted(
    silent: str, other: str, discover: Command, tmp_path: Path, sandbox: SandboxProcess
) -> None:
    sandbox.add_fault(region=silent, is_connection_dropped=True, count=None)
    out = tmp_path / "drafted.yaml"
    done = discover(*BOTH, "--out", str(out))
    assert done.returncode == 4
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("headroom: could not read")]
    assert f"everything in {silent} of {ACCOUNT}: sts get_caller_identity" in line
    assert {fleet.region for fleet in load_fleets(out)} == {other}


def test_a_region_that_is_none_is_refused_as_aws_refuses_it(discover: Command, tmp_path: Path) -> None:
    done = discover("--region", "us-middle-9", "--out", str(tmp_path / "drafted.yaml"))
    assert done.returncode == 4
    assert "valid region" in done.stderr


def test_a_role_that_is_none_is_bad_input(discover: Command, tmp_path: Path) -> None:
    done = discover("--region", HOME_REGION, "--role-arn", "headroom-read", "--out", str(tmp_path / "drafted.yaml"))
    assert done.returncode == 2
    assert done.stderr.startswith("headroom: --role-arn: role_arn must look like arn:aws:iam::{account}:role/NAME")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_permission_costs_what_it_hides_and_nothing_else(
    discover: Command, tmp_path: Path, sandbox: SandboxProcess
) -> None:
    iam = sandbox.client("iam", region="us-east-1")
    deny = {"Effect": "Deny", "Action": "autoscaling:DescribePolicies", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName="headroom", PolicyName="without-policies", PolicyDocument=document)
    try:
        out = tmp_path / "drafted.yaml"
        done = discover(*BOTH, "--out", str(out))
        simulated = iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/headroom",
            ActionNames=["autoscaling:DescribePolicies", "autoscaling:DescribeAutoScalingGroups"],
        )
    finally:
        iam.delete_role_policy(RoleName="headroom", PolicyName="without-policies")
    assert done.returncode == 4
    assert "could not read scaling policies, predictive ones too" in done.stderr
    assert "with an explicit deny" in done.stderr
    assert len(load_fleets(out)) == 5
    assert _decisions(simulated) == ["explicitDeny", "allowed"]


def _decisions(answer: dict[str, Any]) -> list[str]:
    return [item["EvalDecision"] for item in answer["EvaluationResults"]]
