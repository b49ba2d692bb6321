"""Settings from the environment (docs/reference/configuration.md lists them)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headroom.config.errors import ConfigError

PACKAGE_ROOT = Path(__file__).resolve().parents[1]
PROJECT_ROOT = PACKAGE_ROOT.parents[1]
DEPLOYMENT_PATTERN = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where configuration, lake and warehouse are, and whose actions are ours."""

    config_folder: Path
    lake_root: str
    warehouse_path: Path
    deployment: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the HEADROOM_ variables; raise ConfigError naming the variable that cannot be used."""
        deployment = environment.get("HEADROOM_DEPLOYMENT") or "default"
        if DEPLOYMENT_PATTERN.fullmatch(deployment) is None:
            message = f"HEADROOM_DEPLOYMENT: expected lower-case letters and digits only, found {deployment!r}"
            raise ConfigError(message)
        config_folder = Path(environment.get("HEADROOM_CONFIG") or PACKAGE_ROOT / "defaults")
        if not config_folder.is_dir():
            message = f"HEADROOM_CONFIG: no folder at {config_folder}; expected one that holds fleets.yaml"
            raise ConfigError(message)
        return cls(
            config_folder=config_folder,
            lake_root=environment.get("HEADROOM_LAKE") or str(PROJECT_ROOT / "var" / "lake"),
            warehouse_path=Path(environment.get("HEADROOM_WAREHOUSE") or PROJECT_ROOT / "var" / "warehouse.duckdb"),
            deployment=deployment,
        )
