"""Plain YAML values -> frozen dataclasses, with errors that name file, line and key, and suggest the key meant."""

import dataclasses
import difflib
import functools
import math
import types
import typing
from collections.abc import Hashable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from headroom.config.errors import ConfigError
from headroom.config.located_yaml import KeyPath, LocatedDocument

Model = TypeVar("Model")

_UNKNOWN_KEY = "unexpected_keyword_argument"
_WORDS_FOR_TYPES = {dict: "keys and values", list: "a list", bool: "a yes/no value", type(None): "nothing"}


@functools.cache
def _adapter(model: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(typing.cast("type[Any]", model))


def build_model(document: LocatedDocument, model: type[Model], value: object, prefix: KeyPath) -> Model:
    """Return `value`, which stands at `prefix` of `document`, as a `model`; raise ConfigError on the worst fault."""
    if not isinstance(value, dict):
        raise document.error(prefix, f"expected a {_words(model)} with its keys, found {describe_type(value)}")
    _refuse_ambiguous_scalars(document, value, prefix)
    try:
        built: Model = _adapter(typing.cast("Hashable", model)).validate_python(value)
    except ValidationError as error:
        raise _as_config_error(document, model, error, prefix) from error
    return built


def describe_type(value: object) -> str:
    """Say in plain words what kind of YAML value was found."""
    return _WORDS_FOR_TYPES.get(type(value), f"{value!r}")


def suggestion(name: str, known: typing.Iterable[str]) -> str:
    """Return "; did you mean ...?" for the closest of the known names, or an empty text."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _words(model: type[Any]) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in model.__name__).strip()


def _refuse_ambiguous_scalars(document: LocatedDocument, value: object, path: KeyPath) -> None:
    """Refuse booleans, non-finite numbers, numbers of another base, and numbers for times, which no key takes.

    Pydantic would turn `yes` into the number 1, and 20261201 into a moment of August 1970.
    """
    if path in document.not_decimal:
        text = document.not_decimal[path]
        message = f"found {text}, which YAML reads as {value}: write the number in decimal, or put a text in quotes"
        raise document.error(path, message)
    if isinstance(value, bool):
        message = f"found the yes/no value {value}; YAML reads yes, no, on and off so: put a text in quotes"
        raise document.error(path, message)
    if isinstance(value, float) and not math.isfinite(value):
        raise document.error(path, f"expected a finite number, found {value}")
    if path and str(path[-1]).endswith("_utc") and _is_number(value):
        raise document.error(path, f"expected a time such as 2026-12-01T00:00:00Z, found the number {value}")
    if isinstance(value, dict):
        for key, child in value.items():
            _refuse_ambiguous_scalars(document, child, (*path, key if isinstance(key, int) else str(key)))
    elif isinstance(value, list):
        for position, child in enumerate(value):
            _refuse_ambiguous_scalars(document, child, (*path, position))


def _is_number(value: object) -> bool:
    if isinstance(value, int | float):
        return True
    try:
        return isinstance(value, str) and float(value) == float(value)
    except ValueError:
        return False


def _as_config_error(
    document: LocatedDocument,
    model: type[Any],
    error: ValidationError,
    prefix: KeyPath,
) -> ConfigError:
    # A misspelt key is also a missing one: naming the misspelling helps more.
    first = min(error.errors(include_url=False), key=lambda fault: fault["type"] != _UNKNOWN_KEY)
    location, owners = _resolve(model, first["loc"])
    path = (*prefix, *location)
    kind = first["type"]
    found = first.get("input")
    if kind == _UNKNOWN_KEY:
        known = sorted({field for owner in owners for field in _field_types(owner)})
        name = str(location[-1])
        return document.error(path, f"unknown key{suggestion(name, known)}; known are {', '.join(known)}")
    if kind in ("missing", "missing_argument"):
        return document.error(path, "is missing")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        context = first.get("ctx", {})
        discriminator = str(context.get("discriminator", "")).strip("'")
        expected = str(context.get("expected_tags") or ", ".join(_union_tags(owners, location)))
        said = f"expected {expected}, found {context.get('tag')!r}" if kind == "union_tag_invalid" else "is missing"
        return document.error((*path, discriminator), said)
    if kind in ("dataclass_type", "dict_type", "tuple_type"):
        wanted = "a list" if kind == "tuple_type" else "keys and values"
        return document.error(path, f"expected {wanted}, found {describe_type(found)}")
    message = str(first["msg"]).removeprefix("Value error, ")
    if isinstance(found, str | int | float) and repr(found) not in message:
        message = f"{message}, found {found!r}"
    # what an entry says of one of its keys begins with it
    return document.error(path, message, line_of=(*path, message.partition(" ")[0]))


def _resolve(model: type[Any], location: KeyPath) -> tuple[KeyPath, list[Any]]:
    """Return the location as the file has it, and the dataclasses one of whose keys its last part is.

    Pydantic puts the tag of a tagged union's member into its locations; tags stand in no file's path.
    """
    candidates: list[Any] = [model]
    owners: list[Any] = []
    path: list[str | int] = []
    for part in location:
        tagged = [candidate for candidate in candidates if _tag_of(candidate) == part]
        if tagged and len(candidates) > 1:
            candidates = tagged
            continue
        path.append(part)
        owners = [candidate for candidate in candidates if dataclasses.is_dataclass(candidate)]
        candidates = _step_into(candidates, part)
    return tuple(path), owners


def _union_tags(owners: list[Any], location: KeyPath) -> list[str]:
    return [tag for member in _step_into(owners, location[-1]) if (tag := _tag_of(member))]


def _step_into(candidates: list[Any], part: str | int) -> list[Any]:
    following: list[Any] = []
    for candidate in candidates:
        if dataclasses.is_dataclass(candidate):
            fields = _field_types(candidate)
            if part in fields:
                following.extend(_members(fields[str(part)]))
        elif typing.get_origin(candidate) in (tuple, list):
            following.extend(leaf for argument in typing.get_args(candidate) for leaf in _members(argument))
        elif typing.get_origin(candidate) is dict:
            following.extend(_members(typing.get_args(candidate)[1]))
    return following


def _members(annotation: Any) -> list[Any]:  # noqa: ANN401, type annotations have no common type
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return [leaf for argument in typing.get_args(annotation) for leaf in _members(argument)]
    return [annotation]


def _field_types(owner: Any) -> dict[str, Any]:  # noqa: ANN401, as above
    hints = typing.get_type_hints(owner)
    return {field.name: hints[field.name] for field in dataclasses.fields(owner)}


def _tag_of(owner: Any) -> str | None:  # noqa: ANN401, as above
    """Return the one value that the `model` key of a tagged union's member takes."""
    if not dataclasses.is_dataclass(owner):
        return None
    literal = typing.get_args(_field_types(owner).get("model"))
    return str(literal[0]) if len(literal) == 1 else None
