"""The same functions without Airflow: `headroom COMMAND`."""
