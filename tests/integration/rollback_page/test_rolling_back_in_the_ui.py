"""A real Airflow, its UI in Chromium: who may roll a push back from the page, who may not, and what the ledger says."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect
from tests.chromium import headless_chromium
from tests.integration.actuation.desks import FLEETS, Desk, desk_of
from tests.integration.actuation.roles import PUSH, READ, two_roles
from tests.integration.end_to_end.demo_under_test import wait_until

from headroom.actuation.outcome import PushState
from headroom.config.settings import PACKAGE_ROOT
from headroom.extract.clients import BotoClients
from headroom.sandbox.airflow_api import AirflowApi
from headroom.sandbox.airflow_process import LocalAirflow
from headroom.sandbox.process import SandboxProcess

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]

FLEET = FLEETS["chat-large"]
ROLES = {"admin": "admin", "ada": "user", "vic": "viewer"}
A_RUN_MILLISECONDS = 120_000
NO_PUSH = "chat-large-20261118T0600Z-00000000"
FRAMED = 'iframe[src*="/headroom/pushes"]'


@dataclass
class Stage:
    """A sandbox with one push at its target, and an Airflow whose lake knows of it."""

    sandbox: SandboxProcess
    airflow: LocalAirflow
    desk: Desk
    push_id: str
    passwords: dict[str, str]
    account: str
    config: Path

    def signed_in(self, browser: Browser, person: str) -> BrowserContext:
        """Return a browser in which somebody has logged in, with the cookie as Airflow sets it."""
        api = AirflowApi(self.airflow.url, user=person, password=self.passwords[person])
        context = browser.new_context()
        cookie = {"name": "_token", "value": api.token(), "url": self.airflow.url, "httpOnly": True, "sameSite": "Lax"}
        context.add_cookies([cookie])  # type: ignore[list-item]
        return context

    def runs(self) -> int:
        return len(self.airflow.api.runs("rollback_scaling"))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("rollback page")
    config = shutil.copytree(PACKAGE_ROOT / "sandbox" / "config", folder / "config")
    (config / "sources.yaml").write_text(f"aws:\n  role_arn: {READ}\n  push_role_arn: {PUSH}\n")
    passwords = {person: secrets.token_urlsafe(12) for person in ROLES}
    with (
        SandboxProcess(folder / "cloud") as sandbox,
        two_roles(sandbox) as account,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in sandbox.environment().items():
            patch.setenv(name, value)
        desk = desk_of(FLEET, sandbox, BotoClients(), folder / "lake")
        outcome = desk.push(desk.plan(7, 9))
        assert outcome.state is PushState.VERIFIED, outcome.reasons
        environment = {
            **os.environ,
            "HEADROOM_CONFIG": str(config),
            "HEADROOM_LAKE": str(folder / "lake"),
            "HEADROOM_DEPLOYMENT": "test",
            "NO_PROXY": "127.0.0.1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        users = ",".join(f"{person}:{role}" for person, role in ROLES.items())
        options = {"CORE__SIMPLE_AUTH_MANAGER_USERS": users}
        airflow = LocalAirflow(home=folder / "airflow", environment=environment, options=options)
        try:
            airflow.prepare()
            passwords["admin"] = airflow.password
            (folder / "airflow" / "passwords.json").write_text(json.dumps(passwords))
            airflow.start()
            airflow.wait_until_ready({"rollback_scaling", "scale_ahead"})
            yield Stage(sandbox, airflow, desk, outcome.push_id, passwords, account, config)
        finally:
            airflow.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_chromium() as browser:
        yield browser


def opened(stage: Stage, page: Page) -> FrameLocator:
    page.goto(f"{stage.airflow.url}/plugin/headroom-pushes", wait_until="load")
    frame = page.frame_locator(FRAMED)
    expect(frame.locator("h1")).to_have_text("Headroom: pushes that wrote", timeout=60_000)
    return frame


def test_a_viewer_sees_the_push_without_a_control_and_airflow_refuses_what_they_try(
    stage: Stage, browser: Browser
) -> None:
    context = stage.signed_in(browser, "vic")
    page = context.new_page()
    frame = opened(stage, page)
    expect(frame.locator("main")).to_contain_text(stage.push_id)
    expect(frame.locator("main")).to_contain_text("You may look and not roll back")
    assert frame.locator("form").count() == 0
    trying = """async (push) => (await fetch("/api/v2/dags/rollback_scaling/dagRuns", {
        method: "POST", headers: {"Content-Type": "application/json"},
        body: JSON.stringify({logical_date: null, conf: {push_id: push, dry_run: false}})})).status"""
    assert page.evaluate(trying, stage.push_id) == 403
    assert stage.runs() == 0
    context.close()


def test_another_sites_form_starts_nothing_in_a_session_that_may(stage: Stage, browser: Browser) -> None:
    context = stage.signed_in(browser, "ada")
    conf = json.dumps({"logical_date": None, "conf": {"push_id": stage.push_id, "dry_run": False}})
    head, _, tail = conf.partition("null")
    runs = f"{stage.airflow.url}/api/v2/dags/rollback_scaling/dagRuns"
    form = (
        f'<form id="f" method="post" enctype="text/plain" action="{runs}">'
        f"<input name='{head}null, \"note\": \"' value='\"{tail}'></form><script>f.submit()</script>"
    )
    context.route("http://evil.example/**", lambda route: route.fulfill(body=form, content_type="text/html"))
    page = context.new_page()
    with page.expect_response("**/dagRuns") as answered:
        page.goto("http://evil.example/")
    assert answered.value.status in (401, 403, 422)
    assert stage.runs() == 0
    context.close()


def test_a_person_who_may_sees_the_diff_rolls_back_and_stands_in_the_ledger_and_at_aws(
    stage: Stage, browser: Browser
) -> None:
    context = stage.signed_in(browser, "ada")
    frame, stale = opened(stage, context.new_page()), opened(stage, context.new_page())
    standing = stage.desk.standing()
    assert len(standing) == 3
    stage.sandbox.clear_calls()
    frame.locator("summary").click()
    frame.get_by_role("button", name="Show what would change").click()
    expect(frame.locator("output")).to_contain_text("Would delete", timeout=A_RUN_MILLISECONDS)
    for name in standing:
        expect(frame.locator("output")).to_contain_text(name)
    assert stage.sandbox.calls(service="autoscaling", is_write=True) == []

    frame.get_by_label("Why").fill("incident 4711")
    frame.get_by_role("button", name="Roll back").click()
    expect(frame.locator("output")).to_contain_text("Rolled back.", timeout=A_RUN_MILLISECONDS)
    assert stage.desk.standing() == {}
    undone = stage.desk.ledger.events(stage.push_id)[-1]
    assert (undone.detail["requested_by"], undone.detail["reason"]) == ("ada", "incident 4711")
    own = stage.desk.ledger.states(undone.detail["by"])
    assert [str(state) for state in own] == ["rollback_intended", "applied", "rolled_back"]
    (writer,) = {call["caller"] for call in stage.sandbox.calls(service="autoscaling", is_write=True)}
    assert writer == f"arn:aws:sts::{stage.account}:assumed-role/headroom-push/headroom-test-rollback_scaling-ada"

    stage.sandbox.clear_calls()
    stale.locator("summary").click()
    stale.get_by_label("Why").fill("<script>alert(1)</script>\u202e")
    stale.get_by_role("button", name="Roll back").click()
    expect(stale.locator("output")).to_contain_text("is rolled back already", timeout=A_RUN_MILLISECONDS)
    assert stage.sandbox.calls(service="autoscaling", is_write=True) == []

    again = opened(stage, context.new_page())
    expect(again.locator("main")).to_contain_text("rolled back by ada: incident 4711")
    expect(again.locator("main")).to_contain_text(f"rolls back {stage.push_id}")
    context.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"dry_runn": False}, "Param 'dry_runn' of rollback_scaling: unknown; did you mean 'dry_run'?"),
        ({"push_id": NO_PUSH}, f"the ledger has no push '{NO_PUSH}'"),
    ],
)
def test_a_run_that_names_what_there_is_not_fails_at_once_and_says_so(
    stage: Stage, given: dict[str, object], told: str
) -> None:
    api = stage.airflow.api
    started = api.trigger("rollback_scaling", parameters={"push_id": stage.push_id, **given})

    def finished() -> bool:
        return any(run.run_id == started.run_id and run.is_finished for run in api.runs("rollback_scaling"))

    wait_until(finished, "the end of the run")
    (task,) = api.tasks(started)
    assert (task.state, task.tries) == ("failed", 1)
    assert told in api.log(started, task)


def test_a_page_whose_configuration_is_broken_says_which_line(stage: Stage, browser: Browser) -> None:
    context = stage.signed_in(browser, "ada")
    page = context.new_page()
    file = stage.config / "fleets.yaml"
    whole = file.read_text()
    file.write_text(whole.replace("mode:", "mood:", 1))
    try:
        page.goto(f"{stage.airflow.url}/headroom/pushes", wait_until="load")
        expect(page.locator("h1")).to_have_text("This page cannot be shown")
        expect(page.locator("code")).to_contain_text("fleets[0].mood: unknown key; did you mean 'mode'?")
    finally:
        file.write_text(whole)
    context.close()
