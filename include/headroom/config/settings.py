"""Settings from the environment (docs/reference/configuration.md lists them)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from headroom.config.errors import ConfigError

PACKAGE_ROOT = Path(__file__).resolve().parents[1]
PROJECT_ROOT = PACKAGE_ROOT.parents[1]
KILL_SWITCH_VARIABLE = "HEADROOM_KILL_SWITCH"
"""Stops pushes as the file in the lake does; airflow_glue/kill_switch.py sets it from an Airflow Variable."""
DEPLOYMENT_PATTERN = re.compile(r"[a-z0-9]{1,40}")


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
        _check_endpoint(environment.get("AWS_ENDPOINT_URL") or "")
        config_folder = Path(environment.get("HEADROOM_CONFIG") or PACKAGE_ROOT / "defaults")
        if not config_folder.is_dir():
            message = f"HEADROOM_CONFIG: no folder at {config_folder}; expected one that holds fleets.yaml"
            raise ConfigError(message)
        return cls(
            config_folder=config_folder,
            lake_root=lake_root_of(environment),
            warehouse_path=warehouse_path_of(environment),
            deployment=deployment,
        )


def lake_root_of(environment: Mapping[str, str]) -> str:
    """Return where the lake is, whatever the other variables say."""
    return environment.get("HEADROOM_LAKE") or str(PROJECT_ROOT / "var" / "lake")


def warehouse_path_of(environment: Mapping[str, str]) -> Path:
    """Return where the warehouse is, whatever the other variables say."""
    return Path(environment.get("HEADROOM_WAREHOUSE") or PROJECT_ROOT / "var" / "warehouse.duckdb")


def _check_endpoint(url: str) -> None:
    """Raise ConfigError where AWS_ENDPOINT_URL is set and no client could be sent there."""
    if url and not is_endpoint(url):
        raise ConfigError(f"AWS_ENDPOINT_URL: expected a URL such as http://127.0.0.1:5000, found {url!r}")


def is_endpoint(url: str) -> bool:
    """Whether a client could be sent to `url`."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
