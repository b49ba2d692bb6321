"""How a check of `headroom doctor` is run: one that fails becomes a finding, and the others go on."""

from collections.abc import Callable, Iterable

from headroom.actuation.errors import ActuationError
from headroom.extract.errors import CLOUD_ERRORS, SourceError, describe_failure
from headroom.lake.errors import LakeError
from headroom.onboarding.findings import Finding, Topic, unknown

AGAIN = "run this again; if it stays, that is a defect worth reporting"


def standing_alone(
    topic: Topic, subject: str, check: Callable[..., Iterable[Finding]], *arguments: object
) -> list[Finding]:
    """Return what `check` finds; where it fails, that it could not be made, and why."""
    try:
        return list(check(*arguments))
    except CLOUD_ERRORS as error:
        cause = describe_failure(error)
    except (SourceError, ActuationError, LakeError, OSError) as error:
        cause = str(error)
    except Exception as error:  # noqa: BLE001, a defect of one check must not hide what the others found; it is named
        cause = f"{type(error).__name__}: {error}"
    return [unknown(topic, subject, f"could not be checked: {cause}", remedy=AGAIN)]
