"""What the demo shows while it works: a live list of steps on a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

PLAIN_LINE_EVERY_SECONDS = 15.0


class Step:
    """One step under way; `show` says how far it is."""

    def __init__(self, name: str, console: Console, progress: Progress | None) -> None:
        self.name = name
        self._console = console
        self._progress = progress
        self._began = self._said = time.monotonic()
        self._row = progress.add_task(name, total=None, detail="") if progress else None

    def show(self, detail: str, *, done: int | None = None, total: int | None = None) -> None:
        """Say where the step is; away from a terminal only every quarter of a minute."""
        if self._progress is not None and self._row is not None:
            self._progress.update(self._row, detail=detail, completed=done or 0, total=total)
        elif time.monotonic() - self._said > PLAIN_LINE_EVERY_SECONDS:
            self._said = time.monotonic()
            self._console.print(f"    {detail}", highlight=False)

    def finish(self, detail: str) -> None:
        """Say what the step came to and how long it took."""
        took = time.monotonic() - self._began
        if self._progress is not None and self._row is not None:
            self._progress.remove_task(self._row)
        note = f": {detail}" if detail else ""
        self._console.print(f"  [green]done[/green] {self.name}{note} ({took:.0f} s)", highlight=False, soft_wrap=True)


class Display:
    """Shows steps on `console`, several at a time if need be."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._progress: Progress | None = None

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show steps live for as long as the context lasts, where the console is a terminal."""
        if not self.console.is_terminal:
            yield
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as self._progress:
            yield
        self._progress = None

    def step(self, name: str) -> Step:
        """Begin a step."""
        if self._progress is None:
            self.console.print(f"  {name} ...", highlight=False, soft_wrap=True)
        return Step(name, self.console, self._progress)

    @property
    def elapsed_seconds(self) -> float:
        """Time since the display was made."""
        return time.monotonic() - self._began
