"""`python -m headroom.cli`: the `headroom` command where it is not installed."""

import sys

from headroom.cli import main

sys.exit(main())
