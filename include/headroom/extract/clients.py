"""Where AWS clients come from: one place that sets retries, timeouts and the role of each account."""

import threading
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError, ResponseParserFactory
from botocore.utils import parse_timestamp

from headroom.extract.call_budget import CallBudget
from headroom.extract.errors import SourceError, answering

MAX_ATTEMPTS = 5
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
ROLE_SESSION_NAME = "headroom"


class Clients(Protocol):
    """Gives the boto3 client of a service, in a region, with the credentials of an account."""

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:  # noqa: ANN401, boto3 makes client classes at run time
        """Return the client; `account` None means the account of our own credentials."""
        ...


def client_config(*, max_attempts: int = MAX_ATTEMPTS, read_timeout_seconds: float = READ_TIMEOUT_SECONDS) -> Config:
    """Return botocore's configuration: bounded timeouts, adaptive retries with exponential backoff."""
    return Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout_seconds,
        retries={"mode": "adaptive", "total_max_attempts": max_attempts},
        user_agent_extra="headroom",
    )


class BotoClients:
    """Clients of real AWS, or of whatever AWS_ENDPOINT_URL names.

    With `role_arn`, in which `{account}` stands for the account's id, that role is assumed in every account a caller
    names. Without it only the account of our own credentials can be read: a caller that names another one gets
    SourceError, since reading the wrong account's metrics would go unnoticed. `session_name` is who CloudTrail says
    it was (headroom.domain.session_names). All threads that share these clients share the `budget` of calls, retries
    included.
    """

    def __init__(
        self,
        session: boto3.Session | None = None,
        *,
        role_arn: str | None = None,
        session_name: str = ROLE_SESSION_NAME,
        config: Config | None = None,
        budget: CallBudget | None = None,
    ) -> None:
        self._budget = CallBudget() if budget is None else budget
        self._session = session or boto3.Session(botocore_session=_quick_session())
        self._role_arn = role_arn
        self._session_name = session_name
        self._config = config or client_config()
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._sessions: dict[str, boto3.Session] = {}
        self._own_account: str | None = None
        self._lock = threading.RLock()  # creating clients from one session is not thread-safe; using them is

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:  # noqa: ANN401, as in Clients
        """Return the client, made once for each service, region and account."""
        with self._lock:
            key = (service, region, account)
            if key not in self._clients:
                session = self._session if account is None else self._session_in(account, region=region)
                try:
                    made = session.client(service, region_name=region, config=self._config)
                except (BotoCoreError, ValueError) as error:
                    raise SourceError(f"no client for {service} in {region}: {error}") from error
                bucket = self._budget.bucket(service, region=region, account=self._counted(service, account, region))
                if bucket is not None:
                    made.meta.events.register("before-send", lambda **_request: bucket.take())
                self._clients[key] = made
            return self._clients[key]

    def _counted(self, service: str, account: str | None, region: str) -> str | None:
        """Return the account whose calls are counted together; our own goes by no name, however it was entered.

        Where STS does not say which that is, a name stands for an account of its own.
        """
        if account is None or self._role_arn is None or not self._budget.has(service):
            return None
        with suppress(SourceError):
            return None if account == self.own_account(region=region) else account
        return account

    def _session_in(self, account: str, *, region: str) -> boto3.Session:
        if account not in self._sessions:
            if self._role_arn is None:
                self._check_is_own(account, region=region)
                self._sessions[account] = self._session
            else:
                self._sessions[account] = self._assumed_session(self._role_arn.replace("{account}", account), region)
        return self._sessions[account]

    def own_account(self, *, region: str) -> str:
        """Return the account of our own credentials, asked once; SourceError where STS does not say."""
        with self._lock:
            if self._own_account is None:
                with answering(f"STS GetCallerIdentity in {region}"):
                    self._own_account = str(self.client("sts", region=region).get_caller_identity()["Account"])
            return self._own_account

    def _check_is_own(self, account: str, *, region: str) -> None:
        own = self.own_account(region=region)
        if account != own:
            message = (
                f"account {account} is not the account of these credentials ({own}); "
                "give aws.role_arn in sources.yaml to enter it"
            )
            raise SourceError(message)

    def _assumed_session(self, role_arn: str, region: str) -> boto3.Session:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise SourceError(f"no AWS credentials to assume {role_arn} with")
        own = self._session._session  # noqa: SLF001, boto3 has no public way to its botocore session
        fetcher = AssumeRoleCredentialFetcher(
            # Without a region of its own STS would need one in the environment.
            client_creator=partial(own.create_client, region_name=region, config=self._config),
            source_credentials=credentials,
            role_arn=role_arn,
            extra_args={"RoleSessionName": self._session_name},
        )
        assumed = _quick_session()
        assumed._credentials = DeferredRefreshableCredentials(  # noqa: SLF001, refreshable credentials have no public setter
            method="assume-role",
            refresh_using=fetcher.fetch_credentials,
        )
        return boto3.Session(botocore_session=assumed)


class UnreadableAnswerError(BotoCoreError):  # type: ignore[misc] # botocore has no types
    """What answered speaks another language than AWS: a proxy's page, say; botocore's own error of it is none of its.

    The answer itself is not quoted: it may be a whole page.
    """

    fmt = "something else than AWS answered: what came cannot be read"


_UNPARSED = (ResponseParserError, LookupError, ValueError, TypeError, AttributeError)
"""What botocore's parsers raise of an answer that is no XML, or XML of another kind (a well-formed HTML page)."""


class _ParserFactory(ResponseParserFactory):  # type: ignore[misc] # as above
    """Makes parsers whose failure is a BotoCoreError, as every other failure of a call is."""

    def create_parser(self, protocol_name: str) -> Any:  # noqa: ANN401, as botocore's own
        parser = super().create_parser(protocol_name)
        parse = parser.parse

        def parse_or_say(response: Any, shape: Any) -> Any:  # noqa: ANN401, as botocore's own
            try:
                return parse(response, shape)
            except _UNPARSED as error:
                raise UnreadableAnswerError from error

        parser.parse = parse_or_say
        return parser


def _quick_session() -> botocore.session.Session:
    """Return a botocore session that reads times in numbers without dateutil, and names answers it cannot read.

    CloudWatch answers with a number per sample, and botocore's own way takes 30 microseconds for each: for a day of
    fifty fleets longer than all the rest of reading it.
    """
    session = botocore.session.get_session()
    parsers = _ParserFactory()
    parsers.set_parser_defaults(timestamp_parser=_timestamp)
    session.register_component("response_parser_factory", parsers)
    return session


def _timestamp(value: Any) -> datetime:  # noqa: ANN401, as botocore's own
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    moment: datetime = parse_timestamp(value)
    return moment
