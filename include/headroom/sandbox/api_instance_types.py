"""EC2's DescribeInstanceTypes: moto's catalogue, handed out in pages as AWS does (moto ignores MaxResults).

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
"""

from collections.abc import Mapping
from typing import Any

from headroom.sandbox.api_paging import page_of
from headroom.sandbox.api_protocol import AwsCall, AwsError
from headroom.sandbox.moto_bridge import MotoBridge

LARGEST_PAGE = 100


def describe_instance_types(moto: MotoBridge, call: AwsCall) -> Mapping[str, Any]:
    """DescribeInstanceTypes: by names or by filters, 100 a page at most; names and MaxResults exclude each other."""
    parameters = call.parameters
    names, size = parameters.get("InstanceTypes", []), parameters.get("MaxResults")
    if names and size is not None:
        raise AwsError("InvalidParameterCombination", "The parameter instanceTypes cannot be used with maxResults")
    if len(names) > LARGEST_PAGE:
        raise AwsError("InvalidParameterValue", f"At most {LARGEST_PAGE} instance types can be named")
    filters = {str(item.get("Name")): item.get("Values", []) for item in parameters.get("Filters", [])}
    page, token = page_of(
        moto.instance_types(call.account, call.region, names, filters),
        token=parameters.get("NextToken"),
        size=size,
        default_size=LARGEST_PAGE,
        max_size=LARGEST_PAGE,
        token_error="InvalidNextToken",  # noqa: S106, an error code
        size_error="InvalidParameterValue",
    )
    return {"InstanceTypes": page, "NextToken": token}
