"""Backing up what cannot be made again, and giving it back: ledger with its baselines, control files, selections.

A backup is one gzipped tar: `manifest.json` with the SHA-256 of every file, `lake/...` and `config/...`. Equal content
gives equal bytes. The configuration is in it to be looked at; it belongs in your repository and is not written back.
"""

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from headroom.lake.errors import LakeError
from headroom.lake.lake import json_bytes
from headroom.lake.paths import checked_path
from headroom.lake.storage import LocalStorage, Storage, open_storage
from headroom.pipelines.at_once import at_once
from headroom.pipelines.workspace import Workspace

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
LAKE, CONFIG = "lake/", "config/"
FOLDERS: Final = ("ledger", "control", "selections")
"""What a push rests on and no source gives again. Price lists and forecasts of past days are lost without a copy of the
whole lake; everything else is extracted, or computed, anew. So are the manifests in `kubernetes/`, by the next push: an
old one given back would bring its old triggers to the cluster, and their dates hold again a year later."""
_NOT_WHOLE: Final = (tarfile.TarError, zlib.error, OSError, EOFError, KeyError, ValueError, TypeError, RecursionError)
"""What reading a damaged or foreign archive and its manifest can raise."""


class BackupError(LakeError):
    """A file that is no whole backup of ours; the message names it and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore would do or did, by path in the lake; with `differing` ledger files nothing is written."""

    missing: tuple[str, ...]
    present: tuple[str, ...]
    differing: tuple[str, ...]
    kept: tuple[str, ...]
    """Control files and selections that are there with other content, and stay: newer ones may be in force."""


def back_up(workspace: Workspace, place: str) -> dict[str, Any]:
    """Write the backup to `place`, a path or s3://bucket/key; return its file count, size and SHA-256."""
    storage, name = _place(place)
    if isinstance(storage, LocalStorage) and Path(place).exists() and not Path(place).is_file():
        raise BackupError(f"{place}: is no regular file; expected one, which is replaced, or none yet")
    files = {f"{LAKE}{path}": data for path, data in _lake_files(workspace).items()}
    # An editor's lock file is hidden, and often a link to nowhere.
    for file in sorted(workspace.config_folder.glob("[!.]*.yaml")):
        files[f"{CONFIG}{file.name}"] = file.read_bytes()
    data = archive_bytes(files)
    storage.write_bytes(name, data)
    return {"place": place, "files": len(files), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def restore(workspace: Workspace, place: str, *, is_dry_run: bool) -> Restored:
    """Create the backup's files that the lake lacks; write nothing where an event of the ledger differs.

    The ledger's files are created once and never rewritten, so two that differ are two histories: a person decides.
    """
    storage, name = _place(place)
    try:
        files = files_of_archive(storage.read_bytes(name), place)
    except FileNotFoundError as error:
        raise BackupError(f"{place}: expected a backup, found no file") from error
    lake = {path.removeprefix(LAKE): data for path, data in files.items() if path.startswith(LAKE)}
    there = _lake_files(workspace)
    other = [path for path in lake if path in there and there[path] != lake[path]]
    result = Restored(
        missing=tuple(path for path in lake if path not in there),
        present=tuple(path for path in lake if there.get(path) == lake[path]),
        differing=tuple(path for path in other if path.startswith("ledger/")),
        kept=tuple(path for path in other if not path.startswith("ledger/")),
    )
    if not is_dry_run and not result.differing:
        at_once(lambda path: workspace.lake.storage.write_bytes_if_absent(path, lake[path]), result.missing)
    return result


def archive_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of `files` by path, the same bytes for the same files."""
    manifest = {"format": FORMAT, "sha256": {path: hashlib.sha256(files[path]).hexdigest() for path in sorted(files)}}
    packed = io.BytesIO()
    # The time in gzip's and in tar's headers would make every backup another one.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in ((MANIFEST, json_bytes(manifest)), *sorted(files.items())):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o600
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def files_of_archive(data: bytes, place: str) -> dict[str, bytes]:
    """Return the archive's files by path, each checked against the manifest; BackupError names what is wrong."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            found = {item.name: _content(archive, item) for item in archive.getmembers() if item.isfile()}
        manifest = json.loads(found.pop(MANIFEST))
        known, version = dict(manifest["sha256"]), manifest["format"]
    except _NOT_WHOLE as error:
        raise BackupError(f"{place}: expected a whole backup of headroom, found {type(error).__name__}") from error
    if version != FORMAT:
        raise BackupError(f"{place}: expected format {FORMAT}, found {version!r}: use the headroom that wrote it")
    if set(known) != set(found):
        different = ", ".join(sorted(set(known) ^ set(found)))
        raise BackupError(f"{place}: its manifest and its files differ in {different}")
    for path, content in found.items():
        if hashlib.sha256(content).hexdigest() != known[path]:
            raise BackupError(f"{place}: {path} is not what the manifest says")
        if path.startswith(CONFIG):
            continue  # is written nowhere, so its name may be any
        if not checked_path(path).startswith(tuple(f"{LAKE}{folder}/" for folder in FOLDERS)):
            raise BackupError(f"{place}: {path} has no place in a backup")
    return found


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    return opened.read() if opened is not None else b""


def _lake_files(workspace: Workspace) -> dict[str, bytes]:
    storage = workspace.lake.storage
    paths = [path for folder in FOLDERS for path in storage.list(folder)]
    return dict(zip(paths, at_once(storage.read_bytes, paths), strict=True))


def _place(place: str) -> tuple[Storage, str]:
    """Return the storage that holds `place` and its name in there."""
    parent, _, name = place.rpartition("/")
    if not name:
        raise BackupError(f"{place}: expected a file's name, found a folder")
    if place.startswith("s3://"):
        return open_storage(parent), name
    if "://" in place:
        raise BackupError(f"{place}: expected a path or s3://bucket/key")
    return LocalStorage(Path(parent or (place[:1] if place.startswith("/") else "."))), name
