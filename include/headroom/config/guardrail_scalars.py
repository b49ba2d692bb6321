"""What YAML makes of guardrails before they are read: values that would be lost or turned into others."""

from typing import Any, Final

from headroom.config.located_yaml import KeyPath, LocatedDocument

GUARDRAILS: Final = "guardrails"
_CLOCK_KEYS: Final = ("starts_at", "ends_at")


def check_guardrail_scalars(document: LocatedDocument, value: Any, path: KeyPath) -> None:  # noqa: ANN401, a YAML value
    """Raise ConfigError where a limit has nothing beside it, which reads as set and is not, or a time no quotes.

    YAML reads 18:00 without quotes as the number 1080.
    """
    if value is None:
        raise document.error(path, "nothing stands under it: give it a value, or leave the key out")
    if isinstance(value, dict):
        for name, child in value.items():
            place = (*path, str(name))
            if name in _CLOCK_KEYS and isinstance(child, int):
                raise document.error(place, f'expected a time of day in quotes such as "18:00", found {child!r}')
            check_guardrail_scalars(document, child, place)
    elif isinstance(value, list):
        for position, child in enumerate(value):
            check_guardrail_scalars(document, child, (*path, position))
