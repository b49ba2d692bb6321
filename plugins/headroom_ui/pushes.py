"""What the page of pushes shows: reads the configuration and the ledger, and changes nothing."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

PUSHES_OF_EACH, DAYS_OF_EACH = 3, 2
PUSHES_OF_ONE, DAYS_OF_ONE = 50, 14


class NoSuchPageError(LookupError):
    """There is no such fleet, or no page of that number."""


def read_pushes(
    *, fleet_id: str, number: int, may_roll_back: bool, environment: Mapping[str, str] = os.environ
) -> tuple[str, str]:
    """Return the page and its Content-Security-Policy: of one fleet, or page `number` of all; raise NoSuchPageError."""
    # Every Airflow process loads its plugins, and only the API server needs these.
    from headroom.config import Settings, load_fleets  # noqa: PLC0415, see above
    from headroom.pipelines.recent_pushes import recent_pushes  # noqa: PLC0415, see above
    from headroom.pipelines.workspace import open_lake  # noqa: PLC0415, see above
    from headroom.reporting.pushes_page import (  # noqa: PLC0415, see above
        FLEETS_ON_A_PAGE,
        PushesPage,
        pushes_policy,
        render_pushes_page,
    )

    folder = Settings.from_environment(environment).config_folder
    known = sorted(fleet.id for fleet in load_fleets(folder / "fleets.yaml"))
    count = max(1, -(-len(known) // FLEETS_ON_A_PAGE))
    if (fleet_id and fleet_id not in known) or not 1 <= number <= count:
        raise NoSuchPageError
    shown = [fleet_id] if fleet_id else known[FLEETS_ON_A_PAGE * (number - 1) : FLEETS_ON_A_PAGE * number]
    most, days = (PUSHES_OF_ONE, DAYS_OF_ONE) if fleet_id else (PUSHES_OF_EACH, DAYS_OF_EACH)
    found = recent_pushes(open_lake(environment), shown, most=most, days=days, today=datetime.now(UTC).date())
    page = PushesPage(fleets=found, fleet_id=fleet_id, number=number, count=count, may_roll_back=may_roll_back)
    return render_pushes_page(page), pushes_policy(may_roll_back=may_roll_back)
