"""Reads the Dockerfile and .dockerignore, as far as this project uses them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "Dockerfile"
IGNORE_FILE = ROOT / ".dockerignore"


@dataclass(frozen=True)
class Stage:
    """One FROM: its name, what it starts from, and its instructions as (word, rest)."""

    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]

    def of(self, word: str) -> list[str]:
        return [rest for found, rest in self.instructions if found == word]


def arguments() -> dict[str, str]:
    """The defaults of every ARG."""
    return dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE))


def stages() -> dict[str, Stage]:
    """The stages in their order."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.partition(" ") for line in text.splitlines() if line.strip()]
    found: dict[str, Stage] = {}
    for word, _, rest in lines:
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found[name] = Stage(name, base, ())
        elif found:
            last = list(found.values())[-1]
            found[last.name] = Stage(last.name, last.base, (*last.instructions, (word, " ".join(rest.split()))))
    return found


def copies_from_the_project() -> list[tuple[str, str]]:
    """What is copied out of the checkout, and where to."""
    copies = [rest for stage in stages().values() for rest in stage.of("COPY") if not rest.startswith("--from=")]
    return [(source, place) for source, place in (rest.split() for rest in copies)]


def let_through() -> set[str]:
    """What .dockerignore hands to the builder; everything else stays out."""
    lines = IGNORE_FILE.read_text().splitlines()
    return {line.removeprefix("!") for line in lines if line.startswith("!")}
