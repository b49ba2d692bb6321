"""The role that pushes write with, for the doctor to try: it is entered, and nothing is written with it."""

from dataclasses import dataclass

from botocore.config import Config

from headroom.extract.clients import BotoClients, Clients


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRole:
    """The role that pushes write with; `arn` may hold `{account}`."""

    arn: str
    clients: Clients

    @classmethod
    def of(cls, arn: str | None, *, session_name: str, config: Config) -> "PushRole | None":
        """Return the role with clients that enter it, or None where pushes have none of their own."""
        if arn is None:
            return None
        return cls(arn=arn, clients=BotoClients(role_arn=arn, session_name=session_name, config=config))

    def arn_in(self, account: str) -> str:
        """Return the role's ARN in an account."""
        return self.arn.replace("{account}", account)
