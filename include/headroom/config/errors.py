"""Configuration errors: what the user is shown when a file or variable cannot be used."""

from headroom.config.secrets import redact


class ConfigError(ValueError):
    """A configuration file or variable cannot be used; the message names file, line and key, and no secret."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))
