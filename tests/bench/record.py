"""Writes a benchmark's figures into docs/benchmarks.md, between the two comments that carry its name."""

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by make bench -->", f"<!-- {name}: end -->"


def recorded(page: str, name: str, lines: Sequence[str]) -> str:
    """Return the page with `lines` between the marks of `name`; ValueError where they are not there once each."""
    start, end = marks(name)
    if page.count(start) != 1 or page.count(end) != 1 or page.index(start) > page.index(end):
        raise ValueError(f"expected the lines {start} and {end} once each, in this order")
    before, rest = page.split(start)
    _, after = rest.split(end)
    return "\n".join([f"{before}{start}", *lines, f"{end}{after}"])
