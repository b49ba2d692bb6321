import math

import numpy as np
import pytest
from scipy import integrate, stats

from headroom.capacity.queueing import (
    chance_of_waiting,
    latency_percentile_seconds,
    latency_tail,
    mean_wait_seconds,
    peakedness,
    probability_of_waiting,
    service_tail,
    variation_factor,
)


def erlang_c_by_recursion(servers: int, load: float) -> float:
    """Return Erlang's C from the textbook recursion of Erlang's B, which never overflows but is slow."""
    blocking = 1.0
    for count in range(1, servers + 1):
        blocking = load * blocking / (count + load * blocking)
    return blocking / (1.0 - load / servers * (1.0 - blocking))


def test_one_server_makes_as_many_wait_as_it_is_busy() -> None:
    # M/M/1: P(wait) = rho
    assert float(probability_of_waiting(1, 0.8)) == pytest.approx(0.8)


def test_two_servers_at_half_load_make_a_third_wait() -> None:
    # C(2, 1) = (1^2/2! x 2/(2-1)) / (1 + 1 + 1^2/2! x 2/(2-1)) = 1 / 3
    assert float(probability_of_waiting(2, 1.0)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("servers", [1, 7, 100, 1000, 5000])
@pytest.mark.parametrize("utilization", [0.3, 0.9, 0.999])
def test_the_chance_of_waiting_equals_the_recursion_up_to_thousands_of_servers(
    servers: int,
    utilization: float,
) -> None:
    load = utilization * servers
    expected = erlang_c_by_recursion(servers, load)
    assert float(probability_of_waiting(servers, load)) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_nobody_waits_without_demand_and_everybody_without_enough_servers() -> None:
    assert probability_of_waiting([3, 3, 0], [0.0, 3.0, 1.0]).tolist() == [0.0, 1.0, 1.0]


def test_the_mean_wait_of_one_server_follows_pollaczek_and_khinchine() -> None:
    # M/G/1, rho .8, service 1 s, cv2 .5: Wq = rho / (1 - rho) x 1 x (1 + .5) / 2 = 3 s
    wait = mean_wait_seconds(servers=1, rate_per_second=0.8, service_seconds=1.0, service_cv2=0.5)
    assert float(wait) == pytest.approx(3.0)


def test_fixed_service_at_ten_servers_follows_cosmetatos() -> None:
    # c 10, rho .9: g = .1 x 9 x (sqrt 54 - 2) / (16 x .9 x 10) = .03343; (1 + g) / 2 = .51671
    assert float(variation_factor(10, 0.9, service_cv2=0.0)) == pytest.approx(0.51671, abs=1e-5)


def test_service_of_less_variation_than_exponential_lies_between_it_and_fixed_harmonically() -> None:
    # g as above, cv2 .25: 1.25 / (2 x .25 / 1 + .75 / .51671) = .64054
    assert float(variation_factor(10, 0.9, service_cv2=0.25)) == pytest.approx(0.64054, abs=1e-5)


def test_service_of_more_variation_than_exponential_lies_on_the_line_through_both() -> None:
    # g as above, cv2 4: 4 x 1 + (1 - 4) x .51671 = 2.44986
    assert float(variation_factor(10, 0.9, service_cv2=4.0)) == pytest.approx(2.44986, abs=1e-5)


def test_the_variation_of_arrivals_counts_half() -> None:
    # (3 + 1) / 2, and no correction for exponential service
    assert float(variation_factor(10, 0.9, arrival_cv2=3.0)) == pytest.approx(2.0)


def test_arrivals_in_crowds_keep_servers_busy_together() -> None:
    # of two exponential services the shorter lasts half of one: 1 + (4 - 1) / 2; of fixed ones, all of it
    assert peakedness(service_cv2=1.0, arrival_cv2=4.0) == pytest.approx(2.5)
    assert peakedness(service_cv2=0.0, arrival_cv2=4.0) == pytest.approx(4.0)
    assert peakedness(service_cv2=0.3, arrival_cv2=1.0) == 1.0


def test_who_comes_in_crowds_waits_as_groups_do_for_servers_in_groups() -> None:
    # five servers at half load for arrivals of peakedness 2.5 are two at load 1, which make a third wait (above)
    assert float(chance_of_waiting(5, 2.5, arrival_cv2=4.0)) == pytest.approx(1 / 3)
    assert float(chance_of_waiting(5, 2.5)) == float(probability_of_waiting(5, 2.5))


def test_under_light_load_fixed_service_waits_as_long_as_the_first_of_all_servers_takes_to_end() -> None:
    # the first of c uniform rests of 1 s ends after 1 / (c + 1), of c exponential ones after 1 / c: 3 / 4 for three
    factors = variation_factor([1, 3, 3], [0.0, 0.0, 0.001], service_cv2=0.0)
    assert factors.tolist() == pytest.approx([0.5, 0.75, 0.75])


def test_the_mean_wait_of_too_few_servers_is_infinite() -> None:
    assert math.isinf(float(mean_wait_seconds(servers=2, rate_per_second=2.0, service_seconds=1.0)))


def test_latency_of_one_exponential_server_is_exponential() -> None:
    # M/M/1: latency is exponential with rate mu - lambda = 1 - .5; P(> 4) = exp(-2)
    tail = latency_tail(4.0, servers=1, rate_per_second=0.5, service_seconds=1.0)
    assert float(tail) == pytest.approx(math.exp(-2))


def test_fixed_service_adds_its_length_to_the_wait() -> None:
    # cv2 0: P(T > 3) = C exp(-2 (c mu - lambda)(3 - 1) / (1 + 0)), C = .8 for one server; below 1 s all are in service
    tail = latency_tail([0.5, 3.0], servers=1, rate_per_second=0.8, service_seconds=1.0, service_cv2=0.0)
    assert tail.tolist() == pytest.approx([1.0, 0.8 * math.exp(-2 * 0.2 * 2)])


def test_a_clockwork_of_arrivals_and_services_makes_nobody_wait() -> None:
    tail = latency_tail(
        [0.9, 1.1],
        servers=1,
        rate_per_second=0.9,
        service_seconds=1.0,
        service_cv2=0.0,
        arrival_cv2=0.0,
    )
    assert tail.tolist() == [1.0, 0.0]


def test_too_few_servers_let_every_request_take_too_long() -> None:
    assert float(latency_tail(10.0, servers=1, rate_per_second=2.0, service_seconds=1.0)) == 1.0


@pytest.mark.parametrize("cv2", [0.1, 0.25, 1.0, 2.0, 4.0])
@pytest.mark.parametrize(("servers", "rate"), [(5, 4.5), (5, 1.0), (50, 49.0), (400, 200.0)])
def test_waiting_plus_gamma_service_equals_its_integral(cv2: float, servers: int, rate: float) -> None:
    shape, scale, moment = 1 / cv2, cv2, 3.0
    waiting = float(probability_of_waiting(servers, rate))
    decay = waiting / float(
        mean_wait_seconds(servers=servers, rate_per_second=rate, service_seconds=1.0, service_cv2=cv2)
    )
    # over u = P(S <= x), which takes the singular density out of the integral
    waited, _ = integrate.quad(
        lambda u: math.exp(-decay * (moment - stats.gamma.ppf(u, shape, scale=scale))),
        0,
        stats.gamma.cdf(moment, shape, scale=scale),
        limit=200,
    )
    expected = stats.gamma.sf(moment, shape, scale=scale) + waiting * waited
    tail = latency_tail(moment, servers=servers, rate_per_second=rate, service_seconds=1.0, service_cv2=cv2)
    assert float(tail) == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_the_latency_at_a_percentile_is_where_the_tail_is_what_the_percentile_leaves() -> None:
    # M/M/1 at half load: p95 = -ln(.05) / .5 = 5.99 s; unstable: infinite
    latency = latency_percentile_seconds(
        percentile=95,
        servers=[1, 1],
        rate_per_second=[0.5, 2.0],
        service_seconds=1.0,
    )
    assert latency.tolist() == pytest.approx([-math.log(0.05) / 0.5, math.inf])


def test_service_alone_has_the_gamma_tail() -> None:
    assert float(service_tail(2.0, service_seconds=1.0, service_cv2=1.0)) == pytest.approx(math.exp(-2))
    assert service_tail([0.5, 1.0], service_seconds=1.0, service_cv2=0.0).tolist() == [1.0, 0.0]


def test_thousands_of_servers_give_finite_numbers() -> None:
    servers = np.array([1, 10, 1000, 5000])
    tail = latency_tail(
        1.0,
        servers=servers,
        rate_per_second=0.95 * servers,
        service_seconds=1.0,
        service_cv2=0.3,
    )
    assert np.isfinite(tail).all()
    assert (np.diff(tail) < 0).all()
