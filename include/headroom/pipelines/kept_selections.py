"""Selections in the lake, one file a fit: written once, and the newest that serves read; damaged ones are set aside."""

from datetime import datetime
from typing import Any

from headroom.forecasting.selection import OtherFormatError, Selection
from headroom.lake.errors import LakeError
from headroom.pipelines.workspace import Workspace


def newest_selection(workspace: Workspace, fleet_id: str, made_at_utc: datetime) -> Selection | None:
    """Return the newest selection that knows nothing from after `made_at_utc`; None where there is none we can read.

    What is damaged, or tells of another fleet or time than its path, is set aside, so that the run's outcomes name it
    and a new choice can take its place. What another version wrote stays for that version.
    """
    folder, newest = _folder_of(fleet_id), _file_of(made_at_utc)
    try:
        paths = workspace.lake.storage.list(folder)
    except (OSError, LakeError) as error:
        workspace.lake.leave_out(folder, f"cannot be read: {error}")
        return None
    for path in reversed([path for path in paths if path.rsplit("/", 1)[-1] <= newest]):
        try:
            return _read(workspace, path, fleet_id)
        except (FileNotFoundError, OtherFormatError):
            continue  # deleted since it was listed; or for that version to read
        except OSError as error:
            workspace.lake.leave_out(path, f"cannot be read: {error.strerror or error}")
        except ValueError as error:
            _set_aside(workspace, path, str(error))
    return None


def keep_selection(workspace: Workspace, selection: Selection) -> Selection:
    """Write the selection, where none of its time is kept; return it."""
    path = f"{_folder_of(selection.fleet_id)}/{_file_of(selection.fitted_at_utc)}"
    workspace.lake.write_json_once(path, selection.to_json())
    return selection


def _read(workspace: Workspace, path: str, fleet_id: str) -> Selection:
    """Return what a file holds; ValueError where that is no selection of this fleet and the path's time."""
    try:
        state: Any = workspace.lake.read_json(path)
    except LakeError as error:
        raise ValueError(str(error).removeprefix(f"{path}: ")) from error
    if state is None:
        raise FileNotFoundError(path)
    selection = Selection.from_json(state)
    told, wanted = selection.fleet_id, _file_of(selection.fitted_at_utc)
    if told != fleet_id:
        raise ValueError(f"a selection of {told}, expected one of {fleet_id}")
    if path != f"{_folder_of(fleet_id)}/{wanted}":
        raise ValueError(f"fitted at {selection.fitted_at_utc:%FT%TZ}, which {wanted} would be named by")
    return selection


def _set_aside(workspace: Workspace, path: str, reason: str) -> None:
    try:
        workspace.lake.set_aside(path, workspace.lake.storage.read_bytes(path), reason)
    except (OSError, LakeError) as error:
        workspace.lake.leave_out(path, f"{reason}; cannot be set aside: {error}")


def _folder_of(fleet_id: str) -> str:
    return f"selections/{fleet_id}"


def _file_of(fitted_at_utc: datetime) -> str:
    return f"{fitted_at_utc:%Y-%m-%dT%H}.json"
