from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.unit.onboarding.small_account import NOW

from headroom.config.sources import BillingExport
from headroom.domain.account import FoundExport
from headroom.onboarding.bill_findings import (
    Delivery,
    definition_findings,
    delivery_findings,
    unconfigured_finding,
    unreadable_finding,
)
from headroom.onboarding.findings import Level

EXPORT = BillingExport(format="focus", bucket="my-bills", prefix="exports", export_name="headroom")
DEFINED = FoundExport(
    name="headroom",
    bucket="my-bills",
    prefix="exports",
    region="us-east-1",
    table="focus",
    is_parquet=True,
    is_hourly=True,
    has_resource_ids=True,
)
DELIVERED = Delivery(
    periods=(date(2026, 10, 1), date(2026, 11, 1)), newest_at_utc=NOW - timedelta(hours=8), is_parquet=True
)


def test_without_an_export_one_of_the_accounts_own_is_offered() -> None:
    found = unconfigured_finding([replace(DEFINED, name="csv", is_parquet=False), DEFINED])
    assert found.level is Level.WARNING
    assert found.remedy == "name headroom under billing: format focus, bucket my-bills, prefix 'exports'"


def test_without_any_export_the_remedy_is_to_make_one() -> None:
    assert unconfigured_finding([]).remedy.startswith("make a FOCUS export in Parquet, hourly, with resource ids")


@pytest.mark.parametrize(
    ("change", "level", "says"),
    [
        ({"is_parquet": False}, Level.PROBLEM, "CSV"),
        ({"is_hourly": False}, Level.PROBLEM, "not hourly"),
        ({"has_resource_ids": False}, Level.WARNING, "no resource ids"),
        ({"table": "cur2"}, Level.PROBLEM, "is a cur2 export"),
        ({"is_hourly": None}, Level.UNKNOWN, "does not say whether it is hourly"),
        (
            {"is_hourly": None, "has_resource_ids": None},
            Level.UNKNOWN,
            "does not say whether it is hourly and has resource ids",
        ),
        ({}, Level.OK, "Parquet, hourly, with resource ids"),
    ],
)
def test_a_definition_says_what_it_lacks(change: dict[str, object], level: Level, says: str) -> None:
    (found,) = definition_findings(EXPORT, [replace(DEFINED, **change)], unread_cause=None)
    assert found.level is level
    assert says in found.message


def test_an_export_of_another_account_is_said_to_be_unseen_from_here() -> None:
    (found,) = definition_findings(EXPORT, [replace(DEFINED, name="other")], unread_cause=None)
    assert found.level is Level.WARNING
    assert "not among this account's exports" in found.message


def test_where_definitions_cannot_be_read_that_is_unknown() -> None:
    (found,) = definition_findings(EXPORT, [], unread_cause="AccessDenied")
    assert found.level is Level.UNKNOWN
    assert found.message.endswith(": AccessDenied")


def test_an_export_that_delivered_this_morning_is_in_order() -> None:
    (found,) = delivery_findings(EXPORT, DELIVERED, now_utc=NOW)
    assert found.level is Level.OK
    assert found.message == "has delivered 2 billing periods up to 2026-11, last at 2026-11-17T22:05Z"


def test_two_days_of_silence_are_warned_of() -> None:
    late = replace(DELIVERED, newest_at_utc=NOW - timedelta(days=3))
    (found,) = delivery_findings(EXPORT, late, now_utc=NOW)
    assert found.level is Level.WARNING
    assert found.message.endswith("3 days ago")


def test_files_that_are_no_parquet_are_a_problem_whatever_the_definition_says() -> None:
    (found,) = delivery_findings(EXPORT, replace(DELIVERED, is_parquet=False), now_utc=NOW)
    assert (found.level, "no Parquet" in found.message) == (Level.PROBLEM, True)


def test_an_export_that_delivered_nothing_names_where_it_was_looked_for() -> None:
    nothing = Delivery(periods=(), newest_at_utc=None, is_parquet=True)
    (found,) = delivery_findings(EXPORT, nothing, now_utc=NOW)
    assert found.level is Level.WARNING
    assert "s3://my-bills/exports/headroom/" in found.message


def test_an_export_that_cannot_be_read_names_bucket_and_permissions() -> None:
    found = unreadable_finding(EXPORT, "NoSuchBucket")
    assert found.level is Level.PROBLEM
    assert "s3:GetObject on my-bills" in found.remedy
