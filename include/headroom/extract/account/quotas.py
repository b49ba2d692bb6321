"""EC2's limits of running on-demand vCPUs beside what the fleets' maxima would need."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from headroom.domain.account import MachineQuota, Place
from headroom.domain.fleet import Fleet
from headroom.extract.account.attempts import Attempts
from headroom.extract.account.machines import SAGEMAKER_PREFIX
from headroom.extract.errors import SourceError, describe_failure

QUOTA_OF_FAMILIES: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "L-DB2E81BA": ("Running On-Demand G and VT instances", frozenset({"g", "gr", "vt"})),
    "L-417A185B": ("Running On-Demand P instances", frozenset({"p"})),
    "L-1945791B": ("Running On-Demand Inf instances", frozenset({"inf"})),
    "L-2C3B7624": ("Running On-Demand Trn instances", frozenset({"trn"})),
    "L-1216C47A": (
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        frozenset({"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"}),
    ),
}
"""Quota codes of EC2 and the letters its instance families begin with (EC2 user guide, On-Demand quotas, 2026-11)."""
_FAMILY = re.compile(r"([a-z]+)\d")


def quota_code(instance_type: str) -> str | None:
    """Return the quota that instances of a type count against; None where it is not in the table.

    >>> quota_code("g5.12xlarge"), quota_code("p4d.24xlarge"), quota_code("inf2.xlarge"), quota_code("u-6tb1.metal")
    ('L-DB2E81BA', 'L-417A185B', 'L-1945791B', None)
    """
    family = _FAMILY.match(instance_type)
    if family is None:
        return None
    return next((code for code, (_, letters) in QUOTA_OF_FAMILIES.items() if family[1] in letters), None)


def read_quotas(attempts: Attempts, place: Place, fleets: Sequence[Fleet]) -> list[MachineQuota]:
    """Return, by quota, the limit and the vCPUs of the place's fleets at their maximum.

    Instances of SageMaker count against quotas of their own, one for each type, and are left out.
    """
    plain = [fleet for fleet in fleets if not fleet.current_type.name.startswith(SAGEMAKER_PREFIX)]
    vcpus = _vcpus(attempts, place, sorted({fleet.current_type.name for fleet in plain}))
    needed: dict[str, int] = defaultdict(int)
    members: dict[str, list[str]] = defaultdict(list)
    for fleet in plain:
        code = quota_code(fleet.current_type.name)
        if code is not None and fleet.current_type.name in vcpus:
            needed[code] += vcpus[fleet.current_type.name] * fleet.bounds.max_instances
            members[code].append(fleet.id)
    return [_quota(attempts, place, code, needed[code], tuple(members[code])) for code in sorted(needed)]


def _quota(attempts: Attempts, place: Place, code: str, needed_vcpus: int, fleet_ids: tuple[str, ...]) -> MachineQuota:
    limit, cause = None, ""
    try:
        answer = attempts.client("service-quotas", place).get_service_quota(ServiceCode="ec2", QuotaCode=code)
        limit = float(answer["Quota"]["Value"])
    except (ClientError, BotoCoreError) as error:
        cause = describe_failure(error)
    except SourceError as error:
        cause = str(error)
    name = QUOTA_OF_FAMILIES[code][0]
    return MachineQuota(name=name, limit_vcpus=limit, needed_vcpus=needed_vcpus, fleet_ids=fleet_ids, cause=cause)


def _vcpus(attempts: Attempts, place: Place, names: Sequence[str]) -> dict[str, int]:
    rows = (
        attempts.rows(
            place,
            "ec2",
            "describe_instance_types",
            "InstanceTypes",
            lost="how many vCPUs the fleets' instances have",
            Filters=[{"Name": "instance-type", "Values": list(names)}],
        )
        if names
        else []
    )
    return {row["InstanceType"]: int(row["VCpuInfo"]["DefaultVCpus"]) for row in rows}
