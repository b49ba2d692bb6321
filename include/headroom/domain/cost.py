"""Where an amount of money comes from. Every cost in a mart or a report says which of these it is."""

from enum import StrEnum


class CostBasis(StrEnum):
    """`estimated` is a count of instances times a public price; a cost that is `unknown` is None, never 0."""

    BILLED = "billed"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"

    @classmethod
    def of_estimate(cls, amount_usd: object | None) -> "CostBasis":
        """Return the basis of an amount that no bill stands behind."""
        return cls.UNKNOWN if amount_usd is None else cls.ESTIMATED
