"""Audits the locked packages: what can be told without a network, and what an advisory service says where one answers.

Exit codes: 0 nothing found; 1 something found; 3 nothing found, but no advisory service answered. With
--advisories=if-reachable the third is 0, and says all the same that nobody was asked.
"""

import argparse
import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
FOUND, NOT_CHECKED = 1, 3
LOCKS = ("requirements.txt", "requirements-dev.txt")
KNOWN_VULNERABLE = "jinja2==3.1.2"
"""Has advisories since 2024. A service that does not say so has none to give: a mirror without them, or nobody."""
ASK_TIMEOUT_SECONDS = 600
FREE_TEXT_LICENCE_CHARACTERS = 60

Dependencies = list[dict[str, Any]]
Ask = Callable[[str], Dependencies | None]
"""Given requirements, what pip-audit knows of each; None where it got no answer."""


@dataclass(frozen=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str
    marker: str

    @property
    def is_for_here(self) -> bool:
        """Whether this Python on this platform installs it."""
        return not self.marker or bool(Requirement(f"x ; {self.marker}").marker.evaluate())  # type: ignore[union-attr]


def read_lock(text: str) -> tuple[list[Pin], list[str]]:
    """Return the pins of a lock, and a line for everything in it that pins nothing."""
    pins, loose = [], []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            loose.append(f"{line.strip()}: expected name==version")
            continue
        exact = re.fullmatch(r"==([^*,]+)", str(requirement.specifier))
        if exact is None or requirement.url:
            loose.append(f"{line.strip()}: expected name==version")
        else:
            pins.append(Pin(canonicalize_name(requirement.name), exact[1], str(requirement.marker or "")))
    return pins, loose


def read_direct(text: str) -> dict[str, SpecifierSet]:
    """Return what an .in file asks for by name."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "-"))]
    asked = [Requirement(line) for line in lines]
    return {canonicalize_name(item.name): item.specifier for item in asked}


def check_in_step(folder: Path) -> Iterator[str]:
    """Yield where the locks pin nothing, do not answer to their .in files, or contradict each other."""
    of_lock: dict[str, set[Pin]] = {}
    for lock in LOCKS:
        pins, loose = read_lock((folder / lock).read_text())
        of_lock[lock] = set(pins)
        yield from (f"{lock}: {line}" for line in loose)
        wanted = Path(lock).with_suffix(".in").name
        for name, specifier in read_direct((folder / wanted).read_text()).items():
            versions = [pin.version for pin in pins if pin.name == name]
            if not versions or any(not specifier.contains(version, prereleases=True) for version in versions):
                found = ", ".join(versions) or "nothing"
                yield f"{lock}: {wanted} asks for {name}{specifier}, found {found}; run make lock"
    runtime, development = (of_lock[lock] for lock in LOCKS)
    for pin in sorted(runtime - development, key=lambda pin: pin.name):
        yield f"{LOCKS[1]}: {pin.name}=={pin.version} of {LOCKS[0]} is not in it; run make lock"


def check_installed(pins: list[Pin], installed: Mapping[str, str]) -> Iterator[str]:
    """Yield where this environment, in which the tests run, is not what the lock says."""
    for pin in pins:
        if pin.is_for_here and installed.get(pin.name) != pin.version:
            yield f"{pin.name}: the lock says {pin.version}, installed is {installed.get(pin.name)}; run make env"


def check_known_bad(pins: list[Pin], known_bad: list[dict[str, str]]) -> Iterator[str]:
    """Yield pins that are among releases known to be bad."""
    for entry in known_bad:
        for pin in pins:
            if pin.name == entry["package"] and Version(pin.version) in SpecifierSet(entry["bad"]):
                yield f"{pin.name}=={pin.version} is known to be bad ({entry['bad']}): {entry['source']}"


def check_licences(names: list[str], licence_of: Callable[[str], str], judged: dict[str, Any]) -> Iterator[str]:
    """Yield packages whose licence is not among the allowed ones and that are not excepted."""
    for name in names:
        words = {word.strip() for word in re.split(r" AND | OR |\|", licence_of(name))}
        if not words <= set(judged["allowed"]) and name not in judged["excepted"]:
            yield f"{name}: its licence {licence_of(name)!r} is not among those allowed in tools/audit.toml"


def licence_from_metadata(name: str) -> str:
    """Return what an installed package's metadata says, the newest field first."""
    metadata = importlib.metadata.metadata(name)
    classifiers = [item.split(" :: ")[-1] for item in metadata.get_all("Classifier", []) if item.startswith("License")]
    free_text = (metadata.get("License") or "").strip().split("\n")[0][:FREE_TEXT_LICENCE_CHARACTERS]
    return metadata.get("License-Expression") or "|".join(classifiers) or free_text


def check_advisories(lock: str, ask: Ask, accepted: list[dict[str, str]]) -> tuple[list[str], str]:
    """Return what advisories say about a lock, and why they said nothing, empty where they were asked."""
    probe = ask(KNOWN_VULNERABLE)
    if not probe or not probe[0].get("vulns"):
        return [], f"no advisory service answers: nobody knows of {KNOWN_VULNERABLE}, which has advisories"
    known = ask(lock) or []
    passed_over = {entry["id"] for entry in accepted}
    found = [
        f"{item['name']}=={item['version']}: {advisory['id']}, mended in {advisory['fix_versions'] or 'no release'}"
        for item in known
        for advisory in item.get("vulns", [])
        if not passed_over & {advisory["id"], *advisory.get("aliases", [])}
    ]
    silent = [item["name"] for item in known if "skip_reason" in item]
    if not known or silent:
        return found, f"the advisory service did not answer for {', '.join(silent) or 'the lock'}"
    return found, ""


def ask_pip_audit(requirements: str) -> Dependencies | None:
    """Let pip-audit ask PyPI's advisories; what it skips, such as a package the index does not know, it says."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        options = ["--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off", "--timeout=10"]
        command = [sys.executable, "-m", "pip_audit", "--requirement", file.name, *options]
        try:
            done = subprocess.run(  # noqa: S603, our own command
                command, capture_output=True, text=True, check=False, timeout=ASK_TIMEOUT_SECONDS
            )
            dependencies: Dependencies = json.loads(done.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError, KeyError):
            return None
    return dependencies


def main(arguments: list[str] | None = None, *, folder: Path = ROOT, ask: Ask = ask_pip_audit) -> int:
    """Print what was found and what was not checked."""
    parser = argparse.ArgumentParser(prog="tools/audit_dependencies.py", description="Audit the locked packages.")
    parser.add_argument("--advisories", choices=("required", "if-reachable"), default="required")
    options = parser.parse_args(arguments)
    judged = tomllib.loads((ROOT / "tools" / "audit.toml").read_text())
    runtime, everything = (read_lock((folder / lock).read_text())[0] for lock in LOCKS)
    installed = {canonicalize_name(found.name): found.version for found in importlib.metadata.distributions()}
    names = sorted({pin.name for pin in runtime if pin.name in installed})
    found = [
        *check_in_step(folder),
        *check_installed(everything, installed),
        *check_known_bad(everything, judged["known_bad"]),
        *check_licences(names, licence_from_metadata, judged["licences"]),
    ]
    advised, not_checked = check_advisories((folder / LOCKS[1]).read_text(), ask, judged.get("accepted", []))
    for line in [*found, *advised]:
        sys.stdout.write(f"FOUND: {line}\n")
    sys.stdout.write(f"Without a network: {len(everything)} pins, {len(names)} licences, {len(found)} findings.\n")
    if not_checked:
        sys.stdout.write(f"ADVISORIES NOT CHECKED: {not_checked}. This is no all-clear.\n")
    else:
        sys.stdout.write(f"Advisories: {len(advised)} findings.\n")
    if found or advised:
        return FOUND
    return NOT_CHECKED if not_checked and options.advisories == "required" else 0


if __name__ == "__main__":
    raise SystemExit(main())
