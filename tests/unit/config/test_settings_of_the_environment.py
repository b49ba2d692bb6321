"""The HEADROOM_ variables: their defaults, and what a bad one is told."""

from pathlib import Path

import pytest

from headroom.config import ConfigError, Settings
from headroom.config.settings import PACKAGE_ROOT, PROJECT_ROOT


def test_nothing_set_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings.config_folder == PACKAGE_ROOT / "defaults"
    assert settings.lake_root == str(PROJECT_ROOT / "var" / "lake")
    assert settings.warehouse_path == PROJECT_ROOT / "var" / "warehouse.duckdb"
    assert settings.deployment == "default"


def test_an_empty_variable_is_as_good_as_none() -> None:
    names = ("HEADROOM_CONFIG", "HEADROOM_LAKE", "HEADROOM_WAREHOUSE", "HEADROOM_DEPLOYMENT")
    assert Settings.from_environment(dict.fromkeys(names, "")) == Settings.from_environment({})


def test_what_is_set_is_taken(tmp_path: Path) -> None:
    environment = {
        "HEADROOM_CONFIG": str(tmp_path),
        "HEADROOM_LAKE": "s3://bucket/lake",
        "HEADROOM_WAREHOUSE": str(tmp_path / "w.duckdb"),
        "HEADROOM_DEPLOYMENT": "prod7",
    }
    settings = Settings.from_environment(environment)
    assert settings.lake_root == "s3://bucket/lake"
    assert settings.deployment == "prod7"
    assert settings.config_folder == tmp_path
    assert settings.warehouse_path == tmp_path / "w.duckdb"


@pytest.mark.parametrize("deployment", ["Prod", "a-b", "a b", "ä"])
def test_a_deployment_that_cannot_stand_in_a_name_is_refused(deployment: str) -> None:
    with pytest.raises(ConfigError, match="HEADROOM_DEPLOYMENT: expected lower-case letters and digits only, found"):
        Settings.from_environment({"HEADROOM_DEPLOYMENT": deployment})


def test_a_config_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"HEADROOM_CONFIG: no folder at .*absent; expected one that holds fleets\.yaml"
    ):
        Settings.from_environment({"HEADROOM_CONFIG": str(tmp_path / "absent")})


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://127.0.0.1:port", "127.0.0.1:5000", "ftp://cloud"])
def test_an_endpoint_that_no_client_could_reach_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^AWS_ENDPOINT_URL: expected a URL such as http://127\.0\.0\.1:5000, found"):
        Settings.from_environment({"AWS_ENDPOINT_URL": url})
