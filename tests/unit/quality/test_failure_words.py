from types import SimpleNamespace
from typing import Any

from headroom.quality.gate import _failure


def result(**changes: Any) -> Any:
    config = SimpleNamespace(type="expect_x", kwargs={"column": "value"}, meta={"reason": "value is odd"})
    return SimpleNamespace(
        **{"expectation_config": config, "exception_info": {"raised_exception": False}, "result": {}} | changes,
    )


def test_a_check_that_fails_itself_is_a_failure_with_its_message() -> None:
    one = {"raised_exception": True, "exception_message": "no such column"}

    assert _failure(result(exception_info=one), 3).reason == "value is odd: the check failed itself: no such column"
    assert _failure(result(exception_info={"metric": one}), 3).reason.endswith("no such column")


def test_a_failure_without_count_says_only_why() -> None:
    failure = _failure(result(), 3)

    assert (failure.reason, failure.column, failure.unexpected_count) == ("value is odd", "value", 0)


def test_examples_are_shown_once_each() -> None:
    found = _failure(result(result={"unexpected_count": 3, "partial_unexpected_list": [1, 1, (2, 3)]}), 9)

    assert found.reason == "value is odd (3 of 9 rows, such as 1, 2 / 3)"
