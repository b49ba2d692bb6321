from collections.abc import Iterator

import pytest
from tests.unit.airflow_glue.alert_inbox import Inbox


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    inbox = Inbox()
    yield inbox
    inbox.close()
