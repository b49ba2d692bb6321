"""fleets.yaml: what is read, and what each kind of mistake is told."""

import os
from pathlib import Path

import pytest

from headroom.config import ConfigError, load_fleets
from headroom.config.settings import PACKAGE_ROOT
from headroom.domain.fleet import Mode, TargetKind
from headroom.domain.serving import Slots

ENTRY = """\
id: chat-large
account: "123456789012"
region: us-east-1
target: {kind: ec2_auto_scaling_group, name: chat-large}
mode: recommend
demand:
  unit: requests
  source: cloudwatch
  metric: {namespace: Headroom/Sandbox, name: Requests, dimensions: {Fleet: chat-large}}
objective: {latency_seconds: 2.0, percentile: 95, availability_fraction: 0.999}
serving: {model: slots, service_seconds: 0.4, service_cv2: 1.0, slots: 4}
instance_types:
  - {name: g5.12xlarge, sustainable_rate_per_second: 9.0, on_demand_usd_per_hour: 5.672, spot_usd_per_hour: 2.3}
lead_time_seconds: 300
bounds: {min_instances: 2, max_instances: 60}
shortage_cost_ratio: 9
workload: {model_parameters_billion: 70, bytes_per_parameter: 2, batch_size: 8, context_tokens: 4096}
spot: {max_fraction: 0.6, risk_budget_fraction: 0.01}
billing: {tags: {fleet: chat-large}}
"""


def listed(*entries: str) -> str:
    def as_item(entry: str) -> str:
        first, *others = entry.rstrip("\n").split("\n")
        return "\n".join([f"  - {first}", *(f"    {line}" for line in others)])

    return "fleets:\n" + "\n".join(as_item(entry) for entry in entries) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "fleets.yaml"


def error_of(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_fleets(file)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(file), "FILE")


def test_a_file_of_one_entry_is_one_fleet(file: Path) -> None:
    file.write_text(ENTRY, encoding="utf-8")
    (fleet,) = load_fleets(file)
    assert fleet.id == "chat-large"
    assert fleet.mode is Mode.RECOMMEND
    assert fleet.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP
    assert fleet.serving == Slots(service_seconds=0.4, slots=4)
    assert fleet.current_type.name == "g5.12xlarge"
    assert fleet.critical_ratio == pytest.approx(0.9)  # 9 / (9 + 1)


def test_a_list_keeps_its_order(file: Path) -> None:
    other = ENTRY.replace("chat-large", "another")
    file.write_text(listed(ENTRY, other), encoding="utf-8")
    assert [fleet.id for fleet in load_fleets(file)] == ["chat-large", "another"]


def test_the_shipped_file_names_no_fleet() -> None:
    assert load_fleets(PACKAGE_ROOT / "defaults" / "fleets.yaml") == ()


def test_a_list_with_nothing_under_it_is_empty(file: Path) -> None:
    file.write_text("fleets:\n", encoding="utf-8")
    assert load_fleets(file) == ()


def test_a_metric_without_statistic_gets_the_one_its_name_says(file: Path) -> None:
    metrics = """\
metrics:
  latency_p95_seconds: {namespace: N, name: Latency}
  latency_p99_seconds: {namespace: N, name: Latency, statistic: Maximum}
  cpu_utilization_percent: {namespace: N, name: CPU}
"""
    file.write_text(ENTRY + metrics, encoding="utf-8")
    (fleet,) = load_fleets(file)
    assert fleet.demand.metric.statistic == "Sum"
    assert {name: reference.statistic for name, reference in fleet.metrics.items()} == {
        "latency_p95_seconds": "p95",
        "latency_p99_seconds": "Maximum",
        "cpu_utilization_percent": "Average",
    }


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"fleets\.yaml: cannot be read \(No such file or directory\)"):
        load_fleets(file)


def test_a_pipe_is_no_file(file: Path) -> None:
    os.mkfifo(file)  # reading it would wait for ever
    with pytest.raises(ConfigError, match=r"fleets\.yaml: expected a YAML file, found no regular file"):
        load_fleets(file)


def test_a_file_that_is_no_text_is_named(file: Path) -> None:
    file.write_bytes(b"id: \xff")
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 4\)"):
        load_fleets(file)


# Each case: what to replace in the good entry, by what, and what the whole message must be (FILE:line: key: reason).
ENTRY_FAULTS = [
    ("mode: recommend", "mdoe: recommend", "FILE:5: mdoe: unknown key; did you mean 'mode'?; known are account, "),
    ("percentile: 95", "percentle: 95", "FILE:10: objective.percentle: unknown key; did you mean 'percentile'?"),
    ("slots: 4", "slts: 4", "FILE:11: serving.slts: unknown key; did you mean 'slots'?; known are model, service_"),
    ("name: g5.12", "nmae: g5.12", "FILE:13: instance_types[0].nmae: unknown key; did you mean 'name'?"),
    ("name: Requests", "nam: Requests", "FILE:9: demand.metric.nam: unknown key; did you mean 'name'?"),
    ("lead_time_seconds: 300\n", "", "FILE:1: lead_time_seconds: is missing"),
    (", max_instances: 60", "", "FILE:15: bounds.max_instances: is missing"),
    ("seconds: 300", "seconds: soon", "FILE:14: lead_time_seconds: Input should be a valid number"),
    ("seconds: 300", "seconds: yes", "FILE:14: lead_time_seconds: found the yes/no value True; YAML reads yes, no"),
    ("seconds: 300", "seconds: .inf", "FILE:14: lead_time_seconds: expected a finite number, found inf"),
    ("seconds: 300", "seconds: -1", "FILE:14: document: lead_time_seconds must be at least 0, found -1.0"),
    ("min_instances: 2", "min_instances: 2.5", "FILE:15: bounds.min_instances: Input should be a valid integer"),
    (
        "instances: 60}",
        "instances: 60}\nstep_limits: {max_raise_instances: 0}",
        "FILE:16: step_limits: max_raise_instances must be at least 1, found 0",
    ),
    ("instances: 60}", "instances: 60}\nstep_limits: {max_raise: 5}", "FILE:16: step_limits.max_raise"),
    ("max_instances: 60", "max_instances: 1", "FILE:15: bounds: max_instances must be at least 1 and at least min"),
    ('"123456789012"', "123456789012", "FILE:2: account: Input should be a valid string, found 123456789012"),
    ("region: us-east-1", "region: [us-east-1]", "FILE:3: region: Input should be a valid string"),
    ("mode: recommend", "mode: automatic", "FILE:5: mode: Input should be 'observe', 'recommend', 'approve' or 'auto'"),
    ("kind: ec2_auto_scaling_group", "kind: asg", "FILE:4: target.kind: Input should be 'ec2_auto_scaling_group'"),
    ("kind: ec2_auto_scaling_group", "kind: ecs_service", "FILE:4: target: expected cluster/service or endpoint/var"),
    ("{kind: ec2_auto_scaling_group, name: chat-large}", "chat", "FILE:4: target: expected keys and values, found 'c"),
    ("model: slots, ", "", "FILE:11: serving.model: is missing"),
    ("model: slots", "model: batch", "FILE:11: serving.model: expected 'slots', 'continuous_batching', found 'batch'"),
    ("slots: 4", "slots: four", "FILE:11: serving.slots: Input should be a valid integer"),
    ("slots: 4", "slots: 0", "FILE:11: serving: slots must be at least 1, found 0"),
    ("latency_seconds: 2.0", "ttft_seconds: 1.0", "FILE:10: objective: expected latency_seconds, or both ttft_seco"),
    ("id: chat-large", "id: Chat_Large", "FILE:1: document: id must be lower-case letters, digits and inner hyphens"),
    ("tags: {fleet: chat-large}", "tags: chat-large", "FILE:19: billing.tags: expected keys and values, found 'chat"),
    ("seconds: 300", "seconds: 1e300", "FILE:14: document: lead_time_seconds must be at most 604,800, found 1e+300"),
    ("max_instances: 60", "max_instances: 6000000", "FILE:15: bounds: max_instances must be at most 100,000, found 6"),
    ("ratio: 9", "ratio: 1e300", "FILE:16: document: shortage_cost_ratio must be at most 1,000,000, found 1e+300"),
    ("ratio: 9", "ratio: 0", "FILE:16: document: shortage_cost_ratio must be above 0, found 0.0"),
    ("batch_size: 8", "batch_size: 0", "FILE:17: workload: batch_size must be at least 1, found 0"),
    ("context_tokens: 4096", "context_tokens: -5", "FILE:17: workload: context_tokens must be at least 1, found -5"),
    ("parameter: 2", "parameter: -1", "FILE:17: workload: bytes_per_parameter must be above 0, found -1.0"),
    ("billion: 70", "billion: 1e300", "FILE:17: workload: model_parameters_billion must be at most 1,000,000, found 1"),
    ("slots: 4", "slots: 1000000000000000000000", "FILE:11: serving: slots must be at most 100,000, found 1e+21"),
    ("percentile: 95", "percentile: 0.95", "FILE:10: objective: percentile must be given as in 95 or 99.5, found 0.95"),
    ("latency_seconds: 2.0", "latency_seconds: 1e-9", "FILE:10: objective: latency_seconds must be at least 1e-06, fo"),
    ("unit: requests", "unit: queries", "FILE:7: demand.unit: Input should be 'requests', 'input_tokens' or 'output"),
]


@pytest.mark.parametrize(("good", "bad", "expected"), ENTRY_FAULTS)
def test_a_fault_in_an_entry_names_line_and_key(file: Path, good: str, bad: str, expected: str) -> None:
    assert ENTRY.count(good) == 1
    assert error_of(file, ENTRY.replace(good, bad)).startswith(expected)


def test_an_unknown_key_inside_a_named_metric_lists_the_keys_it_takes(file: Path) -> None:
    text = ENTRY + "metrics:\n  latency_p95_seconds: {namespace: N, name: L, statistc: p95}\n"
    assert error_of(file, text) == (
        "FILE:21: metrics.latency_p95_seconds.statistc: unknown key; did you mean 'statistic'?; "
        "known are dimensions, divide_by, name, namespace, statistic"
    )


def test_an_unknown_metric_gets_a_suggestion(file: Path) -> None:
    text = ENTRY + "metrics:\n  latency_p95_second: {namespace: N, name: L}\n"
    message = error_of(file, text)
    assert message.startswith(
        "FILE:21: metrics.latency_p95_second: unknown metric; did you mean 'latency_p95_seconds'?"
    )


def test_demand_is_no_metric_of_the_others(file: Path) -> None:
    text = ENTRY + "metrics:\n  demand_count: {namespace: N, name: L}\n"
    assert error_of(file, text).startswith("FILE:21: metrics.demand_count: unknown metric")


def test_a_fleet_id_given_twice_names_the_second(file: Path) -> None:
    # "fleets:" is line 1, an entry has 19 lines, so the second starts at line 21.
    assert error_of(file, listed(ENTRY, ENTRY)) == "FILE:21: fleets[1].id: fleet id 'chat-large' is given twice"


def test_a_target_of_two_fleets_names_the_first(file: Path) -> None:
    message = error_of(file, listed(ENTRY, ENTRY.replace("id: chat-large", "id: other")))
    assert message == (
        "FILE:24: fleets[1].target: fleet 'chat-large' already scales this target; one target belongs to one fleet"
    )


def test_a_key_given_twice_is_a_fault_yaml_itself_lets_pass(file: Path) -> None:
    assert error_of(file, ENTRY + "region: eu-west-1\n") == "FILE:20: region: key given twice"


def test_a_fault_in_the_second_entry_names_its_position(file: Path) -> None:
    second = ENTRY.replace("chat-large", "other").replace("percentile: 95", "percentile: 950")
    message = error_of(file, listed(ENTRY, second))
    assert message.startswith("FILE:30: fleets[1].objective: percentile must lie between 0 and 100, found 950")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "FILE:1: document: expected 'fleets:' with a list of entries"),
        ("- id: a\n", "FILE:1: document: expected 'fleets:' with a list of entries"),
        ("fleets: chat\n", "FILE:1: fleets: expected a list of fleets, found str"),
        ("fleets:\n  - chat\n", "FILE:2: fleets[0]: expected a fleet with its keys, found 'chat'"),
        (
            "fleets: []\nfleet: []\n",
            "FILE:2: fleet: unknown key; expected only 'fleets' and 'guardrails' beside the list of",
        ),
        (
            "fleets: []\n1: 2\nx: 3\n",
            "FILE:2: 1: unknown key; expected only 'fleets' and 'guardrails' beside the list of",
        ),
        ("fleets: [\n", "FILE:2: not valid YAML: "),
        ("fleets:\n\t- id: a\n", "FILE:2: not valid YAML: found character "),
        ("fleets: \x07\n", "FILE:1: not valid YAML: unacceptable character"),
        ("fleets: []\n---\nfleets: []\n", "FILE:2: not valid YAML: but found another document"),
        ("fleets: &all [*all]\n", "FILE:1: an alias (*) stands inside the value it names"),
        ("fleets: !!python/object:os.system []\n", "FILE:1: not valid YAML: could not determine a constructor"),
    ],
)
def test_a_document_of_the_wrong_form_is_refused(file: Path, text: str, expected: str) -> None:
    assert error_of(file, text).startswith(expected)


def test_an_anchor_may_be_used_by_several_entries(file: Path) -> None:
    text = listed(ENTRY.replace("{kind: ec2", "&t {kind: ec2"), ENTRY.replace("id: chat-large", "id: other"))
    text = text.replace(
        "&t {kind: ec2_auto_scaling_group, name: chat-large}", "{kind: ec2_auto_scaling_group, name: a}"
    )
    text = text.replace("objective: {", "objective: &promise {", 1)
    second = text.rindex("objective: {")
    text = text[:second] + "objective: *promise\n" + text[text.index("\n", second) + 1 :]
    file.write_text(text, encoding="utf-8")
    first, other = load_fleets(file)
    assert first.objective == other.objective


@pytest.mark.parametrize("value", ["2026-13-45", "!!int abc", "[" * 3000])
def test_a_value_that_yaml_itself_cannot_read_names_the_file(value: str, tmp_path: Path) -> None:
    file = tmp_path / "fleets.yaml"
    file.write_text(f"fleets:\n  - id: {value}\n")
    with pytest.raises(ConfigError, match=r"fleets\.yaml:\d+: "):
        load_fleets(file)


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        ("region: us-east-1", "region: ../evil", "region must be an AWS region such as us-east-1, found '../evil'"),
        ("region: us-east-1", 'region: ""', "region must be an AWS region such as us-east-1, found ''"),
        ('account: "123456789012"', 'account: "1234"', "account must be an AWS account's 12 digits, found '1234'"),
        ("mode: recommend", "country: Germany", "country must be an ISO 3166 code of two capital letters"),
        (
            "name: Requests",
            "name: Requests, statistic: Median",
            "statistic must be Average, Sum, Minimum, Maximum, SampleCount or",
        ),
        ("name: g5.12xlarge", 'name: ""', "name must be an instance type, found ''"),
    ],
)
def test_values_that_aws_would_not_know_are_refused_here(file: Path, good: str, bad: str, expected: str) -> None:
    assert good in ENTRY
    assert expected in error_of(file, ENTRY.replace(good, bad))


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-isof-south-1", "eusc-de-east-1"])
def test_regions_of_every_partition_are_known(file: Path, region: str) -> None:
    file.write_text(ENTRY.replace("us-east-1", region), encoding="utf-8")
    (fleet,) = load_fleets(file)
    assert fleet.region == region


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    file = tmp_path / "fleets.yaml"
    levels = [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, 9)]
    file.write_text("\n".join(["l0: &l0 [x]", *levels, "fleets: *l8"]) + "\n")
    with pytest.raises(ConfigError, match=r"fleets\.yaml:\d+: more than 200,000 values"):
        load_fleets(file)


def test_a_value_that_cannot_be_read_names_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "fleets.yaml"
    file.write_text("fleets:\n  - id: a\n    since: 2026-13-45\n")
    with pytest.raises(ConfigError, match=r"fleets\.yaml:3: holds a value that cannot be read: month must be"):
        load_fleets(file)


def test_a_file_read_before_is_parsed_again_only_when_its_content_has_changed(file: Path) -> None:
    file.write_text(listed(ENTRY))
    first = load_fleets(file)
    assert load_fleets(file) is first
    file.write_text(listed(ENTRY.replace("mode: recommend", "mode: observed")))  # as long, and within the same moment
    with pytest.raises(ConfigError, match="observed"):
        load_fleets(file)
    file.write_text(listed(ENTRY.replace("mode: recommend", "mode: observe")))
    assert [fleet.mode for fleet in load_fleets(file)] == [Mode.OBSERVE]
