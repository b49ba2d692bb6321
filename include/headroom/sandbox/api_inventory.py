"""What an account has beside its capacity, told from the scenario: load balancers, launches, exports, quotas.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_DataExports_GetExport.html
https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

import uuid
from collections.abc import Mapping
from typing import Any

from headroom.config.sources import BillingExport
from headroom.domain.account import Place
from headroom.domain.fleet import Fleet
from headroom.sandbox.api_paging import page_of
from headroom.sandbox.api_protocol import AwsCall, AwsError
from headroom.sandbox.world_interface import SandboxFleet, SandboxWorld

TARGET_GROUP_PAGE = 400
ACTIVITY_PAGE = 100
EXPORT_PAGE = 100
EXPORTS_REGION = "us-east-1"
QUOTAS = {
    "L-DB2E81BA": ("Running On-Demand G and VT instances", 4096.0),
    "L-417A185B": ("Running On-Demand P instances", 384.0),
    "L-1945791B": ("Running On-Demand Inf instances", 256.0),
    "L-2C3B7624": ("Running On-Demand Trn instances", 256.0),
    "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 1920.0),
}
"""Quota codes of EC2 (Service Quotas, 2026-11) and what the sandbox's accounts may run, in vCPUs."""


_STATEMENTS = {
    "FOCUS_1_2_AWS": "SELECT * FROM FOCUS_1_2_AWS",
    "COST_AND_USAGE_REPORT": "SELECT * FROM COST_AND_USAGE_REPORT",
}


def target_group_arn(fleet: Fleet, *, account: str) -> str | None:
    """Return the ARN of the target group in front of a fleet, None where its demand comes from elsewhere."""
    dimensions = fleet.demand.metric.dimensions
    if "TargetGroup" not in dimensions:
        return None
    return f"arn:aws:elasticloadbalancing:{fleet.region}:{account}:{dimensions['TargetGroup']}"


class Inventory:
    """The operations; the caller holds the sandbox's lock."""

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def describe_target_groups(self, call: AwsCall) -> Mapping[str, Any]:
        """DescribeTargetGroups: those of the fleets' demand, each behind its Application Load Balancer."""
        rows = [row for fleet in self._fleets(call.place) if (row := self._target_group(fleet)) is not None]
        names = set(call.parameters.get("Names", []))
        arns = set(call.parameters.get("TargetGroupArns", []))
        page, marker = page_of(
            [
                row
                for row in rows
                if (not names or row["TargetGroupName"] in names) and (not arns or row["TargetGroupArn"] in arns)
            ],
            token=call.parameters.get("Marker"),
            size=call.parameters.get("PageSize"),
            default_size=TARGET_GROUP_PAGE,
            max_size=TARGET_GROUP_PAGE,
        )
        return {"TargetGroups": page, "NextMarker": marker}

    def describe_scaling_activities(self, call: AwsCall) -> Mapping[str, Any]:
        """DescribeScalingActivities: the launches of a fleet's instances, newest first."""
        name = call.parameters.get("AutoScalingGroupName")
        rows = [
            self._activity(group, launch)
            for group in self._world.fleets
            if group.place == call.place and name in (None, group.target_name)
            for launch in self._world.launches(group.id)
        ]
        rows.sort(key=lambda row: (row["StartTime"], row["ActivityId"]), reverse=True)
        page, token = page_of(
            rows,
            token=call.parameters.get("NextToken"),
            size=call.parameters.get("MaxRecords"),
            default_size=ACTIVITY_PAGE,
            max_size=ACTIVITY_PAGE,
        )
        return {"Activities": page, "NextToken": token}

    def list_exports(self, call: AwsCall) -> Mapping[str, Any]:
        """ListExports."""
        page, token = page_of(
            [self._export_reference(export) for export in self._exports(call)],
            token=call.parameters.get("NextToken"),
            size=call.parameters.get("MaxResults"),
            default_size=EXPORT_PAGE,
            max_size=EXPORT_PAGE,
            size_error="ValidationException",
        )
        return {"Exports": page, "NextToken": token}

    def get_export(self, call: AwsCall) -> Mapping[str, Any]:
        """GetExport, by ARN."""
        arn = str(call.parameters.get("ExportArn", ""))
        for export in self._exports(call):
            if self._export_arn(export) == arn:
                return {"Export": _export(export, arn), "ExportStatus": self._status()}
        raise AwsError("ResourceNotFoundException", f"The export {arn} was not found")

    def get_service_quota(self, call: AwsCall) -> Mapping[str, Any]:
        """GetServiceQuota of EC2's vCPU limits."""
        service, code = call.parameters.get("ServiceCode"), str(call.parameters.get("QuotaCode", ""))
        if service != "ec2" or code not in QUOTAS:
            raise AwsError("NoSuchResourceException", f"The request failed because quota {code} does not exist")
        name, usual = QUOTAS[code]
        value = self._world.scenario.quotas.get(code, usual)
        return {"Quota": {"ServiceCode": "ec2", "QuotaCode": code, "QuotaName": name, "Value": value, "Unit": "None"}}

    def _fleets(self, place: Place) -> list[Fleet]:
        here = {fleet.id for fleet in self._world.fleets if fleet.place == place}
        return [fleet for fleet in self._world.scenario.fleets if fleet.id in here]

    def _target_group(self, fleet: Fleet) -> dict[str, Any] | None:
        account = fleet.account or self._world.scenario.account
        arn = target_group_arn(fleet, account=account)
        if arn is None:
            return None
        balancer = fleet.demand.metric.dimensions["LoadBalancer"]
        return {
            "TargetGroupArn": arn,
            "TargetGroupName": arn.split("/")[-2],
            "Protocol": "HTTP",
            "Port": 8080,
            "LoadBalancerArns": [f"arn:aws:elasticloadbalancing:{fleet.region}:{account}:loadbalancer/{balancer}"],
            "TargetType": "instance",
        }

    @staticmethod
    def _activity(group: SandboxFleet, launch: tuple[str, Any, Any]) -> dict[str, Any]:
        instance_id, launched, in_service = launch
        return {
            "ActivityId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{group.id}/{instance_id}")),
            "AutoScalingGroupName": group.target_name,
            "Description": f"Launching a new EC2 instance: {instance_id}",
            "Cause": "an instance was started in response to a difference between desired and actual capacity",
            "StartTime": launched,
            "EndTime": in_service,
            "StatusCode": "Successful",
            "Progress": 100,
        }

    def _exports(self, call: AwsCall) -> tuple[BillingExport, ...]:
        if call.region != EXPORTS_REGION:
            raise AwsError("ValidationException", f"Data Exports answers in {EXPORTS_REGION} alone")
        scenario = self._world.scenario
        return scenario.exports if call.account == scenario.account else ()

    def _export_arn(self, export: BillingExport) -> str:
        account = self._world.scenario.account
        number = uuid.uuid5(uuid.NAMESPACE_URL, f"{account}/{export.root}")
        return f"arn:aws:bcm-data-exports:{EXPORTS_REGION}:{account}:export/{export.export_name}-{number}"

    def _export_reference(self, export: BillingExport) -> dict[str, Any]:
        return {
            "ExportArn": self._export_arn(export),
            "ExportName": export.export_name,
            "ExportStatus": self._status(),
        }

    def _status(self) -> dict[str, Any]:
        return {"StatusCode": "HEALTHY", "LastRefreshedAt": self._world.now_utc}


def _export(export: BillingExport, arn: str) -> dict[str, Any]:
    table = "FOCUS_1_2_AWS" if export.format == "focus" else "COST_AND_USAGE_REPORT"
    settings = {} if export.format == "focus" else {"TIME_GRANULARITY": "HOURLY", "INCLUDE_RESOURCES": "TRUE"}
    return {
        "ExportArn": arn,
        "Name": export.export_name,
        "DataQuery": {"QueryStatement": _STATEMENTS[table], "TableConfigurations": {table: settings}},
        "DestinationConfigurations": {
            "S3Destination": {
                "S3Bucket": export.bucket,
                "S3Prefix": export.prefix,
                "S3Region": export.region,
                "S3OutputConfigurations": {
                    "OutputType": "CUSTOM",
                    "Format": "PARQUET",
                    "Compression": "PARQUET",
                    "Overwrite": "OVERWRITE_REPORT",
                },
            }
        },
        "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
    }
