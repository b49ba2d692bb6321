"""Every policy that the replay knows, by name, and those that are open, with the reason; pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from headroom.simulation.incumbents import INCUMBENTS
from headroom.simulation.ours import Headroom, HeadroomReactive, HeadroomSpot
from headroom.simulation.policy import Policy
from headroom.simulation.replay import ORACLE, ORACLE_HOURLY

_PLAYED: Final = (*INCUMBENTS.values(), Headroom(), HeadroomReactive(), HeadroomSpot())
POLICIES: Final[Mapping[str, Policy]] = MappingProxyType({policy.name: policy for policy in _PLAYED})
OPEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "headroom_hybrid": "needs the workload tiers and their routing table, which are not built yet",
        "headroom_combined": "needs tiers, types and spot chosen together, which is not built yet",
    }
)
ORACLES: Final = (ORACLE_HOURLY, ORACLE)
"""Played always: every other policy's cost is given as a multiple of the oracle's."""
NAMES: Final = (*POLICIES, *OPEN, *ORACLES)


class UnknownPolicyError(ValueError):
    """There is no policy of a name; the message names those there are."""


def policies_named(names: Sequence[str]) -> list[Policy]:
    """Return the policies to play, in the order of NAMES, all where no name is given; those that are open are not.

    >>> [policy.name for policy in policies_named(["headroom", "headroom_hybrid", "oracle"])]
    ['headroom']
    """
    for name in names:
        if name not in NAMES:
            raise UnknownPolicyError(f"no policy {name!r}; known are {', '.join(NAMES)}")
    return [policy for name, policy in POLICIES.items() if name in (names or POLICIES)]


def open_policies(names: Sequence[str]) -> dict[str, str]:
    """Return the reason for each policy asked for that is open; all of these where no name is given."""
    return {name: reason for name, reason in OPEN.items() if name in (names or OPEN)}
