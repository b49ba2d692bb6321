"""YAML that remembers on which line each value stands, so that an error can name it."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from headroom.config.errors import ConfigError

KeyPath = tuple[str | int, ...]
YamlLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is built in: ten times quicker, which a list of a thousand fleets feels."""
MOST_BYTES = 5_000_000
MOST_VALUES = 200_000
"""Far above any fleet list; aliases of aliases can make a short text larger than any memory."""
INTEGER_TAG, FLOAT_TAG = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_NOT_DECIMAL = re.compile(r"[-+]?(?:0[0-7_]+|0[bx][0-9a-fA-F_]+|[0-9_]+(?::[0-9_.]+)+)")
"""What YAML 1.1 reads as a number of another base: 0100 as 64, 1:30 as 90."""


class LocatedDocument:
    """A parsed YAML document: its plain `value`, and the 1-based line of every key path in it.

    `not_decimal`: the texts of numbers that YAML reads in another base than people do, by their paths.
    """

    def __init__(
        self,
        file: Path,
        value: Any,  # noqa: ANN401, a YAML document is any plain value
        lines: dict[KeyPath, int],
        not_decimal: Mapping[KeyPath, str] = MappingProxyType({}),
    ) -> None:
        self.file = file
        self.value = value
        self.not_decimal = not_decimal
        self._lines = lines

    def line_of(self, path: KeyPath) -> int:
        """Return the line of `path`, or of its nearest ancestor that stands in the file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def error(self, path: KeyPath, message: str, *, line_of: KeyPath | None = None) -> ConfigError:
        """Return a ConfigError that names file, line and key; the line is the key's, or that of `line_of`."""
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return ConfigError(f"{self.file}:{self.line_of(line_of or path)}: {key or 'document'}: {message}")

    def list_under(self, key: str, of_what: str, *, others: Collection[str] = ()) -> list[Any]:
        """Return the list under the top-level `key`, empty where nothing stands; only it and `others` are known."""
        if not isinstance(self.value, dict) or key not in self.value:
            raise self.error((), f"expected '{key}:' with a list of {of_what}")
        for name in self.value:
            if name != key and name not in others:
                known = " and ".join(repr(one) for one in (key, *others))
                raise self.error((str(name),), f"unknown key; expected only {known} beside the list of {of_what}")
        entries = self.value[key]
        if entries is None:
            return []
        if not isinstance(entries, list):
            raise self.error((key,), f"expected a list of {of_what}, found {type(entries).__name__}")
        return entries


def read_located_yaml(file: Path) -> LocatedDocument:
    """Parse `file`; raise ConfigError when it is missing, unreadable, not YAML, or gives a key twice."""
    try:
        if not (file.is_file() or file.is_dir()) and file.exists():
            raise ConfigError(f"{file}: expected a YAML file, found no regular file")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        message = f"{file}: cannot be read ({error.strerror})"
        raise ConfigError(message) from error
    except UnicodeDecodeError as error:
        message = f"{file}: is not UTF-8 text (byte {error.start})"
        raise ConfigError(message) from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{file}: has {len(text):,} characters; expected at most {MOST_BYTES:,}")
    loader = YamlLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[KeyPath, int] = {}
        not_decimal: dict[KeyPath, str] = {}
        if node is not None:
            _collect_lines(file, node, (), lines, not_decimal=not_decimal, ancestors=frozenset())
        return LocatedDocument(file, _construct(file, loader, node), lines, not_decimal)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = f"{file}:{line}: not valid YAML: {error.problem}"
        raise ConfigError(message) from error
    except RecursionError as error:
        raise ConfigError(f"{file}:1: is nested too deeply to be read") from error
    except yaml.YAMLError as error:
        message = f"{file}:1: not valid YAML: {' '.join(str(error).split())}"
        raise ConfigError(message) from error


def _construct(file: Path, loader: Any, node: yaml.Node | None) -> Any:  # noqa: ANN401, a YAML document is any plain value
    """Return the document's value; ConfigError with its line for a scalar that its own tag cannot read (month 13)."""
    if node is None:
        return None
    try:
        return loader.construct_document(node)
    except ValueError as error:
        fresh = yaml.SafeLoader("")  # the other one takes what it failed at for a circle
        for scalar in _scalars(node):
            try:
                fresh.construct_object(scalar)
            except ValueError as fault:
                place = f"{file}:{scalar.start_mark.line + 1}"
                said = " ".join(str(fault).split())
                raise ConfigError(f"{place}: holds a value that cannot be read: {said}") from error
        raise


def _scalars(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            yield from (*_scalars(key), *_scalars(child))
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _scalars(child)
    else:
        yield node


def _collect_lines(
    file: Path,
    node: yaml.Node,
    path: KeyPath,
    lines: dict[KeyPath, int],
    *,
    not_decimal: dict[KeyPath, str],
    ancestors: frozenset[int],
) -> None:
    if id(node) in ancestors:
        message = f"{file}:{node.start_mark.line + 1}: an alias (*) stands inside the value it names"
        raise ConfigError(message)
    if len(lines) > MOST_VALUES:
        place = f"{file}:{node.start_mark.line + 1}"
        message = f"{place}: more than {MOST_VALUES:,} values stand before this one, those of aliases included"
        raise ConfigError(message)
    ancestors |= {id(node)}
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            child_path = (*path, str(key.value))
            if child_path in lines:
                message = f"{file}:{key.start_mark.line + 1}: {key.value}: key given twice"
                raise ConfigError(message)
            lines[child_path] = key.start_mark.line + 1
            _collect_lines(file, child, child_path, lines, not_decimal=not_decimal, ancestors=ancestors)
    elif isinstance(node, yaml.SequenceNode):
        for position, child in enumerate(node.value):
            _collect_lines(file, child, (*path, position), lines, not_decimal=not_decimal, ancestors=ancestors)
    elif node.tag in (INTEGER_TAG, FLOAT_TAG) and _NOT_DECIMAL.fullmatch(node.value):
        not_decimal[path] = node.value
