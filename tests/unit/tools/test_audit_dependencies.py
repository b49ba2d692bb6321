"""The audit finds what a lock may not hold, and never takes silence for an all-clear."""

from pathlib import Path
from typing import Any

import pytest
from tools.audit_dependencies import (
    KNOWN_VULNERABLE,
    Dependencies,
    Pin,
    check_advisories,
    check_in_step,
    check_installed,
    check_known_bad,
    check_licences,
    main,
    read_lock,
)

ROOT = Path(__file__).resolve().parents[3]
PROBE_ANSWER = [{"name": "jinja2", "version": "3.1.2", "vulns": [{"id": "CVE-2024-22195", "fix_versions": ["3.1.3"]}]}]
CLEAN = [{"name": "a", "version": "1.0", "vulns": []}]
BAD = [{"name": "a", "version": "1.0", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"]}]}]
SKIPPED = [{"name": "a", "version": "1.0", "skip_reason": "not found"}]


class Service:
    """Answers for the probe and for the lock as it was told, as pip-audit does."""

    def __init__(self, probe: Dependencies | None, lock: Dependencies | None = None) -> None:
        self.answers = {KNOWN_VULNERABLE: probe}
        self.lock = lock

    def __call__(self, requirements: str) -> Dependencies | None:
        return self.answers.get(requirements, self.lock)


def folder_with(tmp_path: Path, **texts: str) -> Path:
    files = {
        "requirements.in": "a==1.0\n",
        "requirements.txt": "a==1.0\n    # via -r requirements.in\n",
        "requirements-dev.in": "-r requirements.in\nb>=2\n",
        "requirements-dev.txt": "a==1.0\nb==2.1\n",
        **{name.replace("__", "-").replace("_", "."): text for name, text in texts.items()},
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_lock_in_step_has_no_finding(tmp_path: Path) -> None:
    assert list(check_in_step(folder_with(tmp_path))) == []


@pytest.mark.parametrize(
    ("texts", "finding"),
    [
        ({"requirements_txt": "a>=1.0\n"}, "requirements.txt: a>=1.0: expected name==version"),
        ({"requirements_txt": "a==1.*\n"}, "requirements.txt: a==1.*: expected name==version"),
        (
            {"requirements_txt": "a @ https://example.com/a.whl\n"},
            "requirements.txt: a @ https://example.com/a.whl: expected name==version",
        ),
        (
            {"requirements_txt": "--index-url https://example.com\n"},
            "requirements.txt: --index-url https://example.com",
        ),
        (
            {"requirements_in": "a==1.1\n"},
            "requirements.txt: requirements.in asks for a==1.1, found 1.0",
        ),
        ({"requirements__dev_in": "c\n"}, "requirements-dev.txt: requirements-dev.in asks for c, found nothing"),
        ({"requirements__dev_txt": "a==1.2\nb==2\n"}, "requirements-dev.txt: a==1.0 of requirements.txt is not in it"),
    ],
)
def test_what_pins_nothing_or_is_out_of_step_is_named(texts: dict[str, str], finding: str, tmp_path: Path) -> None:
    found = list(check_in_step(folder_with(tmp_path, **texts)))
    assert any(line.startswith(finding) for line in found), found


def test_an_environment_that_is_not_the_locks_is_named() -> None:
    pins = [Pin("a", "1.0", ""), Pin("b", "2.0", 'python_version < "3"'), Pin("c", "3.0", "")]
    assert list(check_installed(pins, {"a": "1.0", "c": "3.1"})) == [
        "c: the lock says 3.0, installed is 3.1; run make env"
    ]


def test_a_release_known_to_be_bad_is_named_with_its_source() -> None:
    known = [{"package": "a", "bad": "<1.5", "source": "CVE-1"}]
    assert list(check_known_bad([Pin("a", "1.4", "")], known)) == ["a==1.4 is known to be bad (<1.5): CVE-1"]
    assert list(check_known_bad([Pin("a", "1.5", "")], known)) == []


@pytest.mark.parametrize(
    ("licence", "is_allowed"), [("MIT", True), ("MIT AND GPL-3.0-only", False), ("", False), ("MIT|BSD License", True)]
)
def test_a_licence_is_allowed_when_all_of_it_is(licence: str, is_allowed: bool) -> None:  # noqa: FBT001, a column of the table
    judged: dict[str, Any] = {"allowed": ["MIT", "BSD License"], "excepted": {}}
    assert (list(check_licences(["a"], lambda _: licence, judged)) == []) is is_allowed


def test_a_licence_is_excepted_by_name() -> None:
    judged: dict[str, Any] = {"allowed": [], "excepted": {"a": "why"}}
    assert list(check_licences(["a"], lambda _: "GPL-3.0-only", judged)) == []


@pytest.mark.parametrize("probe", [None, [], SKIPPED, CLEAN])
def test_a_service_that_does_not_know_the_probe_gives_no_all_clear(probe: Dependencies | None) -> None:
    found, not_checked = check_advisories("a==1.0\n", Service(probe, CLEAN), [])
    assert found == []
    assert not_checked.startswith("no advisory service answers")


def test_a_package_that_the_service_passes_over_gives_no_all_clear() -> None:
    found, not_checked = check_advisories("a==1.0\n", Service(PROBE_ANSWER, SKIPPED), [])
    assert (found, not_checked) == ([], "the advisory service did not answer for a")


def test_a_service_that_ends_in_between_gives_no_all_clear() -> None:
    assert check_advisories("a==1.0\n", Service(PROBE_ANSWER, None), [])[1] != ""


def test_an_advisory_is_found_unless_it_was_accepted() -> None:
    service = Service(PROBE_ANSWER, BAD)
    assert check_advisories("a==1.0\n", service, []) == (["a==1.0: PYSEC-1, mended in ['1.1']"], "")
    assert check_advisories("a==1.0\n", service, [{"id": "CVE-1", "package": "a", "reason": "not reached"}]) == ([], "")


@pytest.mark.parametrize(
    ("service", "arguments", "code"),
    [
        (Service(None), [], 3),
        (Service(None), ["--advisories=if-reachable"], 0),
        (Service(PROBE_ANSWER, CLEAN), [], 0),
        (Service(PROBE_ANSWER, BAD), ["--advisories=if-reachable"], 1),
    ],
)
def test_this_projects_own_lock_passes_and_the_exit_code_says_whether_advisories_were_asked(
    service: Service, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, folder=ROOT, ask=service) == code
    said = capsys.readouterr().out
    assert ("ADVISORIES NOT CHECKED" in said) is (service.lock is None)
    assert "licences, 0 findings" in said


def test_the_lock_is_read_whole() -> None:
    pins, loose = read_lock((ROOT / "requirements.txt").read_text())
    assert loose == []
    assert {"apache-airflow", "duckdb", "prophet"} <= {pin.name for pin in pins}
