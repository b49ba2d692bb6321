"""Read calls about what no account of the sandbox has: moto lacks them, or trips where AWS says "not there"."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from headroom.sandbox.api_protocol import Answer, AwsCall, AwsError
from headroom.sandbox.moto_bridge import MotoBridge


def list_inference_components(_call: AwsCall) -> Mapping[str, Any]:
    """ListInferenceComponents: there are none."""
    return {"InferenceComponents": []}


def describe_inference_component(call: AwsCall) -> Mapping[str, Any]:
    """DescribeInferenceComponent: refused as SageMaker refuses a name that it does not know."""
    name = call.parameters["InferenceComponentName"]
    raise AwsError("ValidationException", f'Could not find inference component "{name}".')


def describe_container_instances(call: AwsCall) -> Mapping[str, Any]:
    """DescribeContainerInstances: none is registered, so each one asked for is missing."""
    asked = call.parameters.get("containerInstances", [])
    return {"containerInstances": [], "failures": [{"arn": name, "reason": "MISSING"} for name in asked]}


def list_sagemaker_tags(moto: MotoBridge, call: AwsCall) -> Answer:
    """ListTags of SageMaker: moto's, which ends in a failure at an ARN that it does not know."""
    answer = moto.forward(call)
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise AwsError("ValidationException", f"Could not find resource {call.parameters['ResourceArn']}.")
    return answer
