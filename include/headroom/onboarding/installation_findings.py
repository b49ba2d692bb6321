"""Findings about this installation: configuration, Airflow's set-up and Connection, lake, warehouse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from headroom.onboarding.findings import Finding, Topic, ok, problem, unknown, warning

EXECUTORS: Final = ("LocalExecutor", "CeleryExecutor", "KubernetesExecutor")


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowSetting:
    """What Airflow says of itself; errors are empty where all is well.

    `database` is the scheme of its URL alone. `connection_arn` is whom the Connection of HEADROOM_AWS_CONN_ID acts as.
    """

    executor: str
    database: str
    database_error: str
    dags_folder: str
    plugins_folder: str
    loads_examples: bool
    is_open_to_all: bool
    parallelism: int
    connection_id: str = ""
    connection_arn: str = ""
    connection_error: str = ""


def no_airflow_finding(text: str) -> Finding:
    """Return that Airflow is not set up for this shell, so nothing of it was looked at."""
    remedy = "set AIRFLOW_HOME and Airflow's other variables as its own processes have them, and run this again"
    return warning(Topic.AIRFLOW, "airflow", f"was not looked at: {text}", remedy=remedy)


def silent_airflow_finding(cause: str) -> Finding:
    """Return that Airflow could not be asked."""
    remedy = "run `make env`, or run doctor where Airflow is installed"
    return unknown(Topic.AIRFLOW, "airflow", f"could not be asked: {cause}", remedy=remedy)


def airflow_findings(setting: AirflowSetting, *, project_root: str, cpu_count: int) -> list[Finding]:
    """Return what is amiss with Airflow."""
    return [
        _executor(setting),
        _database(setting),
        *_folders(setting, project_root),
        *_parallelism(setting, cpu_count),
        *_examples_and_access(setting),
    ]


def _executor(setting: AirflowSetting) -> Finding:
    name = setting.executor.rpartition(".")[2]
    if name not in EXECUTORS:
        text = f"{setting.executor} is none that Headroom was tried with"
        return warning(Topic.AIRFLOW, "executor", text, remedy=f"use one of {', '.join(EXECUTORS)}")
    if name != "LocalExecutor" and setting.database == "sqlite":
        text = f"{setting.executor} needs a database that its workers share, and this one is SQLite"
        remedy = "set AIRFLOW__DATABASE__SQL_ALCHEMY_CONN to a PostgreSQL"
        return problem(Topic.AIRFLOW, "executor", text, remedy=remedy)
    return ok(Topic.AIRFLOW, "executor", f"{setting.executor} on {setting.database}")


def _database(setting: AirflowSetting) -> Finding:
    if setting.database_error:
        text = f"cannot be used: {setting.database_error}"
        remedy = "check AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, then `airflow db migrate`"
        return problem(Topic.AIRFLOW, "metadata database", text, remedy=remedy)
    return ok(Topic.AIRFLOW, "metadata database", f"{setting.database} answers and has every migration")


def _folders(setting: AirflowSetting, project_root: str) -> list[Finding]:
    findings = []
    for name, folder in (("dags", setting.dags_folder), ("plugins", setting.plugins_folder)):
        wanted = f"{project_root}/{name}"
        if folder.rstrip("/") != wanted:
            remedy = f"set AIRFLOW__CORE__{name.upper()}_FOLDER={wanted}, unless ours are linked or copied there"
            findings.append(warning(Topic.AIRFLOW, f"{name} folder", f"is {folder}, not {wanted}", remedy=remedy))
    return findings


def _parallelism(setting: AirflowSetting, cpu_count: int) -> list[Finding]:
    if not setting.executor.endswith("LocalExecutor") or setting.parallelism <= 4 * cpu_count:
        return []
    text = f"is {setting.parallelism} on {cpu_count} cores: LocalExecutor starts as many workers"
    return [warning(Topic.AIRFLOW, "parallelism", text, remedy="set AIRFLOW__CORE__PARALLELISM to about 2 a core")]


def _examples_and_access(setting: AirflowSetting) -> list[Finding]:
    findings = []
    if setting.loads_examples:
        text, remedy = "Airflow's example DAGs are loaded", "set AIRFLOW__CORE__LOAD_EXAMPLES=False"
        findings.append(warning(Topic.AIRFLOW, "load_examples", text, remedy=remedy))
    if setting.is_open_to_all:
        text = "simple_auth_manager_all_admins makes everybody an admin who reaches the UI, approvals included"
        remedy = "set AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=False"
        findings.append(problem(Topic.AIRFLOW, "auth manager", text, remedy=remedy))
    return findings


def connection_finding(setting: AirflowSetting, *, own_arn: str | None) -> Finding:
    """Return whether tasks have an Airflow Connection, and whether it acts as these credentials do."""
    if not setting.connection_id:
        text = "HEADROOM_AWS_CONN_ID is not set: tasks take credentials the way boto3 finds them on their worker"
        return ok(Topic.CONNECTION, "Airflow Connection", text)
    name = f"Airflow Connection {setting.connection_id}"
    if setting.connection_error:
        remedy = f"airflow connections add {setting.connection_id} --conn-type aws ..., or unset HEADROOM_AWS_CONN_ID"
        return problem(Topic.CONNECTION, name, f"does not work: {setting.connection_error}", remedy=remedy)
    if own_arn is not None and _without_session(own_arn) != _without_session(setting.connection_arn):
        text = f"acts as {setting.connection_arn}, this shell as {own_arn}: permissions were tried with the latter"
        return warning(Topic.CONNECTION, name, text, remedy="run doctor with the Connection's own credentials")
    return ok(Topic.CONNECTION, name, f"works, as {setting.connection_arn}")


def _without_session(arn: str) -> str:
    """Return the role of a session's ARN, whose last part each session names for itself; any other ARN as it is."""
    return arn.rpartition("/")[0] if ":assumed-role/" in arn else arn


def environment_findings(environment: Mapping[str, str], *, deployment: str) -> list[Finding]:
    """Return which variables are worth setting."""
    findings = []
    if not environment.get("HEADROOM_DEPLOYMENT"):
        text = f"is not set: our actions are named headroom-{deployment}-..., as those of any other such installation"
        remedy = "set a name of your own before anything is pushed, and never change it while actions stand"
        findings.append(warning(Topic.DEPLOYMENT, "HEADROOM_DEPLOYMENT", text, remedy=remedy))
    if not (environment.get("HEADROOM_ALERT_URL") or environment.get("HEADROOM_ALERT_SNS_TOPIC")):
        text = "is not set, nor is HEADROOM_ALERT_SNS_TOPIC: failures and missed deadlines are in the logs alone"
        remedy = 'set it to a URL that takes a POST of {"text": ...}, or the other to the ARN of a topic'
        findings.append(warning(Topic.CONFIGURATION, "HEADROOM_ALERT_URL", text, remedy=remedy))
    for name, topic in (("HEADROOM_LAKE", Topic.LAKE), ("HEADROOM_WAREHOUSE", Topic.WAREHOUSE)):
        if not environment.get(name):
            text = "is not set: it lies in var/, which `make clean` removes"
            remedy = "set a place outside the checkout: the lake holds the ledger"
            findings.append(warning(topic, name, text, remedy=remedy))
    return findings


def fleets_finding(count: int, *, path: str) -> Finding:
    """Return whether any fleet is configured."""
    if count:
        return ok(Topic.CONFIGURATION, path, f"{count} fleets")
    remedy = "headroom discover --region REGION --out FOLDER/fleets.yaml, and set HEADROOM_CONFIG=FOLDER"
    return problem(Topic.CONFIGURATION, path, "names no fleet", remedy=remedy)


def unloadable_finding(subject: str, cause: str) -> Finding:
    """Return that a variable or a file of the configuration cannot be used."""
    return problem(Topic.CONFIGURATION, subject, cause, remedy="docs/reference/configuration.md has every key")


def lake_finding(place: str, cause: str | None) -> Finding:
    """Return whether the lake takes a file, gives it back and lets go of it."""
    if cause is None:
        return ok(Topic.LAKE, place, "takes a file, gives it back and lets go of it")
    remedy = (
        "a folder needs this user's rights; S3 needs the bucket and s3:ListBucket, GetObject, PutObject, DeleteObject"
    )
    return problem(Topic.LAKE, place, f"cannot be used: {cause}", remedy=remedy)


def warehouse_finding(place: str, cause: str | None) -> Finding:
    """Return whether the warehouse could be built."""
    if cause is None:
        return ok(Topic.WAREHOUSE, place, "can be written")
    return problem(Topic.WAREHOUSE, place, cause, remedy="set HEADROOM_WAREHOUSE to a file in a folder of this user's")
