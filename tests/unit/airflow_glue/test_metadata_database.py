from sqlalchemy.engine import make_url

from headroom.airflow_glue.metadata_database import connection_variables


def test_postgresqls_programs_connect_as_airflow_does() -> None:
    address = "postgresql+psycopg2://ada:love%2Flace@db:6432/airflow?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    assert connection_variables(make_url(address)) == {
        "PGHOST": "db",
        "PGPORT": "6432",
        "PGUSER": "ada",
        "PGPASSWORD": "love/lace",
        "PGDATABASE": "airflow",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/ca.pem",
    }


def test_what_the_address_leaves_open_is_left_to_them() -> None:
    assert connection_variables(make_url("postgresql+psycopg2://db/airflow")) == {
        "PGHOST": "db",
        "PGDATABASE": "airflow",
    }
