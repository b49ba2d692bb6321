"""The same queue in simpy, slow and written by others: what the request-level simulator is checked against."""

from collections.abc import Iterator

import simpy

from headroom.domain.demand import Floats


def waits_in_simpy(arrivals: Floats, services: Floats, *, servers: int) -> list[float]:
    environment = simpy.Environment()
    resource = simpy.Resource(environment, capacity=servers)
    waits = [0.0] * len(arrivals)

    def request(number: int) -> Iterator[simpy.Event]:
        yield environment.timeout(arrivals[number])
        with resource.request() as turn:
            yield turn
            waits[number] = environment.now - arrivals[number]
            yield environment.timeout(services[number])

    for number in range(len(arrivals)):
        environment.process(request(number))
    environment.run()
    return waits
