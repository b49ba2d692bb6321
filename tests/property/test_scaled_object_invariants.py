"""A ScaledObject gives back the very actions that were put into it, and leaves everything else in it alone.

- What is read back equals what was put: names, starts, sizes.
- Each minute's largest active trigger is the step that is in force then, or none is active.
- The owner's triggers stand as they were, first and in their order; so does everything else in the document.
- Putting the same again gives the same bytes, and taking all away gives the document of before.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.actuation.keda_cluster import admit, is_active

from headroom.actuation.keda_manifest import (
    Document,
    KeptAction,
    kept_actions,
    new_document,
    owned_setting,
    owners_triggers,
    with_actions,
)
from headroom.actuation.keda_text import check_document, document_bytes, parse_document
from headroom.domain.scaling import CapacitySetting, PresentAction
from headroom.scheduling import action_name

PLACE = {"namespace": "serving", "deployment": "chat"}
STARTS = st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31))  # noqa: DTZ001, a moment in UTC below
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12
) | st.sampled_from(["yes", "0123", "1:30", "2026-11-18", "~", "null", "- a", "a: b", "#", "'", "1e3"])


@st.composite
def put(draw: st.DrawFn, deployment: str = "prod") -> list[KeptAction]:
    """Draw the actions of a plan: steps at whole minutes within some days, a restore last."""
    moment = draw(STARTS).replace(second=0, microsecond=0, tzinfo=UTC)
    kept = []
    minutes = draw(st.lists(st.integers(2, 900), min_size=1, max_size=8))
    for number, gap in enumerate(minutes):
        is_end = number == len(minutes) - 1
        sizes = (2, 20) if is_end else (draw(st.integers(0, 20)), None)
        setting = CapacitySetting(min_instances=sizes[0], max_instances=sizes[1])
        name = action_name(deployment=deployment, fleet_id="chat", starts_at_utc=moment)
        kept.append(KeptAction(action=PresentAction(name=name, starts_at_utc=moment, setting=setting), is_end=is_end))
        moment += timedelta(minutes=gap)
    return kept


@st.composite
def documents(draw: st.DrawFn) -> Document:
    document: dict[str, Any] = new_document(**PLACE, least=2, most=20)
    document["spec"]["triggers"] = [
        {
            "type": draw(st.sampled_from(["prometheus", "cpu", "cron"])),
            "metadata": draw(st.dictionaries(TEXTS, TEXTS, max_size=3)),
            **({"name": f"owner-{number}"} if draw(st.booleans()) else {}),
        }
        for number in range(draw(st.integers(1, 4)))
    ]
    document["metadata"]["labels"] = draw(st.dictionaries(TEXTS, TEXTS, max_size=2))
    if draw(st.booleans()):
        document["metadata"]["annotations"] = {"owner.example/note": draw(TEXTS)}
    return document


def read(data: bytes) -> Document:
    return check_document(parse_document(data), **PLACE)


def by_name(kept: Sequence[KeptAction]) -> list[KeptAction]:
    return sorted(kept, key=lambda item: (item.start, item.action.name))


@settings(deadline=None, max_examples=200)
@given(document=documents(), kept=put(), others=put("stage"))
def test_what_is_put_is_read_back_and_the_rest_stays(
    document: Document, kept: list[KeptAction], others: list[KeptAction]
) -> None:
    before = json.loads(json.dumps(document))
    data = document_bytes(with_actions(document, [*kept, *others]))
    again = read(data)
    assert kept_actions(again) == by_name([*kept, *others])
    assert owned_setting(again) == CapacitySetting(min_instances=2, max_instances=20)
    assert owners_triggers(again) == again["spec"]["triggers"][: len(before["spec"]["triggers"])]
    assert document_bytes(with_actions(again, kept_actions(again))) == data
    assert read(document_bytes(with_actions(again, []))) == before == document


@settings(deadline=None, max_examples=60)
@given(kept=put(), part=st.floats(-0.2, 1.2))
def test_the_largest_active_trigger_is_the_step_in_force(kept: list[KeptAction], part: float) -> None:
    assume(len(kept) > 1)
    begin, end = kept[0].start, kept[-1].start
    moment = (begin + part * (end - begin)).replace(second=0, microsecond=0)
    if any(item.start == moment for item in kept):  # the minute in which one hands over to the next
        moment += timedelta(minutes=1)
    document = admit(document_bytes(with_actions(new_document(**PLACE, least=2, most=20), kept)))
    active = {item["name"] for item in document["spec"]["triggers"] if is_active(item, moment)}
    begun = [item for item in kept if item.start <= moment]
    assert active == ({begun[-1].action.name} if begun and not begun[-1].is_end else set())
