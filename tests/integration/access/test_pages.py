"""Headroom's pages behind Airflow's login and permissions: what is asked, and every body that comes back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from tests.integration.access.conftest import CONTENT, FAB_ONLY, JWT_SECRET, ROLES, Server
from tests.integration.access.rights import PUSH_ID

pytestmark = pytest.mark.integration

PAGE = "/headroom/report"
PUSHES = "/headroom/pushes"
NOTHING_THERE = '{"detail":"Not Found"}'
OTHER_PATHS = (
    *("/headroom/", "/headroom/docs", "/headroom/redoc", "/headroom/openapi.json", "/headroom/x", f"{PAGE}/"),
    *(f"{PAGE}/../report", "/headroom/../headroom/report", "/headroom/%2e%2e/headroom/report", "/headroom//report"),
    *(f"{PAGE}%00", f"{PAGE};x", f"{PAGE}/latest.html", f"{PAGE}/..%2f..%2freports%2flatest.html", "/headroom/REPORT"),
    *("/headroom/reports/run/2026-11-18T05.html", "/headroom/%2e%2e%2f%2e%2e%2fsecret", "/headroom/..\\..\\secret"),
)
UI_PATHS = ("/headroom", "//headroom/report", "/headroomx", "/Headroom/report")


def directives(policy: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}


def forged(server: Server, *, secret: str = JWT_SECRET, algorithm: str = "HS512", **claims: Any) -> str:
    genuine = jwt.decode(server.token("admin"), options={"verify_signature": False})
    header = jwt.get_unverified_header(server.token("admin"))
    headers = {name: value for name, value in header.items() if name not in ("alg", "typ")}
    return jwt.encode({**genuine, **claims}, secret, algorithm=algorithm, headers=headers)


def test_a_token_made_as_airflow_makes_them_opens_the_page(server: Server) -> None:
    """So what the forged ones below are refused for is what was changed in them."""
    assert server.ask("GET", PAGE, token=forged(server)).text == f"<html>{CONTENT}</html>"


@pytest.mark.parametrize("case", ["none", "garbage", "expired", "wrong secret", "not signed", "other audience"])
def test_without_a_valid_token_nothing_of_the_page_is_shown(server: Server, case: str) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    token = {
        "none": lambda: None,
        "garbage": lambda: "garbage",
        "expired": lambda: forged(server, exp=past, iat=past - timedelta(hours=1), nbf=past - timedelta(hours=1)),
        "wrong secret": lambda: forged(server, secret="another-secret-of-the-same-length-" + "0" * 40),
        "not signed": lambda: forged(server, secret="", algorithm="none"),
        "other audience": lambda: forged(server, aud="somebody-else"),
    }[case]()
    answer = server.ask("GET", PAGE, token=token)
    assert answer.status_code in (401, 403)
    assert set(answer.json()) == {"detail"}
    assert CONTENT not in answer.text


def test_a_cookie_is_judged_as_a_token_is(server: Server) -> None:
    shown = server.ask("GET", PAGE, headers={"Cookie": f"_token={server.token('viewer')}"})
    refused = server.ask("GET", PAGE, headers={"Cookie": f"_token={forged(server, secret='x' * 64)}"})
    assert shown.text == f"<html>{CONTENT}</html>"
    assert refused.status_code in (401, 403)
    assert CONTENT not in refused.text


@pytest.mark.parametrize("person", ROLES)
def test_every_role_of_airflow_may_see_the_page(server: Server, person: str) -> None:
    answer = server.ask("GET", PAGE, person=person)
    assert (answer.status_code, answer.text) == (200, f"<html>{CONTENT}</html>")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("server", ["fab"], indirect=True)  # SimpleAuthManager has no roles of one's own
@pytest.mark.parametrize("person", FAB_ONLY)
def test_a_role_sees_the_page_exactly_if_it_may_read_the_dag_it_is_about(server: Server, person: str) -> None:
    answer = server.ask("GET", PAGE, person=person)
    if ("can_read", "DAG:scale_ahead") in FAB_ONLY[person]:
        assert answer.text == f"<html>{CONTENT}</html>"
    else:
        assert answer.status_code == 403
        assert answer.json() == {"detail": "Forbidden"}


@pytest.mark.parametrize("person", ROLES)
def test_who_may_start_rollbacks_finds_the_controls_and_who_may_only_look_does_not(server: Server, person: str) -> None:
    answer = server.ask("GET", PUSHES, person=person)
    assert answer.status_code == 200
    assert PUSH_ID in answer.text
    may_roll_back = person != "viewer"
    assert (f'data-push="{PUSH_ID}"' in answer.text) is may_roll_back
    assert ("<script>" in answer.text) is may_roll_back
    policy = directives(answer.headers["Content-Security-Policy"])
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    # Its script is known by its hash and asks this server alone, with the session that the report must not have.
    assert re.fullmatch(r"'sha256-[\w+/=]+'" if may_roll_back else "'none'", policy["script-src"])
    assert policy.get("connect-src") == ("'self'" if may_roll_back else None)


@pytest.mark.parametrize("path", [PUSHES, f"{PUSHES}?fleet=chat-large", f"{PUSHES}?page=1"])
def test_nobody_sees_pushes_without_a_login(server: Server, path: str) -> None:
    answer = server.ask("GET", path)
    assert answer.status_code == 401
    assert PUSH_ID not in answer.text


@pytest.mark.parametrize("server", ["fab"], indirect=True)  # as above
@pytest.mark.parametrize("person", FAB_ONLY)
def test_pushes_are_seen_by_the_same_right_as_the_report(server: Server, person: str) -> None:
    answer = server.ask("GET", PUSHES, person=person)
    assert (PUSH_ID in answer.text) is (person == "reader")
    assert 'data-push="' not in answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [("fleet=no-such", 404), ("page=2", 404), ("page=0", 422), ("page=x", 422), ("fleet=..%2F..%2Fx", 404)],
)
def test_a_page_of_pushes_that_is_not_there_is_refused(server: Server, query: str, status: int) -> None:
    assert server.ask("GET", f"{PUSHES}?{query}", person="admin").status_code == status


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_nothing_else_is_under_headroom_for_nobody_and_for_the_admin(server: Server, path: str) -> None:
    for person in (None, "viewer", "admin"):
        answer = server.ask("GET", path, person=person)
        assert (answer.status_code, answer.text) == (404, NOTHING_THERE), person


@pytest.mark.parametrize("path", UI_PATHS)
def test_paths_beside_it_are_airflows_own_page_without_data(server: Server, path: str) -> None:
    for person in (None, "admin"):
        answer = server.ask("GET", path, person=person)
        assert CONTENT not in answer.text
        assert answer.status_code == 404 or '<div id="root"' in answer.text


@pytest.mark.parametrize("page", [PAGE, PUSHES])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_the_pages_are_only_to_be_read(server: Server, method: str, page: str) -> None:
    for person in (None, "admin"):
        answer = server.ask(method, page, person=person)
        assert answer.status_code == 405
        assert CONTENT not in answer.text
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_another_site_may_not_read_the_page(server: Server) -> None:
    answer = server.ask("GET", PAGE, person="viewer", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", [PAGE, "/headroom/x"])
@pytest.mark.parametrize("person", [None, "admin"])
def test_every_answer_carries_the_headers_that_keep_a_page_in_its_place(
    server: Server, path: str, person: str | None
) -> None:
    headers = server.ask("GET", path, person=person).headers
    policy = directives(headers["Content-Security-Policy"])
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"  # Airflow itself may frame it, and nobody else
    assert "allow-same-origin" not in policy["sandbox"]
    assert not re.search(r"https?:|\*", headers["Content-Security-Policy"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
