"""Two roles in the sandbox's account with the policies we ship, and the tag that the one for writing asks for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from headroom.config.settings import PROJECT_ROOT
from headroom.sandbox.process import SandboxProcess

READ = "arn:aws:iam::{account}:role/headroom-read"
PUSH = "arn:aws:iam::{account}:role/headroom-push"
TAGGED = "chat-large"


@contextmanager
def two_roles(sandbox: SandboxProcess) -> Iterator[str]:
    """Make the roles and tag the group of chat-large; yield the account, and take the roles away."""
    account = str(sandbox.client("sts").get_caller_identity()["Account"])
    iam = sandbox.client("iam")
    trusted = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    for name in ("read", "push"):
        iam.create_role(RoleName=f"headroom-{name}", AssumeRolePolicyDocument=trust)
        document = (PROJECT_ROOT / "docs" / "iam" / f"{name}.json").read_text()
        iam.put_role_policy(RoleName=f"headroom-{name}", PolicyName=name, PolicyDocument=document)
    tag = {"ResourceId": TAGGED, "ResourceType": "auto-scaling-group", "Key": "headroom", "Value": "managed"}
    sandbox.client("autoscaling").create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": False}])
    try:
        yield account
    finally:
        for name in ("read", "push"):
            iam.delete_role_policy(RoleName=f"headroom-{name}", PolicyName=name)
            iam.delete_role(RoleName=f"headroom-{name}")
