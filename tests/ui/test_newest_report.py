import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.core_api.security import get_user

from headroom.pipelines.newest_report import LATEST_PAGE

PLUGINS_FOLDER = Path(__file__).resolve().parents[2] / "plugins"


@pytest.fixture(autouse=True)
def plugins_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow puts its plugins folder there."""
    monkeypatch.syspath_prepend(str(PLUGINS_FOLDER))


def test_the_page_shows_what_the_report_task_wrote_last(tmp_path: Path) -> None:
    newest_report = import_module("headroom_ui.newest_report")
    assert newest_report.NEWEST_REPORT_PATH == LATEST_PAGE
    page = tmp_path / LATEST_PAGE
    page.parent.mkdir(parents=True)
    page.write_text("<html>chat-large</html>")
    assert newest_report.read_newest_report({"HEADROOM_LAKE": str(tmp_path)}) == "<html>chat-large</html>"


def test_without_a_report_the_page_says_how_to_get_one(tmp_path: Path) -> None:
    page = import_module("headroom_ui.newest_report").read_newest_report({"HEADROOM_LAKE": str(tmp_path)})
    assert "No report yet" in page
    assert "extract_utilization" in page


def test_the_plugin_adds_its_entries_to_the_navigation_and_imports_no_web_framework() -> None:
    for name in [name for name in sys.modules if name.startswith("headroom_ui")]:
        del sys.modules[name]
    plugin = import_module("headroom_ui").HeadroomUi
    (app,) = plugin.fastapi_apps
    assert [view["name"] for view in plugin.external_views] == ["Headroom", "Pushes"]
    for view in plugin.external_views:
        assert view["href"].startswith(app["url_prefix"] + "/")
        assert view["destination"] == "nav"
    assert "headroom_ui.app" not in sys.modules


def test_airflow_imports_nothing_of_the_plugin_but_its_entry() -> None:
    lines = (PLUGINS_FOLDER / ".airflowignore").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["headroom_ui/*", "!headroom_ui/__init__.py"]


def test_every_path_of_the_app_asks_for_the_login_and_its_own_documentation_is_closed() -> None:
    app = import_module("headroom_ui.app").make_pages()
    assert {route.path: route.methods for route in app.routes} == {"/report": {"GET"}, "/pushes": {"GET"}}
    assert len(app.router.dependencies) == 1


def asked(monkeypatch: pytest.MonkeyPatch, path: str) -> httpx.Response:
    """Return what the app answers somebody who is logged in."""
    module = import_module("headroom_ui.app")
    pages = module.make_pages()
    pages.dependency_overrides = {login.dependency: lambda: None for login in pages.router.dependencies}
    pages.dependency_overrides[get_user] = lambda: None
    monkeypatch.setattr(module, "make_pages", lambda: pages)
    monkeypatch.setattr(module, "_may_start_rollbacks", lambda _user: True)

    async def ask() -> httpx.Response:
        server = httpx.ASGITransport(app=module.create_app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=server, base_url="http://airflow") as browser:
            return await browser.get(path)

    answer = asyncio.run(ask())
    for name, value in module.HEADERS.items():
        assert answer.headers[name] == value
    return answer


def test_a_defect_is_refused_with_every_header_and_no_word_of_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("headroom_ui.app"), "read_newest_report", lambda: 1 / 0)
    answer = asked(monkeypatch, "/report")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


@pytest.mark.parametrize(
    ("fleets", "told"),
    [
        ("fleets: [", "fleets.yaml"),
        ("<b>x</b>: []", "&lt;b&gt;x&lt;/b&gt;"),
        ("fleets:\n  - {idd: chat-large}", "fleets.yaml:2: fleets[0].idd: unknown key"),
        (None, "fleets.yaml"),
    ],
)
def test_the_page_of_pushes_names_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fleets: str | None, told: str
) -> None:
    monkeypatch.setenv("HEADROOM_CONFIG", str(tmp_path))
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    if fleets is not None:
        (tmp_path / "fleets.yaml").write_text(fleets)
    answer = asked(monkeypatch, "/pushes")
    assert answer.status_code == 503
    assert told in answer.text
    assert "<b>x" not in answer.text


@pytest.mark.parametrize("content", [b"<html>\xff</html>", None])
def test_a_report_that_is_damaged_or_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path))
    page = tmp_path / LATEST_PAGE
    page.parent.mkdir(parents=True)
    if content is None:
        page.mkdir()
    else:
        page.write_bytes(content)
    answer = asked(monkeypatch, "/report")
    assert answer.status_code == 503
    assert "reports/latest.html: expected" in answer.text


@pytest.mark.parametrize("root", ["s3://", "gs://bucket/lake"])
def test_a_lake_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", root)
    answer = asked(monkeypatch, "/report")
    assert answer.status_code == 503
    assert "HEADROOM_LAKE" in answer.text


def test_the_app_is_made_when_it_is_first_asked_for_and_then_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Module:
        @staticmethod
        def make() -> Callable[..., Awaitable[None]]:
            made.append("made")

            async def app(
                scope: MutableMapping[str, Any], _receive: object, send: Callable[..., Awaitable[None]]
            ) -> None:
                await send({"path": scope["path"]})

            return app

    monkeypatch.setitem(sys.modules, "an_app", Module)  # type: ignore[arg-type]
    late = import_module("headroom_ui.late_app").LateApp("an_app", "make")
    assert made == []
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    for path in ("/a", "/b"):
        asyncio.run(late({"path": path}, None, send))
    assert made == ["made"]
    assert sent == [{"path": "/a"}, {"path": "/b"}]
