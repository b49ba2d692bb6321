from tests.unit.scheduling.small_plan import schedule

from headroom.domain.fleet import StepLimits
from headroom.scheduling import cheapest_floor
from headroom.scheduling.load import load_compiled_schedule


def test_after_loading_a_schedule_finds_its_search_compiled() -> None:
    load_compiled_schedule()
    search = cheapest_floor._search  # noqa: SLF001, what is loaded can be seen at the compiled function alone
    before = list(search.signatures)  # type: ignore[attr-defined] # numba adds it
    assert before
    schedule(2, 5, 9, 3, current=2)
    limits = StepLimits(max_raise_instances=8, max_lowering_instances=8)
    schedule(2, 5, 9, 3, current=2, min_dwell_seconds=900.0, step_limits=limits)
    assert list(search.signatures) == before  # type: ignore[attr-defined] # as above
