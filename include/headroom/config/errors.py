"""The one error of bad configuration."""


class ConfigError(ValueError):
    """A configuration file or variable cannot be used; the message names file, line and key, and what was expected."""
