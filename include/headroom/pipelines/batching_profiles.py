"""Measured profiles of fleets that batch continuously, from Parquet beside fleets.yaml; errors name file and column."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from headroom.capacity import BatchingProfile, ProfileRow
from headroom.config import ConfigError
from headroom.domain.fleet import Fleet
from headroom.domain.serving import ContinuousBatching

COLUMNS = tuple(item.name for item in fields(ProfileRow))


def read_profiles(fleets: Iterable[Fleet], folder: Path) -> dict[str, BatchingProfile | ConfigError]:
    """Return, by id, the profile of each fleet that promises time to first token and between tokens, or its error."""
    profiles: dict[str, BatchingProfile | ConfigError] = {}
    for fleet in fleets:
        if isinstance(fleet.serving, ContinuousBatching) and fleet.objective.ttft_seconds is not None:
            try:
                profiles[fleet.id] = profile_of(fleet, folder / fleet.serving.profile)
            except ConfigError as error:
                profiles[fleet.id] = error
    return profiles


def profile_of(fleet: Fleet, file: Path) -> BatchingProfile:
    """Read a fleet's profile; raise ConfigError where it cannot be used, or does not tell what today's type carries."""
    profile = read_profile(file)
    today = fleet.current_type
    if profile.instance(today.name) is None and today.sustainable_rate_per_second is None:
        measured = ", ".join(map(repr, profile.instance_types))
        message = f"{file}: instance_type: no row of {today.name}, today's type of {fleet.id}; found {measured}"
        raise ConfigError(message)
    return profile


def read_profile(file: Path) -> BatchingProfile:
    """Read a profile (docs/reference/configuration.md has the columns); raise ConfigError on the first fault found."""
    table = _read(file)
    for name in COLUMNS:
        _check_column(file, table, name)
    if not table.num_rows:
        raise ConfigError(f"{file}: instance_type: expected a row per measurement, found none")
    rows = []
    for position, values in enumerate(table.select(COLUMNS).to_pylist(), start=1):
        try:
            rows.append(ProfileRow(**values))
        except ValueError as error:
            raise ConfigError(f"{file}: row {position}: {error}") from error
    try:
        return BatchingProfile(rows=tuple(rows))
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error


def _read(file: Path) -> pa.Table:
    try:
        if file.exists() and not file.is_file():
            found = "a folder" if file.is_dir() else "no regular file"
            raise ConfigError(f"{file}: expected a Parquet file, found {found}")
        return pq.ParquetFile(file).read()
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: expected a Parquet file with {', '.join(COLUMNS)}; it is not there") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise ConfigError(f"{file}: not a Parquet file: {' '.join(str(error).split())}") from error


def _check_column(file: Path, table: pa.Table, name: str) -> None:
    if table.column_names.count(name) > 1:
        raise ConfigError(f"{file}: column {name} is there more than once; found {', '.join(table.column_names)}")
    if name not in table.column_names:
        raise ConfigError(f"{file}: column {name} is missing; found {', '.join(table.column_names) or 'none'}")
    column = table[name]
    is_text = name == "instance_type"
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_right = (
        pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if is_text
        else pa.types.is_integer(kind) or (pa.types.is_floating(kind) and name != "concurrency")
    )
    if not is_right:
        wanted = "text" if is_text else "whole numbers" if name == "concurrency" else "numbers"
        raise ConfigError(f"{file}: {name}: expected {wanted}, found {column.type}")
    if column.null_count:
        raise ConfigError(f"{file}: {name}: expected a value in every row, found {column.null_count} null")
