"""All claims of the article by section, and what the replay says of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from headroom.simulation.claims import case_study, predictive, strategies, vignettes
from headroom.simulation.claims.claim import Claim, Verdict
from headroom.simulation.claims.playing import PlayedClaims

CLAIMS: Final[Mapping[str, tuple[Claim, ...]]] = MappingProxyType(
    {part.SECTION: part.CLAIMS for part in (case_study, strategies, predictive, vignettes)}
)
"""By the article's section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A claim, what the replay measured (None: nothing), and why it came out so."""

    section: str
    claim: Claim
    value: float | None
    why: str

    @property
    def verdict(self) -> Verdict:
        """What the replay says of the claim."""
        return self.claim.verdict(self.value)


def findings(played: PlayedClaims) -> tuple[Finding, ...]:
    """Return one finding for each claim, in the order of CLAIMS."""
    measured = [(section, claim, claim.measure(played)) for section, claims in CLAIMS.items() for claim in claims]
    return tuple(
        Finding(section=section, claim=claim, value=found.value, why=found.why) for section, claim, found in measured
    )
