"""How the classes that a configuration file fills treat keys they do not know."""

from typing import Any, Final

FORBID_UNKNOWN_KEYS: Final[dict[str, Any]] = {"extra": "forbid"}
"""Pydantic's configuration of such a class: a misspelt key is an error, not a default."""
