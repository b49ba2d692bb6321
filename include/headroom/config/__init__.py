"""Configuration at the edge: fleets.yaml and the environment in, frozen domain objects out."""

from headroom.config.errors import ConfigError
from headroom.config.fleets import load_fleets
from headroom.config.settings import Settings

__all__ = ["ConfigError", "Settings", "load_fleets"]
