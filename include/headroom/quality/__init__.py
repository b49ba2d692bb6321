"""Great Expectations suites per raw table, the gate between extraction and the lake, and quarantine."""

from headroom.quality.gate import gate
from headroom.quality.quarantine import quarantine
from headroom.quality.result import GateFailure, GateResult, unreadable

__all__ = ["GateFailure", "GateResult", "gate", "quarantine", "unreadable"]
