"""Whole files by path, on a local folder or in S3: replaced atomically, or created once; no paths outside the root.

A reader sees the old file or the new one, never half. Nothing here knows tables or Parquet.
"""

import errno
import os
import re
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from headroom.lake.errors import PathError, UnreadableFileError
from headroom.lake.paths import checked_path

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Storage(Protocol):
    """Files under one root, addressed by relative paths with forward slashes."""

    def read_bytes(self, path: str, *, most_bytes: int | None = None) -> bytes:
        """Return the file's content; raise FileNotFoundError naming it when it is not there.

        UnreadableFileError, without reading it, where it is larger than `most_bytes`, and where it is no file.
        """
        ...

    def write_bytes(self, path: str, data: bytes) -> None:
        """Replace the file whole, or create it."""
        ...

    def write_bytes_if_absent(self, path: str, data: bytes) -> bool:
        """Create the file; return False, changing nothing, when it is already there. One of two racing writers wins."""
        ...

    def list(self, folder: str, *, name_prefix: str = "") -> list[str]:
        """Return, sorted, every file below `folder` whose first name after it starts with `name_prefix`."""
        ...

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of every file below `folder`, all of them for "", by path in order."""
        ...

    def exists(self, path: str) -> bool:
        """Whether the file is there."""
        ...

    def delete(self, path: str) -> None:
        """Remove the file; one that is not there is no error."""
        ...

    def url(self, path: str) -> str:
        """Return what DuckDB reads the file by."""
        ...

    def filesystem(self) -> Any | None:  # noqa: ANN401, fsspec has no types
        """Return a new fsspec filesystem for DuckDB to read each `url` in one version; None where it needs none."""
        ...


def check_size(path: str, size_bytes: int, *, most_bytes: int | None) -> None:
    """Raise UnreadableFileError where a file is larger than its reader takes."""
    if most_bytes is not None and size_bytes > most_bytes:
        raise UnreadableFileError(f"{path}: has {size_bytes:,} bytes; expected at most {most_bytes:,}")


class LocalStorage:
    """Storage on a local folder, made when first written to. Names that start with a dot are writes under way.

    The root may be a link; a link below it that leads out of it is refused with PathError.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._real_root = os.path.realpath(self.root)

    def read_bytes(self, path: str, *, most_bytes: int | None = None) -> bytes:
        """Return the file's content, if it is no larger than `most_bytes`."""
        with _expecting_a_file(path), open(self._at(path), "rb", opener=_open_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableFileError(f"{path}: expected a file, found a pipe, a device or a folder")
            check_size(path, found.st_size, most_bytes=most_bytes)
            return file.read()

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write beside, flush to disk, rename over; a file that nobody may write stays, and so do its permissions."""
        target = self._at(path)
        with _expecting_a_file(path):
            mode = _mode_of(target)
            beside = self._write_beside(target, data)
            try:
                if mode not in (None, stat.S_IMODE(beside.stat().st_mode)):  # some mounts refuse every chmod
                    beside.chmod(mode)
                beside.replace(target)
            except BaseException:  # an interruption, too
                beside.unlink(missing_ok=True)
                raise
        _flush_folder(target.parent)

    def write_bytes_if_absent(self, path: str, data: bytes) -> bool:
        """Write beside and link to the name, which fails when the name is taken; so no reader sees half a file."""
        target = self._at(path)
        if target.exists():
            return False
        with _expecting_a_file(path):
            beside = self._write_beside(target, data)
        try:
            os.link(beside, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            return _create_exclusively(target, data)  # a file system without hard links
        finally:
            beside.unlink(missing_ok=True)
        _flush_folder(target.parent)
        return True

    def list(self, folder: str, *, name_prefix: str = "") -> list[str]:
        """Return, sorted, every file below `folder` whose first name after it starts with `name_prefix`."""
        base = self._at(folder) if folder else self.root
        if not base.is_dir():
            return []
        found = []
        with os.scandir(base) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.name.startswith(name_prefix):
                    continue
                if entry.is_symlink():
                    self._check_inside(entry.path)
                if entry.is_dir():
                    for parent, folders, names in os.walk(entry.path):
                        folders[:] = [name for name in folders if not name.startswith(".")]
                        found += [os.path.join(parent, name) for name in names if not name.startswith(".")]  # noqa: PTH118, thousands of paths
                else:
                    found.append(entry.path)
        start = len(os.path.join(self.root, ""))  # noqa: PTH118, as above
        return sorted(file[start:].replace(os.sep, "/") for file in found)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of every file below `folder`; a file that goes meanwhile is left out."""
        found = {}
        for path in self.list(folder):
            with suppress(FileNotFoundError):
                found[path] = self._at(path).stat().st_size
        return found

    def exists(self, path: str) -> bool:
        """Whether the file is there."""
        return self._at(path).is_file()

    def delete(self, path: str) -> None:
        """Remove the file if it is there."""
        with _expecting_a_file(path):
            self._at(path).unlink(missing_ok=True)

    def url(self, path: str) -> str:
        """Return the file's absolute path."""
        return str(self._at(path))

    def filesystem(self) -> None:
        """Return None: DuckDB reads local files by itself."""
        return

    def _at(self, path: str) -> Path:
        place = self.root / checked_path(path)
        self._check_inside(place)
        return place

    def _check_inside(self, place: str | Path) -> None:
        real = os.path.realpath(place)
        if real != self._real_root and not real.startswith(f"{self._real_root.rstrip(os.sep)}{os.sep}"):
            shown = os.path.relpath(place, self.root)
            raise PathError(f"path {shown!r}: a link leads out of the lake; expected a path inside the lake")

    def _write_beside(self, target: Path, data: bytes) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            with beside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except KeyboardInterrupt:
            beside.unlink(missing_ok=True)
            raise
        except OSError as error:
            beside.unlink(missing_ok=True)
            # The system names no file when a disk is full.
            raise OSError(error.errno, error.strerror, str(target)) from error
        return beside


@contextmanager
def _expecting_a_file(path: str) -> Iterator[None]:
    """Name the path where a folder stands in a file's place, or a file in a folder's, or it is another user's."""
    try:
        yield
    except (IsADirectoryError, NotADirectoryError, FileExistsError, PermissionError) as error:
        raise UnreadableFileError(f"{path}: expected a file that can be read and written: {error.strerror}") from error


def open_storage(root: str) -> Storage:
    """Return the storage at `root`: a path, or s3://bucket/prefix."""
    if root.startswith("s3://"):
        from headroom.lake.s3_storage import S3Storage  # noqa: PLC0415, boto3 takes half a second local lakes need not pay

        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        if _BUCKET.fullmatch(bucket) is None:
            raise PathError(f"lake root {root!r}: expected s3://bucket/prefix with a bucket's name")
        try:
            return S3Storage(bucket, checked_path(prefix.strip("/")) if prefix.strip("/") else "")
        except PathError as error:
            raise PathError(f"lake root {root!r}: expected s3://bucket/prefix; {error}") from error
    if "://" in root or root.startswith("s3:") or "\0" in root:
        raise PathError(f"lake root {root!r}: expected a path or s3://bucket/prefix")
    folder = Path(root)
    if folder.exists() and not folder.is_dir():
        raise PathError(f"lake root {root!r}: expected a folder, found a file")
    return LocalStorage(folder)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; what no writer has opened, a pipe, is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def _mode_of(target: Path) -> int | None:
    """Return the permissions of the file that is there, None for none; PermissionError where it has no right to write.

    Renaming over it would need none.
    """
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EACCES, "it is read-only", str(target))
    return mode


def _create_exclusively(target: Path, data: bytes) -> bool:
    try:
        with target.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return False
    return True


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
