"""Names, tags, notes and causes are shown as they are wherever they are shown, and do nothing."""

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from rich.console import Console
from tests.unit.actuation import planning
from tests.unit.actuation.test_moved import shown
from tests.unit.security.hostile import HOSTILE, hostile_texts

from headroom.actuation.records import action_record
from headroom.actuation.shown import Purpose
from headroom.cli.terminal import complain, plain
from headroom.domain.fleet import Target, TargetKind
from headroom.domain.foreign_text import chat_text, code_span, one_line
from headroom.forecasting.backtest import BacktestScores
from headroom.forecasting.examples import choose_examples
from headroom.pipelines.approval_request import AskedBefore, approval_body
from headroom.pipelines.windows import hour_window
from headroom.reporting.backtest_report import MEASURES, render_backtest_report
from headroom.reporting.figures import plotly_script
from headroom.reporting.forecast_examples import ForecastExample, RuleAccuracy
from headroom.reporting.forecast_report import BandAccuracy, ForecastReport, render_forecast_report
from headroom.reporting.page import content_policy
from headroom.reporting.run_report import FleetSection, Incident, RunReport, render_run_report
from headroom.reporting.savings_report import FleetSavings, SavingsReport, render_savings_report

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Tags(HTMLParser):
    """Collects every tag and attribute of a page, outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


@given(hostile_texts)
def test_one_line_has_one_line_and_nothing_that_a_terminal_obeys(text: str) -> None:
    line = one_line(text)
    assert not CONTROL.search(line)
    assert len(f"log: {line}".splitlines()) == 1
    line.encode()
    assert one_line(line) == line


@given(hostile_texts)
def test_a_code_span_is_one_code_span_and_nothing_else(text: str) -> None:
    tokens = MarkdownIt("gfm-like").parse(f"Fleet {code_span(text)} end")
    (inline,) = [token for token in tokens if token.type == "inline"]
    kinds = [(token.type, token.content) for token in inline.children or ()]
    assert [kind for kind, _ in kinds] == ["text", "code_inline", "text"]
    assert kinds[1][1].strip() == one_line(text).strip()
    assert kinds[2][1] == " end"


@given(hostile_texts)
def test_a_chat_message_mentions_links_and_formats_nothing(text: str) -> None:
    message = chat_text(text)
    assert not CONTROL.search(message)
    assert "<" not in message
    assert ">" not in message
    assert not re.search(r"@(channel|here|all|everyone|team)\b", message, re.IGNORECASE)
    assert not re.search(r"\]\(", message)
    assert json.loads(json.dumps({"text": message})) == {"text": message}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("purpose", Purpose)
def test_a_request_for_approval_shows_names_and_reasons_as_code(purpose: Purpose, text: str) -> None:
    fleet = planning.fleet(name=text or "x")
    planned = action_record(planning.action(planning.at(9), 8))
    verdicts = [{"rule": "foreign_actions", "reason": text, "is_passed": True}]
    result = {"create": [planned], "replace": [], "keep": [], "verdicts": verdicts, "reasons": [text]}
    estimate = {"cost_basis": "unknown"}
    plan = {
        "plan_id": "plan",
        "sizing_method": text,
        "estimate": estimate,
        "instance_type": "g5.xlarge",
        "short_of_capacity": text,
    }
    body = approval_body(
        fleet,
        plan,
        result,
        shown(purpose=purpose),
        forecast=None,
        replay=None,
        asked_before=AskedBefore(by=text, at_utc="2026-11-18T06:10:00+00:00", moved=(text,)),
    )
    tokens = MarkdownIt("gfm-like").parse(body)
    kinds = {child.type for token in tokens for child in token.children or ()} | {token.type for token in tokens}
    assert not kinds & {"link_open", "image", "html_inline", "html_block", "fence", "code_block"}
    assert sum(token.type == "table_open" for token in tokens) == 1
    assert sum(token.type == "list_item_open" for token in tokens) == 2
    code = [child.content.strip() for token in tokens for child in token.children or () if child.type == "code_inline"]
    # Who approved, what moved, the target, the check; and the reason of a pause, or sizing and, where any, shortfall.
    assert code.count(one_line(text).strip()) == 5 + (purpose is Purpose.PLAN) * bool(text)


def hostile_report(text: str, **section: Any) -> RunReport:
    at = datetime(2026, 11, 18, 6, tzinfo=UTC)
    words = {"mode": text, "target": text, "instance_type": text, "state": text, "cause": text, "sizing_method": text}
    return RunReport(
        window_start_utc=at,
        window_end_utc=at,
        deployment=text,
        fleets=(FleetSection(**{"fleet_id": text, "critical_ratio": 0.9, **words, **section}),),
        incidents=(Incident(step=text, subject=text, status=text, cause=text),),
        notes=(text,),
    )


@cache
def run_page(words: str) -> Tags:
    return Tags(render_run_report(hostile_report(words)))


@settings(max_examples=40, deadline=None)
@given(hostile_texts)
def test_a_page_has_the_same_tags_and_attributes_whatever_the_names(text: str) -> None:
    plain_page, hostile_page = run_page("harmless"), run_page(text or "x")
    assert hostile_page.tags == plain_page.tags
    assert hostile_page.attributes == plain_page.attributes
    assert all(link.startswith("#") for link in hostile_page.links)


def tags_without_plotly(page: str) -> list[str]:
    """Return the tags of a page but those of Plotly's own script, four megabytes that no name can change."""
    return Tags(page.replace(plotly_script(), "")).tags


_HARMLESS: dict[str, list[str]] = {}


def harmless_tags(page: str, render: Callable[[str], str]) -> list[str]:
    if page not in _HARMLESS:
        _HARMLESS[page] = tags_without_plotly(render("harmless"))
    return _HARMLESS[page]


@pytest.mark.parametrize("text", HOSTILE)
def test_the_other_pages_are_escaped_too(text: str) -> None:
    window = hour_window("2026-11-18T05:00:00")

    def savings(name: str) -> str:
        numbers = dict.fromkeys(FleetSavings.__dataclass_fields__, None)
        days = {"days": 1, "billed_days": 0, "estimated_days": 0, "unknown_days": 1, "compared_days": 0}
        fleet = FleetSavings(**{**numbers, **days, "fleet_id": name})  # type: ignore[arg-type]
        return render_savings_report(SavingsReport(name=name, window=window, fleets=(fleet,)))

    def backtest(name: str) -> str:
        name = name.encode(errors="replace").decode()  # a Parquet file holds nothing else
        scores = pd.DataFrame(
            {"model": [name], "unique_id": name, "horizon_band": "1-2", **dict.fromkeys(MEASURES, 1.0)}
        )
        drawn = {"cutoff": [1], "ds": [2], "y": [1.0], "q10": [0.5], "q50": [1.0], "q90": [2.0]}
        found = BacktestScores(
            frame=scores,
            failures={"x": name},
            forecasts=pd.DataFrame({"unique_id": [name], **drawn}),
            drawn_model=name,
        )
        return render_backtest_report(name, found)

    def forecasts(name: str) -> str:
        band = BandAccuracy(
            fleet_id=name,
            horizon_band="7-24",
            forecasts_judged=1,
            mase=1.0,
            wape=0.1,
            naive_wape=0.2,
            coverage80_fraction=0.8,
        )
        (chosen,) = choose_examples({name: 1.0})
        hour, values = window.start_utc, np.ones(1)
        example = ForecastExample(
            chosen=chosen,
            steps=[hour],
            actual=values,
            low=values,
            median=values,
            high=values,
            made_at=[hour],
            rules=(RuleAccuracy(name=name, wape=0.1, pinball=1.0, coverage80=0.8),),
            unit=name,
            note=name,
        )
        return render_forecast_report(
            ForecastReport(start_utc=hour, end_utc=hour, accuracy=(band,), examples=(example,))
        )

    for render in (savings, backtest, forecasts):
        assert tags_without_plotly(render(text)) == harmless_tags(render.__name__, render)


def test_a_page_without_figures_runs_no_script_and_one_with_figures_only_its_own() -> None:
    page = render_run_report(hostile_report("<script>alert(1)</script>"))
    assert "script-src &#39;none&#39;" in page
    assert content_policy(()).startswith("default-src 'none'; script-src 'none';")


def printed(text: str) -> str:
    console = Console(file=io.StringIO(), width=4000, force_terminal=False)
    console.print(plain(f"chat: {text}"))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@given(hostile_texts)
def test_a_terminal_shows_a_cause_literally(text: str) -> None:
    said = printed(text)
    assert not CONTROL.search(said.removesuffix("\n").replace("\n", ""))
    assert "".join(said.split()) == "".join(f"chat:{one_line(text)}".split())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_complaint_is_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    complain(text)
    said = capsys.readouterr().err
    assert said.startswith("headroom: ")
    assert said.endswith("\n")
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said


def test_a_target_may_have_any_name_and_is_shown_with_it() -> None:
    """Targets are not ours to name: what cannot be refused must be escaped."""
    for text in HOSTILE:
        assert Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name=text).name == text
