"""The demo's account: four fleets in one region, described in config/ and lived in headroom.sandbox.fleet_lives."""

from functools import cache
from pathlib import Path
from typing import Final

from headroom.config.events import load_events
from headroom.config.fleets import load_fleets
from headroom.config.sources import load_sources
from headroom.sandbox.control_client import SANDBOX_ACCOUNT, SANDBOX_REGION
from headroom.sandbox.fleet_lives import LIVES
from headroom.sandbox.scenarios.scenario import Scenario

CONFIG_FOLDER: Final = Path(__file__).resolve().parent.parent / "config"


@cache
def demo_scenario() -> Scenario:
    """Return the demo; the same object each time."""
    return Scenario(
        name="demo",
        account=SANDBOX_ACCOUNT,
        regions=(SANDBOX_REGION,),
        fleets=load_fleets(CONFIG_FOLDER / "fleets.yaml"),
        lives=LIVES,
        events=load_events(CONFIG_FOLDER / "events.yaml"),
        exports=load_sources(CONFIG_FOLDER / "sources.yaml").billing,
        config_files={path.name: path.read_text() for path in sorted(CONFIG_FOLDER.glob("*.yaml"))},
    )
