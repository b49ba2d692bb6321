"""What must never happen in the request-level simulator.

- One more server never makes any request take longer.
- No server idles while a request waits, and none serves two requests at once.
- Requests start in the order in which they come, none before it came.

Times are multiples of 1/8 s, so sums are exact and nothing needs a tolerance.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.domain.demand import Floats
from headroom.simulation.request_level import simulate_queue

EIGHTHS = st.integers(min_value=0, max_value=80)
REQUESTS = st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=1, max_size=60)
SERVERS = st.integers(min_value=1, max_value=12)


def of_gaps(requests: list[tuple[int, int]]) -> tuple[Floats, Floats]:
    gaps, services = np.array(requests, dtype=np.float64).T / 8.0
    return np.cumsum(gaps / 8.0), services


@settings(deadline=None)
@given(requests=REQUESTS, servers=SERVERS)
def test_one_more_server_never_makes_a_request_take_longer(requests: list[tuple[int, int]], servers: int) -> None:
    arrivals, services = of_gaps(requests)
    fewer, more = (simulate_queue(arrivals, services, servers=count) for count in (servers, servers + 1))
    assert (more <= fewer).all()


@settings(deadline=None)
@given(requests=REQUESTS, servers=SERVERS)
def test_as_many_are_served_at_any_moment_as_servers_and_requests_allow(
    requests: list[tuple[int, int]], servers: int
) -> None:
    arrivals, services = of_gaps(requests)
    starts = arrivals + simulate_queue(arrivals, services, servers=servers)
    ends = starts + services
    moments = np.concatenate([arrivals, starts, ends])[:, None]
    present = ((arrivals <= moments) & (moments < ends)).sum(axis=1)
    served = ((starts <= moments) & (moments < ends)).sum(axis=1)
    assert served.tolist() == np.minimum(present, servers).tolist()


@settings(deadline=None)
@given(requests=REQUESTS, servers=SERVERS)
def test_requests_start_in_the_order_in_which_they_come(requests: list[tuple[int, int]], servers: int) -> None:
    arrivals, services = of_gaps(requests)
    waits = simulate_queue(arrivals, services, servers=servers)
    assert (waits >= 0).all()
    assert (np.diff(arrivals + waits) >= 0).all()
