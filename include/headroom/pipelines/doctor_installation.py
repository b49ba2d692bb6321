"""What the doctor looks at on this machine: lake, warehouse, Airflow in a process of its own."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from headroom.config.settings import PACKAGE_ROOT, PROJECT_ROOT
from headroom.extract.errors import CLOUD_ERRORS, describe_failure
from headroom.lake.errors import LakeError
from headroom.lake.storage import Storage, open_storage
from headroom.lake.warehouse import check_place
from headroom.onboarding.findings import Finding
from headroom.onboarding.installation_findings import (
    AirflowSetting,
    airflow_findings,
    lake_finding,
    no_airflow_finding,
    silent_airflow_finding,
    warehouse_finding,
)

AIRFLOW_SECONDS = 120
"""Importing Airflow takes 5 to 20 s on a small machine, an unreachable database ten more."""
PROBE_CONTENT = b"headroom doctor\n"


class AirflowNotSetUpError(RuntimeError):
    """Airflow is not set up for this shell: asking it would set it up."""


class AirflowSilentError(RuntimeError):
    """Airflow was asked and gave no answer."""


AskAirflow = Callable[[Mapping[str, str]], AirflowSetting]


def ask_airflow(environment: Mapping[str, str]) -> AirflowSetting:
    """Return what the Airflow of `environment` says of itself; AirflowNotSetUpError, AirflowSilentError."""
    home = Path(environment.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    if not home.is_dir():  # its import would make the folder
        raise AirflowNotSetUpError(f"there is no folder at {home} (AIRFLOW_HOME)")
    command = [sys.executable, "-m", "headroom.airflow_glue.installation"]
    paths = os.pathsep.join(filter(None, [str(PACKAGE_ROOT.parent), environment.get("PYTHONPATH", "")]))
    try:
        asked = subprocess.run(  # noqa: S603, our own module
            command,
            env={**environment, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=AIRFLOW_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AirflowSilentError(f"no answer within {AIRFLOW_SECONDS} s") from error
    if asked.returncode:
        said = [line.strip() for line in asked.stderr.splitlines() if line.strip()]
        raise AirflowSilentError(said[-1] if said else f"its process ended with {asked.returncode}")
    return AirflowSetting(**json.loads(asked.stdout.splitlines()[-1]))


def examine_airflow(environment: Mapping[str, str], ask: AskAirflow) -> tuple[AirflowSetting | None, list[Finding]]:
    """Return what Airflow said, None where it did not, and what is amiss with it."""
    try:
        setting = ask(environment)
    except AirflowNotSetUpError as error:
        return None, [no_airflow_finding(str(error))]
    except AirflowSilentError as error:
        return None, [silent_airflow_finding(str(error))]
    return setting, airflow_findings(setting, project_root=str(PROJECT_ROOT), cpu_count=os.cpu_count() or 1)


def examine_lake(root: str) -> Finding:
    """Write one probe into the lake, read it and remove it, with every folder that was made for it."""
    made = [] if "://" in root else [folder for folder in _upwards(Path(root).absolute()) if not folder.exists()]
    try:
        _probe(open_storage(root))
    except CLOUD_ERRORS as error:
        return lake_finding(root, describe_failure(error))
    except (LakeError, OSError) as error:
        return lake_finding(root, str(error))
    finally:
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return lake_finding(root, None)


def _upwards(folder: Path) -> list[Path]:
    return [folder, *folder.parents]


def _probe(storage: Storage) -> None:
    path = f"doctor-probe-{uuid.uuid4().hex}"
    storage.list("ledger", name_prefix="fleet=doctor-probe")
    if not storage.write_bytes_if_absent(path, PROBE_CONTENT):
        raise OSError(f"{storage.url(path)} is said to be there already")
    try:
        if storage.read_bytes(path) != PROBE_CONTENT:
            raise OSError(f"{storage.url(path)} was read back with another content than was written")
    finally:
        storage.delete(path)
    if storage.exists(path):
        raise OSError(f"{storage.url(path)} is still there after it was deleted: remove it by hand")


def examine_warehouse(path: Path) -> Finding:
    """Look whether the warehouse could be built; nothing is written."""
    try:
        check_place(path)
    except (LakeError, OSError) as error:
        return warehouse_finding(str(path), str(error))
    return warehouse_finding(str(path), None)
