"""What a gate says of a frame."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFailure:
    """One expectation that a frame does not meet; `unexpected_count` is 0 where rows cannot be counted."""

    expectation: str
    column: str
    reason: str
    unexpected_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """Whether a frame may go on, and every reason why not."""

    table: str
    row_count: int
    failures: tuple[GateFailure, ...] = ()

    @property
    def is_passed(self) -> bool:
        """Whether the frame may go on."""
        return not self.failures

    @property
    def reason(self) -> str:
        """Every failure in words, for a log or a report; empty when the frame passed."""
        if self.is_passed:
            return ""
        return f"{self.table}: {'; '.join(failure.reason for failure in self.failures)}"


def unreadable(table: str, cause: str) -> GateResult:
    """Return the result for a file that could not be read at all, so that its bytes can be kept in quarantine."""
    failure = GateFailure(
        expectation="expect_file_to_be_readable", column="", reason=f"the file is unreadable: {cause}"
    )
    return GateResult(table=table, row_count=0, failures=(failure,))
