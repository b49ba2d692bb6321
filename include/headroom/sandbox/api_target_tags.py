"""Tags of Application Auto Scaling's scalable targets, which moto does not keep.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html
"""

from collections.abc import Mapping
from typing import Any

from headroom.sandbox.api_protocol import AwsCall, AwsError
from headroom.sandbox.api_target_schedules import TargetKey
from headroom.sandbox.moto_bridge import MotoBridge


class TargetTags:
    """Every target's tags and the operations on them; the caller holds the sandbox's lock."""

    def __init__(self, moto: MotoBridge) -> None:
        self._moto = moto
        self._tags: dict[TargetKey, dict[str, str]] = {}

    def of(self, target: TargetKey) -> Mapping[str, str]:
        """Return a target's tags."""
        return self._tags.get(target, {})

    def tag(self, call: AwsCall) -> Mapping[str, Any]:
        """TagResource."""
        self._tags.setdefault(self._target(call), {}).update(call.parameters.get("Tags", {}))
        return {}

    def untag(self, call: AwsCall) -> Mapping[str, Any]:
        """UntagResource."""
        tags = self._tags.get(self._target(call), {})
        for key in call.parameters.get("TagKeys", []):
            tags.pop(key, None)
        return {}

    def list(self, call: AwsCall) -> Mapping[str, Any]:
        """ListTagsForResource."""
        return {"Tags": dict(self.of(self._target(call)))}

    def _target(self, call: AwsCall) -> TargetKey:
        arn = str(call.parameters.get("ResourceARN", ""))
        target = self._moto.target_of_arn(call.place, arn)
        if target is None:
            raise AwsError("ResourceNotFoundException", f"No scalable target with ARN {arn} found")
        return target
