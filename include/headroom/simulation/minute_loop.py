"""The replay's compiled loop: instances, queue and reactive policy, one step at a time; arrays in, arrays out.

All of it is in this file, for what numba keeps between processes is checked against one file only (compiled.py). What
the figures mean, and the classes that people use, are in headroom.simulation.engine.

The queue. Two numbers are carried from step to step: requests waiting, on average over chance, and the part of them
that is there for sure because more came than could be served (the backlog). Waiting follows
d(waiting)/dt = rate - capacity x utilization(waiting), where utilization(waiting) is that at which a steady queue
holds so many (pointwise stationary fluid flow: W. P. Wang, D. Tipper, S. Banerjee, A simple approximation for modeling
nonstationary queues, INFOCOM 1996), solved implicitly, so a constant rate ends at the steady state exactly, and an
overload grows as it must. A request that comes waits for the backlog before it, plus what chance adds: the steady
state's tail at the utilization that belongs to waiting without backlog. Where tokens are promised, that latency is
the first one's; whether the gaps of a request keep theirs follows from the utilization alone.
"""

from typing import NamedTuple

import numpy as np

from headroom.compiled import compiled
from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts

NO_REACTION, THRESHOLD, TARGET_TRACKING, HPA = 0, 1, 2, 3
PARAMETERS = 6
_ARRIVALS_A_STEP = 8
"""Moments of a step at which the wait is looked at while there is a backlog."""


class Queue(NamedTuple):
    """One instance's most requests per second, the timeout, and the arrays of headroom.simulation.latency_table.

    `gaps_missed`: GapTable.missed_in_time; empty where no gaps are promised.
    """

    rate_per_second: float
    timeout_seconds: float
    size_index: Counts
    utilizations: Floats
    waiting: Floats
    tails: Floats
    latencies_seconds: Floats
    objective_index: int
    gaps_missed: Floats


class Ways(NamedTuple):
    """How instances of each pool come and go, shape (pools,): steps and fractions of engine.Pool and Conditions."""

    speeds: Floats
    ceilings: Counts
    lead_steps: Counts
    late_steps: Floats
    drain_steps: int
    notice_steps: int
    least_billed_steps: int
    interrupted: Floats
    refused: Floats
    stillborn: Floats


class Reactive(NamedTuple):
    """Which reactive policy runs over the floor of the first pool, and its parameters, shape (PARAMETERS,)."""

    kind: int
    parameters: Floats


class Written(NamedTuple):
    """What the loop fills in.

    `ready`, `billed`: (pools, steps). `steps`: (steps, 8): waiting, failed, late, utilization, desired, recommended,
    late by the latency alone, launching.
    `slower`: (2, latencies): requests slower than each latency, of all steps and of steps with a launch under way.
    `events`: launches that became ready, the steps that these took, interruptions, changes of desired.
    """

    ready: Counts
    billed: Counts
    steps: Floats
    slower: Floats
    events: Counts


class Lives(NamedTuple):
    """Instances of each pool now, and the steps at which more of them come into service, leave, or have drained.

    `leading`: steps of launching that those have behind them who come into service in a step, together.
    """

    now: Counts
    launching: Counts
    noticed: Counts
    draining: Counts
    wanted: Counts
    due: Counts
    leading: Counts
    leaving: Counts
    drained: Counts
    last_due: Counts


@compiled
def _cell(ascending: Floats, value: float) -> int:
    """Return i such that ascending[i] <= value < ascending[i + 1], held inside the array."""
    low, high = 0, ascending.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if ascending[middle] <= value:
            low = middle
        else:
            high = middle
    return low


@compiled
def _settle(total: float, served: float, queue: Queue, size: int) -> tuple[float, float]:
    """Return the requests that wait at the end of a step and the utilization they belong to.

    `total`: requests that waited before or came; `served`: the most that the step can serve.
    """
    busy, steady = queue.utilizations, queue.waiting[size]
    low, high = 0, busy.size - 1
    if total >= steady[high] + served * busy[high]:
        return max(total - served, 0.0), 1.0  # beyond the table every server is busy all the time
    while high - low > 1:
        middle = (low + high) // 2
        if steady[middle] + served * busy[middle] <= total:
            low = middle
        else:
            high = middle
    below, above = steady[low] + served * busy[low], steady[high] + served * busy[high]
    utilization = busy[low] + (total - below) / (above - below) * (busy[high] - busy[low])
    return max(total - served * utilization, 0.0), utilization


@compiled
def _utilization_of(waiting: float, queue: Queue, size: int) -> float:
    """Return the utilization at which a steady queue holds so many waiting requests."""
    busy, steady = queue.utilizations, queue.waiting[size]
    if waiting >= steady[-1]:
        return float(busy[-1])
    low = _cell(steady, waiting)
    part = (waiting - steady[low]) / (steady[low + 1] - steady[low])
    return float(busy[low] + part * (busy[low + 1] - busy[low]))


@compiled
def _add_slower(
    weight: float, wait: float, utilization: float, queue: Queue, size: int, part: tuple[int, int], slower: Floats
) -> None:
    """Add the weight of requests that take longer than each latency, having come `wait` seconds behind a backlog.

    `part`: the first of the latencies that are asked for, and the one after the last.
    """
    latencies = queue.latencies_seconds
    low = _cell(queue.utilizations, utilization)
    gap = queue.utilizations[low + 1] - queue.utilizations[low]
    crowd = min((utilization - queue.utilizations[low]) / gap, 1.0)
    quiet, crowded = queue.tails[size, low], queue.tails[size, low + 1]
    if wait <= 0.0:
        for index in range(part[0], part[1]):
            slower[index] += weight * (quiet[index] + crowd * (crowded[index] - quiet[index]))
        return
    place = _cell(latencies, latencies[part[0]] - wait)
    for index in range(part[0], part[1]):
        left = latencies[index] - wait
        if left <= 0.0:
            slower[index] += weight
            continue
        while place + 2 < latencies.size and latencies[place + 1] <= left:
            place += 1
        share = (left - latencies[place]) / (latencies[place + 1] - latencies[place])
        first = quiet[place] + share * (quiet[place + 1] - quiet[place])
        second = crowded[place] + share * (crowded[place + 1] - crowded[place])
        slower[index] += weight * (first + crowd * (second - first))


@compiled
def _add_failed(failed: float, part: tuple[int, int], slower: Floats) -> None:
    """Let those who fail be slower than every latency, not just than the timeout that they came to."""
    for index in range(part[0], part[1]):
        slower[index] = max(slower[index], failed)


@compiled
def serve_step(
    arriving: float,
    capacity: float,
    before: tuple[float, float],
    seconds: float,
    queue: Queue,
    part: tuple[int, int],
    slower: Floats,
) -> tuple[float, float, float, float]:
    """Serve one step with `capacity` instances of today's type; `before`: requests waiting, and backlog.

    Return waiting, backlog, requests failed and utilization. `slower` is overwritten with the requests of this step
    that take longer than each latency in `part` (first, and the one after the last). What would wait beyond the timeout
    fails, and is slower than any latency; without capacity nothing takes requests, and all fail at once.
    """
    waiting, backlog = before
    if capacity <= 0.0:
        slower[part[0] : part[1]] = arriving
        return 0.0, 0.0, arriving + waiting, 0.0
    slower[part[0] : part[1]] = 0.0
    size = queue.size_index[min(max(1, int(capacity + 1e-9)), queue.size_index.size - 1)]
    served = capacity * queue.rate_per_second * seconds
    most = capacity * queue.rate_per_second * queue.timeout_seconds
    grown = backlog + arriving - served
    failed = max(0.0, grown - most)
    after, utilization = _settle(waiting + arriving, served, queue, size)
    after = max(after - failed, 0.0)
    if after > most:
        failed += after - most
        after = most
    backlog_after = min(max(grown, 0.0), most)
    if backlog <= 0.0 and backlog_after <= 0.0:
        _add_slower(arriving, 0.0, utilization, queue, size, part, slower)
        _add_failed(min(failed, arriving), part, slower)
        return after, 0.0, failed, utilization
    by_chance = _utilization_of(max(0.0, after - backlog_after), queue, size)
    for moment in range(_ARRIVALS_A_STEP):
        share = (moment + 0.5) / _ARRIVALS_A_STEP
        behind = min(max(backlog + share * (arriving - served), 0.0), most)
        _add_slower(arriving / _ARRIVALS_A_STEP, behind / served * seconds, by_chance, queue, size, part, slower)
    _add_failed(min(failed, arriving), part, slower)
    return after, backlog_after, failed, utilization


@compiled
def _late(arriving: float, utilization: float, queue: Queue, slower: Floats) -> float:
    """Return the requests beyond the objective: by latency, and of the others those beyond it by their gaps."""
    late = float(slower[queue.objective_index])
    if queue.gaps_missed.size == 0:
        return late
    low = _cell(queue.utilizations, utilization)
    gap = queue.utilizations[low + 1] - queue.utilizations[low]
    crowd = min((utilization - queue.utilizations[low]) / gap, 1.0)
    quiet, crowded = queue.gaps_missed[low], queue.gaps_missed[low + 1]
    return late + (arriving - late) * float(quiet + crowd * (crowded - quiet))


@compiled
def serve_given(
    rates: Floats,
    seconds: float,
    capacity: Floats,
    queue: Queue,
    before: tuple[float, float],
    together: int,
    steps: Floats,
    slower: Floats,
) -> None:
    """Serve under capacity that is not the loop's own; `rates`, `capacity`: (steps,), `before` as for serve_step.

    Filled in: `steps`, (steps, 4): what serve_step returns of each; `slower`, (steps / together, latencies): requests
    slower than each latency, of `together` steps at a time, those of steps without capacity left out.
    """
    one_step = np.zeros(queue.latencies_seconds.size)
    waiting, backlog = before
    for step in range(rates.size):
        waiting, backlog, failed, utilization = serve_step(
            rates[step] * seconds, capacity[step], (waiting, backlog), seconds, queue, (0, one_step.size), one_step
        )
        if capacity[step] > 0.0:
            slower[step // together] += one_step
        steps[step, 0] = waiting
        steps[step, 1] = backlog
        steps[step, 2] = failed
        steps[step, 3] = utilization


@compiled
def kept_at_best(rates: Floats, seconds: float, queue: Queue, kept: Floats) -> None:
    """Write the requests of each step that keep the objective with nothing waiting before; (steps, most + 1)."""
    slower = np.zeros(queue.latencies_seconds.size)
    objective = (queue.objective_index, queue.objective_index + 1)
    for step in range(rates.size):
        arriving = rates[step] * seconds
        for instances in range(1, kept.shape[1]):
            served = serve_step(arriving, float(instances), (0.0, 0.0), seconds, queue, objective, slower)
            late = _late(arriving, served[3], queue, slower)
            kept[step, instances] = max(arriving - late, kept[step, instances - 1])


@compiled
def _rounded_up(instances: float) -> int:
    """Round up, but not for the last digits of a quotient that should be whole: 12 x 0.45 / 0.9 is 6."""
    return int(np.ceil(instances - 1e-9))


@compiled
def decide_threshold(
    step: int, busy: Floats, desired: int, bounds: tuple[int, int], parameters: Floats, last_change: Floats
) -> int:
    """Parameters: out above, in below, steps of a mean, steps of cooldown, instances a change.

    A decision that the bounds undo is no change: it starts no cooldown.
    """
    points = min(int(parameters[2]), step)
    if step - last_change[0] < parameters[3] or points == 0:
        return desired
    mean, wanted = busy[step - points : step].mean(), desired
    if mean > parameters[0]:
        wanted = min(desired + int(parameters[4]), bounds[1])
    elif mean < parameters[1]:
        wanted = max(desired - int(parameters[4]), bounds[0])
    if wanted != desired:
        last_change[0] = step
    return wanted


@compiled
def _points(step: int, busy: Floats, count: int, length: int) -> tuple[float, float]:
    """Return the lowest and the highest of the last `count` points, each the mean of `length` steps."""
    lowest, highest = np.inf, -np.inf
    for point in range(count):
        end = step - point * length
        mean = busy[end - length : end].mean()
        lowest, highest = min(lowest, mean), max(highest, mean)
    return lowest, highest


@compiled
def decide_target_tracking(
    step: int, busy: Floats, ready: Counts, desired: int, launching: int, parameters: Floats
) -> int:
    """Parameters: target, points above it to scale out, points below to scale in, share of it that is below, steps.

    The last is the steps of one point. A metric belongs to the instances that were at work when it was measured:
    `ready`, one step ago. Those that launch are not counted in it, and none leave before they are at work.
    """
    target, length = parameters[0], int(parameters[4])
    points_out, points_in = int(parameters[1]), int(parameters[2])
    if step < length * points_out or ready[step - 1] == 0:
        return desired
    measured = float(ready[step - 1])
    if _points(step, busy, points_out, length)[0] > target:
        return max(desired, _rounded_up(measured * busy[step - length : step].mean() / target))
    if launching == 0 and step >= length * points_in:
        highest = _points(step, busy, points_in, length)[1]
        if highest < parameters[3] * target:
            return min(desired, _rounded_up(measured * highest / target))
    return desired


@compiled
def decide_hpa(
    step: int, busy: Floats, ready: Counts, desired: int, present: int, parameters: Floats, recommended: Floats
) -> int:
    """Parameters: target, tolerance, steps of scale-down stabilisation, then how fast it may scale up.

    That is: the fraction and the instances that a period may add, the larger of both, and periods a step. Of the
    `present` pods, those that gave no metric yet count as idle where it would scale up, and not at all where down.
    """
    recommended[step] = desired
    if step == 0 or ready[step - 1] == 0:
        return desired
    pods, ratio = int(ready[step - 1]), busy[step - 1] / parameters[0]
    unready = present - pods
    is_up = ratio > 1.0
    if is_up and unready > 0:
        ratio *= pods / (pods + unready)
        pods += unready
    if abs(ratio - 1.0) > parameters[1] + 1e-9 and is_up == (ratio > 1.0):
        recommended[step] = _rounded_up(ratio * pods)
        if is_up:
            recommended[step] = max(recommended[step], desired)
    if recommended[step] >= desired:
        most = desired
        for _ in range(int(parameters[5])):
            most = max(_rounded_up(most * (1.0 + parameters[3])), most + int(parameters[4]))
        return min(int(recommended[step]), most)
    return min(desired, int(recommended[max(0, step - int(parameters[2])) : step + 1].max()))


@compiled
def _come_and_go(step: int, pool: int, lives: Lives, ways: Ways, events: Counts) -> None:
    """Let launches come into service, leave who was told to, end who has drained, and let spot take its own."""
    due = lives.due[pool, step]
    came = due
    lives.launching[pool] -= due
    if due > 0 and ways.stillborn[pool] > 0.0:
        came -= np.random.binomial(due, ways.stillborn[pool])  # noqa: NPY002, numba's own, seeded by run_loop
    if came > 0:
        events[0] += came
        events[1] += lives.leading[pool, step] * came // due
    lives.now[pool] += came - lives.leaving[pool, step]
    lives.noticed[pool] -= lives.leaving[pool, step]
    lives.draining[pool] -= lives.drained[pool, step]
    serving = lives.now[pool] - lives.noticed[pool]
    if ways.interrupted[pool] > 0.0 and serving > 0:
        hit = np.random.binomial(serving, ways.interrupted[pool])  # noqa: NPY002, as above
        lives.noticed[pool] += hit
        lives.leaving[pool, step + ways.notice_steps] += hit
        events[2] += hit


@compiled
def _launch(count: int, step: int, pool: int, lives: Lives, ways: Ways, events: Counts) -> None:
    for _ in range(count):
        if ways.refused[pool] > 0.0 and np.random.random() < ways.refused[pool]:  # noqa: NPY002, as above
            continue
        lead = ways.lead_steps[pool]
        if ways.late_steps[pool] > 0.0:
            lead += int(np.round(np.random.exponential(ways.late_steps[pool])))  # noqa: NPY002, as above
        if lead == 0:
            lives.now[pool] += 1
            events[0] += 1
            continue
        place = min(step + lead, lives.due.shape[1] - 1)
        lives.due[pool, place] += 1
        lives.leading[pool, place] += lead
        lives.launching[pool] += 1
        lives.last_due[pool] = max(lives.last_due[pool], place)


@compiled
def _end(count: int, step: int, pool: int, lives: Lives, ways: Ways) -> None:
    """End the newest launches first, billed for the least time there is, then instances in service, which drain."""
    place = lives.last_due[pool]
    while count > 0 and lives.launching[pool] > 0:
        dropped = min(count, lives.due[pool, place])
        owed = ways.least_billed_steps - max(1, step - (place - ways.lead_steps[pool]))
        if dropped > 0:
            lives.leading[pool, place] -= lives.leading[pool, place] * dropped // lives.due[pool, place]
        if dropped > 0 and owed > 0:
            lives.draining[pool] += dropped
            lives.drained[pool, step + owed] += dropped
        lives.due[pool, place] -= dropped
        lives.launching[pool] -= dropped
        count -= dropped
        place -= 1
    if count > 0:
        lives.now[pool] -= count
        if ways.drain_steps > 0:
            lives.draining[pool] += count
            lives.drained[pool, step + ways.drain_steps] += count


@compiled
def _desired(
    step: int, reactive: Reactive, lives: Lives, bounds: tuple[int, int], written: Written, last_change: Floats
) -> int:
    """Return what the reactive policy wants of the first pool; 0 without one."""
    busy, ready, desired, launching = written.steps[:, 3], written.ready[0], int(lives.wanted[0]), lives.launching[0]
    if reactive.kind == THRESHOLD:
        return decide_threshold(step, busy, desired, bounds, reactive.parameters, last_change)
    if reactive.kind == TARGET_TRACKING:
        return decide_target_tracking(step, busy, ready, desired, launching, reactive.parameters)
    if reactive.kind == HPA:
        present = lives.now[0] - lives.noticed[0] + launching
        return decide_hpa(step, busy, ready, desired, present, reactive.parameters, written.steps[:, 5])
    return 0


@compiled
def run_loop(
    rates: Floats,
    seconds: float,
    floors: Counts,
    initial: Counts,
    reactive: Reactive,
    ways: Ways,
    queue: Queue,
    seed: int,
    written: Written,
) -> None:
    """Play all steps of `rates` under `floors` (pools, steps), from `initial` instances in service."""
    np.random.seed(seed)  # noqa: NPY002, numba's own generator, of this thread
    pools, count = floors.shape
    room = count + ways.lead_steps.max() + ways.notice_steps + ways.drain_steps + ways.least_billed_steps + 2
    lives = Lives(
        initial.copy(),
        np.zeros(pools, dtype=np.int64),
        np.zeros(pools, dtype=np.int64),
        np.zeros(pools, dtype=np.int64),
        initial.copy(),
        np.zeros((pools, room), dtype=np.int64),
        np.zeros((pools, room), dtype=np.int64),
        np.zeros((pools, room), dtype=np.int64),
        np.zeros((pools, room), dtype=np.int64),
        np.zeros(pools, dtype=np.int64),
    )
    slower, last_change = np.zeros(queue.latencies_seconds.size), np.full(1, -1e18)
    waiting, backlog, utilization = 0.0, 0.0, 0.0
    for step in range(count):
        capacity = 0.0
        for pool in range(pools):
            _come_and_go(step, pool, lives, ways, written.events)
            want = floors[pool, step]
            if pool == 0:
                bounds = (floors[pool, step], ways.ceilings[pool])
                want = max(want, _desired(step, reactive, lives, bounds, written, last_change))
            want = min(want, ways.ceilings[pool])
            written.events[3] += int(want != lives.wanted[pool])
            lives.wanted[pool] = want
            active = lives.now[pool] - lives.noticed[pool] + lives.launching[pool]
            if want > active:
                _launch(want - active, step, pool, lives, ways, written.events)
            elif want < active:
                _end(active - want, step, pool, lives, ways)
            written.ready[pool, step] = lives.now[pool]
            written.billed[pool, step] = lives.now[pool] + lives.launching[pool] + lives.draining[pool]
            capacity += lives.now[pool] * ways.speeds[pool]
        arriving = rates[step] * seconds
        waiting, backlog, failed, utilization = serve_step(
            arriving, capacity, (waiting, backlog), seconds, queue, (0, slower.size), slower
        )
        written.slower[0] += slower
        if lives.launching.sum() > 0:
            written.slower[1] += slower
        written.steps[step, 0] = waiting
        written.steps[step, 1] = failed
        written.steps[step, 2] = _late(arriving, utilization, queue, slower)
        written.steps[step, 3] = utilization
        written.steps[step, 4] = lives.wanted.sum()
        written.steps[step, 6] = slower[queue.objective_index]
        written.steps[step, 7] = lives.launching.sum()
