"""Configuration at the edge: YAML files and the environment in, frozen domain objects out."""

from headroom.config.errors import ConfigError
from headroom.config.events import load_events
from headroom.config.fleets import load_fleets, load_fleets_file
from headroom.config.settings import Settings
from headroom.config.sources import BillingExport, Sources, load_sources

__all__ = [
    "BillingExport",
    "ConfigError",
    "Settings",
    "Sources",
    "load_events",
    "load_fleets",
    "load_fleets_file",
    "load_sources",
]
