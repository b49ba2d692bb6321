"""sources.yaml: where bills come from and how accounts are entered, and what each kind of mistake is told."""

from pathlib import Path

import pytest

from headroom.config import BillingExport, ConfigError, Sources, load_sources
from headroom.config.settings import PACKAGE_ROOT

GOOD = """\
billing:
  - {format: focus, bucket: my-bills, prefix: exports/focus, export_name: headroom}
  - {format: cur2, bucket: my-bills, export_name: headroom, region: eu-west-1, account: "210987654321"}
aws:
  role_arn: arn:aws:iam::{account}:role/headroom-read
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sources.yaml"


def error_of(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_sources(file)
    return str(caught.value).replace(str(file), "FILE")


def test_exports_and_role_are_read(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    sources = load_sources(file)
    focus, cur = sources.billing
    assert focus == BillingExport(format="focus", bucket="my-bills", prefix="exports/focus", export_name="headroom")
    assert focus.root == "exports/focus/headroom/"
    assert (cur.root, cur.region, cur.account) == ("headroom/", "eu-west-1", "210987654321")
    assert sources.aws.role_arn == "arn:aws:iam::{account}:role/headroom-read"


def test_the_shipped_file_names_no_source() -> None:
    assert load_sources(PACKAGE_ROOT / "defaults" / "sources.yaml") == Sources()


def test_what_writes_may_have_a_role_of_its_own(file: Path) -> None:
    push = "arn:aws:iam::{account}:role/headroom-push"
    file.write_text(f"{GOOD}  push_role_arn: {push}\n", encoding="utf-8")
    assert load_sources(file).aws.push_role_arn == push
    wrong = error_of(file, f"{GOOD}  push_role_arn: headroom-push\n")
    assert wrong.startswith("FILE:6: aws: push_role_arn must look like arn:aws:iam::{account}:role/NAME")


def test_a_role_alone_is_enough(file: Path) -> None:
    file.write_text('aws: {role_arn: "arn:aws:iam::123456789012:role/path/read"}\n', encoding="utf-8")
    assert load_sources(file).aws.role_arn == "arn:aws:iam::123456789012:role/path/read"


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        ("format: cur2", "format: cur", "FILE:3: billing[1].format: Input should be 'cur2' or 'focus', found 'cur'"),
        ("prefix: exports", "prefxi: exports", "FILE:2: billing[0].prefxi: unknown key; did you mean 'prefix'?"),
        (
            "bucket: my-bills, prefix",
            "bucket: s3://b, prefix",
            "FILE:2: billing[0]: bucket must be an S3 bucket's name",
        ),
        (
            "headroom, region",
            "a/b, region",
            "FILE:3: billing[1]: export_name must be the export's name without a slash",
        ),
        ('"210987654321"', "210987654321", "FILE:3: billing[1].account: Input should be a valid string"),
        (
            "arn:aws:iam::{account}",
            "arn:aws:iam::{acount}",
            "FILE:5: aws: role_arn must look like arn:aws:iam::{account}",
        ),
        ("billing:", "biling:", "FILE:1: biling: unknown key; did you mean 'billing'?; known are billing, aws"),
        ("prefix: exports/focus, ", "", "ok"),
    ],
)
def test_a_fault_names_line_and_key(file: Path, good: str, bad: str, expected: str) -> None:
    assert GOOD.count(good) == 1
    text = GOOD.replace(good, bad)
    if expected == "ok":  # the same export name in both entries, now at the same place: that is the fault
        assert error_of(file, text) == "FILE:3: billing[1]: export s3://my-bills/headroom/ is given twice"
    else:
        assert error_of(file, text).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "FILE:1: document: expected the keys billing and aws, or one of them"),
        ("billing: {}\n", "FILE:1: billing: expected a list of billing exports, found dict"),
        ("billing:\n  - b\n", "FILE:2: billing[0]: expected a billing export with its keys, found 'b'"),
    ],
)
def test_a_document_of_the_wrong_form_is_refused(file: Path, text: str, expected: str) -> None:
    assert error_of(file, text).startswith(expected)


def test_rates_of_calls_are_changed_service_by_service(file: Path) -> None:
    file.write_text("aws: {calls_per_second: {autoscaling: 10}}\n", encoding="utf-8")
    rates = {"autoscaling": 10.0, "application-autoscaling": 30.0, "ecs": 5.0, "sagemaker": 10.0}
    assert load_sources(file).aws.call_rates == rates


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "{ec: 3}",
            "FILE:1: aws: calls_per_second: unknown service 'ec'; did you mean 'ecs'?; known are autoscaling, ",
        ),
        ("{ecs: 1.0e+300}", "FILE:1: aws: calls_per_second: ecs must be at most 1,000, found 1e+300"),
        (
            "{ecs: 010}",
            "FILE:1: aws.calls_per_second.ecs: found 010, which YAML reads as 8: write the number",
        ),
        ("{ecs: 0.5}", "FILE:1: aws: calls_per_second: ecs must be at least 1, found 0.5"),
    ],
)
def test_a_rate_of_nothing_or_too_low_is_refused(file: Path, given: str, expected: str) -> None:
    assert error_of(file, f"aws: {{calls_per_second: {given}}}\n").startswith(expected)
