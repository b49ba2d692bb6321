"""Stands in for `date`: tells the sandbox cloud's time, which the machine's is not."""

import os
import subprocess
import sys

from headroom.sandbox.control_client import SandboxControl


def main(arguments: list[str]) -> int:
    """Run the machine's own `date` with everything relative to the cloud's now."""
    now = f"{SandboxControl(os.environ['AWS_ENDPOINT_URL']).clock():%Y-%m-%d %H:%M} UTC"
    if "-d" in arguments:
        place = arguments.index("-d") + 1
        arguments[place] = f"{now} {arguments[place]}"
    else:
        arguments = ["-d", now, *arguments]
    return subprocess.run(["/bin/date", *arguments], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
