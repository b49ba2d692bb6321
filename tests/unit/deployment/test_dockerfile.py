"""The image: from the lock, without root, with nothing in it that is not named."""

import re

import pytest
from tests.unit.deployment.compose_file import services
from tests.unit.deployment.dockerfile import (
    IGNORE_FILE,
    ROOT,
    Stage,
    arguments,
    copies_from_the_project,
    let_through,
    stages,
)

STAGES = stages()
RELEASED = ["headroom", "sandbox"]


def with_its_bases(stage: Stage) -> list[Stage]:
    """A stage after those it is made from."""
    base = STAGES.get(stage.base)
    return [*([] if base is None else with_its_bases(base)), stage]


def test_the_last_stage_is_the_one_without_the_sandbox() -> None:
    assert list(STAGES)[-1] == "headroom"
    assert set(STAGES) == {"build", "build-sandbox", "base", "sandbox", "headroom"}


def test_every_base_is_one_pinned_slim_python() -> None:
    outside = {stage.base for stage in STAGES.values()} - set(STAGES)
    assert outside == {"${PYTHON_IMAGE}"}
    assert re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", arguments()["PYTHON_IMAGE"])


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_image_runs_as_the_user_that_compose_names(name: str) -> None:
    users = [user for stage in with_its_bases(STAGES[name]) for user in stage.of("USER")]
    assert users == ["50000:0"]
    built = [service["user"] for service in services().values() if service.get("build", {}).get("target") == name]
    assert set(built) == {"50000:0"}


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_image_has_an_init_and_compilers_stay_behind(name: str) -> None:
    words = [word for stage in with_its_bases(STAGES[name]) for word, _ in stage.instructions]
    entries = [entry for stage in with_its_bases(STAGES[name]) for entry in stage.of("ENTRYPOINT")]
    assert entries == ['["/usr/bin/tini", "--"]']
    assert "tini" in " ".join(STAGES["base"].of("RUN"))
    assert "libgomp1" in " ".join(STAGES["base"].of("RUN"))
    assert "HEALTHCHECK" not in words  # each service has its own, in docker-compose.yaml


def test_only_the_sandbox_has_what_development_needs() -> None:
    def text_of(name: str) -> str:
        return " ".join(rest for _, rest in STAGES[name].instructions)

    assert "requirements-dev.txt" not in text_of("build")
    assert "requirements-dev.txt" in text_of("build-sandbox")
    assert "--from=build " in text_of("headroom")
    assert "--from=build-sandbox " in text_of("sandbox")


def test_what_is_copied_is_there_and_only_that_reaches_the_builder() -> None:
    sources = {source for source, _ in copies_from_the_project()}
    assert [source for source in sorted(sources) if not (ROOT / source).exists()] == []
    assert sources == let_through()
    assert IGNORE_FILE.read_text().splitlines()[1] == "*"


def test_no_secret_is_an_argument_or_part_of_the_image() -> None:
    words = {word for stage in STAGES.values() for word, _ in stage.instructions}
    assert "ADD" not in words
    assert set(arguments()) == {"PYTHON_IMAGE", "UV_VERSION"}
    settings = " ".join(rest for stage in STAGES.values() for rest in stage.of("ENV"))
    assert re.search(r"PASSWORD|SECRET|TOKEN|AWS_|KEY", settings) is None


def test_the_image_is_installed_by_the_uv_that_development_uses() -> None:
    (version,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert arguments()["UV_VERSION"] == version


def test_folders_that_volumes_are_mounted_on_belong_to_the_user() -> None:
    made = re.search(r"install -d -o 50000 -g 0 -m 0775 ([^&]+)", " ".join(STAGES["base"].of("RUN")))
    assert made is not None
    worker = services()["worker"]
    mounted = {volume["target"] for volume in worker["volumes"] if volume["type"] == "volume"}
    assert mounted < set(made[1].split())
