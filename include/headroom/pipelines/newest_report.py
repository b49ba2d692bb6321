"""Where the newest page of a run stands in the lake, and which hour it is about."""

from typing import Final

LATEST_PAGE: Final = "reports/latest.html"
LATEST_KEY: Final = "reports/latest.json"
