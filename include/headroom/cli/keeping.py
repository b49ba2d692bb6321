"""Commands that keep the lake: backup, restore, tend."""

import argparse
import json
import sys
from dataclasses import asdict

from headroom.cli.exits import EXIT_OK, EXIT_REFUSED
from headroom.pipelines.backup import back_up, restore
from headroom.pipelines.tend import tend
from headroom.pipelines.workspace import open_workspace


def backup_lake(options: argparse.Namespace) -> int:
    """Write the backup of ledger, control files, selections and configuration."""
    written = back_up(open_workspace(), options.out)
    text = f"wrote {written['files']} files, {written['bytes']:,} bytes, to {written['place']}"
    sys.stdout.write(json.dumps(written, indent=1) + "\n" if options.json else text + "\n")
    return EXIT_OK


def restore_lake(options: argparse.Namespace) -> int:
    """Create what the lake lacks of a backup; without --apply only say what that is."""
    result = restore(open_workspace(), options.file, is_dry_run=not options.apply)
    if options.json:
        sys.stdout.write(json.dumps({**asdict(result), "is_applied": _is_applied(options, result)}, indent=1) + "\n")
    else:
        verb = "created" if _is_applied(options, result) else "would create"
        sys.stdout.write(f"{verb} {len(result.missing)} files; {len(result.present)} are there already\n")
        sys.stdout.writelines(f"kept as it is: {path}\n" for path in result.kept)
    for path in result.differing:
        sys.stderr.write(f"headroom: {path}: the lake's differs from the backup's; nothing is restored\n")
    return EXIT_REFUSED if result.differing else EXIT_OK


def tend_files(options: argparse.Namespace) -> int:
    """Delete what the lake's policy no longer keeps; without --apply only say what that is."""
    tended = tend(open_workspace(), is_dry_run=not options.apply)
    if options.json:
        sys.stdout.write(json.dumps(asdict(tended), indent=1) + "\n")
        return EXIT_OK
    verb = "deleted" if options.apply else "would delete"
    for folder, count in tended.going_files.items():
        sys.stdout.write(f"{verb} {count} files, {tended.going_bytes[folder]:,} bytes, of {folder}\n")
    kept = f"{sum(tended.kept_files.values())} files, {sum(tended.kept_bytes.values()):,} bytes"
    sys.stdout.write(f"kept {kept}\n")
    return EXIT_OK


def _is_applied(options: argparse.Namespace, result: object) -> bool:
    return bool(options.apply) and not getattr(result, "differing", ())
