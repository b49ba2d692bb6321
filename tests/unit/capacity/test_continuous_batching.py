import random
from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from tests.unit.capacity.batching_simulation import Engine, exponential_lengths, measure, serve, share_beyond

from headroom.capacity import BatchingProfile, ImpossibleObjective, ProfileRow
from headroom.capacity.batching_load import BatchingLoad
from headroom.capacity.continuous_batching import BatchingInstance
from headroom.domain.serving import Objective


def row(
    concurrency: int,
    ttft_seconds: float,
    itl_seconds: float,
    *,
    output_tokens: float = 101.0,
    input_tokens: float = 512.0,
    instance_type: str = "g5.xlarge",
) -> ProfileRow:
    """Return a row whose tokens per second are those of its latencies."""
    stay = ttft_seconds + (output_tokens - 1) * itl_seconds
    return ProfileRow(
        instance_type=instance_type,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        concurrency=concurrency,
        ttft_seconds=ttft_seconds,
        itl_seconds=itl_seconds,
        tokens_per_second=concurrency * output_tokens / stay,
    )


def by_hand() -> BatchingInstance:
    """Return p = .1 s, alpha = .01 s, beta = .001 s, 100 gaps: C(n) = 1 + .1 n + .1 n."""
    # in step: all n prefills, then 100 decoding steps of .01 + .001 n
    rows = tuple(row(count, 0.1 * count, 0.01 + 0.001 * count) for count in (1, 2, 4, 8, 16))
    return fitted(*rows)


def fitted(*rows: ProfileRow) -> BatchingInstance:
    instance = BatchingProfile(rows=rows).instance("g5.xlarge")
    assert instance is not None
    return instance


def objective(ttft_seconds: float, itl_seconds: float, percentile: float = 95.0) -> Objective:
    return Objective(percentile=percentile, ttft_seconds=ttft_seconds, itl_seconds=itl_seconds)


def test_prefill_step_and_saturation_are_read_off_the_rows() -> None:
    instance = by_hand()
    assert instance.prefill_seconds == pytest.approx(0.1)
    assert instance.alpha_seconds == pytest.approx(0.01)
    assert instance.beta_seconds == pytest.approx(0.001)
    assert instance.fit_error_fraction == pytest.approx(0.0, abs=1e-12)
    # sixteen at a time, each for C(16) = 1 + 1.6 + 1.6 s
    assert instance.saturation_per_second == pytest.approx(16 / 4.2)


def test_rows_in_step_and_rows_spread_out_tell_the_same_instance() -> None:
    # spread out: a first token waits for its own prefill alone, and of the n prefills n - 1 stall the 100 gaps
    spread = fitted(*(row(count, 0.1, 0.01 + 0.001 * count + 0.001 * (count - 1)) for count in (1, 2, 4, 8, 16)))
    for name in ("prefill_seconds", "alpha_seconds", "beta_seconds", "saturation_per_second"):
        assert getattr(spread, name) == pytest.approx(getattr(by_hand(), name)), name


@pytest.mark.parametrize(("rate", "batch"), [(1.0, 1.25), (2.5, 5.0), (3.5, 35.0 / 3.0)])
def test_the_mean_field_batch_is_rate_times_cycle(rate: float, batch: float) -> None:
    # b = r (1 + .2 b), so b = r / (1 - .2 r)
    assert by_hand().batch_at(rate) == pytest.approx(batch)


def test_past_saturation_there_is_no_steady_state() -> None:
    assert by_hand().batch_at(3.9) is None
    latency = by_hand().latency_at(3.9, percentile=95)
    assert (latency.ttft_seconds, latency.itl_seconds) == (np.inf, np.inf)


def test_a_request_alone_waits_for_its_prefill_and_its_own_steps() -> None:
    alone = by_hand().latency_at(0.0, percentile=95)
    assert alone.ttft_seconds == pytest.approx(0.1, rel=1e-6)
    assert alone.itl_seconds == pytest.approx(0.011, rel=1e-6)


def test_one_row_that_was_disturbed_changes_nothing() -> None:
    # the first request of a benchmark compiled kernels
    rows = [row(1, 9.0, 0.5), *(row(count, 0.1 * count, 0.01 + 0.001 * count) for count in (2, 4, 8, 16, 32))]
    assert fitted(*rows).alpha_seconds == pytest.approx(0.01, rel=0.02)
    assert fitted(*rows).saturation_per_second == pytest.approx(32 / 7.4, rel=0.02)


def test_no_more_is_asked_than_the_throughput_that_was_measured() -> None:
    slower = [replace(item, tokens_per_second=0.8 * item.tokens_per_second) for item in by_hand_rows()]
    # four fifths of the tokens a second: a cycle is a quarter longer
    assert fitted(*slower).saturation_per_second == pytest.approx(0.8 * 16 / 4.2)


def by_hand_rows() -> list[ProfileRow]:
    return [row(count, 0.1 * count, 0.01 + 0.001 * count) for count in (1, 2, 4, 8, 16)]


def test_pairs_of_tokens_are_equal_shares_of_the_requests() -> None:
    short = [row(count, 0.1, 0.01, output_tokens=51, input_tokens=100) for count in (1, 2)]
    long = [row(count, 0.3, 0.01, output_tokens=151, input_tokens=300) for count in (1, 2)]
    instance = fitted(*short, *long)
    assert (instance.input_tokens, instance.output_tokens) == (200, 101)
    assert instance.ttft_seconds == pytest.approx((0.2, 0.2))
    # .1 + 50 x .01 and .3 + 150 x .01
    assert instance.cycle_seconds == pytest.approx((1.2, 1.2))


def test_instances_are_the_fewest_among_which_the_rate_is_sustainable() -> None:
    instance = by_hand()
    promised = objective(2.0, 0.1)
    rate = instance.sustainable_rate(promised)
    counts = instance.instances_for([0.0, 0.5 * rate, 3 * rate, 3.01 * rate], promised)
    assert counts.tolist() == [0, 1, 3, 4]
    latency = instance.latency_at(rate, percentile=95)
    assert latency.ttft_seconds <= 2.0 * (1 + 1e-6)
    assert latency.itl_seconds <= 0.1 * (1 + 1e-6)
    # one of the two objectives is what limits
    assert max(latency.ttft_seconds / 2.0, latency.itl_seconds / 0.1) == pytest.approx(1.0, rel=1e-3)


def test_a_first_token_is_never_promised_faster_than_it_was_measured() -> None:
    # at 8 in flight and more a first token took .8 s
    instance = by_hand()
    rate = instance.sustainable_rate(objective(0.75, 1.0))
    # seven running and itself are 8: at most a twentieth of the arrivals may meet that many
    assert instance.latency_at(rate, percentile=95).ttft_seconds <= 0.75 * (1 + 1e-6)
    assert (instance.batch_at(rate) or 0.0) < 8.0


@pytest.mark.parametrize("promised", [objective(0.05, 1.0), objective(1.0, 0.005)])
def test_an_objective_that_a_request_alone_misses_is_impossible(promised: Objective) -> None:
    with pytest.raises(ImpossibleObjective, match=r"a request alone takes 0\.1 s and 0\.011 s"):
        by_hand().sustainable_rate(promised)


def test_a_profile_does_not_answer_an_objective_on_the_whole_latency() -> None:
    with pytest.raises(ValueError, match="ttft_seconds and itl_seconds"):
        by_hand().sustainable_rate(Objective(latency_seconds=2.0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ttft_seconds": -1.0}, "ttft_seconds must be above 0, found -1.0"),
        ({"itl_seconds": float("nan")}, "itl_seconds must be above 0, found nan"),
        ({"concurrency": 0}, "concurrency must be above 0, found 0"),
        ({"output_tokens": 1.0}, "output_tokens must be at least 2"),
        ({"tokens_per_second": 20.0}, "tokens_per_second must be the output tokens of the whole instance"),
        ({"instance_type": ""}, "instance_type must not be empty"),
    ],
)
def test_a_row_out_of_range_names_its_column(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(row(8, 0.1, 0.01), **changed)  # type: ignore[arg-type]  # what is wrong is the point


def test_rows_that_tell_no_line_name_the_column() -> None:
    with pytest.raises(ValueError, match=r"concurrency must have two values or more for g5\.xlarge, found 8 alone"):
        BatchingProfile(rows=(row(8, 0.1, 0.01), row(8, 0.2, 0.01)))
    with pytest.raises(ValueError, match="concurrency must have the same values for every pair of tokens"):
        BatchingProfile(
            rows=(*by_hand_rows(), row(1, 0.1, 0.01, output_tokens=64), row(2, 0.1, 0.01, output_tokens=64))
        )


def test_sagemaker_names_are_found_either_way() -> None:
    profile = BatchingProfile(rows=tuple(replace(item, instance_type="ml.g5.xlarge") for item in by_hand_rows()))
    assert profile.instance("g5.xlarge") is profile.instance("ml.g5.xlarge") is not None
    assert profile.instance("g6.xlarge") is None


def test_a_profile_with_both_names_of_a_type_answers_each_by_its_own_rows() -> None:
    slower = [
        replace(item, instance_type="ml.g5.xlarge", ttft_seconds=1.1 * item.ttft_seconds) for item in by_hand_rows()
    ]
    profile = BatchingProfile(rows=(*by_hand_rows(), *slower))
    for name in ("g5.xlarge", "ml.g5.xlarge"):
        found = profile.instance(name)
        assert found is not None
        assert found.instance_type == name


# Chat, long prompts against short answers, and an engine with few slots; which limit binds differs. The rate is found
# from a profile measured on the simulated engine itself, as its owner would.
CASES = {
    "chat, by the gaps": (Engine(0.05, 0.02, 0.0005, 64), 200, objective(0.5, 0.06)),
    "chat, by the first token": (Engine(0.05, 0.02, 0.0005, 64), 200, objective(0.11, 0.1)),
    "chat, by the slots": (Engine(0.05, 0.02, 0.0005, 64), 200, objective(3.0, 0.2)),
    "long prompts": (Engine(0.2, 0.03, 0.0003, 32), 100, objective(1.0, 0.1)),
    "few slots": (Engine(0.03, 0.025, 0.0002, 16), 250, objective(1.0, 0.05)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sustainable_rate_is_within_a_tenth_of_the_simulated_one(case: str) -> None:
    engine, tokens, promised = CASES[case]
    generator = random.Random(5)  # noqa: S311, no secret
    rows = []
    for concurrency in (1, 2, 4, 8, 16, 32, 64):
        if concurrency <= engine.limit:
            lengths = exponential_lengths(max(600, 20 * concurrency), tokens, generator)
            ttft, itl = measure(engine, concurrency, lengths)
            rows.append(row(concurrency, ttft, itl, output_tokens=tokens))
    rate = fitted(*rows).sustainable_rate(promised)

    def is_met(rate_per_second: float) -> bool:
        count = 20_000
        arrivals = accumulate(generator.expovariate(rate_per_second) for _ in range(count))
        served = serve(engine, list(arrivals), exponential_lengths(count, tokens, generator))
        ttft_seconds, itl_seconds = promised.ttft_seconds or 0.0, promised.itl_seconds or 0.0
        return (
            max(share_beyond(served.ttft_seconds, ttft_seconds), share_beyond(served.itl_seconds, itl_seconds)) <= 0.05
        )

    assert is_met(0.9 * rate)
    assert not is_met(1.1 * rate)


@pytest.mark.parametrize(("limit", "gaps", "alpha_seconds"), [(256, 2.0, 0.5), (1000, 2.0, 4.0), (2000, 1.0, 3.0)])
def test_where_dozens_join_in_one_step_first_tokens_wait_as_simulated(
    limit: int, gaps: float, alpha_seconds: float
) -> None:
    # short answers of many requests at once, at eight tenths of saturation: 75 to 1,300 come in a step
    engine = Engine(0.002, alpha_seconds, 0.001, limit)
    concurrency = (1, limit // 2, limit)
    instance = BatchingInstance(
        instance_type="g5.xlarge",
        input_tokens=512.0,
        output_tokens=gaps + 1.0,
        concurrency=concurrency,
        ttft_seconds=(0.002,) * 3,
        cycle_seconds=tuple(gaps * (alpha_seconds + 0.001 * n) + 0.002 * n for n in concurrency),
    )
    rate, count = 0.8 * instance.saturation_per_second, 40_000
    generator = np.random.default_rng(5)
    arrivals = np.cumsum(generator.exponential(1.0 / rate, count)).tolist()
    served = serve(engine, arrivals, (1 + generator.geometric(1.0 / gaps, count)).tolist())
    load = BatchingLoad(instance, rate)
    for percentile in (90, 95):
        seconds = float(np.percentile(served.ttft_seconds[count // 10 :], percentile))
        assert load.ttft_tail(seconds) == pytest.approx(1.0 - percentile / 100.0, rel=0.4)
