"""What must hold of demand that is spread over minutes.

- Every step keeps its mean.
- No minute is negative, and a step without demand has none in any minute.
- The same arguments give the same bytes.
"""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headroom.simulation.demand_path import MOST_CORRELATION_MINUTES, MOST_VARIATION, Bursts, spread

RATES = st.lists(st.floats(min_value=0.0, max_value=1e6, allow_subnormal=False), min_size=1, max_size=40)
BURSTS = st.builds(
    Bursts,
    variation=st.floats(min_value=0.0, max_value=MOST_VARIATION),
    correlation_minutes=st.floats(min_value=0.0, max_value=MOST_CORRELATION_MINUTES),
    seed=st.integers(min_value=0, max_value=2**32 - 1),
)


@settings(deadline=None)
@given(rates=RATES, parts=st.integers(min_value=2, max_value=60), bursts=BURSTS)
@example(
    rates=[1.0], parts=2, bursts=Bursts(variation=9.5, correlation_minutes=59.0, seed=23427)
)  # both minutes next to nothing: 1e-310
def test_every_step_keeps_its_mean_and_no_minute_is_negative(rates: list[float], parts: int, bursts: Bursts) -> None:
    steps = np.array(rates)
    path = spread(steps, parts, bursts, part_seconds=60.0)
    assert (path >= 0).all()
    assert np.allclose(path.reshape(len(steps), parts).mean(axis=1), steps, rtol=1e-9, atol=1e-300)
    assert (path.reshape(len(steps), parts)[steps == 0] == 0).all()
    assert path.tobytes() == spread(steps, parts, bursts, part_seconds=60.0).tobytes()
