"""Two roles at one client: reads go out by one, everything that changes something by the other."""

from typing import Any

import pytest

from headroom.extract.push_clients import PushClients


class Recording:
    """Clients that keep which call was made in which account, and how often a client was asked for."""

    def __init__(self, own: str = "111111111111") -> None:
        self.made: list[tuple[str, str | None]] = []
        self.asked = 0
        self._own = own

    def own_account(self, *, region: str) -> str:
        assert region == "us-east-1"
        return self._own

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:
        assert (service, region) == ("autoscaling", "us-east-1")
        self.asked += 1
        made = self.made

        class Client:
            meta = "read's"

            def __getattr__(self, name: str) -> Any:
                return lambda **_: made.append((name, account))

        return Client()


@pytest.mark.parametrize(
    ("account", "entered"), [("222222222222", "222222222222"), (None, "111111111111")], ids=["its own", "ours"]
)
def test_what_changes_something_goes_out_by_the_role_that_may(account: str | None, entered: str) -> None:
    reading, writing = Recording(), Recording()
    clients = PushClients(reading=reading, writing=writing)  # type: ignore[arg-type]
    client = clients.client("autoscaling", region="us-east-1", account=account)
    client.describe_scheduled_actions()
    client.get_paginator()
    assert client.meta == "read's"
    assert writing.asked == 0  # a push that finds nothing to do enters no second role
    client.batch_put_scheduled_update_group_action()
    client.batch_delete_scheduled_action()
    assert reading.made == [("describe_scheduled_actions", account), ("get_paginator", account)]
    assert writing.made == [
        ("batch_put_scheduled_update_group_action", entered),
        ("batch_delete_scheduled_action", entered),
    ]
