"""Findings about guardrails: which of them fleets.yaml has loosened."""

from collections.abc import Iterable

from headroom.domain.fleet import Fleet
from headroom.domain.guardrail_settings import GuardrailSettings
from headroom.onboarding.findings import Finding, Topic, warning
from headroom.scheduling import loosened_limits

_REMEDY = "tighten it, or keep it and know that the ledger has it with every push"


def guardrail_findings(path: str, common: GuardrailSettings, fleets: Iterable[Fleet]) -> list[Finding]:
    """Return a warning for each guardrail that is loosened, for all fleets once and for each fleet that does so itself.

    `path` is the file that `common` stands in.
    """
    findings = [_finding(path, item.text) for item in loosened_limits(common)]
    for fleet in fleets:
        own = fleet.guardrails
        findings += [
            _finding(fleet.id, item.text) for item in loosened_limits(common, own) if item.limit in own.numbers
        ]
    return findings


def _finding(subject: str, text: str) -> Finding:
    return warning(Topic.CONFIGURATION, subject, f"guardrail {text}", remedy=_REMEDY)
