"""Commands that work on the account and the lake: extract, build, plan, push, rollback, confirm, report."""

import argparse
import json
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.cli.cost_text import savings_table
from headroom.cli.exits import EXIT_FAILED, EXIT_OK, EXIT_REFUSED, BadInput
from headroom.cli.push_text import plain_console, print_push, push_json
from headroom.cli.terminal import complain, plain
from headroom.config.caller import person_at_the_shell
from headroom.config.secrets import redact
from headroom.domain.foreign_text import one_line
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.extract.cloud_clock import read_cloud_clock_utc
from headroom.extract.errors import SourceError
from headroom.lake.errors import LakeError
from headroom.lake.tables import TABLES
from headroom.lake.warehouse import build_warehouse
from headroom.pipelines.billing import extract_bills
from headroom.pipelines.clock import closed_at_utc
from headroom.pipelines.forecast_page import write_forecast_page
from headroom.pipelines.forecasts import forecast_fleets
from headroom.pipelines.market import catalogue_outcomes, settle_spot_prices, spot_price_outcomes
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, damaged_outcomes
from headroom.pipelines.plan_records import stored_plan
from headroom.pipelines.pushes import keep_result, push_fleets
from headroom.pipelines.rollback import MOST_REASON_CHARACTERS, roll_back
from headroom.pipelines.savings import PeriodError, period_window, report_period
from headroom.pipelines.schedules import plan_fleets_at, schedule_fleets
from headroom.pipelines.settle import settle_one_day
from headroom.pipelines.utilization import extract_utilization
from headroom.pipelines.workspace import Workspace, open_workspace


def extract(options: argparse.Namespace) -> int:
    """Read one source into the lake over a span of time."""
    if options.end <= options.start:
        raise BadInput(f"--to: expected a time after --from, found {options.end.isoformat()}")
    if floor_hour(options.start) != options.start or floor_hour(options.end) != options.end:
        raise BadInput("--from and --to: expected times on the hour")
    workspace = open_workspace()
    span = Window(options.start, options.end)
    if options.source == "billing":
        outcomes = extract_bills(workspace)
    elif options.source == "prices":
        outcomes = _extract_prices(workspace, span)
    else:
        outcomes = _extract_utilization(workspace, span)
    return _finish(outcomes + damaged_outcomes(workspace), as_json=options.json)


def _whole_days(workspace: Workspace, span: Window) -> list[Window]:
    """Return the days that lie whole inside `span`; raise WindowError where it reaches past the cloud's clock."""
    closed_at_utc(workspace, span)
    return [day for day in span.days() if span.start_utc <= day.start_utc and day.end_utc <= span.end_utc]


def _hours_beside(span: Window, days: list[Window]) -> list[Window]:
    settled = {day.day for day in days}
    return [hour for hour in span.hours() if hour.day not in settled]


def _extract_prices(workspace: Workspace, span: Window) -> list[Outcome]:
    """Settle spot prices of whole days, read other hours singly; price lists show only today."""
    days = _whole_days(workspace, span)
    outcomes = [outcome for day in _tracked(days, "days") for outcome in settle_spot_prices(workspace, day)]
    for hour in _tracked(_hours_beside(span, days), "hours"):
        outcomes += spot_price_outcomes(workspace, hour)
    return outcomes + catalogue_outcomes(workspace, Window.day_of(span.end_utc - HOUR))


def _extract_utilization(workspace: Workspace, span: Window) -> list[Outcome]:
    """Settle the days that lie whole inside `span`; read the other hours one by one."""
    days = _whole_days(workspace, span)
    outcomes = [outcome for day in _tracked(days, "days") for outcome in settle_one_day(workspace, day)]
    for hour in _tracked(_hours_beside(span, days), "hours"):
        for chunk in workspace.chunks():
            outcomes += extract_utilization(workspace, hour, chunk)
    return outcomes


def build(options: argparse.Namespace) -> int:
    """Build the warehouse from the lake's marts."""
    workspace = open_workspace()
    if not any(workspace.lake.table_files(table.name) for table in TABLES.values() if table.layer == "mart"):
        place = workspace.lake.storage.url("mart")
        raise BadInput(
            f"HEADROOM_LAKE: no mart stands below {place}; expected a lake that extract or the DAGs have filled"
        )
    summary = build_warehouse(workspace.lake, workspace.models, workspace.warehouse_path)
    code = _complain_of_damage(workspace)
    if options.json:
        _print_json({"path": str(summary.path), "row_counts": summary.row_counts})
        return code
    shown = Table("table", "rows")
    for name, count in summary.row_counts.items():
        shown.add_row(name, f"{count:,}")
    Console().print(shown)
    Console().print(plain(f"built {summary.path}"))
    return code


def plan(options: argparse.Namespace) -> int:
    """Forecast and plan every fleet as of a time, and print what a push would change."""
    return _push(options.as_of, as_json=options.json, is_dry_run=True)


def push(options: argparse.Namespace) -> int:
    """Push the plans of a time; without --apply only print what would change."""
    return _push(options.as_of, as_json=options.json, is_dry_run=not options.apply)


def _push(as_of: datetime, *, as_json: bool, is_dry_run: bool) -> int:
    if floor_hour(as_of) != as_of:
        raise BadInput(f"--as-of: expected a time on the hour, found {as_of.isoformat()}")
    workspace = open_workspace()
    window = Window(as_of - HOUR, as_of)
    closed_at_utc(workspace, window)
    results: dict[str, PushOutcome | str] = {}
    plans: dict[str, dict[str, Any]] = {}
    for chunk in _tracked(list(workspace.chunks()), "chunks"):
        try:
            planned, failed = _plan_chunk(workspace, window, chunk, is_dry_run=is_dry_run)
            plans |= {fleet_id: plan for fleet_id, plan in planned.items() if not isinstance(plan, str)}
            pushed = push_fleets(workspace, window, chunk, planned, approvals={}, is_dry_run=is_dry_run)
            if not is_dry_run:
                pushed = {fleet_id: _kept(workspace, fleet_id, window, result) for fleet_id, result in pushed.items()}
            results |= {**pushed, **failed}
        except (LakeError, SourceError) as error:
            results |= {fleet.id: str(error) for fleet in workspace.fleets_in(chunk) if fleet.id not in results}
    if as_json:
        _print_json([push_json(fleet_id, result, plans) for fleet_id, result in sorted(results.items())])
    else:
        for fleet_id, result in sorted(results.items()):
            print_push(fleet_id, result, plan=plans.get(fleet_id))
    return _complain_of_damage(workspace) or _exit_code(results.values())


def _kept(workspace: Workspace, fleet_id: str, window: Window, result: PushOutcome | str) -> PushOutcome | str:
    """Keep a result for page, watch and messages, as the DAG's push does.

    What came to nothing here, was kept out by another push, came too late, or would have to be asked about, which only
    Airflow does, leaves the DAG's, which may have come through.
    """
    if isinstance(result, str) or result.lacks_lock or result.state is PushState.PLANNED or result.shown is not None:
        return result
    return keep_result(workspace, fleet_id, window, result)


def _plan_chunk(
    workspace: Workspace,
    window: Window,
    chunk: int,
    *,
    is_dry_run: bool,
) -> tuple[dict[str, dict[str, Any] | str], dict[str, str]]:
    """Forecast and plan one chunk; return the plans by fleet, or why there is none, and what failed on the way.

    A dry run plans in memory and leaves the plans in the lake alone.
    """
    fleets = workspace.fleets_in(chunk)
    failed = {item.subject: item.cause for item in forecast_fleets(workspace, window, chunk) if item.is_bad}
    if is_dry_run:
        planned = plan_fleets_at(workspace, window, chunk, fleets)
        return {fleet_id: plan if isinstance(plan, str) else plan.record for fleet_id, plan in planned.items()}, failed
    failed |= {item.subject: item.cause for item in schedule_fleets(workspace, window, chunk) if item.is_bad}
    return {fleet.id: stored_plan(workspace, fleet, window) for fleet in fleets}, failed


def rollback(options: argparse.Namespace) -> int:
    """Put back what stood before a push; without --apply only print what would change."""
    try:
        outcome = roll_back(
            open_workspace(),
            options.push_id,
            is_dry_run=not options.apply,
            requested_by=person_at_the_shell(),
            reason=options.reason,
        )
    except ActuationError as error:
        raise BadInput(str(error)) from error
    if options.json:
        _print_json(outcome.summary())
    else:
        print_push(outcome.fleet_id, outcome)
    return _exit_code([outcome])


def confirm(options: argparse.Namespace) -> int:
    """End the pause of a fleet whose owner changed the target."""
    confirmed_by = one_line(options.by).strip()
    if not confirmed_by:
        raise BadInput("--by: expected who confirms, found an empty text")
    workspace = open_workspace()
    fleet = workspace.fleet(options.fleet_id)
    now_utc = read_cloud_clock_utc(workspace.clients, region=fleet.region)
    ledger = Ledger(workspace.lake)
    try:
        memory = ledger.memory(fleet.id, now_utc=now_utc)
        baseline = confirm_baseline(
            fleet.id,
            ledger=ledger,
            now_utc=now_utc,
            confirmed_by=confirmed_by,
            note=redact(one_line(options.note))[:MOST_REASON_CHARACTERS],
        )
    except ActuationError as error:
        raise BadInput(str(error)) from error
    reason = memory.paused_reason if memory else None
    setting = baseline.setting
    Console().print(plain(f"{fleet.id}: was paused: {reason}" if reason else f"{fleet.id}: was not paused"))
    Console().print(
        f"{fleet.id}: baseline min {setting.min_instances}, max {setting.max_instances}, "
        f"desired {setting.desired_instances}; it may be pushed to again",
    )
    return EXIT_OK


def report(options: argparse.Namespace) -> int:
    """Write the savings report of a period, and the page of the forecasts up to its end."""
    workspace = open_workspace()
    try:
        page = report_period(workspace, options.period)
        forecast_page = write_forecast_page(workspace, options.period, period_window(options.period).end_utc)
    except PeriodError as error:
        raise BadInput(f"--period: {error}") from error
    place, forecast_place = workspace.lake.storage.url(page), workspace.lake.storage.url(forecast_page)
    summary = workspace.lake.read_json(page.replace(".html", ".json"))
    if options.json:
        _print_json({"page": place, "forecast_page": forecast_place, **summary})
    else:
        plain_console().print(savings_table(summary))
        plain_console().print(plain(f"wrote {place}"), soft_wrap=True)
        plain_console().print(plain(f"wrote {forecast_place}"), soft_wrap=True)
    return EXIT_OK


def _tracked(items: list[Any], text: str) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(items, description=text, console=console, disable=not sys.stderr.isatty())


def _finish(outcomes: list[Outcome], *, as_json: bool) -> int:
    counts = {status.value: sum(outcome.status is status for outcome in outcomes) for status in OutcomeStatus}
    bad = [outcome for outcome in outcomes if outcome.is_bad]
    if as_json:
        causes = [{"subject": item.subject, "status": item.status.value, "cause": item.cause} for item in bad]
        _print_json({"counts": {name: count for name, count in counts.items() if count}, "failed": causes})
    else:
        Console().print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count))
        for cause in sorted({item.cause for item in outcomes if item.status is OutcomeStatus.NOTHING_TO_DO} - {""}):
            Console().print(f"nothing to do: {cause}", highlight=False, soft_wrap=True)
    return _complain(bad)


def _complain_of_damage(workspace: Workspace) -> int:
    """Name the files of the lake that were set aside; return the exit code that this asks for."""
    return _complain(damaged_outcomes(workspace))


def _complain(bad: list[Outcome]) -> int:
    for item in bad:
        complain(f"{item.subject}: {item.status}: {item.cause}")
    return EXIT_FAILED if bad else EXIT_OK


def _exit_code(results: Iterable[PushOutcome | str]) -> int:
    known = list(results)
    if any(isinstance(result, str) or result.is_failed for result in known):
        return EXIT_FAILED
    if any(_is_refused(result) for result in known if isinstance(result, PushOutcome)):
        return EXIT_REFUSED
    return EXIT_OK


def _is_refused(result: PushOutcome) -> bool:
    return result.is_refused or (
        result.state is PushState.DRY_RUN and not all(verdict.is_passed for verdict in result.verdicts)
    )


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=1, default=str))  # noqa: T201, the command's output
