"""Looks for secrets in every file that git tracks or would add; tools/reviewed_secrets.txt lists what is none, and why.

No network: nothing that is found is tried out. A secret is known by its file and hash, so lines may move. Tests plant
passwords to look for them again: there only what has the form of a real key or token counts.
Exit codes: 0 nothing new; 1 something found; 2 a list that cannot be read.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.settings import default_settings

REVIEWED = Path("tools/reviewed_secrets.txt")
HEADER = """\
# What tools/scan_secrets.py finds and a person looked at: file, SHA-1 of the text found, why it is no secret.
# New ones: .venv/bin/python tools/scan_secrets.py --accept 'why'
"""
GUESSED_KINDS = frozenset(
    {"Basic Auth Credentials", "Base64 High Entropy String", "Hex High Entropy String", "Secret Keyword"}
)
"""Told by a variable's name, an address's form, or how random a text looks."""
FOUND, BAD_INPUT = 1, 2


@dataclass(frozen=True, order=True)
class Reviewed:
    """One line of the list."""

    path: str
    text_hash: str
    reason: str


def read_reviewed(text: str) -> list[Reviewed]:
    """Return the list's lines; ValueError names one without a reason."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            parts = line.split(maxsplit=2)
            if len(parts) != len(Reviewed.__dataclass_fields__):
                raise ValueError(f"{REVIEWED}:{number}: expected file, hash and reason, found {line!r}")
            found.append(Reviewed(*parts))
    return found


def tracked_files() -> list[str]:
    """Return what git tracks or would add, below the current folder."""
    # Whoever owns the checkout: it is only read.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()  # noqa: S603, our own command
    return [path for path in listed.split("\0") if path and path != str(REVIEWED) and Path(path).is_file()]


def scan(paths: Iterable[str]) -> list[PotentialSecret]:
    """Return what looks like a secret, by file and line."""
    secrets = SecretsCollection()
    with default_settings():
        for path in paths:
            secrets.scan_file(path)
    meant = [secret for path, secret in secrets if not (path.startswith("tests/") and secret.type in GUESSED_KINDS)]
    return sorted(meant, key=lambda secret: (secret.filename, secret.line_number))


def main(arguments: list[str] | None = None) -> int:
    """Print file, line and kind of each finding, never the text."""
    parser = argparse.ArgumentParser(prog="tools/scan_secrets.py", description="Look for secrets in tracked files.")
    parser.add_argument("--accept", metavar="WHY", help="add what is found to the list, with this reason")
    options = parser.parse_args(arguments)
    try:
        reviewed = read_reviewed(REVIEWED.read_text() if REVIEWED.exists() else "")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_INPUT
    files = tracked_files()
    secrets = scan(files)
    known = {(entry.path, entry.text_hash) for entry in reviewed}
    fresh = [secret for secret in secrets if (secret.filename, secret.secret_hash) not in known]
    if options.accept:
        accepted = {Reviewed(secret.filename, secret.secret_hash, options.accept) for secret in fresh}
        lines = [f"{entry.path} {entry.text_hash} {entry.reason}\n" for entry in sorted({*reviewed, *accepted})]
        REVIEWED.write_text(HEADER + "".join(lines))
        return 0
    for secret in fresh:
        sys.stdout.write(f"{secret.filename}:{secret.line_number}: {secret.type}\n")
    sys.stdout.write(f"{len(files)} files, {len(secrets) - len(fresh)} findings reviewed, {len(fresh)} new.\n")
    if fresh:
        sys.stdout.write(f"Take a secret out, and change it where it is used. If it is none: see {REVIEWED}.\n")
    return FOUND if fresh else 0


if __name__ == "__main__":
    raise SystemExit(main())
