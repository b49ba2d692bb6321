"""What an Airflow Connection for AWS must look like before it is used: its hook drops what it cannot read. Pure.

Of an extra that is no JSON the hook makes an empty one, and goes on without its role; of a login without a password,
credentials that it finds elsewhere. Causes never show a login, a password or the extra as a whole.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from headroom.config.located_models import suggestion
from headroom.config.settings import is_endpoint
from headroom.domain.fleet import REGION_PATTERN

_ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
"""RoleSessionName (AWS STS API Reference, AssumeRole)."""
_METHODS: Final = ("assume_role", "assume_role_with_saml", "assume_role_with_web_identity")
_KEY_ID, _SECRET = "aws_access_key_id", "aws_secret_access_key"
_MAPPINGS: Final = (
    "assume_role_kwargs",
    "assume_role_with_saml",
    "assume_role_with_web_identity",
    "config_kwargs",
    "service_config",
    "session_kwargs",
)
_TEXTS: Final = ("aws_session_token", "profile_name", _KEY_ID, _SECRET)
_KEYS: Final = (*_MAPPINGS, *_TEXTS, "assume_role_method", "endpoint_url", "region_name", "role_arn", "verify")
"""Of the extra (provider amazon 9.39.0, "Amazon Web Services Connection"). Others are let be, unless they look like one
of these: the hook passes over them, and a misspelt role would go unnoticed."""


class AirflowConnection(Protocol):
    """The part of an Airflow Connection that is looked at."""

    conn_type: str | None
    login: str | None
    password: str | None
    extra: str | None


def fault_of(connection: AirflowConnection) -> str | None:
    """Return the field and key that cannot be used, and what was expected; None where all can."""
    if (connection.conn_type or "aws") != "aws":
        return f"conn_type: expected aws, found {connection.conn_type!r}"
    if bool(connection.login) != bool(connection.password):
        given, lacking = ("login", "password") if connection.login else ("password", "login")
        return f"{lacking}: expected one beside the {given}, found none"
    try:
        extra = json.loads(connection.extra or "{}")
    except (ValueError, RecursionError):
        return "extra: expected a JSON object, found text that is no JSON"
    if not isinstance(extra, dict):
        return f"extra: expected a JSON object, found {type(extra).__name__}"
    faults = (fault for key, value in extra.items() if (fault := _fault_of_key(key, value)) is not None)
    return next(faults, None) or _fault_of_keys(extra)


def _fault_of_keys(extra: Mapping[str, Any]) -> str | None:
    if (_KEY_ID in extra) != (_SECRET in extra):
        given, lacking = (_KEY_ID, _SECRET) if _KEY_ID in extra else (_SECRET, _KEY_ID)
        return f"extra.{lacking}: expected one beside {given}, found none"
    name = (extra.get("assume_role_kwargs") or {}).get("RoleSessionName")
    if name is not None and (not isinstance(name, str) or _SESSION_NAME.fullmatch(name) is None):
        expected = f"expected 2 to 64 letters, digits and +=,.@_-, found {name!r:.100}"
        return f"extra.assume_role_kwargs.RoleSessionName: {expected}"
    return None


def _fault_of_key(key: str, value: object) -> str | None:
    """Return what is wrong with one key of the extra; null is as good as a key that is left out."""
    if key not in _KEYS:
        close = suggestion(key, _KEYS)
        return f"extra.{key}: unknown key{close}" if close else None
    if value is None or key == "verify":
        return None
    text = value if isinstance(value, str) else ""
    expected = {
        **{name: ("an object", isinstance(value, dict)) for name in _MAPPINGS},
        **{name: ("text", bool(text)) for name in _TEXTS},
        "assume_role_method": (" or ".join(_METHODS), value in _METHODS),
        "endpoint_url": ("a URL such as http://127.0.0.1:5000", bool(text) and is_endpoint(text)),
        "region_name": ("an AWS region such as us-east-1", REGION_PATTERN.fullmatch(text) is not None),
        "role_arn": (
            "an ARN such as arn:aws:iam::123456789012:role/headroom",
            _ROLE_ARN.fullmatch(text) is not None,
        ),
    }
    wanted, is_right = expected[key]
    if is_right:
        return None
    found = type(value).__name__ if key in (*_MAPPINGS, *_TEXTS) else f"{value!r:.100}"
    return f"extra.{key}: expected {wanted}, found {found}"
