"""A page full of hostile names in a real browser: all is shown, figures are drawn, and no script of theirs runs."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from tests.chromium import headless_chromium
from tests.unit.security.hostile import HOSTILE

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast, DemandHistory
from headroom.domain.scaling import Action, ActionPurpose, CapacitySetting, Verdict
from headroom.reporting.run_report import (
    FleetSection,
    Incident,
    PresentedAction,
    RunReport,
    ScheduleHour,
    render_run_report,
)

pytestmark = pytest.mark.integration

MADE_AT = datetime(2026, 11, 18, 6, tzinfo=UTC)
TITLE = "Headroom, Wed 18 Nov 06:00 UTC"
PLANTED = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
PLUGINS_FOLDER = Path(__file__).resolve().parents[2] / "plugins"


def section(name: str) -> FleetSection:
    hours = np.datetime64("2026-11-18T06:00:00", "s") + np.arange(3) * np.timedelta64(1, "h")
    quantiles = np.tile(np.arange(1.0, len(QUANTILE_LEVELS) + 1), (3, 1))
    action = Action(
        name=name,
        fleet_id=name,
        starts_at_utc=MADE_AT,
        setting=CapacitySetting(min_instances=1, max_instances=2, desired_instances=1),
        purpose=ActionPurpose.RAISE,
        need_at_utc=MADE_AT + timedelta(hours=1),
        demand_per_second=9.0,
    )
    return FleetSection(
        fleet_id=name,
        mode=name,
        target=name,
        instance_type=name,
        critical_ratio=0.9,
        state=name,
        cause=name,
        sizing_method=name,
        history=DemandHistory(fleet_id=name, hours=hours, mean_per_second=np.ones(3), peak_per_second=np.ones(3) * 2),
        forecast=DemandForecast(
            fleet_id=name,
            made_at_utc=MADE_AT,
            hours=hours,
            mean_quantiles_per_second=quantiles,
            peak_quantiles_per_second=quantiles,
            members={name: 1.0},
            note=name,
        ),
        schedule=tuple(
            ScheduleHour(
                hour_start_utc=MADE_AT + timedelta(hours=hour),
                required_instances=1,
                planned_instances=2,
                today_instances=3.0,
            )
            for hour in range(3)
        ),
        actions=(PresentedAction(action=action, status=name, lead_minutes=60.0),),
        verdicts=(Verdict(rule=name, is_passed=False, reason=name),),
    )


@pytest.fixture(scope="module")
def report() -> str:
    names = [name for name in HOSTILE if len(name) < 200 and "\udcff" not in name]
    return render_run_report(
        RunReport(
            window_start_utc=MADE_AT - timedelta(hours=1),
            window_end_utc=MADE_AT,
            deployment="demo",
            fleets=tuple(section(name) for name in names),
            incidents=tuple(Incident(step=name, subject=name, status=name, cause=name) for name in names),
            notes=tuple(names),
        )
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_chromium() as browser:
        yield browser


@dataclass
class Site:
    """Serves what the plugin would, with its headers, and a page of the same origin that frames it."""

    pages: dict[str, str]
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(PLUGINS_FOLDER))
    for name in [name for name in sys.modules if name.startswith("headroom_ui")]:
        monkeypatch.delitem(sys.modules, name)
    headers = import_module("headroom_ui.app").HEADERS
    site = Site({})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            self.send_response(200 if self.path in site.pages else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if self.path != "/frame":
                for name, value in headers.items():
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(site.pages.get(self.path, "").encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def opened(browser: Browser, url: str) -> tuple[Page, list[str]]:
    """Open a page; return it with every dialog and request that it made."""
    page = browser.new_page()
    made: list[str] = []
    page.on("dialog", lambda dialog: made.append(dialog.message))
    page.on("request", lambda request: made.append(request.url))
    page.goto(url, wait_until="load")
    page.wait_for_selector(".main-svg")
    return page, [item for item in made if item != url]


def test_from_a_disk_figures_are_drawn_and_no_name_runs_as_a_script(
    browser: Browser, report: str, tmp_path: Path
) -> None:
    file = tmp_path / "latest.html"
    file.write_text(report, encoding="utf-8")
    page, made = opened(browser, file.as_uri())
    assert page.title() == TITLE
    assert made == []
    figures = page.locator(".js-plotly-plot").count()
    assert page.locator(".js-plotly-plot .plot-container").count() == figures == 2 * report.count("<section id=")
    assert "<script>document.title='owned'</script>" in page.inner_text("body")
    assert page.locator("svg a, .js-plotly-plot a[href^=javascript]").count() == 0
    page.close()


def test_a_script_that_slipped_through_all_escaping_does_not_run(browser: Browser, report: str, tmp_path: Path) -> None:
    file = tmp_path / "latest.html"
    file.write_text(report.replace("<main>", f"<main>{PLANTED}"), encoding="utf-8")
    page, _ = opened(browser, file.as_uri())
    assert page.title() == TITLE
    page.close()
    # The same without the page's policy: the plant is one that runs.
    head, _, tail = report.replace("<main>", f"<main>{PLANTED}").partition('<meta http-equiv="Content-Security-Policy"')
    file.write_text(head + tail.partition(">")[2], encoding="utf-8")
    page, _ = opened(browser, file.as_uri())
    assert page.title() == "owned"
    page.close()


def test_inside_airflows_frame_the_page_works_and_cannot_reach_what_frames_it(
    browser: Browser, report: str, site: Site
) -> None:
    frame = (
        '<iframe id="f" sandbox="allow-scripts allow-same-origin allow-forms allow-downloads" src="/headroom/report">'
    )
    site.pages = {"/headroom/report": report, "/frame": f"<title>Airflow</title>{frame}</iframe>"}
    page = browser.new_page()
    page.goto(f"{site.url}/frame", wait_until="load")
    inner = page.frame_locator("#f")
    inner.locator(".main-svg").first.wait_for()
    assert inner.locator("h1").inner_text() == "Headroom: what was planned and pushed"
    (framed,) = page.main_frame.child_frames
    reached = "() => { try { return parent.document.title } catch (error) { return error.name } }"
    assert framed.evaluate(reached) == "SecurityError"
    assert framed.evaluate("() => self.origin") == "null"
    assert page.title() == "Airflow"
    assert set(site.asked) <= {"/frame", "/headroom/report", "/favicon.ico"}
    page.close()
