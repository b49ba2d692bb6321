"""What instances cost in the sandbox's regions: dated on-demand prices, and the level spot prices move around.

EC2: AWS price list for us-east-1 (Linux, shared tenancy) as of 2026-07-20, earlier prices of p4d, p4de and p5 from its
snapshots of 2023-09-18 and 2025-06-23. Spot level: one minus the Spot Instance Advisor's savings of June 2025
(p5.4xlarge was not listed then and takes p5.48xlarge's). SageMaker real-time inference: the multiple of the EC2 price
that AWS's published hosting prices keep to, 1.4 for the `xlarge` of a GPU family and 1.25 for larger ones.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

SAGEMAKER_PREFIX: Final = "ml."

_SINCE: Final = datetime(2023, 9, 18, tzinfo=UTC)
_PRICE_CUT: Final = datetime(2025, 6, 23, tzinfo=UTC)

# (type, USD per hour, spot as a share of it)
_EC2: Final = (
    ("g4dn.xlarge", 0.526, 0.36),
    ("g4dn.2xlarge", 0.752, 0.39),
    ("g4dn.4xlarge", 1.204, 0.32),
    ("g4dn.8xlarge", 2.176, 0.37),
    ("g4dn.12xlarge", 3.912, 0.36),
    ("g4dn.metal", 7.824, 0.49),
    ("g5.xlarge", 1.006, 0.41),
    ("g5.2xlarge", 1.212, 0.42),
    ("g5.4xlarge", 1.624, 0.40),
    ("g5.8xlarge", 2.448, 0.41),
    ("g5.12xlarge", 5.672, 0.42),
    ("g5.16xlarge", 4.096, 0.39),
    ("g5.24xlarge", 8.144, 0.43),
    ("g5.48xlarge", 16.288, 0.29),
    ("g6.xlarge", 0.8048, 0.51),
    ("g6.2xlarge", 0.9776, 0.42),
    ("g6.4xlarge", 1.3232, 0.43),
    ("g6.8xlarge", 2.0144, 0.44),
    ("g6.12xlarge", 4.6016, 0.41),
    ("g6.16xlarge", 3.3968, 0.36),
    ("g6.24xlarge", 6.6752, 0.44),
    ("g6.48xlarge", 13.3504, 0.31),
    ("g6e.xlarge", 1.861, 0.42),
    ("g6e.2xlarge", 2.24208, 0.37),
    ("g6e.4xlarge", 3.00424, 0.38),
    ("g6e.8xlarge", 4.52856, 0.34),
    ("g6e.12xlarge", 10.49264, 0.44),
    ("g6e.16xlarge", 7.57719, 0.34),
    ("g6e.24xlarge", 15.06559, 0.26),
    ("g6e.48xlarge", 30.13118, 0.32),
    ("p4d.24xlarge", 21.957642, 0.33),
    ("p4de.24xlarge", 27.44705, 0.35),
    ("p5.4xlarge", 6.88, 0.48),
    ("p5.48xlarge", 55.04, 0.48),
    ("inf2.xlarge", 0.7582, 0.22),
    ("inf2.8xlarge", 1.96786, 0.30),
    ("inf2.24xlarge", 6.49063, 0.21),
    ("inf2.48xlarge", 12.98127, 0.14),
    ("c7i.xlarge", 0.1785, 0.39),
    ("c7i.2xlarge", 0.357, 0.41),
    ("c7i.4xlarge", 0.714, 0.39),
    ("c7i.8xlarge", 1.428, 0.38),
    ("c7i.12xlarge", 2.142, 0.41),
    ("c7i.16xlarge", 2.856, 0.37),
    ("c7g.xlarge", 0.145, 0.38),
    ("c7g.2xlarge", 0.29, 0.31),
    ("c7g.4xlarge", 0.58, 0.29),
    ("c7g.8xlarge", 1.16, 0.27),
    ("c7g.16xlarge", 2.32, 0.26),
    ("m7i.xlarge", 0.2016, 0.47),
    ("m7i.2xlarge", 0.4032, 0.38),
    ("m7i.4xlarge", 0.8064, 0.48),
    ("m7i.8xlarge", 1.6128, 0.47),
    ("m7i.16xlarge", 3.2256, 0.40),
)
_BEFORE_THE_CUT: Final = {"p4d.24xlarge": 32.7726, "p4de.24xlarge": 40.96575, "p5.48xlarge": 98.32}
_SAGEMAKER_FAMILIES: Final = ("g4dn", "g5", "g6", "g6e", "p4d", "p4de", "p5", "inf2")
_SAGEMAKER_MULTIPLE: Final = 1.25
_SAGEMAKER_MULTIPLE_OF_XLARGE: Final = 1.4
_PRICE_DIGITS: Final = 10

REGION_NAMES: Final = {
    "us-east-1": "US East (N. Virginia)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
}
"""The regions a scenario may have, as bills and the price list spell them (2026-11)."""
USAGE_PREFIXES: Final = {"us-east-1": "", "us-west-2": "USW2-", "eu-west-1": "EU-", "eu-central-1": "EUC1-"}
"""Of usage types in bills and price list."""
_REGION_MULTIPLES: Final = {"us-east-1": 1.0, "us-west-2": 1.0, "eu-west-1": 1.1163, "eu-central-1": 1.2505}
"""Of us-east-1's price, by the g5.xlarge's on-demand prices: 1.006, 1.006, 1.123 and 1.258 USD (AWS, 2025)."""

SAVINGS_PLAN_FRACTION: Final = 0.72
"""An hour under the sandbox's one-year Compute Savings Plan, as a share of on-demand: its owner's contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedPrice:
    """An on-demand price from `effective_from_utc` until the type's next one."""

    instance_type: str
    service: str
    usd_per_hour: float
    effective_from_utc: datetime


def _dated_prices() -> tuple[DatedPrice, ...]:
    prices = []
    for name, usd_per_hour, _ in _EC2:
        variants = [("ec2", name, 1.0)]
        family, size = name.split(".")
        if family in _SAGEMAKER_FAMILIES and size != "metal":
            multiple = _SAGEMAKER_MULTIPLE_OF_XLARGE if size == "xlarge" else _SAGEMAKER_MULTIPLE
            variants.append(("sagemaker", SAGEMAKER_PREFIX + name, multiple))
        for service, full_name, multiple in variants:
            steps = [(usd_per_hour, _SINCE)]
            if name in _BEFORE_THE_CUT:
                steps = [(_BEFORE_THE_CUT[name], _SINCE), (usd_per_hour, _PRICE_CUT)]
            prices += [
                DatedPrice(
                    instance_type=full_name,
                    service=service,
                    usd_per_hour=round(usd * multiple, _PRICE_DIGITS),
                    effective_from_utc=since,
                )
                for usd, since in steps
            ]
    return tuple(prices)


DATED_PRICES: Final = _dated_prices()
SPOT_FRACTIONS: Final = {name: fraction for name, _, fraction in _EC2}
"""Spot level by EC2 type, as a share of its on-demand price; SageMaker endpoints have no spot."""


def usd_in_region(usd_per_hour: float, region: str) -> float:
    """Return what us-east-1's price comes to in a region of the sandbox; KeyError for another one."""
    return round(usd_per_hour * _REGION_MULTIPLES[region], _PRICE_DIGITS)


def on_demand_price_at(instance_type: str, moment_utc: datetime) -> DatedPrice:
    """Return the price in force at `moment_utc`; KeyError for a type without one then."""
    in_force = [
        price
        for price in DATED_PRICES
        if price.instance_type == instance_type and price.effective_from_utc <= moment_utc
    ]
    if not in_force:
        raise KeyError(instance_type)
    return max(in_force, key=lambda price: price.effective_from_utc)
