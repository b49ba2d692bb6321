"""sources.yaml -> where bills are delivered and which roles enter accounts; errors name file, line and key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from headroom.config.located_models import build_model, suggestion
from headroom.config.located_yaml import read_located_yaml
from headroom.domain.fleet import ACCOUNT_PATTERN, REGION_PATTERN
from headroom.domain.strict_keys import FORBID_UNKNOWN_KEYS

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(?:\d{12}|\{account\}):role/[\w+=,.@/-]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_EXPORT_NAME = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x1f\x7f]{1,128}")
_NO_PREFIX = re.compile(r"(?:^|/)\.{1,2}(?:/|$)|[\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingExport:
    """One AWS Data Export: where its Parquet files and manifests are delivered, and in which of the two tables.

    `prefix` is the S3 prefix exactly as the export has it; `account` owns the bucket where that is not our own account.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    format: Literal["cur2", "focus"]
    bucket: str
    export_name: str
    prefix: str = ""
    region: str = "us-east-1"
    account: str | None = None

    def __post_init__(self) -> None:
        if _BUCKET.fullmatch(self.bucket) is None:
            message = f"bucket must be an S3 bucket's name without s3://, found {self.bucket!r}"
            raise ValueError(message)
        if REGION_PATTERN.fullmatch(self.region) is None:
            raise ValueError(f"region must be an AWS region such as us-east-1, found {self.region!r}")
        if self.account is not None and ACCOUNT_PATTERN.fullmatch(self.account) is None:
            raise ValueError(f"account must be an AWS account's 12 digits, found {self.account!r}")
        if _EXPORT_NAME.fullmatch(self.export_name) is None:
            message = f"export_name must be the export's name without a slash, found {self.export_name!r}"
            raise ValueError(message)
        if _NO_PREFIX.search(self.prefix):
            raise ValueError(f"prefix must be an S3 prefix without '..' and control characters, found {self.prefix!r}")

    @property
    def name(self) -> str:
        """The export's name."""
        return self.export_name

    @property
    def root(self) -> str:
        """Key prefix under which the export's `data/` and `metadata/` folders stand, with the slash at its end."""
        return f"{self.prefix}/{self.export_name}/" if self.prefix else f"{self.export_name}/"


CALL_RATES: Final[Mapping[str, float]] = MappingProxyType(
    {"autoscaling": 30.0, "application-autoscaling": 30.0, "ecs": 5.0, "sagemaker": 10.0}
)
"""Calls a second that one task makes at most in an account and region; four push tasks may be at work at a time.

ECS publishes 20 a second for reads of services; the other three publish nothing, and theirs are our own assumptions.
"""
LEAST_CALL_RATE: Final = 1.0
"""A slower task would hold the eight threads of a push so long between their calls that a fleet's lock could expire."""


MOST_CALL_RATE: Final = 1000.0
"""The eight threads of a push make some 400 calls a second where each takes 20 ms: more is no budget, but a slip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccess:
    """How accounts are entered: a role is assumed per account, `{account}` in its ARN standing for the account's id.

    `role_arn` reads; `push_role_arn` is entered for the calls that change a target; without it they go out as reads do.
    `calls_per_second` changes CALL_RATES for the services it names.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    role_arn: str | None = None
    push_role_arn: str | None = None
    calls_per_second: dict[str, float] = field(default_factory=dict)

    @property
    def call_rates(self) -> dict[str, float]:
        """Return the calls a second of every service that has a budget."""
        return {**CALL_RATES, **self.calls_per_second}

    def __post_init__(self) -> None:
        for service, rate in self.calls_per_second.items():
            if service not in CALL_RATES:
                message = f"calls_per_second: unknown service {service!r}{suggestion(service, tuple(CALL_RATES))}"
                raise ValueError(f"{message}; known are {', '.join(CALL_RATES)}")
            if not rate >= LEAST_CALL_RATE:
                raise ValueError(f"calls_per_second: {service} must be at least {LEAST_CALL_RATE:g}, found {rate:g}")
            if rate > MOST_CALL_RATE:
                raise ValueError(f"calls_per_second: {service} must be at most {MOST_CALL_RATE:,g}, found {rate:g}")
        for name in ("role_arn", "push_role_arn"):
            arn = getattr(self, name)
            if arn is not None and _ROLE_ARN.fullmatch(arn) is None:
                raise ValueError(f"{name} must look like arn:aws:iam::{{account}}:role/NAME, found {arn!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything sources.yaml says."""

    billing: tuple[BillingExport, ...] = ()
    aws: AwsAccess = AwsAccess()


_KEYS = ("billing", "aws")


def load_sources(file: Path) -> Sources:
    """Read sources.yaml; raise ConfigError on the first fault found, an export given twice included."""
    document = read_located_yaml(file)
    value = document.value
    if not isinstance(value, dict):
        raise document.error((), f"expected the keys {' and '.join(_KEYS)}, or one of them")
    for key in value:
        if key not in _KEYS:
            raise document.error((str(key),), f"unknown key{suggestion(str(key), _KEYS)}; known are {', '.join(_KEYS)}")
    entries = document.list_under("billing", "billing exports", others=("aws",)) if "billing" in value else []
    exports: list[BillingExport] = []
    for position, entry in enumerate(entries):
        export = build_model(document, BillingExport, entry, ("billing", position))
        if any((export.bucket, export.root) == (other.bucket, other.root) for other in exports):
            raise document.error(("billing", position), f"export s3://{export.bucket}/{export.root} is given twice")
        exports.append(export)
    access = build_model(document, AwsAccess, value["aws"], ("aws",)) if value.get("aws") is not None else AwsAccess()
    return Sources(billing=tuple(exports), aws=access)
