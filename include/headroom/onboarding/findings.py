"""What a finding is: a level, a topic that docs/doctor.md has a section for, what was found, and the remedy."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """How bad a finding is, worst first."""

    PROBLEM = "problem"
    """Headroom cannot do what is asked of it."""
    UNKNOWN = "unknown"
    """It could not be checked."""
    WARNING = "warning"
    """It can, but less well, or something stands beside it."""
    OK = "ok"


class Topic(StrEnum):
    """What a finding is about; the value is the anchor of its section in docs/doctor.md."""

    CONFIGURATION = "configuration"
    DEPLOYMENT = "deployment"
    CREDENTIALS = "credentials"
    CLOCK = "clock"
    PERMISSIONS = "read-permissions"
    PUSH = "push-permissions"
    TARGETS = "targets"
    SUSPENDED = "suspended-scheduled-actions"
    OTHER_SCHEDULES = "other-schedules"
    PREDICTIVE = "predictive-policies"
    METRICS = "metrics"
    GPU_METRICS = "gpu-metrics"
    FORECASTS = "forecasts"
    BILLS = "bills"
    QUOTAS = "quotas"
    AIRFLOW = "airflow"
    CONNECTION = "airflow-connection"
    LAKE = "lake"
    WAREHOUSE = "warehouse"


PAGE: Final = "docs/doctor.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor: `subject` is a fleet, a place or a variable; `remedy` is empty where nothing is to do."""

    level: Level
    topic: Topic
    subject: str
    message: str
    remedy: str = ""

    @property
    def link(self) -> str:
        """Where docs/ tells more."""
        return f"{PAGE}#{self.topic}"

    @property
    def line(self) -> str:
        """The finding in one line, whatever a cloud or a file put into it: names come from tags and answers."""
        remedy = f" Remedy: {self.remedy}." if self.remedy else ""
        return f"{self.level.upper():<8}" + _one_line(f"{self.subject}: {self.message}.{remedy} {self.link}")


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def problem(topic: Topic, subject: str, message: str, *, remedy: str) -> Finding:
    """Return that Headroom cannot do something, and what to do about it."""
    return Finding(level=Level.PROBLEM, topic=topic, subject=subject, message=message, remedy=remedy)


def warning(topic: Topic, subject: str, message: str, *, remedy: str) -> Finding:
    """Return what works less well than it could, and what to do about it."""
    return Finding(level=Level.WARNING, topic=topic, subject=subject, message=message, remedy=remedy)


def unknown(topic: Topic, subject: str, message: str, *, remedy: str) -> Finding:
    """Return what could not be checked, and what to do about it."""
    return Finding(level=Level.UNKNOWN, topic=topic, subject=subject, message=message, remedy=remedy)


def ok(topic: Topic, subject: str, message: str, *, remedy: str = "") -> Finding:
    """Return what is in order; `remedy` says what may be done all the same."""
    return Finding(level=Level.OK, topic=topic, subject=subject, message=message, remedy=remedy)


def by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings worst first, then by topic as the page has them, then by subject; equal ones once."""
    levels, topics = list(Level), list(Topic)
    return sorted(
        dict.fromkeys(findings),
        key=lambda item: (levels.index(item.level), topics.index(item.topic), item.subject, item.message),
    )


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each level."""
    counted = Counter(finding.level for finding in findings)
    return {str(level): counted[level] for level in Level}
