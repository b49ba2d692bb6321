"""`python -m headroom.airflow_glue.team_accounts`: metadata database up to date, first admin there; safe to repeat.

What the team set-up runs once before Airflow starts. The password comes from HEADROOM_ADMIN_PASSWORD and never stands
on a command line; a user that exists is left as it is.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

ADMIN = "admin"
PASSWORD_VARIABLE = "HEADROOM_ADMIN_PASSWORD"  # noqa: S105, a variable's name
BAD_INPUT = 2


def run_airflow(arguments: Sequence[str]) -> None:
    """Run `airflow ARGUMENTS` in this process."""
    from airflow.cli.cli_parser import get_parser  # noqa: PLC0415, takes seconds

    parsed = get_parser().parse_args(list(arguments))
    parsed.func(parsed)


def main(environment: Mapping[str, str] = os.environ, *, run: Callable[[Sequence[str]], None] = run_airflow) -> int:
    """Migrate and create the admin; return 2 with a line on stderr where the password is not given."""
    password = environment.get(PASSWORD_VARIABLE)
    if not password:
        sys.stderr.write(f"{PASSWORD_VARIABLE}: expected the first admin's password, found none\n")
        return BAD_INPUT
    run(["db", "migrate"])
    person = ["--firstname", "Headroom", "--lastname", "Admin", "--email", "admin@example.invalid"]
    run(["users", "create", "--username", ADMIN, "--role", "Admin", *person, "--password", password])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
