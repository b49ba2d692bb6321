import re
from pathlib import Path

import pytest

from headroom.onboarding.findings import Level, Topic, by_urgency, counts, ok, problem, unknown, warning

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("topic", Topic)
def test_every_link_leads_to_a_section_that_is_there(topic: Topic) -> None:
    page, _, anchor = ok(topic, "x", "y").link.partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_the_page_has_a_section_for_every_topic_and_no_other() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/doctor.md").read_text(), re.MULTILINE)
    assert sorted(heading.lower().replace(" ", "-") for heading in headings) == sorted(Topic)


def test_a_finding_is_one_line_whatever_a_cloud_put_into_it() -> None:
    found = problem(Topic.TARGETS, "chat", "said\n  \x1b[31mno\x07", remedy="ask again")
    assert found.line == "PROBLEM chat: said ?[31mno?. Remedy: ask again. docs/doctor.md#targets"


def test_what_is_in_order_has_no_remedy_on_its_line() -> None:
    assert ok(Topic.LAKE, "var/lake", "works").line == "OK      var/lake: works. docs/doctor.md#lake"


def test_the_worst_comes_first_and_what_is_said_twice_is_said_once() -> None:
    bad = problem(Topic.LAKE, "b", "gone", remedy="r")
    silent = unknown(Topic.CLOCK, "a", "?", remedy="r")
    slow = warning(Topic.CLOCK, "a", "slow", remedy="r")
    fine = ok(Topic.CLOCK, "a", "fine")
    assert by_urgency([fine, slow, bad, silent, bad]) == [bad, silent, slow, fine]


def test_levels_are_counted_with_their_zeros() -> None:
    assert counts([ok(Topic.LAKE, "a", "b")]) == {"problem": 0, "unknown": 0, "warning": 0, "ok": 1}
    assert list(counts([])) == list(Level)
