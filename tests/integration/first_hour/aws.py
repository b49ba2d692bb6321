"""Stands in for the AWS command line, as far as the pages use it: `aws SERVICE OPERATION --name value ...`.

The real one pins one exact version of botocore, which would hold ours back. Names and shapes of arguments come from
botocore's own models, so an operation or an argument that is none fails here as it fails there.
"""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import jmespath
from botocore import xform_name
from botocore.model import Shape


def main(arguments: list[str]) -> int:
    """Make one call and print its answer."""
    service, command, *rest = arguments
    if (service, command) == ("s3", "cp"):
        return _copy_from_stdin(*rest)
    given: dict[str, list[str]] = {}
    for argument in rest:
        if argument.startswith("--"):
            given[argument[2:]] = []
        else:
            given[list(given)[-1]].append(argument)
    profile, query, output = (given.pop(name, [""])[0] for name in ("profile", "query", "output"))
    model = botocore.session.get_session().get_service_model(service)
    (operation,) = [name for name in model.operation_names if xform_name(name, "-") == command]
    members = model.operation_model(operation).input_shape.members
    by_name = {xform_name(name, "-"): name for name in members}
    call = {by_name[name]: _value(members[by_name[name]], values) for name, values in given.items()}
    credentials = {"aws_access_key_id": profile, "aws_secret_access_key": "any"} if profile else {}
    client = boto3.client(service, **credentials)
    answer = getattr(client, xform_name(operation))(**call)
    answer.pop("ResponseMetadata", None)
    found = jmespath.search(query, answer) if query else answer
    text = "\t".join(map(str, found)) if isinstance(found, list) else found
    sys.stdout.write((text if output == "text" else json.dumps(found, default=str, indent=4)) + "\n")
    return 0


def _copy_from_stdin(source: str, target: str) -> int:
    assert source == "-"
    bucket, _, key = target.removeprefix("s3://").partition("/")
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=sys.stdin.buffer.read())
    return 0


def _value(shape: Shape, values: list[str]) -> Any:
    if shape.type_name == "list":
        return [_value(shape.member, [value]) for value in values]
    if shape.type_name == "map":
        return dict(pair.split("=", 1) for value in values for pair in value.split(","))
    if shape.type_name == "structure":
        pairs = dict(pair.split("=", 1) for pair in values[0].split(","))
        return {name: _value(shape.members[name], [text]) for name, text in pairs.items()}
    (value,) = values
    if value.startswith("file://"):
        return Path(value.removeprefix("file://")).read_text(encoding="utf-8")
    if shape.type_name == "boolean":
        return {"true": True, "false": False}[value]
    return int(value) if shape.type_name == "integer" else value


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
