"""The folder that a command writes its report to: looked at before long work, written to after it."""

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from headroom.cli.exits import BadInput
from headroom.lake.errors import PathError
from headroom.lake.storage import LocalStorage, Storage

Answer = TypeVar("Answer")


def check_out(out: Path, names: Sequence[str]) -> None:
    """Raise BadInput where files of these names cannot come to stand in `out`; nothing is made yet."""
    _check_folder(out)
    for name in names:
        _check_replaceable(out / name)
        try:
            LocalStorage(out).exists(name)
        except PathError as error:
            raise BadInput(
                f"--out: {out / name}: expected a file to replace, found a link out of the folder"
            ) from error


def check_out_file(out: Path) -> None:
    """Raise BadInput where a file cannot come to stand at `out`; nothing is made yet."""
    _check_folder(out.parent)
    _check_replaceable(out)


def write_out(out: Path, write: Callable[[Storage], Answer]) -> Answer:
    """Let `write` put files into the folder; BadInput where the system refuses."""
    try:
        return write(LocalStorage(out))
    except OSError as error:
        raise BadInput(f"--out: {out}: cannot be written: {error.strerror or error}") from error


def write_out_file(out: Path, content: bytes) -> None:
    """Replace the file whole, or create it, with its folder; BadInput where the system refuses."""
    beside = out.with_name(f".headroom-{uuid.uuid4().hex}")  # no longer than any name may be, whatever the file's is
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(out)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BadInput(f"--out: {out}: cannot be written: {error.strerror or error}") from error
        raise


def _check_folder(out: Path) -> None:
    if out.parts[:1] == ("s3:",):
        raise BadInput(f"--out: {out}: expected a folder on this machine")
    place = out
    while not _is_there(place):
        place = place.parent
    if not place.is_dir():
        found = "a file" if place.exists() else "a link that leads nowhere"
        raise BadInput(f"--out: {place}: expected a folder, found {found}")
    if not os.access(place, os.W_OK | os.X_OK):
        raise BadInput(f"--out: {place}: expected a folder that may be written to")


def _check_replaceable(place: Path) -> None:
    if _is_there(place) and place.exists() and not place.is_file():
        found = "a folder" if place.is_dir() else "no regular file"
        raise BadInput(f"--out: {place}: expected a file to replace, found {found}")


def _is_there(place: Path) -> bool:
    """Whether a file, a folder or a link stands there; BadInput for what no name can be."""
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise BadInput(f"--out: {place}: cannot be written: {error.strerror}") from error
    return True
