"""A page's commands in one shell: its fenced `sh` blocks, and a bash that runs them one after the other."""

import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FENCED = re.compile(r"^```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
POLL_SECONDS = 0.2


def blocks_of(page: Path) -> list[str]:
    """Return the fenced `sh` blocks in their order."""
    return [found["code"] for found in FENCED.finditer(page.read_text(encoding="utf-8"))]


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a block printed, and the commands in it that failed, as `exit code, command`."""

    output: str
    failed: tuple[tuple[int, str], ...]


class ShellSession:
    """One bash; what a block exports, the next one sees."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str], start_in: Path) -> None:
        self._folder = folder
        self._count = 0
        folder.mkdir()
        self._process = subprocess.Popen(
            ["/bin/bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=(folder / "shell.log").open("wb"),
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=start_in,
            text=True,
        )

    def run(self, code: str, *, timeout_seconds: float) -> Done:
        """Run a block to its end; AssertionError with its output where it takes too long."""
        self._count += 1
        script, output, failed, over = (
            self._folder / f"{self._count:02d}.{part}" for part in ("sh", "out", "failed", "over")
        )
        script.write_text(f"trap 'echo \"$? $BASH_COMMAND\" >> {failed}' ERR\n{code}\ntrap - ERR\n", encoding="utf-8")
        failed.touch()
        assert self._process.stdin is not None
        self._process.stdin.write(f". {script} > {output} 2>&1; touch {over}\n")
        self._process.stdin.flush()
        deadline = time.monotonic() + timeout_seconds
        while not over.exists():
            assert self._process.poll() is None, f"the shell ended in:\n{code}\n{output.read_text()}"
            assert time.monotonic() < deadline, f"not done in {timeout_seconds:g} s:\n{code}\n{output.read_text()}"
            time.sleep(POLL_SECONDS)
        lines = [line.split(" ", 1) for line in failed.read_text().splitlines() if line[:1].isdigit()]
        return Done(output=output.read_text(), failed=tuple((int(number), command) for number, command in lines))

    def close(self) -> None:
        """End the shell."""
        self._process.terminate()
        self._process.wait()
