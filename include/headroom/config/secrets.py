"""What this process must not show: `redact` of headroom.domain.secrets, knowing the environment's own secrets."""

import os
from collections.abc import Mapping

from headroom.domain import secrets


def redact(text: object, environment: Mapping[str, str] = os.environ) -> str:
    """Return the words of `text` (an error, say) with the environment's secrets and whatever looks like one masked."""
    words = str(text)
    return secrets.redact(words, secrets.secrets_of(environment)) if words else words
